"""What `assay explain` found, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.render.text import number, table

if TYPE_CHECKING:
    from assay.explain import Explained

_LONGEST, _DIGEST, _SHOWN = 60, 64, 12


def explanation(told: Explained) -> str:
    """The explanation for people."""
    lines = [f"{told.stage}: {told.doc}", f"last:  {told.last or 'no run had it yet'}", f"next:  {told.next}"]
    parts = ["\n".join(lines)]
    changed = [part for part in told.parts if part.change != "same"]
    if changed:
        rows = [(p.kind, p.name, p.change, _short(p.before), _short(p.now)) for p in changed]
        parts += [table(("changed", "", "", "before", "now"), rows)]
    same = [part for part in told.parts if part.change == "same"]
    if same:
        parts += [table(("the same", "", ""), [(p.kind, p.name, _short(p.now)) for p in same])]
    if told.results:
        parts += [table(("result", "bytes"), [(path, f"{count:,}") for path, count in told.results])]
    if told.rules:
        rows = [(r.gate, number(r.observed), r.limit, r.status or "-", r.where) for r in told.rules]
        parts += [table(("gate", "observed", "limit", "verdict", "set in"), rows)]
    return "\n\n".join(parts) + "\n"


def _short(value: str | None) -> str:
    if value is None:
        return "-"
    digest = len(value) == _DIGEST and set(value) <= set("0123456789abcdef")
    return value[:_SHOWN] if digest else value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
