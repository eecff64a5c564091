from __future__ import annotations

import itertools
import random
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_model import FakeModel

from assay.config import Deploy
from assay.errors import ServiceError
from assay.gates import Limit, Verdict, judge
from assay.rollout.canary import LATENCY_RATIO, PREDICTION_PSI, SUCCESS_RATE, percentile, psi
from assay.rollout.local import Endpoint, LocalTarget, route
from assay.rollout.steps import Rollout, Step, roll_out
from assay.rollout.traffic import ask, client, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [{"x": x, "kind": "a" if x % 2 else None} for x in (-3, -2, -1, 1, 2, 3, 4, 5)]
LIMITS = {SUCCESS_RATE: Limit(min=0.99), LATENCY_RATIO: Limit(max=15.0), PREDICTION_PSI: Limit(max=0.2)}
FAST: dict[str, Any] = {"min_requests": 20, "min_total": 60}


def rollout(candidate: FakeModel, stable: FakeModel | None = None, timeout: float = 2.0, **plan: Any) -> list[Step]:
    """A rollout of version 2, over version 1 where there is one."""
    with ExitStack() as stack:
        new = Endpoint(stack.enter_context(candidate.serving()), 2, ROWS)
        old = Endpoint(stack.enter_context(stable.serving()), 1, ROWS) if stable else None
        target = LocalTarget(new, old, stack.enter_context(client()), Path(), Deploy(), Path(), timeout=timeout)
        todo = Rollout(candidate=2, stable=1 if stable else None, **(FAST | plan))
        return list(roll_out(todo, target, partial(judge, LIMITS), lambda _row, _reply: None))


def test_the_split_is_the_one_that_was_asked_for_and_is_counted_by_who_answered() -> None:
    candidate, stable = FakeModel(2), FakeModel(1)
    steps = rollout(candidate, stable, min_requests=50, min_total=0)
    assert [step.verdict for step in steps] == [Verdict.PASS] * 3
    assert [step.observed_percent for step in steps] == pytest.approx([10, 50, 100], abs=0.5)
    warm_up = 5
    assert sum(step.candidate.requests for step in steps) == candidate.asked - warm_up == 150
    assert sum(step.stable.requests for step in steps) == stable.asked - warm_up == 500
    assert all(step.candidate.success_rate == 1 for step in steps)


@pytest.mark.parametrize("percent", [1, 7, 10, 33, 50, 99, 100])
def test_a_step_spreads_the_candidates_requests_evenly(percent: int) -> None:
    turns = [end.version == 2 for end in route(Endpoint("new", 2, ROWS), Endpoint("old", 1, ROWS), percent, 20)]
    assert sum(turns) == 20
    gaps = [b - a for a, b in itertools.pairwise(number for number, turn in enumerate(turns) if turn)]
    assert max(gaps) - min(gaps) <= 1


def test_first_deployment_has_nothing_to_compare_with_and_gets_enough_traffic() -> None:
    steps = rollout(FakeModel(2))
    last = steps[-1]
    assert [step.verdict for step in steps] == [Verdict.PASS] * 3
    assert sum(step.candidate.requests for step in steps) == 60
    assert last.observed[LATENCY_RATIO].no_champion
    assert last.observed[PREDICTION_PSI].no_champion
    assert last.observed[SUCCESS_RATE].value == 1


def test_errors_of_the_candidate_alone_stop_the_rollout() -> None:
    steps = rollout(FakeModel(2, fail=lambda n: n % 20 == 0), FakeModel(1), min_requests=50)
    assert steps[-1].verdict is Verdict.FAIL
    assert steps[-1].observed[SUCCESS_RATE].value == pytest.approx(0.95, abs=0.02)
    assert all(step.verdict is Verdict.PASS for step in steps[:-1])
    assert steps[-1].stable.success_rate in {None, 1}


def test_one_lost_request_is_measured_again_before_it_counts() -> None:
    steps = rollout(FakeModel(2, fail=lambda n: n == 9), min_requests=50)
    assert [step.verdict for step in steps] == [Verdict.PASS] * 3
    assert steps[0].candidate.requests == 100
    assert steps[0].observed[SUCCESS_RATE].value == 0.99


def test_errors_of_the_stable_version_are_not_the_candidates() -> None:
    steps = rollout(FakeModel(2), FakeModel(1, fail=lambda n: n % 3 == 0))
    assert steps[-1].verdict is Verdict.PASS
    assert steps[0].stable.success_rate == pytest.approx(2 / 3, abs=0.05)
    assert "stable version" in steps[-1].observed[LATENCY_RATIO].message
    assert "answered only 6" in steps[-1].observed[LATENCY_RATIO].message


def test_a_slow_candidate_fails_by_latency() -> None:
    (step,) = rollout(FakeModel(2, delay=0.15), FakeModel(1), min_requests=4)
    assert step.verdict is Verdict.FAIL
    assert (step.observed[LATENCY_RATIO].value or 0) > 15
    assert LATENCY_RATIO in step.message
    assert "stable version" in step.message


def test_shifted_predictions_fail_by_psi() -> None:
    (step,) = rollout(FakeModel(2, predict=lambda _row: "yes"), FakeModel(1))
    assert step.verdict is Verdict.FAIL
    assert (step.observed[PREDICTION_PSI].value or 0) > 0.2


