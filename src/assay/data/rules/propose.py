"""Proposes `[tool.assay.data.schema]` from data: rules that all of its rows meet, with some room for the next ones."""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.config import Column
from assay.data.profiles.columns import numbers
from assay.data.reading.sources import open_source
from assay.data.rules.across import Seen
from assay.data.rules.rules import KINDS, is_kind, times
from assay.data.rules.schema_text import can_write, string, to_toml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from assay.config import Config

_MOST_ALLOWED = 50
_FEW_ROWS = 100
_SMALL_RANGE = 20
_COUNTED = 2
_RARE = 0.01
_LARGEST = Decimal(sys.float_info.max)
_ID_NAME = re.compile(r"(^|[^a-z])(id|key|uuid|guid|number|nr|no)$|[a-z]I[Dd]$")
HOW = (
    "min, max: what was seen and a tenth of the range on both sides, rounded outward, not across zero; as seen where",
    "  whole numbers span 20 at most or nothing varies, but half as much again above a count from 0 that ends rarely;",
    "  of dates and times only min, the first day",
    f"allowed: text with at most {_MOST_ALLOWED} different values, all categories of a categorical column",
    "max_missing: 0 where nothing is missing, else the share that was seen and a tenth of it",
    f"unique: no value twice in {_FEW_ROWS} rows or more, and it looks like an id; such numbers get no max",
)


@dataclass(frozen=True)
class Proposal:
    """What the data suggests.

    Attributes:
        schema: Rules by column, in the order of the data.
        notes: What a person should look at, a line each.
        rows: Number of rows that were looked at, all of them.
    """

    schema: dict[str, Column]
    notes: tuple[str, ...]
    rows: int


def proposed_toml(config: Config, project: Path, fetched: Path | None) -> tuple[str, tuple[str, ...]]:
    """The table for the project's data as TOML, and what a person should look at.

    Args:
        config: `[tool.assay]`.
        project: The project's folder.
        fetched: The artifact `fetched`, where the data comes from outside.

    Raises:
        AssayError: As `open_source`.
    """
    marker = [config.data.holdout] if isinstance(config.data.holdout, str) else []
    source = open_source(config, project, fetched)
    proposal = propose(chunk.drop(columns=marker) for chunk in source.chunks())
    origin = string(source.where)[1:-1]
    head = f"proposed by `assay schema` from {proposal.rows} rows of {origin}; each of them meets it; look it through"
    return to_toml(proposal.schema, (head, *HOW)), proposal.notes


def propose(chunks: Iterable[pd.DataFrame]) -> Proposal:
    """Rules that every row of `chunks` meets; one pass, memory for text of 50 values a column and 8 bytes an id."""
    facts: dict[str, _Facts] = {}
    rows = 0
    for chunk in chunks:
        rows += len(chunk)
        for name, column in chunk.items():
            facts.setdefault(str(name), _Facts(str(name))).add(column)
    return Proposal({name: fact.column() for name, fact in facts.items()}, _notes(facts), rows)


