"""The model: gradient-boosted trees that take categories and missing values as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from income.data import CATEGORIES, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

# `education` repeats `education_num` in words, and `fnlwgt` is a weight of the survey, not a fact about a person
USED_CATEGORIES = tuple(name for name in CATEGORIES if name != "education")
USED_NUMBERS = tuple(name for name in NUMBERS if name != "fnlwgt")
RISING = ("education_num",)


def build(params: Mapping[str, Any]) -> Pipeline:
    """An estimator that is not fitted yet.

    It takes data frames whose text columns are categories, strings or objects; missing values and categories that it
    never saw are treated alike. More education never lowers the probability of a high income.

    Args:
        params: Arguments of `HistGradientBoostingClassifier`.
    """
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": np.nan, "encoded_missing_value": np.nan}
    columns = [
        ("categories", OrdinalEncoder(**unknown), list(USED_CATEGORIES)),
        ("numbers", "passthrough", list(USED_NUMBERS)),
    ]
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(len(USED_CATEGORIES))),
        monotonic_cst=[int(name in RISING) for name in (*USED_CATEGORIES, *USED_NUMBERS)],
        random_state=0,
        **params,
    )
    return Pipeline([("columns", ColumnTransformer(columns)), ("trees", trees)])