def test_a_candidate_that_dies_is_given_up_at_once() -> None:
    candidate = FakeModel(2, dies_after=30)
    steps = rollout(candidate, FakeModel(1), min_requests=50)
    assert steps[-1].verdict is Verdict.FAIL
    assert len(steps) == 1
    # the client tries an idle connection that was closed under it no second time
    assert candidate.asked == 35


def test_timeouts_are_failures_and_bounded() -> None:
    started = time.monotonic()
    (step,) = rollout(FakeModel(2, delay=1.0), FakeModel(1), timeout=0.1)
    assert time.monotonic() - started < 3
    assert step.verdict is Verdict.FAIL
    assert step.candidate.success_rate == 0
    assert "no latency to compare" in step.observed[LATENCY_RATIO].message


def test_too_few_requests_in_the_time_are_inconclusive() -> None:
    (step,) = rollout(FakeModel(2, delay=0.1), seconds=0.9)
    assert step.verdict is Verdict.INCONCLUSIVE
    assert "0.9 s were over" in step.message


@pytest.mark.parametrize("says", [1, 7, None], ids=["the stable version", "a stranger", "nothing"])
def test_traffic_that_does_not_reach_the_candidate_never_passes(says: int | None) -> None:
    (step,) = rollout(FakeModel(says), FakeModel(1))
    assert step.verdict is Verdict.ERROR
    assert step.observed_percent == 0
    assert f"version 2 answered 0 of 20 requests, others: {'1' if says == 1 else '1, ' + str(says)}" in step.message


def test_everything_at_once_still_compares_with_the_stable_version() -> None:
    steps = rollout(FakeModel(2), FakeModel(1), steps=(100,))
    assert [step.percent for step in steps] == [50, 100]
    assert steps[-1].observed[LATENCY_RATIO].value is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"predictions": []}',
        b'{"predictions": ["a", "b"]}',
        b'{"predictions": [null]}',
        b"[" * 100_000,
        b'{"predictions": ["' + b"x" * 3_000_000 + b'"]}',
    ],
    ids=["empty", "html", "list", "null", "no key", "none", "two", "missing", "nested", "huge"],
)
def test_an_answer_without_a_prediction_is_a_failure(body: bytes) -> None:
    with FakeModel(2, body=body).serving() as url, client() as http:
        reply = ask(http, url, 2, ROWS[0], 2.0)
        assert not reply.ok
        assert reply.by == 2


def test_a_server_that_trickles_cannot_hold_us() -> None:
    with FakeModel(2, trickle=0.05).serving() as url, client() as http:
        started = time.monotonic()
        assert not ask(http, url, 2, ROWS[0], 0.3).ok
        assert time.monotonic() - started < 3


def test_waits_until_ready() -> None:
    model = FakeModel(2, ready=False)
    with model.serving() as url, client() as http:
        threading.Timer(0.2, lambda: setattr(model, "ready", True)).start()
        wait_ready(http, url, 5)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9"], ids=["says no", "nobody there"])
def test_never_ready(url: str) -> None:
    with FakeModel(2, ready=False).serving() as here, client() as http:
        with pytest.raises(ServiceError, match=r"not ready within 0\.2 s") as caught:
            wait_ready(http, url or here, 0.2)
        assert ("503" if not url else "ConnectError") in caught.value.where


def _mean(sample: Callable[[], float | None]) -> float:
    return sum(sample() or 0 for _ in range(40)) / 40


def test_psi_of_chance_is_about_nothing() -> None:
    rng = random.Random(1)  # noqa: S311

    def labels(share: float, n: int) -> list[str]:
        return ["yes" if rng.random() < share else "no" for _ in range(n)]

    def numbers(shift: float, n: int) -> list[float]:
        return [rng.gauss(shift, 1) for _ in range(n)]

    assert _mean(lambda: psi(labels(0.25, 450), labels(0.25, 50), regression=False)) < 0.02
    assert _mean(lambda: psi(numbers(0, 450), numbers(0, 50), regression=True)) < 0.08
    assert _mean(lambda: psi(labels(0.25, 450), labels(0.6, 50), regression=False)) > 0.3
    assert _mean(lambda: psi(numbers(0, 450), numbers(1, 50), regression=True)) > 0.3


@pytest.mark.parametrize(
    ("old", "new", "regression", "shifted"),
    [
        (["a"] * 50, ["a"] * 50, False, False),
        (["a"] * 50, ["b"] * 50, False, True),
        ([1.0] * 50, [1.0] * 50, True, False),
        ([1.0] * 50, [2.0] * 50, True, True),
        ([1.0, 2.0] * 50, [float("nan")] * 50, True, True),
        ([1.0, 2.0] * 50, ["text"] * 50, True, True),
        ([1.0], [1.0], True, False),
        ([True, False] * 25, [True, False] * 25, False, False),
    ],
)
def test_psi_of_plain_cases(old: list[Any], new: list[Any], *, regression: bool, shifted: bool) -> None:
    value = psi(old, new, regression=regression)
    assert value is not None
    assert (value > 0.2) is shifted


def test_psi_of_nothing() -> None:
    assert psi([], ["a"], regression=False) is None
    assert psi(["a"], [], regression=True) is None


@pytest.mark.parametrize(("percent", "expected"), [(50, 10), (95, 19), (100, 20)], ids=["median", "95th", "largest"])
def test_percentile(percent: int, expected: int) -> None:
    assert percentile(list(range(1, 21)), percent) == expected
    assert percentile([7.0], percent) == 7.0
    assert percentile([], percent) is None
