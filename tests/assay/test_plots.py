"""Pictures of drift: right heights, readable ends, nothing executed, the same bytes each time."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from assay.config import Drift
from assay.data.drift.drift import drift
from assay.data.drift.plots import chart, drift_plots
from assay.data.drift.svg import percent, short
from assay.data.profiles.profile import Profile, profile_of

if TYPE_CHECKING:
    from pathlib import Path

    from assay.data.drift.svg import Chart

DRAW = np.random.default_rng(0)


def profile(**columns: Any) -> Profile:
    return profile_of(pd.DataFrame(columns), next(iter(columns)))


def charted(before: Any, now: Any) -> Chart:
    return chart(profile(x=before).columns["x"], profile(x=now).columns["x"])


def plots(before: Profile, now: Profile, folder: Path) -> dict[str, str]:
    drift_plots(before, now, drift(before, now, Drift()), folder)
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*"))}


def words(svg: str) -> list[str]:
    # the text was made by the module under test
    return [text.text or "" for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


def test_shares_of_numbers_missing_values_apart() -> None:
    shown = charted([0] * 6 + [1] * 2 + [None] * 2, [0] * 5 + [2] * 5)
    assert shown.shares == [(0.6, 0.5), (0.2, 0.0), (0.0, 0.5)]
    assert shown.missing == (0.2, 0.0)
    assert [label for _, label in shown.labels] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(DRAW.normal(0, 1, 5000), id="floats"),
        pytest.param(DRAW.normal(1e9, 3, 5000), id="large and close together"),
        pytest.param(DRAW.lognormal(0, 4, 5000), id="long tail"),
        pytest.param(DRAW.integers(-10, 2**60, 5000), id="whole numbers"),
        pytest.param(np.full(5000, 3.7), id="constant"),
        pytest.param(np.zeros(5000), id="zero"),
        pytest.param(np.array([-1e308, 1e308, 5e-324] * 50), id="everything that a float can be"),
        pytest.param(np.array([np.inf, -np.inf, 1.0] * 50), id="infinities"),
        pytest.param(np.array([np.inf] * 50), id="only infinity"),
        pytest.param(pd.date_range("2024-01-01", periods=5000, freq="h"), id="times"),
        pytest.param(pd.to_datetime(["2024-01-01"] * 50), id="one time"),
        pytest.param(np.array(["0001-01-01", "9999-01-01"], dtype="datetime64[s]"), id="far apart times"),
    ],
)
def test_all_values_are_in_at_most_24_ranges_between_rising_ends(values: Any) -> None:
    shown = charted(values, values[: len(values) // 2])
    assert 1 <= len(shown.shares) <= 24
    assert np.sum(shown.shares, axis=0) == pytest.approx([1, 1])
    assert np.all(np.array(shown.shares) >= 0)
    places = [place for place, _ in shown.labels]
    assert places == sorted(set(places))
    assert max(len(label) for _, label in shown.labels) <= len("≥ 2024-01-01")


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        (np.arange(0, 101), ("0", "105")),
        (np.arange(0, 4), ("0", "3")),
        (np.append(np.linspace(0, 10, 1000), 1e6), ("0.0", "≥ 10.0")),
        (np.linspace(0, 1, 1000), ("0.00", "1.00")),
        (np.linspace(1e9, 1.1e9, 1000), ("1e9", "1.1e9")),
        (pd.date_range("2024-01-01", "2024-12-31", periods=101), ("2024-01-01", "2024-12-31")),
    ],
    ids=["whole", "few", "tail", "share", "large", "dates"],
)
def test_ends_are_readable(values: Any, ends: tuple[str, str]) -> None:
    labels = [label for _, label in charted(values, values).labels]
    assert (labels[0], labels[-1]) == ends


def test_the_heights_are_the_shares(tmp_path: Path) -> None:
    values = np.repeat([0.0, 1.0], [3000, 1000])
    (svg,) = plots(profile(x=values), profile(x=1 - values), tmp_path).values()
    (outline,) = re.findall(r'class="o" d="M[\d.]+ ([\d.]+)V([\d.]+)h[\d.]+V([\d.]+)h', svg)
    floor, first, second = map(float, outline)
    assert (floor - first) / (floor - second) == pytest.approx(3, abs=0.01)
    assert {"75 %", "38 %", "0 %", "before, 4,000 rows", "now, 4,000 rows"} < set(words(svg))


def test_categories_are_ranked_and_rare_ones_put_together() -> None:
    names = np.repeat([f"k{i}" for i in range(20)], [1000 if i < 6 else 5 for i in range(20)])
    shown = charted(names, np.append(names, ["fresh"] * 3000))
    assert shown.bars
    labels = [label for _, label in shown.labels]
    assert (labels[0], labels[-1]) == ("fresh", "14 others")
    assert set(labels[1:-1]) == {f"k{i}" for i in range(6)}
    assert np.sum(shown.shares, axis=0) == pytest.approx([1, 1])


def test_new_and_vanished_categories_are_told(tmp_path: Path) -> None:
    before, now = profile(x=["a"] * 500 + ["b"] * 500), profile(x=["a"] * 500 + ["c"] * 500)
    (svg,) = plots(before, now, tmp_path).values()
    assert {"50 %, gone", "50 %, new", "50 %"} < set(words(svg))


def test_at_most_twelve_the_worst_first_and_only_what_drifted(tmp_path: Path) -> None:
    shifts = {f"c{i}": i / 4 for i in range(20)}
    frames = [{name: DRAW.normal(shift * now, 1, 2000) for name, shift in shifts.items()} for now in (0, 1)]
    names = list(plots(profile(**frames[0]), profile(**frames[1]), tmp_path))
    assert len(names) == 12
    assert names == sorted(names)
    assert {name.split("-")[1] for name in names} == {f"c{i}.svg" for i in range(8, 20)}


def test_without_drift_there_is_no_folder(tmp_path: Path) -> None:
    same = profile(x=DRAW.normal(0, 1, 1000))
    assert plots(same, same, tmp_path / "plots") == {}
    assert not (tmp_path / "plots").exists()


def test_what_cannot_be_compared_is_not_drawn(tmp_path: Path) -> None:
    before = profile(x=[1.0] * 500, y=["a"] * 500, z=[1.0] * 500)
    now = profile_of(pd.DataFrame({"x": ["a"] * 500, "z": [None] * 500}), "x")
    assert list(plots(before, now, tmp_path)) == ["02-z.svg"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '" onload="x',
        "a\x00\x1b[31m\x85b",
        "two\nlines",
        "",
        "x" * 9999,
        "\uffff&amp;",
        "日" * 50,
    ],
    ids=["script", "quote", "control", "line", "empty", "long", "noncharacter", "wide"],
)
def test_names_from_the_data_are_only_text(tmp_path: Path, hostile: str) -> None:
    before = profile(**{"y": [1] * 1000, f"n{hostile}": [0, 1] * 500, hostile: [hostile, "b"] * 500})
    now = profile(**{"y": [1] * 1000, f"n{hostile}": [1] * 1000, hostile: [hostile] * 1000})
    found = plots(before, now, tmp_path)
    assert len(found) == 2
    for name, svg in found.items():
        assert re.fullmatch(r"\d\d-[\w-]{0,40}\.svg", name)
        tags = {node.tag.rpartition("}")[2] for node in ET.fromstring(svg).iter()}  # noqa: S314
        assert tags <= {"svg", "style", "rect", "text", "path"}
        assert max(map(len, words(svg))) <= 50


def test_small_and_the_same_each_time(tmp_path: Path) -> None:
    names = [f"category number {i} with a long name" for i in range(500)]
    before = profile(n=DRAW.normal(0, 1, 20_000), c=DRAW.choice(names, 20_000), t=pd.date_range("2024", periods=20_000))
    now = profile(
        n=DRAW.normal(2, 1, 20_000), c=DRAW.choice(names[:9], 20_000), t=pd.date_range("2029", periods=20_000)
    )
    first = plots(before, now, tmp_path / "1")
    assert len(first) == 3
    assert max(map(len, first.values())) < 20_000
    old, new = (Profile.from_json(side.to_json()) for side in (before, now))
    assert plots(old, new, tmp_path / "2") == first


def test_no_rows_at_all_is_drawn_too() -> None:
    nothing = profile(x=[])
    for other in (nothing, profile(x=[1.5]), profile(x=["a"]), profile(x=[None])):
        for shown in (chart(nothing.columns["x"], other.columns["x"]), chart(other.columns["x"], nothing.columns["x"])):
            assert all(math.isfinite(share) for pair in shown.shares for share in pair)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-9, "< 0.1 %"),
        (0.0042, "0.4 %"),
        (0.0999, "10 %"),
        (0.0991, "9.9 %"),
        (0.314, "31 %"),
        (1, "100 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("text", "cut"),
    [("short", "short"), ("abcdefgh", "abcdef…"), (" a\n b ", "a b"), ("", "(blank)"), ("日本語文字", "日本語…")],
)
def test_short(text: str, cut: str) -> None:
    assert short(text, 7) == cut
