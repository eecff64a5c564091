import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.data.drift import ColumnDrift, drift, psi, worst
from assay.data.profile import profile_of
from assay.errors import ArtifactError


@pytest.fixture(scope="module")
def profile() -> dict[str, Any]:
    return dict(json.loads(json.dumps(profile_of(people(5000, seed=1), "rich"))))


@pytest.mark.parametrize(
    ("expected", "actual", "value"),
    [
        pytest.param([500, 500], [500, 500], 0.0, id="the same"),
        pytest.param([5000, 5000], [250, 750], (0.25 - 0.5) * np.log(0.5) + (0.75 - 0.5) * np.log(1.5), id="by hand"),
        pytest.param([1000, 0], [10, 0], 0.0, id="a bin empty on both sides does not count"),
    ],
)
def test_psi(expected: list[int], actual: list[int], value: float) -> None:
    assert psi(expected, actual) == pytest.approx(value, abs=5e-3)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [([100, 0], [0, 100]), ([100, 0], [100, 1]), ([1, 0], [0, 1]), ([10**9, 1], [1, 10**9])],
)
def test_psi_is_finite_and_positive(expected: list[int], actual: list[int]) -> None:
    assert 0 < psi(expected, actual) < np.inf


def test_psi_grows_with_the_shift() -> None:
    found = [psi([500, 500], [500 - moved, 500 + moved]) for moved in (0, 50, 100, 200, 400, 500)]
    assert all(a < b for a, b in pairwise(found))


def test_the_same_population_does_not_drift(profile: dict[str, Any]) -> None:
    assert all(moved.psi < 0.01 for moved in drift(profile, people(5000, seed=2)).values())


@pytest.mark.parametrize("seed", range(8))
def test_a_small_sample_of_the_same_population_is_no_drift(profile: dict[str, Any], seed: int) -> None:
    assert worst(drift(profile, people(100, seed=seed)))[0] < 0.25


@pytest.mark.parametrize(
    ("column", "change"),
    [
        pytest.param("age", lambda f: f["age"] + 8, id="shifted number"),
        pytest.param("age", lambda f: f["age"].mask(f.index < 200), id="new gaps"),
        pytest.param("age", lambda _: np.inf, id="infinity"),
        pytest.param("age", lambda f: f["age"].astype(str) + " years", id="numbers that became text"),
        pytest.param("children", lambda f: f["children"] + 2, id="few values, shifted"),
        pytest.param("city", lambda f: f["city"].astype(object).where(f.index > 200, "Oslo"), id="a new category"),
        pytest.param("city", lambda _: None, id="all missing"),
        pytest.param("rich", lambda _: "yes", id="always the same"),
    ],
)
def test_a_shift_is_seen_in_its_column_only(profile: dict[str, Any], column: str, change: Any) -> None:
    frame = people(1000, seed=3)
    moved = drift(profile, frame.assign(**{column: change(frame)}))
    assert moved.pop(column).psi > 0.25
    assert all(other.psi < 0.05 for other in moved.values())


def test_a_column_that_is_gone_counts_as_missing(profile: dict[str, Any]) -> None:
    moved = drift(profile, people().drop(columns="age"))["age"]
    assert moved.psi > 1
    assert moved.missing_change == 1


def test_a_new_column_is_no_matter(profile: dict[str, Any]) -> None:
    assert drift(profile, people().assign(new=1)).keys() == profile["columns"].keys()


def test_values_that_went_through_json_are_the_same(profile: dict[str, Any]) -> None:
    frame = people(seed=4)
    read = pd.DataFrame(json.loads(frame.to_json(orient="records")))
    assert drift(profile, read.astype(object).where(read.notna(), None)) == drift(profile, frame)


def test_one_row_is_enough(profile: dict[str, Any]) -> None:
    assert all(np.isfinite(moved.psi) for moved in drift(profile, people(1)).values())


def test_dates_drift_only_in_what_is_missing() -> None:
    old, new = pd.DataFrame({"x": pd.to_datetime(["2020-01-01"] * 100)}), pd.DataFrame({"x": ["2026-01-01"] * 100})
    assert drift(profile_of(old, "x"), new)["x"].psi == 0
    assert drift(profile_of(old, "x"), new.assign(x=None))["x"].psi > 1


def test_a_profile_of_another_version_is_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="version 7"):
        drift({**profile, "schema_version": 7}, people())


def test_worst_names_the_columns() -> None:
    moved = {name: ColumnDrift(value, 0.0) for name, value in (("a", 0.1), ("b", 0.3), ("c", 0.0), ("d", 0.2))}
    assert worst(moved) == (0.3, "most: b 0.300, d 0.200, a 0.100")
