"""What the gates of monitor hold their limits against."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.data.drift.column_drift import CHANCE
from assay.data.drift.drift import overview
from assay.gates import Observed
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from assay.data.drift.drift import ColumnDrift
    from assay.monitoring.serving import Serving
    from assay.monitoring.window import Window

DRIFT = ("monitor.drift.columns", "monitor.drift.psi")
SCHEMA = ("monitor.schema.missing", "monitor.schema.types", "monitor.schema.new")
ALWAYS = ("monitor.volume", "monitor.errors", *SCHEMA, *DRIFT)
_QUANTILES = (50, 95, 99)
_NAMED = 5


def nothing(*, serves: bool) -> dict[str, Observed]:
    """What is observed where there are no logs: nothing at all, which is an error where a model serves."""
    if serves:
        missing = Observed(None, message="no prediction logs: set path in [tool.assay.monitor], or run deploy")
        return dict.fromkeys(ALWAYS, missing)
    message = "no model serves and there are no prediction logs, nothing to look at"
    return dict.fromkeys(ALWAYS, Observed(None, no_champion=True, message=message))


def traffic(window: Window, span: str, least: int) -> dict[str, Observed]:
    """Volume, errors and latency.

    Args:
        window: What the log says.
        span: Its length, for people.
        least: Fewer answers make no percentiles.
    """
    failed = Observed(0.0, inconclusive=True, message="no requests in the window")
    if window.requests:
        message = f"{window.failed:.0f} of {window.requests:.0f} requests"
        failed = Observed(window.failed / window.requests, message=message)
    volume = Observed(round(window.requests), message=_left_out(window, span))
    return {"monitor.volume": volume, "monitor.errors": failed, **_latency(window.milliseconds, least)}


def _left_out(window: Window, span: str) -> str:
    others = ", ".join(f"{count} of version {version}" for version, count in sorted(window.others.items()))
    told = (
        (window.broken, f"{window.broken} broken lines"),
        (window.older, f"{window.older} lines older than {span}"),
        (window.others, f"lines of other versions: {others}"),
    )
    return ", ".join(text for count, text in told if count)


def _latency(milliseconds: np.ndarray, least: int) -> dict[str, Observed]:
    if not len(milliseconds):
        return {}
    few = len(milliseconds) < least
    message = f"{len(milliseconds)} answers" + (f", at least {least} are needed" if few else "")
    found = zip(_QUANTILES, np.percentile(milliseconds, _QUANTILES), strict=True)
    return {f"monitor.latency_ms.p{q}": Observed(float(ms), message=message, inconclusive=few) for q, ms in found}


def schema(serving: Serving, window: Window) -> dict[str, Observed]:
    """Columns that are missing, new, or hold values of another type than what the model learnt from."""
    if serving.profile is None:
        return dict.fromkeys(SCHEMA, Observed(None, no_champion=True, message=serving.why_no_profile))
    if window.profile is None:
        return dict.fromkeys(SCHEMA, Observed(0, inconclusive=True, message="no answered predictions"))
    profile, now = serving.profile, window.profile
    # a value of another type is no missing one
    gone = [n for n, c in now.columns.items() if c.missing == c.rows and n not in window.mistyped]
    # a column that is mostly empty may be so in a hundred rows by chance
    gone = [n for n in gone if (profile.columns[n].missing / profile.columns[n].rows) ** now.rows < CHANCE]
    wrong = [f"{name} ({count} values)" for name, count in sorted(window.mistyped.items())]
    return dict(zip(SCHEMA, map(_counted, (gone, wrong, sorted(window.new))), strict=True))


def _counted(names: Collection[str]) -> Observed:
    return Observed(len(names), message=listed(list(names), _NAMED))


def drift(serving: Serving, moved: Mapping[str, ColumnDrift], rows: int, least: int) -> dict[str, Observed]:
    """How far the columns moved.

    Args:
        serving: The model that serves.
        moved: Drift by column.
        rows: Different rows in the window.
        least: Fewer of them are inconclusive.
    """
    if serving.profile is None:
        return dict.fromkeys(DRIFT, Observed(None, no_champion=True, message=serving.why_no_profile))
    if not moved:
        none = Observed(0.0, inconclusive=True, message=f"no answered predictions, at least {least} are needed")
        return dict.fromkeys(DRIFT, none)
    few = f"{rows} different rows, at least {least} are needed; " if rows < least else f"against {serving.name}; "
    # the prediction is in the place of the target, and one column like any other
    seen = {f"monitor.drift.{name}": found for name, found in overview(moved).items()}
    return {gate: replace(seen[gate], message=(few + seen[gate].message).removesuffix("; ")) for gate in DRIFT}
