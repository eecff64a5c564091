"""What stood out when a model was evaluated, in sentences for its card."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.models import signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.evaluate.findings import Findings
    from assay.gates import Observed

_GAP, _OFF = 0.05, 0.05
_HEADLINES = ("accuracy", "roc_auc", "r2")


def notes(found: Findings, observed: Mapping[str, Observed], least: int) -> list[str]:
    """What stood out, one sentence each; empty where nothing did.

    Args:
        found: What was found out.
        observed: What the gates were held against; `model.overfit.*` tells how much worse the holdout is.
        least: Rows below which a group cannot be judged.
    """
    subject, measured = found.subject, found.measured
    told = [f"Contract: {violation}." for violation in measured.answers.violations]
    given = measured.answers.predictions
    if given is not None and len(given) > 1 and len(set(given.tolist())) == 1:
        told.append(f"The model predicts the same for every row: {given[0]}.")
    told += filter(None, (_overfit(found, observed), _uncalibrated(found)))
    if subject.task.labels and measured.answers.probabilities is None:
        told.append("There are no usable probabilities, so ROC AUC, log loss and Brier score are unknown.")
    small = [f"{g.column}={g.group}" for g in found.groups if g.rows < least]
    if small:
        told.append(f"Too few rows to judge: {', '.join(small)}.")
    if signature.serialization(subject.folder) != "skops":
        told.append("The model file is cloudpickle: whoever loads it runs any code that is in it.")
    return told


def _overfit(found: Findings, observed: Mapping[str, Observed]) -> str:
    """Where the rows learnt from did better than the holdout's interval explains."""
    gaps = []
    for name in _HEADLINES:
        seen, interval = observed.get(f"model.overfit.{name}"), found.sure.metrics.get(name)
        if seen is None or seen.value is None or interval is None or seen.value <= _GAP:
            continue
        if found.measured.metrics[name] + seen.value > interval.high:
            gaps.append(f"{name} {seen.message} (95 %: {interval.low:.4g} to {interval.high:.4g})")
    told = "It does better on what it has seen than chance explains, so it learnt some of it by heart"
    return f"{told}: {'; '.join(gaps)}." if gaps else ""


def _uncalibrated(found: Findings) -> str:
    """Where the probabilities are further off than those of a calibrated model would be by chance."""
    off, rows = found.measured.ours.get("calibration_error"), len(found.subject.rows)
    # ten bins of a tenth of the rows, each off by 0.4 / sqrt(its rows) on average at p = 0.5, and half as much again
    if off is None or not off > max(_OFF, 0.6 * math.sqrt(10 / rows)):
        return ""
    return (
        f"Its probabilities are off by {off:.2g} on average (calibration_error {off:.4g}, above {_OFF}): what it"
        " promises is not how often it comes true, so do not read them as frequencies."
    )
