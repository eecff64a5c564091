"""Writes rules by column as TOML, ready to be pasted into pyproject.toml."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.config import Column

_WIDTH = 120
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_WHOLE = 2**53


def to_toml(schema: Mapping[str, Column], comments: Sequence[str]) -> str:
    """`[tool.assay.data.schema]` with `comments` above it; columns whose name TOML cannot hold are left out."""
    lines = [f"# {comment}" for comment in comments] + ["[tool.assay.data.schema]"]
    for name, column in schema.items():
        if can_write(name):
            lines += _column(name, column)
    return "\n".join(lines) + "\n"


def can_write(text: str) -> bool:
    """False for text that is no valid Unicode."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def string(text: str) -> str:
    """`text` as a basic string of TOML; what cannot be seen is escaped."""
    return f'"{"".join(_SHORT.get(c) or (c if c.isprintable() else _escape(c)) for c in text)}"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits can say


def _column(name: str, column: Column) -> Iterator[str]:
    rules = {f.name: getattr(column, f.name) for f in fields(column) if getattr(column, f.name) != f.default}
    allowed = rules.pop("allowed", ())
    key = name if _BARE.fullmatch(name) else string(name)
    texts = [f"{rule} = {_value(value)}" for rule, value in rules.items()] or ['type = "any"']
    items = [_value(value) for value in allowed]
    whole = [*texts, f"allowed = [{', '.join(items)}]"] if items else texts
    line = f"{key} = {{ {', '.join(whole)} }}"
    if len(line) <= _WIDTH or not items:
        yield line
    else:
        yield f"{key} = {{ {', '.join(texts)}, allowed = ["
        yield from _wrapped(items)
        yield "] }"


def _wrapped(items: Sequence[str]) -> Iterator[str]:
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH and line.strip():
            yield line
            line = " "
        line += f" {item},"
    yield line


def _value(value: Any) -> str:  # noqa: ANN401 - what a rule may hold
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return string(value)
    return str(int(value)) if abs(value) < _WHOLE and value == int(value) else repr(value)
