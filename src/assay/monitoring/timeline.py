"""One value over the windows, as SVG inside a page whose colours it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

WIDTH, HEIGHT = 340.0, 170.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 34.0, 24.0
STYLE = (
    "svg.time{width:100%;height:auto;display:block}svg.time text{font:11px system-ui,sans-serif;fill:var(--soft)}"
    "svg.time .t{font-size:13px;font-weight:600;fill:var(--ink)}svg.time .e{text-anchor:end}"
    "svg.time .g{stroke:var(--line)}svg.time .v{stroke:var(--bar);fill:none;stroke-width:1.5}"
    "svg.time .i{fill:var(--bar);fill-opacity:.15}svg.time .l{stroke:var(--bad);stroke-dasharray:4 3}"
    "svg.time .p{fill:var(--bar)}svg.time .r{fill:var(--bad)}"
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A value of one window.

    Attributes:
        at: Its time.
        value: What was observed.
        low: Lower end of its interval; the value itself where there is none.
        high: Upper end.
        refused: Whether its gate said no.
    """

    at: dt.datetime
    value: float
    low: float
    high: float
    refused: bool = False


def timeline(title: str, points: Sequence[Point], limits: Sequence[float]) -> str:
    """The picture.

    Args:
        title: What is shown.
        points: In the order of time, at least one.
        limits: What is allowed now; dashed.
    """
    low, high = _range([*(p.low for p in points), *(p.high for p in points), *limits])
    first, last = points[0].at, points[-1].at
    span = (last - first).total_seconds()

    def x(point: Point) -> float:
        share = (point.at - first).total_seconds() / span if span else 0.5
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * share

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low)

    upper = " ".join(f"{x(p):.1f},{y(p.high):.1f}" for p in points)
    lower = " ".join(f"{x(p):.1f},{y(p.low):.1f}" for p in reversed(points))
    path = " ".join(f"{x(p):.1f},{y(p.value):.1f}" for p in points)
    parts = [
        *(_level(y(value), _number(value)) for value in (low, (low + high) / 2, high)),
        f'<polygon class="i" points="{upper} {lower}"/><polyline class="v" points="{path}"/>',
        *(f'<path class="l" d="M{_LEFT:g} {y(value):.1f}H{WIDTH - _RIGHT:g}"/>' for value in limits),
        *(_dot(x(point), y(point.value), point) for point in points),
        f'<text x="{_LEFT:g}" y="{HEIGHT - 6:g}">{_time(first)}</text>',
        f'<text class="e" x="{WIDTH - _RIGHT:g}" y="{HEIGHT - 6:g}">{_time(last)}</text>' if span else "",
    ]
    label = f'<text class="t" x="12" y="19">{escape(title)}</text>'
    head = f'<svg class="time" role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH:g} {HEIGHT:g}">'
    return f"{head}{label}{''.join(parts)}</svg>"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """From 0 where that leaves enough to see, else with a margin."""
    low, high = min(values), max(values)
    if low >= 0 and low <= high / 2:
        return 0.0, high * 1.05 or 1.0
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _level(y: float, text: str) -> str:
    line = f'<path class="g" d="M{_LEFT:g} {y:.1f}H{WIDTH - _RIGHT:g}"/>'
    return f'{line}<text class="e" x="{_LEFT - 6:g}" y="{y + 4:.1f}">{text}</text>'


def _dot(x: float, y: float, point: Point) -> str:
    kind, size = ("r", 3.5) if point.refused else ("p", 2)
    told = f"{_time(point.at)}: {_number(point.value)}"
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"><title>{told}</title></circle>'


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - as people write numbers


def _time(at: dt.datetime) -> str:
    return at.strftime("%m-%d %H:%M")
