"""What each column is for: features, and those that no model should see, each with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.leakage import leakage
from assay.pipeline import GRAPH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.data.rules.propose import Proposal

_MANY_TEXTS = 50
_FREE = 1 / 2
_FEW_GROUPS = 10
_ROWS_A_GROUP = 1.5
_LEAK_ROWS = 50_000
_ID = re.compile(r"(^|[^a-z])(id|key|uuid|guid|nr)$|[a-z]I[Dd]$")
_BIRTH = re.compile(r"birth|dob|geburt|born", re.IGNORECASE)
_FOREIGN_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}.*")
_LEAK = next(
    gate.default.max
    for gate in GRAPH.stage("data-validate").gates
    if gate.name == "data.quality.leakage" and gate.default and gate.default.max is not None
)


@dataclass(frozen=True)
class Roles:
    """Columns by what they are for, in the order of the data.

    Attributes:
        numbers: Features that are numbers or true and false.
        categories: Features that are texts.
        excluded: No features, with the reason.
        time: Column by which the newest rows are held out.
        group: Column whose equal values stay together.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    excluded: dict[str, str]
    time: str | None = None
    group: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """What the model gets."""
        return (*self.numbers, *self.categories)


def roles_of(frame: pd.DataFrame, target: str, proposal: Proposal, *, regression: bool) -> Roles:
    """Tell the columns of `frame` apart.

    Args:
        frame: Rows with features and target.
        target: Column to predict.
        proposal: Rules that the columns keep.
        regression: The target is a number.
    """
    columns = {str(name): frame[name] for name in frame.columns if name != target}
    excluded = {name: why for name, column in columns.items() if (why := _useless(name, column, proposal))}
    time = _time_of(columns, excluded)
    group = _group_of(columns, excluded)
    excluded |= {name: "a date; make a feature of it in `load`" for name in _dates(columns) if name not in excluded}
    if time and group:
        excluded[group] = f'names whom a row is about; hold out whole ones with group = "{group}" in place of time'
        group = None
    left = [name for name in columns if name not in excluded and name != group]
    excluded |= _leaky(frame, left, target, regression=regression)
    left = [name for name in left if name not in excluded]
    numbers = tuple(name for name in left if _is_number(columns[name]))
    return Roles(numbers, tuple(name for name in left if name not in numbers), _ordered(excluded, columns), time, group)


def _useless(name: str, column: pd.Series[Any], proposal: Proposal) -> str:
    known = column.dropna()
    different = known.nunique()
    if not len(known):
        return "no value in any row"
    if different == 1:
        return "the same value in every row"
    unique = different == len(column)
    if proposal.schema[name].unique or (unique and (_ID.search(name) or _ID.search(name.lower()))):
        return "a value of its own in each row: it names a row, and tells nothing about the next"
    if _is_number(column):
        infinite = int(np.isinf(known.to_numpy(dtype=float)).sum())
        return f"{infinite} infinite values, which no model takes: mend them" if infinite else ""
    if pd.api.types.is_datetime64_any_dtype(column):
        return ""
    return _useless_text(known) if _is_text(column) else f"{column.dtype} values, which no model takes as they are"


def _useless_text(known: pd.Series[Any]) -> str:
    different = known.nunique()
    if known.astype(str).str.fullmatch(_FOREIGN_DATE.pattern).mean() > _FREE:
        return "dates that are not written as 2026-01-31, so nothing can be told of them"
    if different > _MANY_TEXTS and different > _FREE * len(known):
        return f"free text: {different} different values in {len(known)} rows"
    return ""


def _time_of(columns: dict[str, pd.Series[Any]], excluded: dict[str, str]) -> str | None:
    found = [
        name
        for name in _dates(columns)
        if name not in excluded and not _BIRTH.search(name) and columns[name].notna().all()
    ]
    if len(found) == 1 and columns[found[0]].nunique() >= _FEW_GROUPS:
        return found[0]
    return None


def _group_of(columns: dict[str, pd.Series[Any]], excluded: dict[str, str]) -> str | None:
    for name, column in columns.items():
        named = _ID.search(name) or _ID.search(name.lower())
        groups = column.nunique()
        if named and name not in excluded and column.notna().all() and groups >= _FEW_GROUPS:
            return name if len(column) >= _ROWS_A_GROUP * groups else None
    return None


def _leaky(frame: pd.DataFrame, names: list[str], target: str, *, regression: bool) -> dict[str, str]:
    rows = frame[[*names, target]].iloc[:: max(1, len(frame) // _LEAK_ROWS)]
    alone = leakage(rows, target, regression=regression) if names else {}
    told = "tells the target by itself ({:.3f} of 1): is it known when the prediction is made?"
    return {name: told.format(value) for name, value in alone.items() if value > _LEAK}


def _dates(columns: dict[str, pd.Series[Any]]) -> list[str]:
    return [name for name, column in columns.items() if pd.api.types.is_datetime64_any_dtype(column)]


def _is_text(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, (pd.StringDtype, pd.CategoricalDtype))


def _is_number(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _ordered(found: dict[str, str], columns: Iterable[str]) -> dict[str, str]:
    return {name: found[name] for name in columns if name in found}
