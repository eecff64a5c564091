"""Latency: what is counted, what is not, and when it stops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from assay.errors import ProjectError
from assay.evaluate import latency

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pd.DataFrame({"a": range(80)})


class Sleeper:
    """Takes `first` seconds for each of the first calls, then `then`."""

    def __init__(self, then: float, first: float = 0.0, calls: int = 10) -> None:
        self.then, self.first, self.calls = then, first, calls
        self.shapes: set[tuple[int, ...]] = set()
        self.rows: set[int] = set()
        self.asked = 0

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        self.shapes.add(x.shape)
        self.rows.add(int(x["a"].iloc[0]))
        self.asked += 1
        time.sleep(self.first if self.asked <= self.calls else self.then)
        return np.zeros(len(x))


def test_it_asks_for_one_row_at_a_time_and_not_always_the_same(tmp_path: Path) -> None:
    model = Sleeper(0)
    found = latency.single_row(model, ROWS, tmp_path)
    assert model.shapes == {(1, 1)}
    assert len(model.rows) == 50
    assert found.count == 300


def test_the_warm_up_does_not_count(tmp_path: Path) -> None:
    found = latency.single_row(Sleeper(0.001, first=0.04), ROWS, tmp_path)
    assert found.p50 < 30


def test_percentiles_are_milliseconds_in_order(tmp_path: Path) -> None:
    found = latency.single_row(Sleeper(0.005), ROWS, tmp_path)
    assert 5 <= found.p50 <= found.p95 <= found.p99


def test_a_slow_model_is_asked_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_SECONDS", 0.1)
    monkeypatch.setattr(latency, "_WARM_UP_SECONDS", 0.01)
    model = Sleeper(0.02, first=0.02)
    found = latency.single_row(model, ROWS, tmp_path)
    assert found.count == 20
    assert model.asked == 21


def test_a_single_row_is_enough(tmp_path: Path) -> None:
    assert latency.single_row(Sleeper(0), ROWS.head(1), tmp_path).count == 300


def test_a_model_that_raises_is_the_projects_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"single row raised AttributeError"):
        latency.single_row(object(), ROWS, tmp_path)
