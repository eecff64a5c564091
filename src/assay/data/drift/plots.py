"""Pictures of drift: the distribution of a column before and now, one small SVG each."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from assay.data.drift.align import align, places
from assay.data.drift.svg import Chart, picture
from assay.data.profiles.histogram import Histogram, key_bounds, number_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from assay.data.drift.align import Aligned
    from assay.data.drift.drift import ColumnDrift
    from assay.data.profiles.profile import ColumnProfile, Profile

_MOST = 12
_BINS = 24
_SHOWN = 10
_TAIL = 0.005
_HUGE = 1e300
_LONG, _DIGITS, _WIDE = 1e6, 4, 6
_FEW, _SMALL = 5, 0.01
_DAY = 86_400_000_000


def drift_plots(before: Profile, now: Profile, moved: Mapping[str, ColumnDrift], folder: Path) -> None:
    """Write `<number>-<column>.svg` for each column that drifted, at most 12, the largest PSI first.

    A column that is gone, or holds another kind of values than before, has nothing to be drawn side by side.

    Args:
        before: The baseline.
        now: What was compared with it.
        moved: What `drift` found.
        folder: Where to; made only where there is something to write.
    """
    worst = sorted((item for item in moved.items() if item[1].drifted), key=lambda item: (-item[1].psi, item[0]))
    for number, (name, change) in enumerate(worst[:_MOST], start=1):
        old, new = before.columns.get(name), now.columns.get(name)
        if old and new and (old.kind == new.kind or not (old.histogram.total and new.histogram.total)):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{number:02d}-{re.sub(r'[^A-Za-z0-9-]+', '_', name)[:40]}.svg"
            legend = f"before, {old.rows:,} rows", f"now, {new.rows:,} rows"
            file.write_text(picture(name, change.why, legend, chart(old, new)), encoding="utf-8")


def chart(before: ColumnProfile, now: ColumnProfile) -> Chart:
    """A column before and now, of the same kind or without any value on one side."""
    kind = before.kind if before.histogram.total else now.kind
    missing = (before.missing / max(before.rows, 1), now.missing / max(now.rows, 1))
    bins = align(before.histogram, now.histogram)
    rows = max(before.rows, 1), max(now.rows, 1)
    if kind == "category":
        shares, labels = _categories(bins, {**before.names, **now.names}, rows)
    else:
        shares, labels = _ranges(bins, kind, before if before.histogram.total else now, rows)
    return Chart(shares=shares, labels=labels, missing=missing if any(missing) else None, bars=kind == "category")


def _categories(
    bins: Aligned, names: Mapping[int, str], rows: tuple[int, int]
) -> tuple[list[tuple[float, float]], list[tuple[float, str]]]:
    old, new = bins.before / rows[0], bins.now / rows[1]
    order = np.lexsort((bins.keys, -np.maximum(old, new)))
    common = int((np.maximum(old, new) >= _SMALL).sum())
    shown = min(max(common, _FEW), _SHOWN)
    top, rest = order[:shown], order[shown:]
    shares = [(float(old[place]), float(new[place])) for place in top]
    labels = [names.get(int(bins.keys[place]), "(several)") for place in top]
    if len(rest):
        shares.append((float(old[rest].sum()), float(new[rest].sum())))
        labels.append(f"{len(rest):,} others")
    return shares, list(enumerate(labels))


def _ranges(
    bins: Aligned, kind: str, column: ColumnProfile, rows: tuple[int, int]
) -> tuple[list[tuple[float, float]], list[tuple[float, str]]]:
    """Shares in ranges of the same width; the outer ones hold also what lies beyond."""
    where = np.clip(places(bins, kind, column), -_HUGE, _HUGE)
    ends = [_ends(where, counts) for counts in (bins.before, bins.now) if counts.sum()] or [(0.0, 1.0)]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if kind == "time":
        edges = np.linspace(low, max(high, low + 1), _BINS - 3)
    else:
        edges = _edges(low, high, whole=bins.level == 0 and bool((where == np.round(where)).all()))
    first, last = (number_bounds if kind == "number" else key_bounds)(Histogram(bins.level, bins.keys, bins.before))
    old, new = (_within(first, last, counts, edges) for counts in (bins.before, bins.now))
    shares = [(float(one / rows[0]), float(two / rows[1])) for one, two in zip(old, new, strict=True)]
    beyond = bool((last < edges[0]).any()), bool((first > edges[-1]).any())
    return shares, _ticks(edges, _date if kind == "time" else _number, beyond)


def _ends(where: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Where the middle 99 % of the values begin and end."""
    reached = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(reached, (_TAIL, 1 - _TAIL))
    return float(where[low]), float(where[min(high, len(where) - 1)])


def _edges(low: float, high: float, *, whole: bool = False) -> np.ndarray:
    """Ends of at most 24 ranges of a round width; single whole numbers stand in the middle of theirs."""
    size = max(abs(low), abs(high), 1e-290)
    least = max((high - low) / (_BINS - 2), size * (1e-9 if high > low else 0.1))
    unit = 10.0 ** math.floor(math.log10(least))
    width = next(step * unit for step in (1, 2, 5, 10) if step * unit >= least * (1 - 1e-9))
    width = max(width, 1.0) if whole else width
    first = math.floor(low / width)
    count = min(math.floor(high / width) - first + 1, _BINS)
    return (first + np.arange(count + 1)) * width - (0.5 if whole and width == 1 else 0.0)


def _within(first: np.ndarray, last: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Values in each range; those of a bin that lies in several are divided between them."""
    low, high = (np.clip(bound, edges[0], edges[-1]) for bound in (first, last))
    inner, span = edges[1:-1, None], high - low
    part = np.clip((inner - low) / np.where(span > 0, span, 1), 0, 1)
    below = np.where(span > 0, part, low < inner) @ counts
    return np.diff(below, prepend=0, append=counts.sum())


def _ticks(
    edges: np.ndarray, show: Callable[[float, float], str], beyond: tuple[bool, bool]
) -> list[tuple[float, str]]:
    """Labels for four places of the axis, for three where they are long."""
    count, width = len(edges) - 1, float(edges[1] - edges[0])
    inset = 0.5 if width == 1 and edges[0] % 1 else 0.0
    for most in (4, 3):
        at = np.unique(np.linspace(0, count - 2 * inset, most).round()) + inset
        texts = [show(float(edges[0] + place * width), width) for place in at]
        if max(map(len, texts)) <= _WIDE:
            break
    texts[0] = ("≤ " if beyond[0] else "") + texts[0]
    texts[-1] = ("≥ " if beyond[1] else "") + texts[-1]
    return list(zip(at.tolist(), texts, strict=True))


def _number(value: float, width: float) -> str:
    """As many decimals as tell neighbours apart; very large and very small ones with an exponent."""
    decimals = max(0, -math.floor(math.log10(width) + 1e-9))
    if abs(value) < _LONG and decimals <= _DIGITS:
        return f"{round(value, decimals) + 0.0:,.{decimals}f}"
    return re.sub(r"e([+-])0*(\d+)", lambda found: f"e{found[1].strip('+')}{found[2]}", f"{value:.4g}")


def _date(micros: float, width: float) -> str:
    try:
        when = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    except OverflowError:
        return f"{micros:.3g} µs"
    return when.strftime("%Y-%m-%d" if width >= _DAY else "%m-%d %H:%M")
