"""What a stage tells beside its gates, as a list and small tables; whatever has no value is left out."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from assay.render.page import table
from assay.render.text import DRIFT, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.reports import StageReport

    Facts = Sequence[tuple[str, str]]


def summary(report: StageReport) -> str:
    """The summary of `report` as HTML, without what its gates tell already."""
    gated = {gate.gate.partition(".")[2] for gate in report.gates}
    known = {name: value for name, value in report.summary.items() if name not in {DRIFT, *gated} and _told(value)}
    tables = {name: rows for name, value in known.items() if (rows := _rows(value))}
    facts = [fact for name, value in known.items() if name not in tables for fact in _facts(name, value)]
    return listed(facts) + "".join(_table(name, rows) for name, rows in tables.items())


def listed(facts: Facts) -> str:
    """Names and values, side by side; empty where there are none."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{items}</dl>" if items else ""


def _told(value: object) -> bool:
    """Whether there is anything in it: zero is a value, nothing and what holds only nothing are none."""
    if isinstance(value, dict):
        return any(map(_told, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_told, value))
    return value is not None and value != ""


def _facts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """A line; one for each part where the value has several with parts of their own."""
    parts = [(n, part) for n, part in value.items() if _told(part)] if isinstance(value, dict) else []
    if parts and all(isinstance(part, dict) for _, part in parts):
        yield from ((str(n), _show(part)) for n, part in parts)
    else:
        yield name, _show(value)


def _show(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_show(item)}" for name, item in value.items() if _told(item))
    return ", ".join(map(_show, filter(_told, value))) if isinstance(value, (list, tuple)) else str(value)


def _rows(value: object) -> list[dict[str, Any]]:
    """The rows of a list of things of the same kind, of which one can make a table."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(row, dict) for row in value):
        return []
    return [dict(_flat(row)) for row in value]


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        elif _told(value):
            yield f"{before}{name}", value


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    head = list(dict.fromkeys(column for row in rows for column in row))
    cells = [tuple(escape(_show(row.get(column, "-"))) for column in head) for row in rows]
    inner = table(name, [column.replace("_", " ") for column in head], cells)
    return f'<div class="loose">{inner}</div>'
