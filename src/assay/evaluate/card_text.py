"""Words and tables of a model card as Markdown, in which no name, label or reason can be anything but text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NAME, _LONG, _WHOLE = 60, 600, 1e15
# intraword underscores stand for themselves: column names stay readable in the source
_SPECIAL = re.compile(r"[\\`*\[\]<|~&$]|(?<![^\W_])_|_(?![^\W_])")
_OPENS_BLOCK = re.compile(r"^(\d*)([-+=:#>.)])")
_LINK = re.compile(r"https?://[^\s<>|\\]+")
# marks that turn the direction of the text around them, also of what stands outside of the name
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(value: object, longest: int = _LONG) -> str:
    """`value` on one line without control characters, cut to `longest` characters."""
    bare = (" " if unicodedata.category(c) in _UNPRINTABLE else c for c in str(value) if c not in _TURNING)
    line = " ".join("".join(bare).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def text(value: object, longest: int = _LONG) -> str:
    """Inline text: Markdown in `value` is shown, not obeyed."""
    line = _SPECIAL.sub(r"\\\g<0>", plain(value, longest))
    return _OPENS_BLOCK.sub(r"\1\\\2", line)


def name(value: object) -> str:
    """A column, label or group, at most 60 characters of it."""
    return text(value, _NAME) or "(blank)"


def code(value: object) -> str:
    """A name as code, outside of tables: fenced by more backticks than stand in it."""
    line = plain(value, _NAME) or "(blank)"
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", line))))
    return f"{fence} {line} {fence}"


def prose(value: str) -> str:
    """Paragraphs and `-` lists of `value`; nothing else in it is obeyed, so it cannot pass for another section."""
    return "\n\n".join(_block(block) for block in re.split(r"\n\s*\n", value.strip()))


def _block(block: str) -> str:
    lines = [line.strip() for line in block.splitlines()]
    if all(line.startswith("- ") for line in lines):
        return bullets(text(line[2:], len(line)) for line in lines)
    return text(block, len(block))


def link(address: str) -> str:
    """A link to a web address, anything else as text."""
    return f"<{address}>" if _LINK.fullmatch(address) else text(address)


def bullets(lines: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def number(value: object) -> str:
    """A number as short as it can be read, a dash for none, anything else like a name."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return name(value)
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < _WHOLE else f"{value:.4g}"


class Right(str):
    """A heading over numbers, which stand to the right."""

    __slots__ = ()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    rule = ["---:" if isinstance(title, Right) else "---" for title in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def picture(plot: str, says: str) -> str:
    """A plot of the folder `plots` beside the card, and in words what it shows."""
    return f"![{says}](plots/{plot}.png)"
