"""What all of our HTML pages are made of: one file each, no script, no address outside, readable on a phone."""

from __future__ import annotations

import base64
import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from assay.gates import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
# whatever gets into a page by a mistake of ours, nothing is executed, fetched or sent
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HEADING = re.compile(r"<(/?)h([1-4])\b")
_WORDS = {"", "stage", "gate", "metric", "drifted column", "status", "verdict", "trend", "why", "message"}


def document(title: str, body: str, style: str = "") -> str:
    """A whole page; `title` is text, `body` is HTML, `style` comes after the common one."""
    common = files("assay.render").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{common}{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the cells of `rows` are HTML. On a phone each row is a block, its numbers with their labels."""
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, head, row))}</tr>" for row in rows)
    top = f"<caption>{escape(caption)}</caption><thead><tr>{columns}</tr></thead>"
    return f'<div class="scroll"><table>{top}<tbody>{lines}</tbody></table></div>'


def _cell(name: str, inside: str) -> str:
    kind = "" if name in _WORDS else ' class="n"'
    return f'<td{kind} data-label="{escape(name)}">{inside}</td>'


def tag(word: str, text: str = "") -> str:
    """A verdict or status in its colour."""
    kind = "none" if word in {Verdict.NO_CHAMPION, Verdict.SAME_MODEL} else word
    return f'<span class="tag {escape(kind)}">{escape(text or word)}</span>'


def image(path: Path) -> str:
    """A picture, inside the page."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    alternative = escape(path.stem.replace("_", " "))
    return f'<img alt="{alternative}" src="data:{PICTURES[path.suffix]};base64,{data}">'


def inside(path: Path) -> str:
    """What a page that a stage left shows, as a part of this page with a style of its own; empty where that cannot be.

    Its headings stand below those of this page.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    body, style = (re.search(f"<{name}>(.*)</{name}>", text, re.DOTALL) for name in ("main", "style"))
    if body is None or "</template" in text:
        return ""
    lowered = _HEADING.sub(lambda found: f"<{found[1]}h{int(found[2]) + 2}", body[1])
    styled = re.sub(r"\bh([1-4])\{", lambda found: f"h{int(found[1]) + 2}{{", style[1] if style else "")
    return f'<div><template shadowrootmode="open"><style>{styled}</style><main>{lowered}</main></template></div>'
