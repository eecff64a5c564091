"""A gate opens only for a number that was measured and that lies within its limit."""

import math

import pytest

from assay.gates import Limit, Observed, Verdict, Waiver, judge

NAN, INF = math.nan, math.inf


def verdict(observed: Observed, limit: Limit, waivers: tuple[Waiver, ...] = ()) -> Verdict:
    (result,) = judge({"g": limit}, {"g": observed}, waivers)
    return result.status


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        pytest.param(0.9, Limit(min=0.85), "pass", id="above-min"),
        pytest.param(0.85, Limit(min=0.85), "pass", id="at-min"),
        pytest.param(0.84, Limit(min=0.85), "fail", id="below-min"),
        pytest.param(0.84, Limit(min=0.85, severity="warn"), "warn", id="below-min-warns"),
        pytest.param(0.0, Limit(max=0), "pass", id="zero-at-max-zero"),
        pytest.param(1, Limit(max=0), "fail", id="above-max-zero"),
        pytest.param(-1.0, Limit(max=-2.0), "fail", id="negative-limit"),
        pytest.param(None, Limit(min=0.85), "error", id="missing"),
        pytest.param(NAN, Limit(min=0.85), "error", id="nan-against-min"),
        pytest.param(NAN, Limit(max=0.85), "error", id="nan-against-max"),
        pytest.param(INF, Limit(min=0.85), "error", id="infinite-is-no-pass"),
        pytest.param(-INF, Limit(max=0.85), "error", id="minus-infinite-is-no-pass"),
        pytest.param(0.9, Limit(min=NAN), "error", id="limit-nan"),
        pytest.param(0.9, Limit(), "error", id="no-bound"),
        pytest.param(NAN, Limit(min=0.85, severity="warn"), "error", id="error-is-never-a-warning"),
    ],
)
def test_absolute(value: float | None, limit: Limit, expected: str) -> None:
    assert verdict(Observed(value), limit) == expected


@pytest.mark.parametrize(
    ("value", "baseline", "limit", "expected"),
    [
        pytest.param(0.86, 0.87, Limit(max_drop=0.02), "pass", id="small-drop"),
        pytest.param(0.84, 0.87, Limit(max_drop=0.02), "fail", id="large-drop"),
        pytest.param(0.99, 0.87, Limit(max_drop=0.0), "pass", id="better-with-zero-drop"),
        pytest.param(0.0, 0.0, Limit(max_drop=0.0), "pass", id="zero-baseline"),
        pytest.param(-0.1, 0.0, Limit(max_drop_percent=5), "fail", id="zero-baseline-percent"),
        pytest.param(-0.5, -0.4, Limit(max_drop=0.05), "fail", id="negative-baseline-worse"),
        pytest.param(-0.3, -0.4, Limit(max_drop=0.05), "pass", id="negative-baseline-better"),
        pytest.param(-0.41, -0.4, Limit(max_drop_percent=5), "pass", id="negative-percent-within"),
        pytest.param(-0.43, -0.4, Limit(max_drop_percent=5), "fail", id="negative-percent-beyond"),
        pytest.param(105.0, 100.0, Limit(max_rise_percent=10), "pass", id="rise-within"),
        pytest.param(111.0, 100.0, Limit(max_rise_percent=10), "fail", id="rise-beyond"),
        pytest.param(12.0, 10.0, Limit(max_rise=1), "fail", id="rise-absolute"),
        pytest.param(0.9, None, Limit(max_drop=0.02), "error", id="baseline-missing"),
        pytest.param(0.9, NAN, Limit(max_drop=0.02), "error", id="baseline-nan"),
        pytest.param(0.9, -INF, Limit(max_drop=0.02), "error", id="baseline-infinite"),
        pytest.param(NAN, 0.8, Limit(max_drop=0.02), "error", id="value-nan"),
        pytest.param(None, 0.8, Limit(max_drop=0.02), "error", id="value-missing"),
    ],
)
def test_relative(value: float | None, baseline: float | None, limit: Limit, expected: str) -> None:
    assert verdict(Observed(value, baseline), limit) == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (Observed(0.9, no_champion=True), Verdict.NO_CHAMPION),
        (Observed(None, same_model=True), Verdict.SAME_MODEL),
    ],
)
def test_nothing_to_compare_with_is_an_outcome_of_its_own(observed: Observed, expected: Verdict) -> None:
    status = verdict(observed, Limit(max_drop=0.01))
    assert status is expected
    assert not status.blocks


