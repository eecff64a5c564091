"""How a model is fitted: seeds, weights, early stopping, and that training cannot reach the rows that are held out."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.callables import Dataset
from assay.config import Config, Data, Training
from assay.errors import ProjectError
from assay.models import modelfolder
from assay.models.pyfunc import adapted
from assay.training.fitting import Recipe, apart, seeded, sow
from assay.training.guard import out_of_reach

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 120


def dataset(**more: Any) -> Dataset:
    random = np.random.default_rng(0)
    x = pd.DataFrame({"a": random.normal(size=ROWS), "b": random.normal(size=ROWS)})
    return Dataset(x=x, y=pd.Series(np.where(x["a"] > 0, "yes", "no")), **more)


def recipe(root: Path, module: str, *, early_stopping: float = 0.0, train: bool = False, **data: Any) -> Recipe:
    """A recipe whose code is `module`, with `build` or `train` in it."""
    name = f"fitted_{abs(hash(root))}"
    for folder in ("src", "data"):
        (root / folder).mkdir()
    (root / "src" / f"{name}.py").write_text(textwrap.dedent(module), encoding="utf-8")
    pd.DataFrame({"a": [1]}).to_csv(root / "data/rows.csv")
    entry: dict[str, Any] = {"train": f"{name}:train"} if train else {"model": f"{name}:build"}
    training = Training(early_stopping=early_stopping)
    return Recipe(Config(name="tiny", data=Data(target="y", **data), training=training, **entry), root)


def test_the_same_seed_draws_the_same() -> None:
    drawn = []
    for seed in (1, 1, 2):
        sow(seed)
        drawn.append(np.random.random())  # noqa: NPY002 - what the project's code may use
    assert drawn[0] == drawn[1] != drawn[2]


class Boosted:
    """Takes its seed as CatBoost does: `get_params` tells only of what was given."""

    def __init__(self, random_seed: int | None = None, random_state: int | None = None) -> None:
        self.given = {"random_seed": random_seed, "random_state": random_state}

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002, ARG002 - scikit-learn's
        return {name: value for name, value in self.given.items() if value is not None}

    def set_params(self, **params: Any) -> Boosted:
        self.given |= params
        return self


SEEDS = {"random_state", "random_seed"}
NESTED = VotingClassifier([("bag", BaggingClassifier(RandomForestClassifier())), ("line", LogisticRegression())])


@pytest.mark.parametrize(
    ("model", "seeds"),
    [
        pytest.param(RandomForestClassifier(), {"random_state": 5}, id="plain"),
        pytest.param(RandomForestClassifier(random_state=1), {"random_state": 1}, id="given"),
        pytest.param(
            make_pipeline(StandardScaler(), RandomForestClassifier()),
            {"randomforestclassifier__random_state": 5},
            id="pipeline",
        ),
        pytest.param(
            NESTED,
            {"bag__random_state": 5, "bag__estimator__random_state": 5, "line__random_state": 5},
            id="nested",
        ),
        pytest.param(Boosted(), {"random_state": 5}, id="told-of-only-if-given"),
        pytest.param(Boosted(random_seed=1), {"random_seed": 1}, id="by-another-name"),
        pytest.param(StandardScaler(), {}, id="takes-none"),
    ],
)
def test_seeds_are_given_where_there_are_none(model: Any, seeds: dict[str, int]) -> None:
    seeded(model, 5)
    assert {name: value for name, value in model.get_params().items() if name.split("__")[-1] in SEEDS} == seeds


def test_what_is_no_estimator_gets_no_seed() -> None:
    seeded(object(), 5)
    seeded(RandomForestClassifier, 5)


WEIGHTLESS = """
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def build(params):
    return make_pipeline(StandardScaler(), KNeighborsClassifier()) if params else KNeighborsClassifier()
"""


@pytest.mark.parametrize("params", [{}, {"pipeline": True}], ids=["plain", "pipeline"])
def test_weights_are_refused_by_who_takes_none(params: dict[str, Any], tmp_path: Path) -> None:
    weighed = dataset(weights=pd.Series(np.ones(ROWS)))
    with pytest.raises(ProjectError, match="fit of KNeighborsClassifier takes no sample_weight") as caught:
        recipe(tmp_path, WEIGHTLESS).fit(weighed, params)
    assert caught.value.where == "pyproject.toml tool.assay.data.weight"


def test_early_stopping_is_refused_by_who_takes_no_eval_set(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="fit of KNeighborsClassifier takes no eval_set") as caught:
        recipe(tmp_path, WEIGHTLESS, early_stopping=0.2).fit(dataset(), {})
    assert "LightGBM" in caught.value.allowed


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_early_stopping_is_refused_where_nothing_stops(library: str, tmp_path: Path) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    kind = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[library]
    module = f"from {library} import {kind}\n\ndef build(params):\n    return {kind}()\n"
    with pytest.raises(ProjectError, match=f"{kind} would watch these rows and never stop") as caught:
        recipe(tmp_path, module, early_stopping=0.2).fit(dataset(), {})
    assert "early_stopping_rounds" in caught.value.next


WATCHES = """
class Watches:
    def fit(self, x, y, sample_weight=None, eval_set=None, sample_weight_eval_set=None):
        self.learnt = len(x), len(sample_weight)
        self.seen = [len(part) for part in (*eval_set[0], *sample_weight_eval_set)]

    def predict(self, x):
        return x["a"]

def build(params):
    return Watches()
