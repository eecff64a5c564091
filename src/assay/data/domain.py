"""Domain classifier: can a model tell rows of before from rows of now? It sees what no single column shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.columns import kind_of, name_of, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDS = 5
_CATEGORIES = 200


def classifier_auc(before: pd.DataFrame, now: pd.DataFrame) -> float:
    """Cross-validated ROC AUC of gradient-boosted trees that tell the two apart; about 0.5: they cannot.

    Args:
        before: Rows of the baseline, values may have gone through JSON.
        now: Rows to compare with; columns that only one side has are left out. At least five rows each.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    names = [name for name in before.columns if name in now.columns]
    columns = [_encoded([before[name], now[name]]) for name in names]
    varying = [column for column in columns if len(np.unique(column[~np.isnan(column)])) > 1]
    if not varying:
        return 0.5
    x = np.column_stack(varying)
    y = np.repeat([0, 1], [len(before), len(now)])
    model = HistGradientBoostingClassifier(random_state=0, max_iter=50)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, x, y, cv=folds, method="predict_proba")[:, 1]
    return _auc(scores[y == 1], scores[y == 0])


def _encoded(sides: Sequence[pd.Series[Any]]) -> np.ndarray:
    """Numbers as they are, categories by how frequent they are together, missing as NaN; shape (rows,)."""
    kinds = [kind_of(side) for side in sides]
    if kinds[1] == "number":
        return np.concatenate([numbers(side) for side in sides])
    if kinds[1] == "time":
        times = [pd.to_datetime(side, errors="coerce", utc=True) for side in sides]
        return np.concatenate([side.dt.as_unit("us").astype("int64").to_numpy(dtype=float) for side in times])
    named = pd.concat([side.astype(object).map(name_of, na_action="ignore") for side in sides], ignore_index=True)
    order = {name: number for number, name in enumerate(named.value_counts().index[:_CATEGORIES])}
    return named.map(order).astype(float).where(named.notna(), np.nan).to_numpy()


def _auc(higher: np.ndarray, lower: np.ndarray) -> float:
    ranks = pd.Series(np.concatenate([higher, lower])).rank().to_numpy()
    n, m = len(higher), len(lower)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))
