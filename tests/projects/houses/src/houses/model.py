from collections.abc import Mapping
from typing import Any

from xgboost import XGBRegressor


def build(params: Mapping[str, Any]) -> XGBRegressor:
    return XGBRegressor(**params, enable_categorical=True, tree_method="hist", n_jobs=1)
