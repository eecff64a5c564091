"""Drift: which columns moved between two profiles, and whether that is more than chance.

Effect sizes decide. A column has drifted where one of its measures reaches its threshold in `[tool.assay.data.drift]`
and chance would do that less than once in ten thousand times; a p-value alone would flag everything at a million rows,
an effect size alone would flag everything at fifty. With fewer rows than `min_rows` nobody can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.data.drift.column_drift import ColumnDrift, compare
from assay.gates import Observed
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.config import Drift
    from assay.data.profiles.profile import Profile

__all__ = ["ColumnDrift", "added", "drift", "drifted", "overview"]

_NAMED = 10
_WORST = 3


def drift(before: Profile, now: Profile, limits: Drift, sample: int | None = None) -> dict[str, ColumnDrift]:
    """Drift of every column of `before`; one that `now` lacks has drifted.

    Args:
        before: The baseline.
        now: What is compared with it.
        limits: From where on a column has drifted.
        sample: How many rows of `now` count as drawn by chance; fewer than all where rows repeat. Absent: all.
    """
    size = now.rows if sample is None else min(sample, now.rows)
    return {name: compare(column, now.columns.get(name), limits, size) for name, column in before.columns.items()}


def added(before: Profile, now: Profile) -> tuple[str, ...]:
    """Columns of `now` that `before` lacks: there is nothing to compare them with."""
    return tuple(name for name in now.columns if name not in before.columns)


def overview(moved: Mapping[str, ColumnDrift], target: str = "") -> dict[str, Observed]:
    """What the gates on drift hold their limits against: `columns`, `share`, `psi` and, where it is known, `target`.

    Args:
        moved: What `drift` found.
        target: The column that is no feature: it counts for `psi` and `target` alone. Absent: all columns count.
    """
    features = {name: change for name, change in moved.items() if name != target}
    gone = [str(row["column"]) for row in drifted(features)]
    unknown = sum(change.drifted is None for change in moved.values())
    note = f"too few rows to tell for {unknown} of {len(moved)} columns" if unknown else ""
    told, few = note or listed(gone, _NAMED), unknown > 0
    worst = sorted(moved.items(), key=lambda item: (-item[1].psi, item[0]))[:_WORST]
    most = note or "most: " + ", ".join(f"{name} {change.psi:.3f}" for name, change in worst)
    found = {
        "columns": Observed(len(gone), message=told, inconclusive=few),
        "share": Observed(len(gone) / max(len(features), 1), message=told, inconclusive=few),
        "psi": Observed(worst[0][1].psi if worst else 0.0, message=most, inconclusive=few),
    }
    if target in moved:
        change = moved[target]
        found["target"] = Observed(change.jensen_shannon, message=change.why, inconclusive=change.drifted is None)
    return found


def drifted(moved: Mapping[str, ColumnDrift]) -> list[dict[str, object]]:
    """The columns that drifted, for people: `column`, `psi` and `why`, the worst first."""
    worst = sorted((item for item in moved.items() if item[1].drifted), key=lambda item: (-item[1].psi, item[0]))
    return [{"column": name, "psi": change.psi, "why": change.why} for name, change in worst]
