"""How much better a model is on the rows it learnt from than on the holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate.metrics import measure
from assay.gates import Observed
from assay.metric_names import worse_by
from assay.models import dataset

if TYPE_CHECKING:
    from pathlib import Path

    from assay.evaluate.metrics import Measured
    from assay.evaluate.record import Subject

_MOST = 20_000


def observe(subject: Subject, measured: Measured, folder: Path, target: str) -> dict[str, Observed]:
    """The gates `model.overfit.<metric>`: how much worse the holdout is, in the metric's unit.

    Args:
        subject: The model and its holdout rows.
        measured: What it reaches on them.
        folder: The artifact `dataset`; of the train rows at most 20,000 are looked at, evenly spaced.
        target: The column to predict.
    """
    if not measured.metrics:
        return {}
    x, y = dataset.read_side(folder, "train", target)
    some = np.unique(np.linspace(0, len(x) - 1, min(_MOST, len(x))).astype(int))
    learnt = measure(subject.model, x.iloc[some], y.iloc[some], subject.task).metrics
    found = {}
    for name, value in measured.metrics.items():
        gap = worse_by(name, learnt[name], value) if name in learnt else None
        if gap is not None:
            message = f"{learnt[name]:.4g} on the rows learnt from, {value:.4g} on the holdout"
            found[f"model.overfit.{name}"] = Observed(gap, message=message)
    return found
