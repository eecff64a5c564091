"""The rules of one column that each value meets or breaks by itself: types, ranges, categories, patterns.

A value that is missing breaks none of them: how much may be missing is a rule of its own.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from assay.data.profiles.columns import numbers
from assay.errors import ConfigError
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.config import Column

    Rule = Callable[[pd.Series[Any]], np.ndarray]

KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool, np.bool_),
    "int": (int, np.integer),
    "float": (int, float, np.number, Decimal),
    "datetime": (dt.date,),
    "str": (str,),
}
_DAY = pd.Timedelta(days=1)
_TICK = pd.Timedelta(microseconds=1)


def rules_of(column: Column, where: str) -> dict[str, Rule]:
    """The rules of `column` by code; each gives booleans of shape (rows,), true where the value meets it.

    Args:
        column: What the schema says.
        where: The column's keys in pyproject.toml, for messages.

    Raises:
        ConfigError: A bound that does not go with the type.
    """
    found: dict[str, Rule] = {}
    if column.type != "any":
        found["types"] = lambda values: is_kind(values, column.type)
    if column.min is not None or column.max is not None:
        found["ranges"] = _range(column, where)
    if column.allowed:
        found["categories"] = lambda values: _among(values, column.allowed)
    if column.pattern is not None:
        found["patterns"] = _pattern(column.pattern)
    return {code: _of_present(rule) for code, rule in found.items()}


def age_of(column: Column, where: str) -> pd.Timedelta | None:
    """How old the newest value may be; None where that is no rule.

    Raises:
        ConfigError: The column is not one of times.
    """
    if column.max_age is None:
        return None
    if column.type not in {"datetime", "any"}:
        raise ConfigError(f"a column of type {column.type} has no age", f"{where}.max_age", 'type = "datetime"')
    return pd.Timedelta(seconds=to_seconds(column.max_age))


def _of_present(rule: Rule) -> Rule:
    def judge(column: pd.Series[Any]) -> np.ndarray:
        if isinstance(column.dtype, pd.CategoricalDtype):
            each: np.ndarray = np.append(rule(pd.Series(column.cat.categories)), True)
            met: np.ndarray = each[column.cat.codes.to_numpy()]  # code -1: missing
            return met
        there = column.notna().to_numpy()
        if there.all():
            return rule(column)
        met = np.ones(len(column), dtype=bool)
        met[there] = rule(column[there])
        return met

    return judge


def is_kind(column: pd.Series[Any], kind: str) -> np.ndarray:
    """Which values, of which none is missing, are of `kind`, a type of the schema; booleans of shape (rows,).

    Whole numbers are floats too, and floats without decimals are whole numbers: that is what these become as soon as
    one is missing. True and false are no numbers.
    """
    if kind == "int" and pd.api.types.is_float_dtype(column):
        values = numbers(column)
        whole: np.ndarray = np.isfinite(values) & (values == np.rint(values))
        return whole
    refused = () if kind == "bool" else (bool, np.bool_)
    if column.dtype == object:
        fits = (isinstance(value, KINDS[kind]) and not isinstance(value, refused) for value in column)
        return np.fromiter(fits, dtype=bool, count=len(column))
    # the values of every other dtype are of one type: the first tells
    first = column.iloc[0] if len(column) else None
    return np.full(len(column), isinstance(first, KINDS[kind]) and not isinstance(first, refused))


def times(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column as times in UTC, without a zone taken to be in it; NaT where a value is missing or is no time."""
    if column.dtype.kind == "M" and not isinstance(column.dtype, pd.ArrowDtype):
        zoned: pd.Series[Any] = column.dt.tz_localize("UTC") if column.dt.tz is None else column.dt.tz_convert("UTC")
        return zoned
    if isinstance(column.dtype, pd.StringDtype) or pd.api.types.is_numeric_dtype(column):
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    found = [value if isinstance(value, dt.date) else None for value in column]
    return pd.to_datetime(pd.Series(found, index=column.index, dtype=object), utc=True, errors="coerce")


def _range(column: Column, where: str) -> Rule:
    bounds = {name: bound for name, bound in (("min", column.min), ("max", column.max)) if bound is not None}
    texts = {name: bound for name, bound in bounds.items() if isinstance(bound, str)}
    for name, bound in bounds.items():
        wanted = "any" if column.type == "any" else "date" if column.type == "datetime" else "number"
        if (wanted == "any" and 0 < len(texts) < len(bounds)) or wanted == ("number" if name in texts else "date"):
            allowed = "a date such as 2024-12-31" if wanted == "date" else "a number" if texts else "two of one kind"
            raise ConfigError(f"{bound!r} is no bound for type {column.type}", f"{where}.{name}", allowed)
    if texts:
        first, last = (_moment(texts.get(name), f"{where}.{name}") for name in ("min", "max"))
        return lambda values: _within(times(values), first[0], last[1])
    low, high = (cast("float | None", bound) for bound in (column.min, column.max))
    return lambda values: _within(numbers(values), low, high)


def _within(values: Any, low: Any, high: Any) -> np.ndarray:  # noqa: ANN401 - numbers or times
    # what is no number (or time) is a matter of types, not of ranges: NaN compares as false
    met = np.ones(len(values), dtype=bool)
    for outside in (values < low if low is not None else None, values > high if high is not None else None):
        met = met if outside is None else met & ~np.asarray(outside, dtype=bool)
    return met


def _moment(text: str | None, where: str) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """The first and the last moment that `text` stands for: a date is all of its day, as `max` too."""
    if text is None:
        return None, None
    try:
        moment = pd.Timestamp(dt.datetime.fromisoformat(text)).as_unit("us")
    except ValueError:
        raise ConfigError(f'"{text}" is no date', where, "an ISO date or time such as 2024-12-31") from None
    moment = moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
    return moment, moment if "T" in text or " " in text else moment + _DAY - _TICK


def _among(column: pd.Series[Any], allowed: tuple[Any, ...]) -> np.ndarray:
    try:
        return column.isin(allowed).to_numpy(dtype=bool)
    except TypeError:  # lists or the like, in the data or in the rule
        return np.fromiter((any(value == one for one in allowed) for value in column), dtype=bool, count=len(column))


def _pattern(pattern: str) -> Rule:
    matches = re.compile(pattern).fullmatch

    def judge(column: pd.Series[Any]) -> np.ndarray:
        # pandas hands patterns to another engine than Python's where it can, which reads some of them differently
        texts = [str(value) for value in column]
        met = {text: matches(text) is not None for text in set(texts)}
        return np.fromiter((met[text] for text in texts), dtype=bool, count=len(texts))

    return judge
