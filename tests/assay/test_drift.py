"""Drift between two profiles: effect sizes decide, chance does not, and too few rows tell nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.config import Drift
from assay.data.drift import ColumnDrift, drift, drifted, overview
from assay.data.profile import Profile, profile_of

DATA = Path(__file__).parents[2] / "data"
LIMITS = Drift()


def profile(frame: pd.DataFrame, target: str = "rich", like: Profile | None = None) -> Profile:
    return profile_of(frame, target, like)


def names(moved: dict[str, ColumnDrift]) -> list[str]:
    return [str(row["column"]) for row in drifted(moved)]


@pytest.fixture(scope="module")
def before() -> Profile:
    return profile(people(5000, seed=1))


@pytest.fixture(scope="module")
def adult() -> tuple[Profile, pd.DataFrame]:
    train, test = (pd.read_parquet(DATA / f"{side}.parquet") for side in ("train", "test"))
    return profile(train, "income"), test


def adult_drift(adult: tuple[Profile, pd.DataFrame], **changed: Any) -> list[str]:
    return names(drift(adult[0], profile(adult[1].assign(**changed), "income"), LIMITS))


def test_adult_test_against_train_shows_no_drift(adult: tuple[Profile, pd.DataFrame]) -> None:
    assert adult_drift(adult) == []


def test_adult_with_age_shifted_by_five_years(adult: tuple[Profile, pd.DataFrame]) -> None:
    assert adult_drift(adult, age=adult[1]["age"] + 5) == ["age"]


@pytest.mark.parametrize(
    ("column", "category"),
    [
        ("sex", "Female"), ("education", "HS-grad"), ("education", "Assoc-voc"), ("workclass", "Self-emp-inc"),
        ("marital_status", "Separated"), ("race", "Asian-Pac-Islander"), ("native_country", "Mexico"),
    ],
)  # fmt: skip
def test_adult_with_a_category_renamed(adult: tuple[Profile, pd.DataFrame], column: str, category: str) -> None:
    changed = adult[1][column].replace({category: "renamed"})
    moved = drift(adult[0], profile(adult[1].assign(**{column: changed}), "income"), LIMITS)
    assert names(moved) == [column]
    assert (moved[column].new, moved[column].vanished) == (("renamed",), (category,))
    assert f"new renamed ({moved[column].new_share:.1%} of rows)" in moved[column].why


def test_adult_with_a_fifth_of_hours_missing(adult: tuple[Profile, pd.DataFrame]) -> None:
    hours = adult[1]["hours_per_week"].astype(float).mask(np.random.default_rng(0).random(len(adult[1])) < 0.2)
    assert adult_drift(adult, hours_per_week=hours) == ["hours_per_week"]


def test_the_target_may_drift_alone(adult: tuple[Profile, pd.DataFrame]) -> None:
    rich = adult[1]["income"].mask(np.random.default_rng(0).random(len(adult[1])) < 0.2, ">50K")
    moved = drift(adult[0], profile(adult[1].assign(income=rich), "income"), LIMITS)
    seen = overview(moved, "income")
    assert names(moved) == ["income"]
    assert (seen["columns"].value, seen["share"].value) == (0, 0)
    assert (seen["target"].value or 0) > 0.1


@pytest.mark.parametrize("rows", [100, 300, 1000, 30_000])
def test_the_same_population_does_not_drift(rows: int) -> None:
    """Fewer than one column in a thousand is flagged although nothing happened."""
    whole = pd.concat([pd.read_parquet(DATA / f"{side}.parquet") for side in ("train", "test")])
    old = profile(whole.sample(20_000, random_state=0), "income")
    tries = [drift(old, profile(whole.sample(rows, random_state=seed), "income"), LIMITS) for seed in range(1, 21)]
    flagged = [(name, change.why) for moved in tries for name, change in moved.items() if change.drifted]
    assert len(flagged) <= 1, flagged


def test_a_million_rows_with_a_shift_nobody_would_notice_are_no_drift() -> None:
    random = np.random.default_rng(0)
    sides = [profile(pd.DataFrame({"x": random.normal(m, 1, 1_000_000), "y": 1.0}), "y") for m in (0, 0.01)]
    found = drift(sides[0], sides[1], LIMITS)["x"]
    assert found.ks_p is not None
    assert found.ks_p < 1e-6, "by its p-value it would be"
    assert found.drifted is False


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_too_few_rows_tell_nothing(before: Profile, rows: int) -> None:
    moved = drift(before, profile(people(1000).assign(age=-1.0)[:rows], like=before), LIMITS)
    assert {change.drifted for change in moved.values()} == {None}
    assert all(seen.inconclusive for seen in overview(moved, "rich").values())


def test_rows_that_repeat_count_once(before: Profile) -> None:
    forty = people(40, seed=9)
    now = profile(pd.concat([forty] * 25), like=before)
    assert {change.drifted for change in drift(before, now, LIMITS, sample=40).values()} == {None}
    few = drift(before, now, Drift(min_rows=10), sample=40)
    assert not any(change.drifted for change in few.values()), "forty rows are no evidence, however often they come"


@pytest.mark.parametrize(
    ("column", "change", "why"),
    [
        pytest.param("age", lambda f: f["age"] + 8, "Wasserstein", id="shifted number"),
        pytest.param("age", lambda f: f["age"].mask(f.index < 200), "missing 0.0% -> 20.0%", id="new gaps"),
        pytest.param("age", lambda _: np.inf, "KS", id="infinity"),
        pytest.param("age", lambda f: f["age"].astype(str) + " years", "was number and is category", id="became text"),
        pytest.param("children", lambda _: 0, "psi", id="constant"),
        pytest.param("children", lambda f: f["children"] + 1, "KS", id="one more"),
        pytest.param("city", lambda f: f["city"].astype(str).replace("Rome", "Roma"), "new Roma", id="renamed"),
        pytest.param("city", lambda _: None, "missing", id="nothing left"),
        pytest.param("rich", lambda _: "yes", "vanished no", id="target"),
    ],
)
def test_real_changes_are_found_and_nothing_else(before: Profile, column: str, change: Any, why: str) -> None:
    frame = people(1000, seed=3)
    moved = drift(before, profile(frame.assign(**{column: change(frame)})), LIMITS)
    assert names(moved) == [column]
    assert why in moved[column].why


def test_a_column_that_is_gone(before: Profile) -> None:
    moved = drift(before, profile(people(1000, seed=3).drop(columns="city")), LIMITS)
    assert (names(moved), moved["city"].why) == (["city"], "the column is gone")


def test_thresholds_are_those_of_the_project(before: Profile) -> None:
    now = profile(people(1000, seed=3).assign(age=lambda f: f["age"] + 8))
    wide = Drift(psi=50, jensen_shannon=1, wasserstein=50, kolmogorov_smirnov=1)
    assert names(drift(before, now, wide)) == []


def test_fifty_columns_take_no_time() -> None:
    import time

    random = np.random.default_rng(0)
    wide = pd.DataFrame(random.normal(size=(5000, 50)), columns=[f"c{n}" for n in range(50)]).assign(y=1.0)
    old = profile(wide, "y")
    drift(old, old, LIMITS)
    started = time.perf_counter()
    drift(old, old, LIMITS)
    assert time.perf_counter() - started < 0.5
