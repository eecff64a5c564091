"""How much better a model is on the rows it learnt from than on the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate.metrics import measure
from assay.gates import Observed
from assay.metric_names import worse_by

if TYPE_CHECKING:
    from assay.callables import Dataset
    from assay.evaluate.findings import Subject
    from assay.evaluate.metrics import Measured

_MOST = 20_000


def observe(subject: Subject, measured: Measured, learnt_from: Dataset) -> dict[str, Observed]:
    """The gates `model.overfit.<metric>`: how much worse the holdout is, in the metric's unit.

    Args:
        subject: The model and its holdout rows.
        measured: What it reaches on them.
        learnt_from: The train rows; at most 20,000 are looked at, evenly spaced.
    """
    if not measured.metrics:
        return {}
    some = np.unique(np.linspace(0, len(learnt_from) - 1, min(_MOST, len(learnt_from))).astype(int))
    rows = learnt_from.take(some)
    learnt = measure(subject.model, rows.x, rows.y, subject.task).metrics
    found = {}
    for name, value in measured.metrics.items():
        gap = worse_by(name, learnt[name], value) if name in learnt else None
        if gap is not None:
            message = f"{learnt[name]:.4g} on the rows learnt from, {value:.4g} on the holdout"
            found[f"model.overfit.{name}"] = Observed(gap, message=message)
    return found