def test_inconclusive_blocks() -> None:
    status = verdict(Observed(0.9, inconclusive=True, message="12 rows"), Limit(min=0.5))
    assert status is Verdict.INCONCLUSIVE
    assert status.blocks


def test_a_limit_nobody_measured_is_an_error_that_names_what_there_is() -> None:
    (result,) = judge({"model.acuracy": Limit(min=0.9)}, {"model.accuracy": Observed(0.99)})
    assert result.status is Verdict.ERROR
    assert "model.accuracy" in result.message


def test_every_bound_is_judged() -> None:
    results = judge({"g": Limit(min=0.5, max=0.8, max_drop=0.1)}, {"g": Observed(0.9, baseline=0.95)})
    assert [(r.operator, r.limit, r.status) for r in results] == [
        (">=", 0.5, "pass"),
        ("<=", 0.8, "fail"),
        (">=", pytest.approx(0.85), "pass"),
    ]


def test_a_family_holds_for_members_without_a_limit_of_their_own() -> None:
    limits = {"d.*": Limit(max=0.0), "d.b": Limit(max=5)}
    results = {r.gate: r.status for r in judge(limits, {"d.a": Observed(1), "d.b": Observed(1), "other": Observed(1)})}
    assert results == {"d.a": "fail", "d.b": "pass"}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(Observed(0.5), "waived", id="fail-can-be-waived"),
        pytest.param(Observed(0.5, inconclusive=True), "waived", id="inconclusive-can-be-waived"),
        pytest.param(Observed(NAN), "error", id="error-cannot"),
        pytest.param(Observed(0.95), "pass", id="pass-needs-none"),
    ],
)
def test_waivers(observed: Observed, expected: str) -> None:
    waiver = Waiver("g", "known issue 12", "ada", "2099-01-01")
    assert verdict(observed, Limit(min=0.9), (waiver,)) == expected
    assert verdict(observed, Limit(min=0.9), (Waiver("other", "x", "y", "2099-01-01"),)) != "waived"


def test_a_waiver_says_who_and_why() -> None:
    waiver = Waiver("g", "known issue 12", "ada", "2099-01-01")
    (result,) = judge({"g": Limit(min=0.9)}, {"g": Observed(0.1)}, (waiver,))
    assert result.message == "waived until 2099-01-01 by ada: known issue 12"
    assert not result.status.blocks


@pytest.mark.parametrize(
    ("low", "high", "severity", "expected"),
    [
        pytest.param(0.80, 0.845, "fail", "fail", id="the whole interval is below"),
        pytest.param(0.80, 0.87, "fail", "inconclusive", id="the limit lies inside"),
        pytest.param(0.80, 0.87, "warn", "warn", id="only told"),
    ],
)
def test_an_interval_across_the_limit_is_inconclusive(low: float, high: float, severity: str, expected: str) -> None:
    seen = Observed(0.83, 0.87, interval=(low, high))
    assert verdict(seen, Limit(max_drop=0.02, severity=severity)) == expected


def test_a_value_within_its_limit_passes_whatever_its_interval() -> None:
    assert verdict(Observed(0.86, 0.87, interval=(0.5, 0.99)), Limit(max_drop=0.02)) == "pass"


def test_too_little_to_judge_by_only_warns_where_a_failure_would_only_warn() -> None:
    assert verdict(Observed(0.0, inconclusive=True), Limit(max=0, severity="warn")) == "warn"
