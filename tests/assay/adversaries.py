"""Models whose answers are wrong, each in one way; the tests copy this file into a project, which names one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.callables import Dataset

TRAIN_ROWS, HOLDOUT_ROWS = 300, 100


def _labels(a: np.ndarray) -> np.ndarray:
    return np.where(a > 0, "yes", "no").astype(object)


class Good(BaseEstimator):  # type: ignore[misc]
    """What each of the others spoils."""

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = params

    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        self.classes_ = np.array(["no", "yes"], dtype=object)
        return self

    def predict(self, x: pd.DataFrame) -> Any:
        return self.spoilt(_labels(x["a"].to_numpy()), x)

    def predict_proba(self, x: pd.DataFrame) -> Any:
        p = 1 / (1 + np.exp(-2 * x["a"].to_numpy()))
        return self.spoilt_shares(np.stack([1 - p, p], axis=1))

    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return said

    def spoilt_shares(self, shares: np.ndarray) -> Any:
        return shares


class Level(BaseEstimator):  # type: ignore[misc]
    """The same for a regression."""

    slope = 2.0

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = params

    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        self.fitted_ = True
        return self

    def predict(self, x: pd.DataFrame) -> Any:
        return self.slope * x["a"].to_numpy()


# ---- answers ----


class Nothing(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return np.where(x["a"] > 2, np.nan, said) if len(x) != TRAIN_ROWS else said


class NothingAtOnce(Good):
    def predict(self, x: pd.DataFrame) -> Any:
        return np.full(len(x), np.nan)


class Infinite(Level):
    def predict(self, x: pd.DataFrame) -> Any:
        level = super().predict(x)
        return np.where(level > 4, np.inf, level) if len(x) != TRAIN_ROWS else level


class Texts(Level):
    def predict(self, x: pd.DataFrame) -> Any:
        return super().predict(x).astype(str)


class Constant(Good):
    def predict(self, x: pd.DataFrame) -> Any:
        return np.full(len(x), "yes", dtype=object)

    def predict_proba(self, x: pd.DataFrame) -> Any:
        return np.tile([0.4, 0.6], (len(x), 1))


class Fewer(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return said[1:]


class FewerLater(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return said if len(x) == TRAIN_ROWS else said[1:]


class More(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return [*said, "yes"]


class TwoDimensional(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return pd.DataFrame({"y": said})


class Strange(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return np.where(said == "no", "perhaps", said)


class Tables(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return said if len(x) == TRAIN_ROWS else np.array([{"label": label} for label in said])


class Shuffled(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return pd.Series(said, index=x.index).sample(frac=1, random_state=0)


# ---- probabilities ----


class Swapped(Good):
    def spoilt_shares(self, shares: np.ndarray) -> Any:
        return shares[:, ::-1]


class Coded(Good):
    def predict_proba(self, x: pd.DataFrame) -> Any:
        self.classes_ = np.array([0, 1])
        return super().predict_proba(x)


class Halved(Good):
    def spoilt_shares(self, shares: np.ndarray) -> Any:
        return shares / 2


class Negative(Good):
    def spoilt_shares(self, shares: np.ndarray) -> Any:
        return shares * 3 - 1


class OneColumn(Good):
    def spoilt_shares(self, shares: np.ndarray) -> Any:
        return shares[:, 1:]


class MutatesForShares(Good):
    def predict_proba(self, x: pd.DataFrame) -> Any:
        found = super().predict_proba(x)
        x["a"] = 0.0
        return found


# ---- promises ----


class Mutates(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        x["a"] = 0.0
        return said


class Random(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return np.where(np.random.default_rng().random(len(said)) < 0.2, "yes", said)


class OthersMatter(Good):
    def predict(self, x: pd.DataFrame) -> Any:
        return _labels((x["a"] - x["a"].mean()).to_numpy())


class Neighbours(Good):
    """Only the later rows lean on the one before them: a look at the first rows alone finds nothing."""

    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return np.concatenate([said[:50], said[49:-1]]) if len(said) > 50 else said


class Index(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return np.where(np.asarray(x.index) % 10 == 3, "no", said)


class Needs(Good):
    """`column` is there while it learns, and for nobody who asks it later."""

    def __init__(self, column: str = "") -> None:
        super().__init__()
        self.column = column

    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return np.where(x[self.column].isna(), "no", said)


class NeedsTarget(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        return super().fit(x[["a", "y"]], y)


def train_aside(dataset: Dataset, params: Mapping[str, Any]) -> Needs:
    assert dataset.aside is not None
    return Needs(column=str(params["column"])).fit(dataset.x.join(dataset.aside), dataset.y)


class Memory(Good):
    """Knows by heart what it learnt, and nothing else."""

    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        self.known_ = {float(a): str(label) for a, label in zip(x["a"], y, strict=True)}
        return super().fit(x, y)

    def predict(self, x: pd.DataFrame) -> Any:
        return np.array([self.known_.get(float(a), "no") for a in x["a"]], dtype=object)

    def predict_proba(self, x: pd.DataFrame) -> Any:
        sure = np.where(self.predict(x) == "yes", 0.9, 0.1)
        return np.stack([1 - sure, sure], axis=1)


class WorseForSmiths(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return np.where(x["job"] == "smith", "yes", said)


class Flat(Level):
    slope = -2.0


class Flatter(Level):
    slope = -3.0


class OldClasses(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        super().fit(x, y)
        self.classes_ = np.array(["poor", "rich"], dtype=object)
        return self

    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        return np.where(said == "yes", "rich", "poor")


class WantsMore(Good):
    def predict(self, x: pd.DataFrame) -> Any:
        return _labels(x["a"].to_numpy() + 0 * x["age"].to_numpy())


# ---- metrics ----


def text_metric(_model: Any, _x: pd.DataFrame, _y: pd.Series) -> Any:
    return {"agreement": "good"}


def nan_metric(_model: Any, _x: pd.DataFrame, _y: pd.Series) -> Any:
    return {"agreement": float("nan")}


def list_metric(_model: Any, _x: pd.DataFrame, _y: pd.Series) -> Any:
    return [1.0]


def raising_metric(_model: Any, _x: pd.DataFrame, _y: pd.Series) -> Any:
    return {"agreement": 1 / 0}


def boasting_metric(_model: Any, _x: pd.DataFrame, _y: pd.Series) -> Any:
    return {"contract": 0.0, "skill": 1.0}
