"""Dates and times that are written as text (ISO 8601)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Dtype = np.dtype[Any] | pd.DatetimeTZDtype

_ALLOWED = "ISO 8601: 2026-01-31, 2026-01-31T12:00:00 or, with a zone, 2026-01-31T12:00:00Z"
_ZONE = r"\d[Tt ].*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$"
_SHOWN = 3


def parse(texts: pd.Series[Any], place: Callable[[int], str]) -> pd.Series[Any]:
    """Times of `texts`, in microseconds or finer; in UTC where the texts name a zone.

    Args:
        texts: A column of text.
        place: Where the row at a position is, for messages.

    Raises:
        ProjectError: Some are no times, or only some name a zone.
    """
    name, given = texts.name, texts.notna().to_numpy()
    if not isinstance(texts.dtype, pd.StringDtype) and given.any():
        raise ProjectError(f'column "{name}" holds {texts.dtype}, no texts', _where("times"), _ALLOWED)
    zoned = texts.astype("str").str.contains(_ZONE).fillna(value=False).to_numpy(dtype=bool) & given
    if zoned.any() and not zoned[given].all():
        told = f"{_told(texts, zoned, place)} name a time zone, {_told(texts, given & ~zoned, place)} do not"
        raise ProjectError(f'column "{name}": {told}', _where("times"), "a zone in each of them or in none")
    times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=bool(zoned.any()))
    bad = times.isna().to_numpy() & given
    if bad.any():
        what = f'column "{name}": {bad.sum()} of {given.sum()} values are no times: {_told(texts, bad, place)}'
        then = "mend them, or add them to [tool.assay.data] missing if they mean that no value is known"
        raise ProjectError(what, _where("times"), _ALLOWED, then)
    return times if times.dt.unit in {"us", "ns"} else times.dt.as_unit("us")


def agreed(name: str, parts: Iterable[pd.Series[Any]]) -> Dtype:
    """The one dtype that holds the times of all parts of a column, as `parse` gave them.

    Raises:
        ProjectError: Some parts name a zone, others do not.
    """
    # a part in which all is missing says nothing
    found = {times.dtype for times in parts if times.notna().any()}
    unit: Literal["ns", "us"] = "ns" if any("[ns" in str(dtype) for dtype in found) else "us"
    zoned = {isinstance(dtype, pd.DatetimeTZDtype) for dtype in found}
    if len(zoned) > 1:
        what = f'column "{name}": some times name a time zone, others do not'
        raise ProjectError(what, _where("times"), "a zone in each of them or in none")
    return pd.DatetimeTZDtype(unit, tz="UTC") if True in zoned else np.dtype(f"datetime64[{unit}]")


def as_dtype(times: pd.Series[Any], dtype: Dtype) -> pd.Series[Any]:
    """Times of one part with the dtype that all have."""
    known = isinstance(dtype, np.dtype) or times.dt.tz is not None
    return (times if known else times.dt.tz_localize("UTC")).astype(dtype)


def _told(texts: pd.Series[Any], chosen: np.ndarray, place: Callable[[int], str]) -> str:
    rows = np.flatnonzero(chosen)
    told = ", ".join(f"{texts.iloc[row]!r} ({place(int(row))})" for row in rows[:_SHOWN])
    return told + (", ..." if len(rows) > _SHOWN else "")


def _where(key: str) -> str:
    return f"pyproject.toml tool.assay.data.{key}"
