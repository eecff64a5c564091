"""What a campaign would ask of the model, beyond the metrics that Assay computes for every classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

_SHARE = 0.1


def compute(model: Pipeline, x: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Lift of a fitted model.

    Args:
        model: Fitted; its second class is the one whose probability counts.
        x: Features of shape (rows, columns).
        y: Labels of shape (rows,).

    Returns:
        `lift_top_tenth`: how many times more high incomes there are in the tenth of the rows that the model is surest
        of than in all rows; 1 is no better than chance.
    """
    promised = model.predict_proba(x)[:, 1]
    true = (y == model.classes_[1]).to_numpy()
    surest = np.argsort(-promised, kind="stable")[: max(1, round(_SHARE * len(promised)))]
    return {"lift_top_tenth": float(true[surest].mean() / true.mean())}
