"""Domain classifier: can a model tell rows of before from rows of now? It sees what no single column shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.profiles.columns import kind_of, name_of, values_of

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
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    columns = [_encoded([before[name], now[name]]) for name in before.columns if name in now.columns]
    varying = [column for column in columns if len(np.unique(column[~np.isnan(column)])) > 1]
    if not varying:
        return 0.5
    y = np.repeat([0, 1], [len(before), len(now)])
    model = HistGradientBoostingClassifier(random_state=0, max_iter=50)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    # so few rows are quicker on one core than on many that wait for each other
    with threadpool_limits(1):
        scores = cross_val_predict(model, np.column_stack(varying), y, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(y, scores))


def _encoded(sides: Sequence[pd.Series[Any]]) -> np.ndarray:
    """Numbers as they are, categories by how frequent they are together, missing as NaN; shape (rows,)."""
    kind = kind_of(sides[1])
    if kind != "category":
        floats = [values_of(side, kind).numbers for side in sides]
        return np.concatenate([side for side in floats if side is not None])
    named = pd.concat([side.astype(object).map(name_of, na_action="ignore") for side in sides], ignore_index=True)
    counts = named.value_counts()
    # ties by name: in the order of the rows, which is by side, every identifier would tell where it is from
    ranked = sorted(counts.index, key=lambda name: (-counts[name], name))[:_CATEGORIES]
    order = {name: number for number, name in enumerate(ranked)}
    return named.map(order).to_numpy(dtype=float, na_value=np.nan)
