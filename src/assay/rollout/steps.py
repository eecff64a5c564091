"""Takes a candidate through its canary: traffic by weight, counted by who really answered, judged step by step.

Where the versions run is the target's business. What is judged is everything measured since the rollout began, so that
a later step rests on more requests than an earlier one.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.gates import Verdict
from assay.rollout.canary import Tally, observe, tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from assay.gates import GateResult, Observed
    from assay.rollout.target import Traffic
    from assay.rollout.traffic import Reply

_ALL = 100
_GIVE_UP = 5
# one slow or lost request among 50 can be chance: a step that does not pass is measured again before it counts
_ROUNDS = 3
_GRAVEST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE)


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What is to be rolled out, and how carefully.

    Attributes:
        candidate: The version that wants to serve.
        stable: The version that serves now; None where there is nothing to compare with.
        steps: Percent of the requests that go to the candidate, rising.
        min_requests: Requests that the candidate gets at every step before it is judged.
        min_total: Requests that the candidate gets in all, at least.
        regression: The predictions are numbers, not labels.
        seconds: Seconds for the whole rollout; a step that is unfinished then is inconclusive.
    """

    candidate: int
    stable: int | None
    steps: tuple[int, ...] = (10, 50, 100)
    min_requests: int = 50
    min_total: int = 300
    regression: bool = False
    seconds: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the rollout, measured and judged.

    Attributes:
        percent: Share of the requests that was meant for the candidate.
        observed_percent: Share that the candidate answered or failed to, by the version in the answers.
        candidate: What the candidate did in this step.
        stable: What the stable version did in this step.
        observed: Values for the gates, over all requests so far.
        verdict: Gravest verdict of the gates; one that blocks ends the rollout.
        message: Why it does not pass.
    """

    percent: int
    observed_percent: float
    candidate: Tally
    stable: Tally
    observed: Mapping[str, Observed]
    verdict: Verdict
    message: str


@dataclass(frozen=True)
class _Canary:
    plan: Rollout
    traffic: Traffic
    judge: Callable[[Mapping[str, Observed]], Sequence[GateResult]]
    note: Callable[[Mapping[str, Any], Reply], None]
    deadline: float
    replies: list[Reply] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def dead(self) -> bool:
        """True where the candidate's last replies are failures only."""
        asked = (reply.ok for reply in reversed(self.replies) if reply.by == self.plan.candidate)
        last = list(itertools.islice(asked, _GIVE_UP))
        return len(last) == _GIVE_UP and not any(last)


def roll_out(
    plan: Rollout,
    traffic: Traffic,
    judge: Callable[[Mapping[str, Observed]], Sequence[GateResult]],
    note: Callable[[Mapping[str, Any], Reply], None],
) -> Iterator[Step]:
    """Take the steps one after the other; the first that does not pass is the last.

    Args:
        plan: What to roll out.
        traffic: Sends the requests.
        judge: Holds observed values against the limits of the gates.
        note: Is told of every counted request: its row and its reply.
    """
    canary = _Canary(plan, traffic, judge, note, time.monotonic() + plan.seconds)
    traffic.warm_up()
    for percent in _percents(plan):
        traffic.shift(percent)
        step = _take(canary, percent)
        yield step
        if step.verdict.blocks:
            return


def _percents(plan: Rollout) -> tuple[int, ...]:
    # with everything for the candidate at once there would be nothing of the stable version to compare with
    return (50, *plan.steps) if plan.stable and plan.steps[0] == _ALL else plan.steps


def _take(canary: _Canary, percent: int) -> Step:
    before = len(canary.replies)
    for _ in range(_ROUNDS):
        missing = _round(canary, percent)
        step = _judge(canary, percent, before, missing)
        if not step.verdict.blocks or canary.dead or canary.late:
            break
    return step


def _round(canary: _Canary, percent: int) -> str:
    """Send the requests of one step; says why the candidate answered too few of them, or nothing."""
    plan, before = canary.plan, len(canary.replies)
    wanted = _wanted(canary, percent)
    for row, reply in canary.traffic.send(percent, wanted):
        canary.replies.append(reply)
        canary.note(row, reply)
        if canary.late:
            return f"the rollout's {plan.seconds:g} s were over"
        if canary.dead:
            return ""
    answered = tally(canary.replies[before:], plan.candidate).requests
    if answered < wanted:
        others = sorted({str(reply.by) for reply in canary.replies[before:]} - {str(plan.candidate)})
        return f"version {plan.candidate} answered {answered} of {wanted} requests, others: {', '.join(others)}"
    return ""


def _wanted(canary: _Canary, percent: int) -> int:
    plan = canary.plan
    # what is still missing is best asked while both versions answer: more to compare
    fill = max((step for step in _percents(plan) if step < _ALL or not plan.stable), default=_ALL)
    missing = plan.min_total - tally(canary.replies, plan.candidate).requests
    return max(plan.min_requests, missing) if percent == fill else plan.min_requests


def _judge(canary: _Canary, percent: int, before: int, missing: str) -> Step:
    plan, replies = canary.plan, canary.replies[before:]
    new, old = plan.candidate, plan.stable
    paired = canary.replies[:before] if percent == _ALL else canary.replies
    observed = observe(canary.replies, paired, new, old, regression=plan.regression, missing=missing)
    results = canary.judge(observed)
    found = {result.status for result in results}
    candidate = tally(replies, new)
    return Step(
        percent=percent,
        observed_percent=round(100 * candidate.requests / len(replies), 2) if replies else 0.0,
        candidate=candidate,
        stable=tally(replies, old),
        observed=observed,
        verdict=next((verdict for verdict in _GRAVEST if verdict in found), Verdict.PASS),
        message="; ".join(f"{result.gate}: {result.message}" for result in results if result.status.blocks),
    )
