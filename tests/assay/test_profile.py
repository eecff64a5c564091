import json

import numpy as np
import pandas as pd
import pytest
from frames import people

from assay.data.profile import bin_counts, key, numbers, profile_of


def test_a_profile_is_json_with_a_version_and_no_rows() -> None:
    profile = profile_of(people(), "rich")
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile
    assert {name: profile[name] for name in ("schema_version", "rows", "target")} == {
        "schema_version": 1,
        "rows": 1000,
        "target": "rich",
    }
    assert {name: column["kind"] for name, column in profile["columns"].items()} == {
        "age": "number",
        "children": "category",
        "city": "category",
        "rich": "category",
    }


def test_counts_add_up_to_the_rows() -> None:
    frame = people().assign(age=lambda f: f["age"].mask(f.index < 50))
    for name, column in profile_of(frame, "rich")["columns"].items():
        counts = column["counts"] if isinstance(column["counts"], list) else column["counts"].values()
        assert sum(counts) + column.get("other", 0) + column["missing"] == 1000, name


def test_bins_of_a_number_hold_about_a_tenth_each() -> None:
    counts = profile_of(people(), "rich")["columns"]["age"]["counts"]
    assert len(counts) == 10
    assert all(95 <= count <= 105 for count in counts)


@pytest.mark.parametrize(
    ("values", "edges", "counts"),
    [
        pytest.param([0] * 900 + list(range(1, 101)), [0.0], [900, 100], id="mostly zeros"),
        pytest.param([*range(20), np.inf, -np.inf, None], None, None, id="infinity and gaps"),
    ],
)
def test_odd_numbers(values: list[float], edges: list[float] | None, counts: list[int] | None) -> None:
    column = profile_of(pd.DataFrame({"x": values}), "x")["columns"]["x"]
    json.dumps(column, allow_nan=False)
    assert column["kind"] == "number"
    assert sum(column["counts"]) + column["missing"] == len(values)
    if edges is not None:
        assert (column["edges"], column["counts"]) == (edges, counts)


def test_many_categories_are_cut_to_the_most_frequent() -> None:
    names = [f"c{number:03}" for number in range(150) for _ in range(150 - number)]
    column = profile_of(pd.DataFrame({"x": names}), "x")["columns"]["x"]
    assert len(column["counts"]) == 100
    assert next(iter(column["counts"].items())) == ("c000", 150)
    assert column["other"] == len(names) - sum(column["counts"].values())


def test_categories_that_no_row_has_are_left_out() -> None:
    frame = pd.DataFrame({"x": pd.Categorical(["a", "a"], categories=["a", "never"])})
    assert profile_of(frame, "x")["columns"]["x"]["counts"] == {"a": 2}


def test_dates_are_only_counted() -> None:
    frame = pd.DataFrame({"x": pd.to_datetime(["2020-01-01", "NaT"])})
    assert profile_of(frame, "x")["columns"]["x"] == {"kind": "other", "missing": 1, "present": 1}


@pytest.mark.parametrize(
    ("value", "name"),
    [(3, "3"), (3.0, "3"), ("3", "3"), (3.5, "3.5"), (True, "true"), (np.bool_(False), "false"), (np.inf, "inf")],
)
def test_key(value: object, name: str) -> None:
    assert key(value) == name


def test_numbers_turn_what_is_no_number_into_gaps() -> None:
    column = pd.Series([1, "2", "old", None, pd.NA, "inf"], dtype=object)
    assert np.isnan(numbers(column)).tolist() == [False, False, True, True, True, False]


def test_a_value_on_an_edge_belongs_to_the_bin_below() -> None:
    assert bin_counts(np.array([1.0, 1.1, 2.0, 3.0]), [1.0, 2.0]) == [1, 2, 1]
