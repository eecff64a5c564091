"""Pictures of drift: what the baseline held against what is there now, one small SVG a column, without any library."""

from __future__ import annotations

import datetime as dt
import re
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from assay.data.align import align, places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.data.drift import ColumnDrift
    from assay.data.profile import ColumnProfile, Profile

_MOST = 12
_BINS = 24
_SHOWN = 10
_WIDTH, _HEIGHT = 460, 250
_LEFT, _TOP, _BOTTOM, _RIGHT = 46, 58, 34, 14
_BEFORE, _NOW = "#8c959f", "#0969da"


def drift_plots(before: Profile, now: Profile, moved: Mapping[str, ColumnDrift], folder: Path) -> None:
    """Write `<number>-<column>.svg` for each column that drifted, at most 12, the largest PSI first.

    Args:
        before: The baseline.
        now: What was compared with it.
        moved: What `drift` found.
        folder: Where to; made only where there is something to write.
    """
    worst = sorted((item for item in moved.items() if item[1].drifted), key=lambda item: (-item[1].psi, item[0]))
    for number, (name, change) in enumerate(worst[:_MOST], start=1):
        if name not in now.columns:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        safe = re.sub(r"[^A-Za-z0-9-]+", "_", name)[:40]
        text = _picture(name, change.why, before.columns[name], now.columns[name])
        (folder / f"{number:02d}-{safe}.svg").write_text(text, encoding="utf-8")


def _picture(name: str, why: str, before: ColumnProfile, now: ColumnProfile) -> str:
    same = before.kind == now.kind
    labels, old, new = (_named if before.kind == "category" or not same else _ranges)(before, now)
    missing = [column.missing / column.rows if column.rows else 0.0 for column in (before, now)]
    if any(missing):
        labels, old, new = [*labels, "missing"], np.append(old, missing[0]), np.append(new, missing[1])
    draw = _bars if before.kind == "category" or not same else _steps
    return _frame(name, why, draw(labels, old, new))


def _ranges(before: ColumnProfile, now: ColumnProfile) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Shares of all rows in ranges of the same width; the ends hold what lies beyond the middle 99 % of both."""
    bins = align(before.histogram, now.histogram)
    where = places(bins, before.kind, before)
    ends = [_quantiles(where, counts) for counts in (bins.before, bins.now) if counts.sum()]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    group = np.clip(np.searchsorted(edges, where, side="right") - 1, 0, _BINS - 1)
    old, new = (np.bincount(group, weights=counts, minlength=_BINS) for counts in (bins.before, bins.now))
    show = _date if before.kind == "time" else _number
    return [show(edge) for edge in edges[:-1]], old / max(before.rows, 1), new / max(now.rows, 1)


def _quantiles(where: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    reached = np.cumsum(counts) / counts.sum()
    return float(where[np.searchsorted(reached, 0.005)]), float(where[min(np.searchsorted(reached, 0.995), len(where) - 1)])


def _named(before: ColumnProfile, now: ColumnProfile) -> tuple[list[str], np.ndarray, np.ndarray]:
    bins = align(before.histogram, now.histogram)
    old, new = bins.before / max(before.rows, 1), bins.now / max(now.rows, 1)
    names = {**before.names, **now.names}
    order = np.lexsort((bins.keys, -np.maximum(old, new)))
    top, rest = order[:_SHOWN], order[_SHOWN:]
    labels = [names.get(int(bins.keys[place]), "(several)") for place in top]
    if len(rest):
        labels = [*labels, f"{len(rest)} others"]
        return labels, np.append(old[top], old[rest].sum()), np.append(new[top], new[rest].sum())
    return labels, old[top], new[top]


def _steps(labels: Sequence[str], old: np.ndarray, new: np.ndarray) -> str:
    step = (_WIDTH - _LEFT - _RIGHT) / len(labels)
    top = max(old.max(), new.max(), 1e-9)
    floor = _HEIGHT - _BOTTOM
    height = floor - _TOP

    def columns(shares: np.ndarray, color: str, opacity: float) -> str:
        rectangles = [
            f'<rect x="{_LEFT + i * step:.1f}" y="{floor - share / top * height:.1f}" width="{step:.1f}"'
            f' height="{share / top * height:.1f}"/>'
            for i, share in enumerate(shares)
            if share > 0
        ]
        return f'<g fill="{color}" fill-opacity="{opacity}">{"".join(rectangles)}</g>'

    ticks = sorted({0, len(labels) // 2, len(labels) - 1})
    words = "".join(
        f'<text x="{_LEFT + (i + 0.5) * step:.1f}" y="{floor + 16}" text-anchor="{_anchor(i, len(labels))}">'
        f"{escape(labels[i])}</text>"
        for i in ticks
    )
    axis = f'<path d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}" stroke="{_BEFORE}"/>'
    scale = f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{top:.0%}</text>'
    return columns(old, _BEFORE, 0.65) + columns(new, _NOW, 0.5) + axis + words + scale


def _anchor(place: int, size: int) -> str:
    return "start" if place == 0 else "end" if place == size - 1 else "middle"


def _bars(labels: Sequence[str], old: np.ndarray, new: np.ndarray) -> str:
    left, step = 140, (_HEIGHT - _TOP - 8) / len(labels)
    top = max(old.max(), new.max(), 1e-9)
    width = _WIDTH - left - 48
    parts = []
    for i, label in enumerate(labels):
        y = _TOP + i * step
        parts.append(f'<text x="{left - 6}" y="{y + step / 2 + 3:.1f}" text-anchor="end">{escape(_short(label))}</text>')
        for j, (share, color) in enumerate(((old[i], _BEFORE), (new[i], _NOW))):
            at = y + j * step * 0.42
            parts.append(
                f'<rect x="{left}" y="{at:.1f}" width="{share / top * width:.1f}" height="{step * 0.38:.1f}" fill="{color}"/>'
                f'<text class="s" x="{left + share / top * width + 4:.1f}" y="{at + step * 0.36:.1f}">{share:.1%}</text>'
            )
    return "".join(parts)


def _frame(name: str, why: str, body: str) -> str:
    key = (
        f'<rect x="{_LEFT}" y="40" width="9" height="9" fill="{_BEFORE}"/><text x="{_LEFT + 14}" y="48">before</text>'
        f'<rect x="{_LEFT + 70}" y="40" width="9" height="9" fill="{_NOW}"/><text x="{_LEFT + 84}" y="48">now</text>'
    )
    style = "text{font:10px system-ui,sans-serif;fill:#57606a}.t{font-size:13px;font-weight:600;fill:#24292f}.s{font-size:8px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>'
        f'<text class="t" x="14" y="18">{escape(_short(name, 48))}</text><text x="14" y="33">{escape(_short(why, 84))}</text>'
        f"{key}{body}</svg>\n"
    )


def _short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _date(micros: float) -> str:
    try:
        return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)).date().isoformat()
    except OverflowError:
        return f"{micros:.3g}"
