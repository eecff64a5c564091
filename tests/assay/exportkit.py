"""Models of each kind that can be exported, and rows for them with every kind of column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 2400
TEXTS, NUMBERS = ["job", "city", "grade"], ["hours", "age", "kids", "married"]


def frame() -> pd.DataFrame:
    """Texts and categories, some missing, one with ninety values; numbers, whole ones, truth values."""
    random = np.random.default_rng(0)
    cities = [f"city {number}" for number in range(90)]
    made = pd.DataFrame(
        {
            "hours": random.normal(size=ROWS) * 100,
            "age": random.integers(0, 5000, ROWS),
            "kids": random.integers(0, 4, ROWS),
            "married": random.random(ROWS) < 0.3,
            "job": random.choice(["smith", "baker", "clerk"], ROWS),
            "city": pd.Categorical(random.choice(cities, ROWS), categories=cities),
            "grade": pd.Categorical(random.choice(["high", "low"], ROWS)),
        }
    )
    for name in ("hours", "job", "grade"):
        made.loc[random.random(ROWS) < 0.1, name] = None
    return made


def target(x: pd.DataFrame, kind: str) -> Any:
    city = x["city"].cat.codes
    score = x["hours"].fillna(30) + x["age"] / 50 + 80 * (x["job"] == "smith") + 40 * (city % 7 == 1)
    if kind == "number":
        return score + 500
    if kind == "three":
        return pd.Series(np.select([score > 100, score > 20], ["high", "middle"], "low"))
    rich = score > 60
    return {"text": rich.map({True: "rich", False: "poor"}), "whole": rich.astype(int), "truth": rich}[kind]


def linear(*numbers: Any) -> ColumnTransformer:
    steps = numbers or (SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encoder = OneHotEncoder(handle_unknown="ignore", max_categories=50, sparse_output=False)
    return make_column_transformer((encoder, TEXTS), (make_pipeline(*steps), NUMBERS))


def ordinal(**more: Any) -> ColumnTransformer:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, **more)
    floats = StandardScaler(with_mean=False, with_std=False)
    return make_column_transformer((encoder, TEXTS), (floats, NUMBERS))


def boosted(kind: type, **more: Any) -> Pipeline:
    return make_pipeline(
        ordinal(encoded_missing_value=np.nan), kind(categorical_features=[0, 1, 2], max_iter=20, **more)
    )


def light(kind: type, **more: Any) -> Pipeline:
    return make_pipeline(ordinal(encoded_missing_value=np.nan), kind(n_estimators=20, verbose=-1, **more))


FEW = {"n_estimators": 5, "random_state": 0}
# the model, and what it predicts
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "the scaffold's trees": (lambda: boosted(HistGradientBoostingClassifier), "text"),
    "the scaffold's line": (lambda: make_pipeline(linear(), LogisticRegression()), "text"),
    "boosting, three classes": (lambda: boosted(HistGradientBoostingClassifier), "three"),
    "boosting, a number": (lambda: boosted(HistGradientBoostingRegressor), "number"),
    "boosting, Poisson": (lambda: boosted(HistGradientBoostingRegressor, loss="poisson"), "number"),
    "boosting, a rare category": (
        lambda: make_pipeline(
            ordinal(encoded_missing_value=-1, max_categories=10), HistGradientBoostingClassifier(max_iter=20)
        ),
        "text",
    ),
    "boosting, a leaf for a tree": (lambda: boosted(HistGradientBoostingClassifier, min_samples_leaf=ROWS), "text"),
    "logistic, three classes": (lambda: make_pipeline(linear(), LogisticRegression()), "three"),
    "logistic, whole labels": (lambda: make_pipeline(linear(), LogisticRegression()), "whole"),
    "logistic, truth values": (lambda: make_pipeline(linear(), LogisticRegression()), "truth"),
    "least squares": (lambda: make_pipeline(linear(), LinearRegression()), "number"),
    "ridge": (lambda: make_pipeline(linear(SimpleImputer(), RobustScaler()), Ridge()), "number"),
    "lasso": (lambda: make_pipeline(linear(SimpleImputer(), MaxAbsScaler()), Lasso()), "number"),
    "elastic net": (lambda: make_pipeline(linear(SimpleImputer(), MinMaxScaler(clip=True)), ElasticNet()), "number"),
    "forest": (lambda: make_pipeline(linear(), RandomForestClassifier(**FEW)), "text"),
    "forest, three classes": (lambda: make_pipeline(linear(), RandomForestClassifier(**FEW)), "three"),
    "forest, gaps": (lambda: make_pipeline(linear(StandardScaler()), RandomForestClassifier(**FEW)), "text"),
    "forest, a number": (lambda: make_pipeline(linear(), RandomForestRegressor(**FEW)), "number"),
    "extra trees": (lambda: make_pipeline(linear(), ExtraTreesClassifier(**FEW)), "text"),
    "extra trees, a number": (lambda: make_pipeline(linear(), ExtraTreesRegressor(**FEW)), "number"),
    "tree": (lambda: make_pipeline(linear(), DecisionTreeClassifier(random_state=0)), "text"),
    "tree, a number": (lambda: make_pipeline(linear(), DecisionTreeRegressor(random_state=0)), "number"),
    "LightGBM": (lambda: light(LGBMClassifier), "text"),
    "LightGBM, three classes": (lambda: light(LGBMClassifier), "three"),
    "LightGBM, sets": (lambda: light(LGBMClassifier, categorical_feature=[0, 1, 2]), "text"),
    "LightGBM, another slope": (lambda: light(LGBMClassifier, sigmoid=2.5), "whole"),
    "LightGBM, a leaf for a tree": (lambda: light(LGBMClassifier, min_child_samples=ROWS), "text"),
    "LightGBM, a forest": (
        lambda: light(LGBMClassifier, boosting_type="rf", bagging_freq=1, bagging_fraction=0.5),
        "text",
    ),
    "LightGBM, a number": (lambda: light(LGBMRegressor), "number"),
    "LightGBM, quantiles": (lambda: light(LGBMRegressor, objective="quantile", alpha=0.9), "number"),
    "LightGBM, Poisson": (lambda: light(LGBMRegressor, objective="poisson"), "number"),
    "gradient boosting": (lambda: make_pipeline(linear(), GradientBoostingClassifier(**FEW)), "text"),
    "gradient boosting, three": (lambda: make_pipeline(linear(), GradientBoostingClassifier(**FEW)), "three"),
    "gradient boosting, a number": (lambda: make_pipeline(linear(), GradientBoostingRegressor(**FEW)), "number"),
    "the rest as it is": (
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=25, sparse_output=False), TEXTS),
                remainder="passthrough",
            ),
            HistGradientBoostingClassifier(max_iter=20),
        ),
        "text",
    ),
    "numbers as categories": (
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore", drop="first"), ["kids", "married"]), (MaxAbsScaler(), ["age"])
            ),
            LogisticRegression(),
        ),
        "text",
    ),
    "texts filled in": (
        lambda: make_pipeline(
            make_column_transformer(
                (
                    make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
                    ["job"],
                ),
                ("passthrough", slice("age", "kids")),
                ("drop", ["hours"]),
            ),
            LogisticRegression(),
        ),
        "text",
    ),
    "by numbers and a mask": (
        lambda: make_pipeline(
            make_column_transformer(
                (FunctionTransformer(), [True, True, False, False, False, False, False]), ("passthrough", [2, -4])
            ),
            HistGradientBoostingClassifier(max_iter=20),
        ),
        "text",
    ),
}
