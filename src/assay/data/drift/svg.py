"""Two kinds of chart as SVG, by hand: no library draws them, no script runs in them, dark pages get dark ones."""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 340
_EDGE = 12
_LINE = 15
_LEAST, _ROUND = 0.001, 0.0995
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#57606a}.t{font-size:13px;font-weight:600}.s{font-size:10px}"
    ".t,.l{fill:#1f2328}"
    ".p{fill:#fff}.g{stroke:#d0d7de}.e{text-anchor:end}.m{text-anchor:middle}"
    ".b{fill:#8c959f}.o{fill:#8c959f;fill-opacity:.45;stroke:#8c959f}"
    ".n{fill:#0969da}.u{fill:#0969da;fill-opacity:.25;stroke:#0969da;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#9ba4b0}.t,.l{fill:#e8eaed}.p{fill:#1a2028}.g{stroke:#3d4650}"
    ".b{fill:#7d8590}.o{fill:#7d8590;stroke:#7d8590}.n{fill:#58a6ff}.u{fill:#58a6ff;stroke:#58a6ff}}"
)
_UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What a chart shows; shares are of all rows, 0 to 1, before and now.

    Attributes:
        shares: A pair for each range or category.
        labels: Of each category; of ranges, the texts below the axis by their place (0 is the left end of the axis,
            `len(shares)` the right one).
        missing: The pair of missing values; None where there are none.
        bars: Draw categories below each other instead of ranges side by side.
    """

    shares: Sequence[Pair]
    labels: Sequence[tuple[float, str]]
    missing: Pair | None
    bars: bool


def picture(title: str, why: str, legend: tuple[str, str], chart: Chart) -> str:
    """The whole SVG file.

    Args:
        title: Name of the column.
        why: What there is to be seen, up to three lines.
        legend: What the two colours are, before and now.
        chart: What to draw.
    """
    words = textwrap.wrap(_clean(why), 50, max_lines=3, placeholder=" …")
    lines = [_text(_EDGE, 38 + _LINE * i, line) for i, line in enumerate(words)]
    at = 44 + _LINE * len(words)
    middle = WIDTH / 2 + 6
    key = [
        f'<rect class="b" x="{_EDGE}" y="{at - 9}" width="10" height="10"/>{_text(_EDGE + 15, at, legend[0])}',
        f'<rect class="n" x="{middle:g}" y="{at - 9}" width="10" height="10"/>{_text(middle + 15, at, legend[1])}',
    ]
    body, height = (_rows if chart.bars else _steps)(chart, at + 16)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">'
        f'<style>{_STYLE}</style><rect class="p" width="100%" height="100%" rx="6"/>'
        f"{_text(_EDGE, 20, short(title, 44), 't')}{''.join((*lines, *key))}{body}</svg>\n"
    )


def short(text: str, most: int) -> str:
    """`text` on one line, cut where it is wider than `most` letters; Chinese ones count twice."""
    line = " ".join(_clean(text).split()) or "(blank)"
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in line))
    return line if ends[-1] <= most else line[: bisect_left(ends, most)] + "…"


def percent(share: float) -> str:
    """A share as it reads well: 31 %, 4.2 %, < 0.1 %."""
    if 0 < share < _LEAST:
        return "< 0.1 %"
    return f"{100 * share:.0f} %" if share >= _ROUND or not share else f"{100 * share:.1f} %"


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.4g}" y="{y:.4g}">{escape(text)}</text>'


def _steps(chart: Chart, top: float) -> tuple[str, float]:
    """Two outlines over the same ranges, and missing values as two bars at the right."""
    left, height, apart = 44.0, 110.0, 58.0
    right = WIDTH - _EDGE - (apart if chart.missing else 0)
    floor, step = top + height, (right - left) / len(chart.shares)
    most = max((max(pair) for pair in (*chart.shares, *([chart.missing] if chart.missing else []))), default=0) or 1.0

    def up(share: float) -> float:
        return floor - height * share / most

    def outline(side: int, kind: str) -> str:
        heights = "".join(f"V{up(pair[side]):.1f}h{step:.2f}" for pair in chart.shares)
        return f'<path class="{kind}" d="M{left:g} {floor:g}{heights}V{floor:g}z"/>'

    parts = [f'<path class="g" d="M{left:g} {up(share):.1f}H{WIDTH - _EDGE}"/>' for share in (0, most / 2, most)]
    parts += [_text(left - 6, up(share) + 4, percent(share), "e") for share in (0, most / 2, most)]
    parts += [outline(0, "o"), outline(1, "u")]
    if chart.missing:
        for side, kind in enumerate("bn"):
            at, high = WIDTH - _EDGE - 40 + 20 * side, up(chart.missing[side])
            parts.append(f'<rect class="{kind}" x="{at}" y="{high:.1f}" width="18" height="{floor - high:.1f}"/>')
        parts.append(_text(WIDTH - _EDGE - 21, floor + 16, "missing", "m"))
    for place, label in chart.labels:
        x = left + place * step
        # the last one ends where the axis does, so that it neither leaves the picture nor meets its neighbour
        word = (
            _text(right, floor + 16, label, "e") if place + 1 > len(chart.shares) else _text(x, floor + 16, label, "m")
        )
        parts.append(f'<path class="g" d="M{x:.1f} {floor:g}v4"/>{word}')
    return "".join(parts), floor + 26


def _rows(chart: Chart, top: float) -> tuple[str, float]:
    """Two bars a category, below each other."""
    left, height = 118.0, 30.0
    missing = [chart.missing] if chart.missing else []
    pairs = [*chart.shares, *missing]
    labels = [*(label for _, label in chart.labels), *("missing" for _ in missing)]
    most = max((max(pair) for pair in pairs), default=0) or 1.0
    wide = WIDTH - _EDGE - left - 68
    parts = []
    for row, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
        y = top + row * height
        parts.append(_text(left - 8, y + 16, short(label, 16), "l e"))
        for side, kind in enumerate("bn"):
            share, low = pair[side], y + side * 12
            if share:
                said = percent(share) + ("" if pair[1 - side] else (", gone", ", new")[side])
                long = max(wide * share / most, 1)
                parts.append(f'<rect class="{kind}" x="{left:g}" y="{low:g}" width="{long:.1f}" height="11"/>')
                parts.append(_text(left + long + 5, low + 9, said, "s"))
    return "".join(parts), top + len(pairs) * height + 4