"""


def test_the_rows_that_are_watched_are_not_learnt_from_and_keep_their_weights(tmp_path: Path) -> None:
    weighed = dataset(weights=pd.Series(np.ones(ROWS)))
    model = recipe(tmp_path, WATCHES, early_stopping=0.25).fit(weighed, {})
    assert (model.learnt, model.seen) == ((90, 90), [30, 30, 30])


def test_a_share_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="leaves no rows on one side"):
        recipe(tmp_path, WATCHES, early_stopping=0.001).fit(dataset(), {})


@pytest.mark.parametrize(
    ("key", "column"),
    [("groups", pd.Series(np.arange(ROWS) // 10, name="who")), ("times", pd.Series(np.arange(ROWS), name="when"))],
    ids=["groups", "times"],
)
def test_rows_are_set_apart_as_the_holdout_is(key: str, column: pd.Series[Any]) -> None:
    data = Data(target="y", group="who") if key == "groups" else Data(target="y", time="when")
    watched = apart(dataset(**{key: column}), Config(name="tiny", data=data), 0.2)
    assert 0 < watched.sum() < ROWS / 2
    if key == "groups":
        assert not set(column[watched]) & set(column[~watched])
    else:
        assert column[watched].min() > column[~watched].max()


def test_a_training_entry_gets_the_whole_dataset_as_its_own_copy(tmp_path: Path) -> None:
    module = """
    class Kept:
        def __init__(self, dataset):
            self.weight = float(dataset.weights.sum())
            self.groups = list(dataset.groups.unique())
            dataset.x["a"] = 0.0

        def predict(self, x):
            return x["a"]

    def train(dataset, params):
        params["more"] = 1
        return Kept(dataset)
    """
    given = dataset(weights=pd.Series(np.full(ROWS, 0.5)), groups=pd.Series(["g"] * ROWS))
    params: dict[str, Any] = {}
    model = recipe(tmp_path, module, train=True).fit(given, params)
    assert (model.weight, model.groups, params) == (ROWS / 2, ["g"], {})
    assert given.x["a"].abs().sum() > 0


READS = {
    "open": "open(path).close()",
    "descriptor": "import os; os.close(os.open(path, os.O_RDONLY))",
    "pandas": "import pandas; pandas.read_csv(path)",
    "swallowed": "\n    try:\n        path.read_text()\n    except Exception:\n        pass",
    "link": "(path.parents[1] / 'link').symlink_to(path); (path.parents[1] / 'link').read_text()",
    "thread": "import threading; t = threading.Thread(target=quiet); t.start(); t.join()",
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_training_cannot_open_the_data(read: str, tmp_path: Path) -> None:
    module = f"""
from pathlib import Path
from sklearn.dummy import DummyClassifier

path = Path(__file__).parents[1] / "data/rows.csv"

def quiet():
    try:
        path.read_text()
    except Exception:
        pass

def build(params):
    {read}
    return DummyClassifier()
"""
    with pytest.raises(ProjectError, match=r"training opened rows.csv") as caught:
        recipe(tmp_path, module).fit(dataset(), {})
    assert "put files that the model needs beside its code" in caught.value.next


@pytest.mark.parametrize(
    "read",
    [
        "pd.read_parquet(folder / 'rows.parquet')",
        "pd.read_parquet(folder)",
        "pq.ParquetFile(str(folder / 'rows.parquet'))",
    ],
    ids=["file", "folder", "pyarrow"],
)
def test_training_cannot_read_the_data_as_parquet(read: str, tmp_path: Path) -> None:
    module = f"""
    from pathlib import Path
    import pandas as pd
    import pyarrow.parquet as pq

    folder = Path(__file__).parents[1] / "data"

    def train(dataset, params):
        return {read}
    """
    made = recipe(tmp_path, module, train=True)
    dataset().x.to_parquet(tmp_path / "data/rows.parquet")
    with pytest.raises(ProjectError, match=r"training opened (rows.parquet|data)"):
        made.fit(dataset(), {})
    assert len(pd.read_parquet(tmp_path / "data/rows.parquet")) == ROWS


def test_training_may_open_its_own_files_and_afterwards_all_are_free(tmp_path: Path) -> None:
    module = """
    from pathlib import Path
    from sklearn.dummy import DummyClassifier

    def build(params):
        (Path(__file__).parent / "words.txt").read_text()
        return DummyClassifier()
    """
    made = recipe(tmp_path, module)
    (tmp_path / "src/words.txt").write_text("a b c")
    made.fit(dataset(), {})
    assert (tmp_path / "data/rows.csv").read_text()


def test_a_folder_of_a_similar_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "data2").write_text("free")
    with out_of_reach(tmp_path / "data"):
        assert (tmp_path / "data2").read_text() == "free"


def test_one_file_can_be_the_data(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    with pytest.raises(ProjectError, match=r"opened rows.csv"), out_of_reach(tmp_path / "rows.csv"):
        (tmp_path / "rows.csv").read_bytes()


def test_catboost_with_three_classes_answers_flat_and_is_written_with_skops(tmp_path: Path) -> None:
    catboost = pytest.importorskip("catboost", reason="catboost is not installed")
    x = dataset().x
    y = np.select([x["a"] < -0.4, x["a"] < 0.4], ["low", "middle"], "high")
    fitted = catboost.CatBoostClassifier(iterations=5, verbose=False, allow_writing_files=False, random_seed=0)
    assert fitted.fit(x, y).predict(x).shape == (ROWS, 1)
    model = adapted(fitted)
    assert modelfolder.save(model, tmp_path / "model", example=x, predictions=model.predict(x)) == ""
    loaded = modelfolder.load(tmp_path / "model")
    assert loaded.predict(x).tolist() == model.predict(x).tolist()
    assert loaded.predict(x).shape == (ROWS,)
    assert loaded.predict_proba(x).shape == (ROWS, 3)
    assert list(loaded.classes_) == ["high", "low", "middle"]
    assert float((loaded.predict(x) == y).mean()) > 0.9
