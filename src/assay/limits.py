"""Reads gate limits out of `[tool.assay.gates.<stage>]`. Standard library only.

A table's keys are either bounds (`min`, `max`, ...) or further names: `latency_ms = { p95 = { max = 100 } }` is the
gate `model.latency_ms.p95` with the bound `max`.
"""

from __future__ import annotations

import math
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from assay.errors import did_you_mean
from assay.gates import Limit
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER
from assay.schema import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.graph import Stage

BOUNDS = tuple(field.name for field in fields(Limit))
_SEVERITIES = ("fail", "warn")


def limits_of(stage: Stage) -> dict[str, Limit]:
    """The default limits of a stage's gates."""
    return {gate.name: gate.default for gate in stage.gates if gate.default}


def parse_limits(stage: Stage, table: Mapping[str, Any], problems: list[Problem]) -> dict[str, Limit]:
    """Limits by full gate name; what is wrong goes to `problems`."""
    if table and not stage.gates:
        problems.append(Problem(("gates", stage.name), f"{stage.name} has no gates"))
        return {}
    limits: dict[str, Limit] = {}
    _walk(stage, table, (), limits, problems)
    return limits


def _walk(
    stage: Stage, table: Mapping[str, Any], name: tuple[str, ...], limits: dict[str, Limit], problems: list[Problem]
) -> None:
    path = ("gates", stage.name, *name)
    bounds = {key: value for key, value in table.items() if key in BOUNDS and not isinstance(value, dict)}
    for key, value in table.items():
        if isinstance(value, dict):
            _walk(stage, value, (*name, key), limits, problems)
        elif key not in BOUNDS:
            near = did_you_mean(key, BOUNDS)
            problems.append(Problem((*path, key), f'unknown bound "{key}"', ", ".join(BOUNDS), near))
    if bounds:
        _add(stage, name, bounds, limits, problems)
    elif not table and name:
        problems.append(Problem(path, "a gate without a bound", ", ".join(BOUNDS)))


def _add(
    stage: Stage, name: tuple[str, ...], bounds: dict[str, Any], limits: dict[str, Limit], problems: list[Problem]
) -> None:
    path = ("gates", stage.name, *name)
    full = ".".join((stage.gates[0].name.split(".")[0], *name))
    known = [gate.name for gate in stage.gates]
    # a family of one's own could match nothing, and a gate that is never judged would pass
    own_family = full.endswith("*") and full not in known
    if own_family or not any(fnmatchcase(full, gate) for gate in known):
        short = [gate.split(".", 1)[1] for gate in known]
        problems.append(
            Problem(path, f'unknown gate "{".".join(name)}"', ", ".join(short), did_you_mean(".".join(name), short))
        )
        return
    wrong = {key for key, value in bounds.items() if not _good(key, value)}
    for key in sorted(wrong):
        allowed = ", ".join(_SEVERITIES) if key == "severity" else "a finite number"
        problems.append(Problem((*path, key), f"{bounds[key]!r} is not allowed", allowed))
    problems += _wrong_way(full, bounds, path)
    numbers = {k: float(v) for k, v in bounds.items() if k != "severity" and k not in wrong}
    severity = bounds.get("severity", "fail") if "severity" not in wrong else "fail"
    if not numbers and not wrong:
        problems.append(Problem(path, "a gate without a bound", ", ".join(BOUNDS)))
    limits[full] = Limit(**numbers, severity=severity)


def _wrong_way(gate: str, bounds: Mapping[str, Any], path: tuple[str, ...]) -> list[Problem]:
    """Bounds against the champion that would refuse the better model and let the worse one pass."""
    metric = gate.split(".")[-2]
    if not gate.endswith(".vs_champion") or metric not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
        return []
    better, wrong, right = (
        ("lower", "max_drop", "max_rise") if metric in LOWER_IS_BETTER else ("higher", "max_rise", "max_drop")
    )
    found = [key for key in bounds if key.startswith(wrong)]
    return [
        Problem((*path, k), f"{metric} is better when it is {better}", next=f"use {k.replace(wrong, right)}")
        for k in found
    ]


def _good(key: str, value: object) -> bool:
    if key == "severity":
        return value in _SEVERITIES
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
