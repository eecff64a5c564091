"""Finds the line of a key in a TOML file; `tomllib` does not tell."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^.\s"']+))\s*(?:\.|$)""")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))


def locate(text: str, path: tuple[str, ...]) -> int:
    """Line number, from 1, of the deepest part of `path` that stands in the file; 0 where none does.

    Args:
        text: The file's content.
        path: Keys from the top, `("tool", "assay", "data", "target")`.
    """
    best, best_depth = 0, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header:
            table = _split(header.group(1))
            found = table
        elif key:
            found = (*table, *_split(key.group(1)))
        else:
            continue
        depth = len(found)
        if depth > best_depth and path[:depth] == found:
            best, best_depth = number, depth
    return best
