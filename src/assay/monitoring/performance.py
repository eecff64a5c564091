"""How well the model does on the requests whose label is known, with 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assay.data.profiles.columns import name_of, numbers
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.data.logs import Chunk
    from assay.data.profiles.profile import Profile
    from assay.monitoring.labels import Labels

_LABELS, _NUMBERS = ("accuracy", "f1", "roc_auc"), ("rmse", "mae")
_TWO = 2
_SAMPLE = 20_000


@dataclass(frozen=True)
class Known:
    """Predictions whose label is known.

    Attributes:
        truth: What turned out to be true, of shape (rows,).
        predictions: What the model said, of shape (rows,).
        shares: Its probabilities, of shape (rows, classes); without classes where a row has none.
        found: Places in the labels that came later, of those that belong to a request; several where it repeats.
    """

    truth: pd.Series[Any]
    predictions: pd.Series[Any]
    shares: np.ndarray
    found: np.ndarray

    def merged(self, other: Known) -> Known:
        """Both together; probabilities stay where both have them for the same classes."""
        if not len(self.truth) or not len(other.truth):
            more, less = (self, other) if len(self.truth) else (other, self)
            return Known(more.truth, more.predictions, more.shares, np.concatenate([more.found, less.found]))
        rows, alike = len(self.truth) + len(other.truth), self.shares.shape[1] == other.shares.shape[1]
        return Known(
            pd.concat([self.truth, other.truth], ignore_index=True),
            pd.concat([self.predictions, other.predictions], ignore_index=True),
            np.concatenate([self.shares, other.shares]) if alike else np.zeros((rows, 0)),
            np.concatenate([self.found, other.found]),
        )


_NO_ROWS: pd.Series[Any] = pd.Series([], dtype=object)
NOTHING_KNOWN = Known(_NO_ROWS, _NO_ROWS, np.zeros((0, 0)), np.zeros(0, dtype=np.intp))


def known_of(chunk: Chunk, rows: pd.Series[bool], labels: Labels) -> Known:
    """Those `rows` of `chunk` whose label its line or `labels` tell; `labels` came later and count more."""
    fields = chunk.fields
    truth: pd.Series[Any] = fields["label"].to_pandas().astype(object).where(rows, None)
    found = NOTHING_KNOWN.found
    if len(labels.ids):
        later, found = labels.of(fields["id"].to_pandas().astype(object).where(rows, None))
        truth = later.where(later.notna(), truth)
    known = truth.notna()
    if not known.any():
        return NOTHING_KNOWN
    predictions = fields["prediction"].to_pandas().astype(object)[known]
    shares = _shares(fields.filter(pa.array(known.to_numpy()))["probabilities"].combine_chunks())
    return Known(truth[known], predictions, shares, found)


def _shares(lists: pa.ListArray) -> np.ndarray:
    """Of shape (rows, classes); without classes where some row has none or more than the others."""
    lengths = pc.unique(pc.list_value_length(lists)).to_pylist()
    values = pc.list_flatten(lists).to_numpy(zero_copy_only=False)
    if len(lengths) != 1 or not lengths[0] or not np.isfinite(values).all():
        return np.zeros((len(lists), 0))
    shares: np.ndarray = values.reshape(len(lists), lengths[0])
    return shares


def performance(
    known: Known, profile: Profile, baseline: Mapping[str, float], least: int, positive: object, project: Path
) -> dict[str, Observed]:
    """The metrics by gate; none without labels.

    Args:
        known: Predictions whose label is known.
        profile: Data profile of the model; it tells the labels.
        baseline: Its metrics on the holdout.
        least: Fewer rows are inconclusive.
        positive: Label of the positive class; None: the last of two.
        project: The project's folder.
    """
    if not len(known.truth):
        return {}
    from assay.evaluate.bootstrap import intervals

    rows, few = len(known.truth), len(known.truth) < least
    picked = np.sort(np.random.default_rng(0).permutation(rows)[:_SAMPLE])
    measures = _measures(known, profile, positive, project, np.arange(rows))
    found = intervals(_measures(known, profile, positive, project, picked), len(picked))
    told = f"{rows} labelled rows" + (f", at least {least} are needed" if few else "")
    observed = {}
    for name, measure in measures.items():
        value = float(measure(np.ones((1, rows), dtype=np.float32))[0])
        interval = found.get(name)
        between = _around(value, (interval.low, interval.high), len(picked) / rows) if interval else None
        message = told + (f", 95 % between {between[0]:.4g} and {between[1]:.4g}" if between else "")
        observed[f"monitor.performance.{name}"] = Observed(
            value, baseline.get(name), message, inconclusive=few, interval=between
        )
    return observed


def _around(value: float, interval: tuple[float, float], share: float) -> tuple[float, float]:
    """The interval of a sample as that of the whole: narrower by the root of its share, around the whole's value."""
    if share == 1:
        return interval
    half = math.sqrt(share) * (interval[1] - interval[0]) / 2
    return value - half, value + half


def _measures(known: Known, profile: Profile, positive: object, project: Path, rows: np.ndarray) -> dict[str, Any]:
    from assay.evaluate.contract import Answers
    from assay.evaluate.task import Task
    from assay.evaluate.weighted import weighted_metrics

    truth, said, shares = known.truth.iloc[rows], known.predictions.iloc[rows], known.shares[rows]
    if profile.columns[profile.target].kind == "number":
        found = weighted_metrics(numbers(truth), Answers(numbers(said)), Task(project, None))
        return {name: found[name] for name in _NUMBERS}
    names = _sorted(profile.columns[profile.target].names.values())
    last = (names[-1] if positive is None else name_of(positive)) if len(names) == _TWO else None
    answers = Answers(_named(said), shares if shares.shape[1] == len(names) else None, names if shares.size else ())
    found = weighted_metrics(_named(truth), answers, Task(project, None, names, last))
    return {name: found[name] for name in _LABELS if name in found}


def _named(column: pd.Series[Any]) -> np.ndarray:
    # each label once, and not each row
    codes, labels = pd.factorize(column)
    return np.array([name_of(label) for label in labels], dtype=object)[codes]


def _sorted(names: Any) -> tuple[str, ...]:  # noqa: ANN401 - strings
    """As the server orders its classes: numbers by value, everything else as text."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))
