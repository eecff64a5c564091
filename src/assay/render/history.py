"""The versions of a model as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.render.text import number, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.project import Project
    from assay.tracking.history import Past

_SHOWN = 3
_SHORT = 10


def history_table(project: Project, found: Sequence[Past]) -> str:
    """A line a version, the newest first, with the metrics that the project has limits for."""
    if not found:
        return f'no version of "{project.config.name}" was registered yet: assay run --until register'
    metrics = _metrics(project, found)
    head = ("version", "alias", "when (UTC)", "by", "commit", "data", "model", *metrics, "waived")
    return table(head, [_line(past, metrics) for past in found])


def _metrics(project: Project, found: Sequence[Past]) -> list[str]:
    known = {name for past in found for name in past.metrics}
    limited = [gate.removeprefix("model.") for gate in project.limits["model-validate"]]
    wanted = [name for name in limited if name in known] or sorted(known)
    return wanted[:_SHOWN]


def _line(past: Past, metrics: Sequence[str]) -> tuple[str, ...]:
    commit, _, dirty = past.commit.partition("-")
    return (
        str(past.version),
        ", ".join(past.aliases) or "-",
        past.created.removesuffix("+00:00").replace("T", " "),
        past.by or "-",
        f"{commit[:_SHORT]}{'-' if dirty else ''}{dirty}" or "-",
        past.data[:_SHORT] or "-",
        past.model_digest[:_SHORT] or "-",
        *(number(past.metrics.get(name)) for name in metrics),
        ", ".join(past.waived) or "-",
    )
