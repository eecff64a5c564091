"""Gates: limits, what was observed, and the verdict. Nothing here opens a gate by accident.

Missing value, NaN, infinity, an unknown name or a crash in the check is `error`, and `error` blocks like `fail`.
Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from assay.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(StrEnum):
    """What a gate said."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    WAIVED = "waived"
    ERROR = "error"
    NO_CHAMPION = "no champion"
    SAME_MODEL = "same model"

    @property
    def blocks(self) -> bool:
        """True where the stage may not pass."""
        return self in {Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR}

    @property
    def urgency(self) -> int:
        """For people who read them in this order: what stops the run, what needs a look, what passed."""
        return 0 if self.blocks else 2 if self is Verdict.PASS else 1


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a gate allows; several bounds may stand together.

    Attributes:
        min: Smallest value allowed, in the unit of what is observed.
        max: Largest value allowed.
        max_drop: How far the value may lie below the champion's, absolute.
        max_rise: How far the value may lie above the champion's, absolute.
        max_drop_percent: The same in percent of the champion's absolute value.
        max_rise_percent: The same in percent of the champion's absolute value.
        severity: `fail` stops the run, `warn` only says so.
    """

    min: float | None = None
    max: float | None = None
    max_drop: float | None = None
    max_rise: float | None = None
    max_drop_percent: float | None = None
    max_rise_percent: float | None = None
    severity: str = "fail"

    def bounds(self, baseline: float | None) -> list[tuple[str, float | None]]:
        """Operator and absolute limit of each bound; the limit is None where a baseline is needed and missing."""
        known = baseline is not None
        size = abs(baseline) if baseline is not None else 0.0
        base = baseline or 0.0
        all_bounds = (
            (">=", self.min, 0.0, 1.0, True),
            ("<=", self.max, 0.0, 1.0, True),
            (">=", self.max_drop, base, -1.0, known),
            ("<=", self.max_rise, base, 1.0, known),
            (">=", self.max_drop_percent, base, -size / 100, known),
            ("<=", self.max_rise_percent, base, size / 100, known),
        )
        return [(op, start + sign * x if ok else None) for op, x, start, sign, ok in all_bounds if x is not None]


@dataclass(frozen=True)
class Gate:
    """A gate that a stage can raise.

    Attributes:
        name: `code.tests`; a name that ends in `*` is a family, and its limit holds for each member without its own.
        doc: What is observed, with its unit.
        default: The limit where the project gives none; None means that the gate exists only where it is asked for.
    """

    name: str
    doc: str
    default: Limit | None = None


@dataclass(frozen=True)
class Observed:
    """One measured value, named like its gate.

    Attributes:
        value: The number, None where it could not be computed.
        baseline: The champion's value, for the relative limits.
        message: Context for people: which columns, which file, why it is missing.
        inconclusive: Too little to judge by (rows, requests); blocks like a failure, and says so.
        no_champion: There is nothing to compare with: no other model serves.
        same_model: There is nothing to compare: the very model at hand serves.
        interval: Where the value lies with 95 % certainty, the baseline held fixed; None where that is not known. A
            value beyond its limit whose interval reaches across it is inconclusive: too little data to tell.
        grace: Why a refusal is only a warning yet: "1 of 2 windows"; empty where it is none.
    """

    value: float | None
    baseline: float | None = None
    message: str = ""
    inconclusive: bool = False
    no_champion: bool = False
    same_model: bool = False
    interval: tuple[float, float] | None = None
    grace: str = ""


@dataclass(frozen=True)
class GateResult:
    """The verdict on one bound of one gate, as it stands in reports."""

    gate: str
    observed: float | None
    operator: str
    limit: float | None
    status: Verdict
    message: str = ""


@dataclass(frozen=True)
class Waiver:
    """A named person lets a named gate fail until a date; the only way to loosen a gate.

    Attributes:
        gate: Full name of the gate, `model.accuracy`.
        reason: Why.
        approver: Who answers for it.
        expires: ISO date, the last day on which it holds.
    """

    gate: str
    reason: str
    approver: str
    expires: str


def judge(
    limits: Mapping[str, Limit], observed: Mapping[str, Observed], waivers: tuple[Waiver, ...] = ()
) -> tuple[GateResult, ...]:
    """Hold everything observed against its limits; all gates are judged, none is left out.

    A limit with a plain name that nothing was observed for is an error: a misspelt metric must not pass.
    """
    results: list[GateResult] = []
    for name, value in observed.items():
        limit = _limit_for(name, limits)
        if limit is not None:
            results += _judge_one(name, value, limit)
    for name in limits:
        if name not in observed and not name.endswith("*"):
            results.append(GateResult(name, None, "", None, Verdict.ERROR, _unknown(name, sorted(observed))))
    return tuple(_waive(result, waivers) for result in results)


def _unknown(name: str, known: list[str]) -> str:
    near = did_you_mean(name, known)
    return f"nothing observed; {near or 'known: ' + (', '.join(known) or 'nothing')}"


def _limit_for(name: str, limits: Mapping[str, Limit]) -> Limit | None:
    if name in limits:
        return limits[name]
    families = [family for family in limits if family.endswith("*") and fnmatchcase(name, family)]
    return limits[max(families, key=len)] if families else None


def _judge_one(name: str, seen: Observed, limit: Limit) -> list[GateResult]:
    bounds = limit.bounds(seen.baseline) or [("", None)]
    return [
        _graced(GateResult(name, seen.value, op, bound, *_verdict(seen, limit, op, bound)), seen)
        for op, bound in bounds
    ]


def _verdict(seen: Observed, limit: Limit, operator: str, bound: float | None) -> tuple[Verdict, str]:
    if seen.same_model or seen.no_champion:
        verdict = Verdict.SAME_MODEL if seen.same_model else Verdict.NO_CHAMPION
        return verdict, seen.message or "no other model serves: nothing to compare with"
    if seen.value is None and seen.inconclusive:
        return Verdict.WARN if limit.severity == "warn" else Verdict.INCONCLUSIVE, seen.message
    if seen.value is None or not math.isfinite(seen.value):
        return Verdict.ERROR, seen.message or f"the value is {seen.value}, not a finite number"
    if bound is None or not math.isfinite(bound):
        return Verdict.ERROR, seen.message or "the limit has no finite baseline to start from"
    within = seen.value >= bound if operator == ">=" else seen.value <= bound
    if within and not seen.inconclusive:
        return Verdict.PASS, seen.message
    across = not within and seen.interval is not None and seen.interval[0] < bound < seen.interval[1]
    told = f"{seen.message}; the limit lies inside: more rows would tell" if across else seen.message
    unsure = seen.inconclusive or across
    refused = Verdict.INCONCLUSIVE if unsure else Verdict.FAIL
    return Verdict.WARN if limit.severity == "warn" else refused, told


def _graced(result: GateResult, seen: Observed) -> GateResult:
    if not seen.grace or result.status not in {Verdict.FAIL, Verdict.INCONCLUSIVE}:
        return result
    return replace(result, status=Verdict.WARN, message=f"{seen.grace}; {result.message}".removesuffix("; "))


def _waive(result: GateResult, waivers: tuple[Waiver, ...]) -> GateResult:
    # an error is not a judgement, so nobody can have approved it: it is never waived
    if result.status not in {Verdict.FAIL, Verdict.INCONCLUSIVE}:
        return result
    for waiver in waivers:
        if waiver.gate == result.gate:
            why = f"waived until {waiver.expires} by {waiver.approver}: {waiver.reason}"
            return GateResult(result.gate, result.observed, result.operator, result.limit, Verdict.WAIVED, why)
    return result