@dataclass
class _Facts:
    """What is known of a column so far."""

    name: str
    rows: int = 0
    missing: int = 0
    kinds: list[str] = field(default_factory=lambda: list(KINDS))
    floats: bool = False
    open: set[str] = field(default_factory=set)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    tops: list[int] = field(default_factory=list)
    first: pd.Timestamp | None = None
    texts: set[str] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    distinct: bool = True
    seen: Seen = field(default_factory=Seen)

    def add(self, column: pd.Series[Any]) -> None:
        self.rows += len(column)
        self.missing += int(column.isna().sum())
        present = column[column.notna()]
        if isinstance(column.dtype, pd.CategoricalDtype):
            self.distinct = False
            present = pd.Series(column.cat.categories)
        if present.empty:
            return
        self.kinds = [kind for kind in self.kinds if is_kind(present, kind).all()]
        self.floats |= pd.api.types.is_float_dtype(column)
        self.distinct = self.distinct and bool(self.seen.first_values(present).all())
        if "float" in self.kinds:
            self._add_numbers(numbers(present))
        elif "datetime" in self.kinds:
            first = times(present).min()
            self.first = first if self.first is None else min(self.first, first)
        elif "str" in self.kinds:
            self._add_texts(present)

    def _add_numbers(self, values: np.ndarray) -> None:
        self.open |= {name for name, bound in (("min", -math.inf), ("max", math.inf)) if (values == bound).any()}
        finite = values[np.isfinite(values)]
        if len(finite):
            self.lows.append(float(finite.min()))
            self.highs.append(float(finite.max()))
            self.tops.append(int((finite == finite.max()).sum()))

    def _add_texts(self, present: pd.Series[Any]) -> None:
        if len(self.texts) <= _MOST_ALLOWED or self.distinct:
            different = present.unique()
            self.texts.update(map(str, different[: _MOST_ALLOWED + 1]))
            self.lengths.update(len(str(text)) for text in different)

    def column(self) -> Column:
        """The rules."""
        share = self.missing / max(self.rows, 1)
        rules: dict[str, Any] = {"type": self.kind, "max_missing": min(1.0, math.ceil(share * 110) / 100)}
        rules |= {"unique": True} if self.id_like else {}
        if self.kind in {"int", "float"}:
            rules |= self._range()
        elif self.kind == "datetime":
            rules |= {"min": day} if (day := self._first_day()) else {}
        elif self.kind == "str" and not self.id_like and len(self.texts) <= _MOST_ALLOWED and self._writable():
            rules["allowed"] = tuple(sorted(self.texts))
        return Column(**rules)

    @property
    def kind(self) -> str:
        """The narrowest type that all values are of; any where there are none, or of several types."""
        found = self.kinds[0] if self.kinds and self.missing < self.rows else "any"
        # floats that happen to be whole stay floats, unless missing values may be why whole numbers became floats
        return "float" if found == "int" and self.floats and not self.missing else found

    @property
    def id_like(self) -> bool:
        """True where values do not repeat and it is no accident that they do not."""
        if not self.distinct or self.missing or self.rows < _FEW_ROWS or self.kind not in {"int", "str"}:
            return False
        if _ID_NAME.search(self.name) or _ID_NAME.search(self.name.lower()):
            return True
        if self.kind == "str":
            return len(self.lengths) == 1
        # that many measurements out of so few numbers would repeat
        return max(self.highs) - min(self.lows) < 10 * self.rows

    @property
    def constant(self) -> bool:
        """True where there is but one value."""
        return len(self.texts) == 1 or (bool(self.lows) and min(self.lows) == max(self.highs))

    def _range(self) -> dict[str, float]:
        if not self.lows:
            return {}
        low, high = min(self.lows), max(self.highs)
        if self.id_like:
            return {"min": 0.0} if low >= 0 else {}
        bounds = dict(zip(("min", "max"), _outward(low, high, whole=self.kind == "int"), strict=True))
        if self._is_count(low, high):
            bounds["max"] = high + math.ceil(high / 2)
        return {name: bound for name, bound in bounds.items() if name not in self.open}

    def _is_count(self, low: float, high: float) -> bool:
        """True where small whole numbers thin out upwards, as counts do; grades and codes end in a common one."""
        at_top = sum(count for count, top in zip(self.tops, self.highs, strict=True) if top == high)
        few = low == 0 and _COUNTED < high <= _SMALL_RANGE and self.kind == "int"
        return few and self.rows >= _FEW_ROWS and at_top < _RARE * self.rows

    def _first_day(self) -> str:
        try:
            return "" if self.first is None else dt.date(self.first.year, self.first.month, self.first.day).isoformat()
        except ValueError:  # before the year 1
            return ""

    def _writable(self) -> bool:
        return all(can_write(text) for text in self.texts)


def _outward(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    span = high - low
    if not 0 < span < math.inf or (whole and span <= _SMALL_RANGE):
        return low, high
    exact = Decimal(span)
    step = Decimal(1).scaleb(exact.adjusted())
    down = ((Decimal(low) - exact / 10) / step).to_integral_value(ROUND_FLOOR) * step
    up = ((Decimal(high) + exact / 10) / step).to_integral_value(ROUND_CEILING) * step
    down = max(down, Decimal(0)) if low >= 0 else down
    up = min(up, Decimal(0)) if high <= 0 else min(up, Decimal(1)) if low >= 0 and high <= 1 else up
    down, up = max(down, -_LARGEST), min(up, _LARGEST)
    return min(float(down), low), max(float(up), high)


def _notes(facts: dict[str, _Facts]) -> tuple[str, ...]:
    groups = {
        "unique, they look like ids": [n for n, f in facts.items() if f.id_like],
        "always the same value": [n for n, f in facts.items() if f.constant],
        "left out, TOML cannot write their names": [repr(n) for n in facts if not can_write(n)],
        "without any value": [n for n, f in facts.items() if f.missing == f.rows],
        "of several types": [n for n, f in facts.items() if f.missing < f.rows and f.kind == "any"],
        f"text with more than {_MOST_ALLOWED} values, so nothing is said about them; perhaps a pattern": [
            n for n, f in facts.items() if f.kind == "str" and len(f.texts) > _MOST_ALLOWED and not f.id_like
        ],
        "dates or times: perhaps a max_age": [n for n, f in facts.items() if f.kind == "datetime"],
    }
    return tuple(f"{what}: {', '.join(names)}" for what, names in groups.items() if names)
