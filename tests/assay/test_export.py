"""Exported models: what can be exported predicts the same, and what predicts something else is never taken."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from exportkit import MODELS, ROWS, boosted, frame, light, linear, target
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    OrdinalEncoder,
)
from sklearn.tree import DecisionTreeRegressor

from assay.export.exporting import Export, export
from assay.export.proof import difference
from assay.models import rows
from assay.serving.exported import Exported

if TYPE_CHECKING:
    from collections.abc import Callable

HALF = ROWS // 2


@pytest.fixture(scope="module")
def x() -> pd.DataFrame:
    return frame()


def _exported(make: Callable[[], Any], kind: str, x: pd.DataFrame) -> tuple[Any, Export]:
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x[:HALF], target(x, kind)[:HALF])
        return model, export(model, rows.describe(x), x[HALF:])


@pytest.mark.parametrize("name", MODELS)
def test_an_export_predicts_the_same(name: str, x: pd.DataFrame) -> None:
    model, found = _exported(*MODELS[name], x)
    assert found.why == ""
    assert found.model
    asked = Exported(found.model, rows.describe(x))
    held = [dict(zip(x.columns, row, strict=True)) for row in rows.records(x[HALF:])]
    answer = asked.predict(held)
    own = model.predict(x[HALF:]).tolist()
    if not hasattr(model, "classes_"):
        assert answer["probabilities"] is None
        assert answer["predictions"] == pytest.approx(own, rel=1e-12)
        return
    assert [(type(one), one) for one in answer["predictions"] or ()] == [(type(one), one) for one in own]
    assert np.abs(np.array(answer["probabilities"]) - model.predict_proba(x[HALF:])).max() < 1e-12


def test_histogram_boosting_takes_categories_of_a_frame_by_itself(x: pd.DataFrame) -> None:
    frame = x.astype({"job": "category"})
    model = HistGradientBoostingClassifier(max_iter=20).fit(frame, target(x, "text"))
    assert export(model, rows.describe(frame), frame).model


def test_lightgbm_takes_categories_of_a_frame_by_itself(x: pd.DataFrame) -> None:
    frame = x.astype({"job": "category"}).drop(columns="married")
    model = LGBMClassifier(n_estimators=20, verbose=-1).fit(frame, target(x, "text"))
    assert any("==" in kinds for kinds in model.booster_.trees_to_dataframe()["decision_type"].dropna())
    found = export(model, rows.describe(frame), frame)
    assert found.model, found.why


def test_categories_that_go_left_are_really_in_the_trees(x: pd.DataFrame) -> None:
    # without sets of categories above 63, which another converter loses, nothing of the above is tested
    model = boosted(HistGradientBoostingClassifier).fit(x, target(x, "text"))[-1]
    nodes = np.concatenate([tree.nodes for (tree,) in model._predictors])
    assert nodes["is_categorical"].sum() > 20
    assert (nodes["missing_go_to_left"] & nodes["is_categorical"]).any()
    sets = np.concatenate([tree.raw_left_cat_bitsets for (tree,) in model._predictors])
    assert sets[:, 2].any()


def test_the_same_model_gives_the_same_bytes(x: pd.DataFrame) -> None:
    one, other = (_exported(*MODELS["the scaffold's trees"], x)[1].model for _ in range(2))
    assert one == other


class _Own(LogisticRegression):  # type: ignore[misc]
    """A kind of its own, which may do anything."""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        pytest.param(lambda: make_pipeline(linear(), KNeighborsClassifier()), "KNeighborsClassifier", id="kind"),
        pytest.param(lambda: make_pipeline(linear(), _Own()), "_Own", id="subclass"),
        pytest.param(
            lambda: make_pipeline(linear(FunctionTransformer(np.abs), SimpleImputer()), LogisticRegression()),
            "FunctionTransformer with a function", id="function",
        ),
        pytest.param(
            lambda: make_pipeline(make_column_transformer((OneHotEncoder(), ["city"])), LogisticRegression()),
            "handle_unknown='error'", id="unknown",
        ),
        pytest.param(
            lambda: make_pipeline(linear(), GradientBoostingClassifier(init="zero")), "with a start", id="start"
        ),
        pytest.param(lambda: light(LGBMClassifier, zero_as_missing=True), "with zero_as_missing", id="zero"),
        pytest.param(lambda: light(LGBMClassifier, linear_tree=True), "with lines in its leaves", id="lines"),
        pytest.param(
            lambda: light(LGBMClassifier, objective="cross_entropy"), 'the objective "cross_entropy"', id="objective"
        ),
        pytest.param(
            lambda: make_pipeline(linear(SimpleImputer(), SimpleImputer(missing_values=0)), LogisticRegression()),
            "SimpleImputer of other values", id="imputer",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_named(model: Callable[[], Any], why: str, x: pd.DataFrame) -> None:
    found = _exported(model, "text", x)[1]
    assert found.model is None
    assert why in found.why
    assert found.why.endswith(" cannot be exported")


def _differs(model: Any, exported: Any, x: pd.DataFrame) -> str:
    columns = rows.describe(x)
    written = export(exported, columns, x)
    assert written.model, written.why
    return difference(model, Exported(written.model, columns), columns, x)


def test_another_model_differs_on_the_holdout(x: pd.DataFrame) -> None:
    y = target(x, "text")
    one, other = (make_pipeline(linear(), LogisticRegression(C=c)).fit(x, y) for c in (1.0, 1.0 + 1e-6))
    assert "the probabilities differ by" in _differs(one, other, x)
    assert _differs(one, other, x).endswith("on rows of the holdout")
    far = make_pipeline(linear(), LogisticRegression(C=1e-4)).fit(x, y)
    assert _differs(one, far, x) == "the labels differ on rows of the holdout"


def test_a_single_leaf_that_is_wrong_is_found(x: pd.DataFrame) -> None:
    y = target(x, "number")
    one, other = (make_pipeline(linear(), DecisionTreeRegressor(random_state=0)).fit(x, y) for _ in range(2))
    leaf = int(np.flatnonzero(other[-1].tree_.children_left < 0)[-1])
    other[-1].tree_.value[leaf] += 0.001
    assert "the predictions differ by" in _differs(one, other, x)


def test_rows_that_no_holdout_has_are_asked_too(x: pd.DataFrame) -> None:
    whole = x[["age", "kids"]]
    y = target(x, "text")
    # alike where nothing is missing
    refuses = LogisticRegression().fit(whole, y)
    fills = make_pipeline(SimpleImputer(strategy="mean"), LogisticRegression()).fit(whole, y)
    assert _differs(refuses, fills, whole) == "only the export gives an answer where age is None"
    assert _differs(fills, refuses, whole) == "only the model itself gives an answer where age is None"
    low = make_pipeline(SimpleImputer(strategy="constant", fill_value=0), LogisticRegression()).fit(whole, y)
    assert _differs(low, fills, whole) == "the labels differ where age is None"


def test_an_unknown_category_is_asked_too(x: pd.DataFrame) -> None:
    known, y = x[["job", "age"]].fillna({"job": "smith"}), target(x, "number")
    ordinal = {"handle_unknown": "use_encoded_value"}
    one, other = (
        make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(**ordinal, unknown_value=value), ["job"]), (MaxAbsScaler(), ["age"])
            ),
            Ridge(),
        ).fit(known, y)
        for value in (-1, 50)
    )
    assert _differs(one, other, known).partition(" where ")[2] == "job is None"


def test_a_model_that_refuses_what_the_export_refuses_is_the_same(x: pd.DataFrame) -> None:
    whole = x[["age", "kids"]]
    model = LogisticRegression().fit(whole, target(x, "text"))
    assert export(model, rows.describe(whole), whole).model
    with pytest.raises(ValueError, match="NaN"):
        model.predict(whole.astype(float).assign(age=np.nan))


def test_dates_are_not_for_onnx(x: pd.DataFrame) -> None:
    dated = x[["age"]].assign(day=pd.Timestamp("2026-01-01"))
    model = make_pipeline(make_column_transformer(("passthrough", ["age"])), LogisticRegression())
    model.fit(dated, target(x, "text"))
    found = export(model, rows.describe(dated), dated)
    assert found.model is None
    assert "a column of type datetime64" in found.why


def test_columns_may_have_the_names_of_outputs(x: pd.DataFrame) -> None:
    named = x[["age", "kids"]].set_axis(["label", "probabilities"], axis=1)
    model = LogisticRegression().fit(named, target(x, "text"))
    assert export(model, rows.describe(named), named).model
