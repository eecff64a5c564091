"""Fits the project's model: the same rows, parameters and seed give the same model."""

from __future__ import annotations

import contextlib
import inspect
import random
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.callables import resolve, user_code
from assay.data.split import draw
from assay.errors import ProjectError
from assay.models.pyfunc import adapted, last_step
from assay.training.guard import out_of_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from assay.callables import Dataset
    from assay.config import Config

_SEED = "random_state"
_SEEDS = (_SEED, "random_seed", "seed")
_STOPPING = "pyproject.toml tool.assay.training.early_stopping"
_STOPPERS = "an estimator whose fit takes eval_set: XGBoost, LightGBM, CatBoost"
_PATIENCE = ("early_stopping_rounds", "early_stopping_round", "n_iter_no_change", "callbacks")
_EVAL_WEIGHTS = ("sample_weight_eval_set", "eval_sample_weight")


@dataclass(frozen=True)
class Recipe:
    """The project's code that makes a model, and the settings that it is used with.

    Attributes:
        config: `[tool.assay]` as train sees it: model or train, training and data.
        project: The project's folder.
    """

    config: Config
    project: Path

    def fit(self, dataset: Dataset, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any model
        """A model that has learnt from `dataset`.

        Raises:
            ProjectError: The project's code raised, or what it gave is no model.
        """
        with out_of_reach(self.raw_data):
            model = self._trained(dataset, params) if self.config.train else self._fitted(dataset, params)
            with user_code("model.get_params", self.project):
                _forget_the_clock(model)
        return adapted(model)

    @property
    def raw_data(self) -> Path | None:
        """Where the data lies in the project, holdout and all; None where it does not, or not apart from the code."""
        path = (self.project / self.config.data.path).resolve()
        with_code = path in (self.project / "src" / "x").resolve().parents
        return None if self.config.data.fetched or with_code else path

    def _trained(self, dataset: Dataset, params: Mapping[str, Any]) -> Any:  # noqa: ANN401
        train = resolve(str(self.config.train), self.project, "train")
        sow(self.config.training.seed)
        with user_code("train", self.project):
            model = train(dataset.take(np.arange(len(dataset))), dict(params))
        return self._checked(model, "train", "predict")

    def _fitted(self, dataset: Dataset, params: Mapping[str, Any]) -> Any:  # noqa: ANN401
        build = resolve(str(self.config.model), self.project, "model")
        sow(self.config.training.seed)
        with user_code("model", self.project):
            model = build(dict(params))
        self._checked(model, "model", "fit", "predict")
        with user_code("model.set_params", self.project):
            seeded(model, self.config.training.seed)
        share = self.config.training.early_stopping
        with _explained(), user_code("model.fit", self.project):
            fitted = self._stopped(model, dataset, share) if share else self._fit(model, dataset, {})
        return fitted if callable(getattr(fitted, "predict", None)) else model

    def _checked(self, model: Any, key: str, *needed: str) -> Any:  # noqa: ANN401
        missing = [name for name in needed if not callable(getattr(model, name, None))]
        if missing:
            what = f"it gave {type(model).__name__}, which has no {' and no '.join(missing)}"
            where = f'pyproject.toml tool.assay.{key} = "{getattr(self.config, key)}"'
            raise ProjectError(what, where, f"a model with {' and '.join(needed)}")
        return model

    def _fit(self, model: Any, dataset: Dataset, more: Mapping[str, Any]) -> Any:  # noqa: ANN401
        given = dict(more)
        if dataset.weights is not None:
            if not _takes(model, "sample_weight"):
                what = f"fit of {type(last_step(model)).__name__} takes no sample_weight"
                raise ProjectError(what, "pyproject.toml tool.assay.data.weight", "an estimator that does")
            given[_prefix(model) + "sample_weight"] = dataset.weights.to_numpy(copy=True)
        return model.fit(dataset.x.copy(), dataset.y.copy(), **given)

    def _stopped(self, model: Any, dataset: Dataset, share: float) -> Any:  # noqa: ANN401
        """Fitted on all but a share of the rows, which the library watches to know when to stop."""
        _check_stops(last_step(model), takes=_takes(model, "eval_set"))
        prefix = _prefix(model)
        watched = apart(dataset, self.config, share)
        if not 0 < watched.sum() < len(watched):
            what = f"a share of {share} leaves no rows on one side"
            raise ProjectError(what, _STOPPING, "more rows, another share")
        learnt, seen = dataset.take(~watched), dataset.take(watched)
        given = _watching(last_step(model), _prepared(model, learnt, seen.x), seen)
        with warnings.catch_warnings():
            # LightGBM 4.7 asks for eval_X and eval_y, but takes only numbers as labels there
            warnings.filterwarnings("ignore", "The argument 'eval_set' is deprecated")
            return self._fit(model, learnt, {prefix + key: value for key, value in given.items()})


def _prepared(model: Any, learnt: Dataset, x: pd.DataFrame) -> Any:  # noqa: ANN401
    """`x` as the last step of a pipeline gets it."""
    if len(getattr(model, "steps", ())) < 2:  # noqa: PLR2004 - nothing comes before the only step
        return x
    from sklearn.base import clone

    return clone(model[:-1]).fit(learnt.x.copy(), learnt.y.copy()).transform(x)


def _watching(last: Any, x: Any, seen: Dataset) -> dict[str, Any]:  # noqa: ANN401
    """The arguments by which the library watches rows `x`, weighed as those that it learns from are."""
    known = inspect.signature(last.fit).parameters
    weighed = next((name for name in _EVAL_WEIGHTS if name in known), None) if seen.weights is not None else None
    return {"eval_set": [(x, seen.y)]} | ({weighed: [seen.weights]} if weighed else {})


def _check_stops(last: Any, *, takes: bool) -> None:  # noqa: ANN401
    name = type(last).__name__
    if not takes:
        then = "use its own parameters, such as early_stopping of scikit-learn"
        raise ProjectError(f"fit of {name} takes no eval_set", _STOPPING, _STOPPERS, then)
    # without it these two libraries print what they see, and go on
    if _libraries(last) & {"xgboost", "lightgbm"} and not any(map(last.get_params().get, _PATIENCE)):
        what = f"{name} would watch these rows and never stop"
        raise ProjectError(what, _STOPPING, next="give it early_stopping_rounds")


def _libraries(part: object) -> set[str]:
    return {kind.__module__.split(".")[0] for kind in type(part).__mro__}


def _forget_the_clock(model: Any) -> None:  # noqa: ANN401
    """CatBoost notes when a model was made, and gives it a random name."""
    for part in _parts(model):
        if "catboost" in _libraries(part) and part.is_fitted():
            notes = part.get_metadata()
            notes["train_finish_time"] = notes["model_guid"] = ""


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ProjectError as error:
        if "Invalid classes inferred" in error.what:
            error.next = "XGBoost counts classes from 0: number the labels in `load`, or in an estimator around it"
        raise


def apart(dataset: Dataset, config: Config, share: float) -> np.ndarray:
    """Some of the rows, drawn as the holdout is: whole groups, the newest, or by chance; booleans of shape (rows,)."""
    columns = {str(part.name): part for part in (dataset.groups, dataset.times) if part is not None}
    return draw(dataset.y, columns, config.data, share, config.training.seed)


def sow(seed: int) -> None:
    """Set every generator that the project's code may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global generator is what others draw from
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)


def seeded(model: Any, seed: int) -> None:  # noqa: ANN401 - any estimator
    """Give `seed` to an estimator that takes a `random_state` and has none, and to each of those inside it."""
    for part in _parts(model):
        given = part.get_params(deep=False)
        # CatBoost tells only of the parameters that were given
        takes = _SEED in given or _SEED in inspect.signature(type(part)).parameters
        if takes and all(given.get(name) is None for name in _SEEDS):
            part.set_params(**{_SEED: seed})


def _parts(model: Any) -> list[Any]:  # noqa: ANN401
    if not _is_estimator(model):
        return []
    return [model, *(part for part in model.get_params(deep=True).values() if _is_estimator(part))]


def _is_estimator(part: object) -> bool:
    methods = [getattr(part, name, None) for name in ("get_params", "set_params")]
    return not isinstance(part, type) and all(map(callable, methods))


def _prefix(model: Any) -> str:  # noqa: ANN401
    steps = getattr(model, "steps", None)
    return f"{steps[-1][0]}__" if steps else ""


def _takes(model: Any, argument: str) -> bool:  # noqa: ANN401
    fit: Callable[..., Any] = last_step(model).fit
    known = inspect.signature(fit).parameters
    return argument in known or (not hasattr(model, "steps") and any(p.kind is p.VAR_KEYWORD for p in known.values()))
