"""A first training, by which the limits of the project's gates are set: what it reaches, less what chance may do."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.data.split import holdout_rows
from assay.errors import ProjectError
from assay.evaluate.bootstrap import intervals
from assay.evaluate.metrics import Task, labels_of, measure
from assay.evaluate.weighted import weighted_metrics
from assay.metric_names import LOWER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from assay.config import Config, Data
    from assay.evaluate.bootstrap import Interval
    from assay.scaffold.roles import Roles

_MOST_ROWS = 100_000
_LEAST_MARGIN = 0.02
_RARE = 0.1
_SKILL = {"r2": 0.0, "roc_auc": 0.5}
_BY_TASK = {"two": ("roc_auc", "accuracy"), "rare": ("roc_auc", "average_precision"), "many": ("roc_auc", "accuracy")}


@dataclass(frozen=True)
class Limit:
    """A limit that a first training proposes.

    Attributes:
        metric: Name.
        reached: What it reached on the holdout rows.
        bound: min or max.
        value: The limit.
        worse: How much worse than the champion a model may be: absolute, for errors in percent.
    """

    metric: str
    reached: float
    bound: str
    value: float
    worse: float


@dataclass(frozen=True)
class Trial:
    """What the first training showed.

    Attributes:
        limits: Proposed limits.
        rows: Rows learnt from, and rows measured on.
        weak: Why the model is hardly better than a constant; empty where it is.
    """

    limits: tuple[Limit, ...]
    rows: tuple[int, int]
    weak: str = ""


def splits(frame: pd.DataFrame, data: Data) -> str:
    """Why the rows cannot be split as `data` says; empty where both sides are good for something."""
    names = [name for name in (data.group, data.time) if name]
    try:
        held = holdout_rows(frame[data.target], {name: frame[name] for name in names}, data)
    except ProjectError as error:
        return error.what
    one_sided = any(len(frame.loc[side, data.target].unique()) == 1 for side in (held, ~held))
    return "one side would have but one label" if one_sided else ""


def first_training(frame: pd.DataFrame, config: Config, roles: Roles, module: Path, seen_from: Path) -> Trial:
    """Train the model in `module` once, and measure it on the holdout rows.

    Args:
        frame: The rows; at most 100,000 of them are used.
        config: `[tool.assay]`.
        roles: Which columns are features.
        module: The project's model.py.
        seen_from: The project's folder.
    """
    data = config.data
    rows = frame.iloc[:: math.ceil(len(frame) / _MOST_ROWS)].reset_index(drop=True)
    names = [name for name in (data.group, data.time) if name]
    held = holdout_rows(rows[data.target], {name: rows[name] for name in names}, data)
    x, y = rows[[name for name in frame.columns if name in roles.features]], rows[data.target]
    model = _fitted(module, config.params, x[~held], y[~held])
    task = Task(seen_from, None)
    if data.task == "classification":
        labels, positive = labels_of([y], data.positive)
        task = Task(seen_from, None, labels=labels, positive=positive)
    return _judged(model, x[held].reset_index(drop=True), y[held].reset_index(drop=True), task, int((~held).sum()))


def _fitted(module: Path, params: Mapping[str, Any], x: pd.DataFrame, y: pd.Series[Any]) -> Any:  # noqa: ANN401
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _build(module)(dict(params)).fit(x, y)
    except Exception as error:
        what = f"a first training on this data failed: {type(error).__name__}: {error}"
        then = "look at the columns: leave odd ones out of the data, or name another --target or --model"
        raise ProjectError(what, where=", ".join(x.columns[:10]), next=then) from error


def _build(module: Path) -> Any:  # noqa: ANN401 - the project's own
    spec = importlib.util.spec_from_file_location("assay_scaffolded_model", module)
    assert spec is not None  # noqa: S101 - a file that ends in .py has a loader
    assert spec.loader is not None  # noqa: S101
    loaded = importlib.util.module_from_spec(spec)
    with _no_byte_code():
        spec.loader.exec_module(loaded)
    return loaded.build


@contextlib.contextmanager
def _no_byte_code() -> Any:  # noqa: ANN401 - a generator
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _judged(model: Any, x: pd.DataFrame, y: pd.Series[Any], task: Task, learnt: int) -> Trial:  # noqa: ANN401
    measured = measure(model, x, y, task)
    known = weighted_metrics(np.asarray(y), measured.answers, task)
    wanted = {name: known[name] for name in _wanted(task, y) if name in known}
    sure = intervals(wanted, len(y))
    limits = tuple(_limit(name, measured.metrics[name], interval, len(y)) for name, interval in sure.items())
    return Trial(limits, (learnt, len(y)), _weak(measured.metrics))


def _wanted(task: Task, y: pd.Series[Any]) -> tuple[str, ...]:
    if not task.labels:
        return ("r2", "mae")
    if not task.binary:
        return _BY_TASK["many"]
    return _BY_TASK["rare" if y.value_counts(normalize=True).min() < _RARE else "two"]


def _limit(name: str, reached: float, interval: Interval, rows: int) -> Limit:
    """As far from what was reached as its interval reaches, and no nearer than few rows allow; rounded outward."""
    margin = max(_LEAST_MARGIN, 1 / (2 * math.sqrt(rows)))
    if name in LOWER_IS_BETTER:
        value = _rounded(max(interval.high, reached * (1 + margin)), math.ceil)
        return Limit(name, reached, "max", value, worse=math.ceil(100 * margin))
    value = _rounded(min(interval.low, reached - margin), math.floor)
    return Limit(name, reached, "min", max(_SKILL.get(name, 0.0), value), worse=math.ceil(100 * margin) / 100)


def _rounded(value: float, how: Any) -> float:  # noqa: ANN401 - floor or ceil
    """Two significant digits beyond the first for large values, hundredths for shares."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if abs(value) > 1 else 0.01 if abs(value) > 1 / 20 else 1e-4
    return float(f"{how(value / step) * step:.10g}")


def _weak(metrics: Mapping[str, float]) -> str:
    for name, constant in _SKILL.items():
        if name in metrics and not metrics[name] > constant + 0.01:
            return f"{name} {metrics[name]:.3f}: hardly better than a constant"
    return ""
