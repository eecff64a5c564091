"""How gates went over the last runs: each result once, in order, and no old file breaks a new report."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from reportkit import keep

from assay.gates import GateResult, Verdict
from assay.render.html import run_html
from assay.render.trend import sparkline, trends
from assay.reports import Entry, RunReport, StageReport, Status

if TYPE_CHECKING:
    from pathlib import Path


def run(number: int, value: float | None, *, computed_by: str = "", project: str = "tiny") -> RunReport:
    gates = (GateResult("model.f1", value, ">=", 0.5, Verdict.PASS),)
    run_id = f"r{number}"
    report = StageReport(stage="train", status=Status.PASSED, gates=gates, run_id=computed_by or run_id)
    started = "2026-01-01T00:00:00"
    return RunReport(
        id=run_id, project=project, trigger="push", started=started, seconds=1, entries=(Entry(report=report),)
    )


def values(runs: Path, now: RunReport) -> list[float | None]:
    return [gate.observed for gate in trends(now, runs / now.id)["model.f1"]]


def test_each_result_counts_once_in_the_order_of_the_runs(tmp_path: Path) -> None:
    for one in (run(1, 0.1), run(2, 0.2), run(3, 0.2, computed_by="r2"), run(5, 0.9)):
        keep(tmp_path, one)
    (tmp_path / "latest").symlink_to("r5")
    assert values(tmp_path, run(4, 0.4)) == [0.1, 0.2, 0.4], "what came later is not looked at"


def test_another_project_and_damaged_files_are_left_out(tmp_path: Path) -> None:
    keep(tmp_path, run(1, 0.1, project="other"))
    for number, damage in enumerate(("", "{", "[]", "{}", '{"entries": 1}', '{"entries": [{"report": 1}]}')):
        (tmp_path / f"q{number}").mkdir()
        (tmp_path / f"q{number}/run.json").write_text(damage)
    assert values(tmp_path, run(4, 0.4)) == [0.4]


def test_without_earlier_runs_the_champion_comes_first(tmp_path: Path) -> None:
    folder = keep(tmp_path, run(4, 0.4))
    (folder / "resolve/champion").mkdir(parents=True)
    gate = {"gate": "model.f1", "observed": 0.3, "operator": ">=", "limit": 0.2, "status": "pass", "message": ""}
    (folder / "resolve/champion/evaluation.json").write_text(json.dumps({"gates": [gate]}))
    assert values(tmp_path, run(4, 0.4)) == [0.3, 0.4]
    keep(tmp_path, run(1, 0.1))
    assert values(tmp_path, run(4, 0.4)) == [0.1, 0.4]


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"gates": [{"gate": "x"}]}', '{"gates": [{"status": "no"}]}'])
def test_a_damaged_champion_does_no_harm(tmp_path: Path, damage: str) -> None:
    (tmp_path / "r4/resolve/champion").mkdir(parents=True)
    (tmp_path / "r4/resolve/champion/evaluation.json").write_text(damage)
    assert values(tmp_path, run(4, 0.4)) == [0.4]


def results(*observed: float | None, limit: float | None = 0.5) -> list[GateResult]:
    return [GateResult("g", value, ">=", limit, Verdict.PASS if value else Verdict.FAIL) for value in observed]


@pytest.mark.parametrize("observed", [(), (0.4,), (None, 0.4), (float("nan"), 0.4), (float("inf"), 0.4)])
def test_one_value_is_no_trend(observed: tuple[float | None, ...]) -> None:
    assert not sparkline(results(*observed))


def test_a_picture_tells_its_numbers_and_marks_what_stopped() -> None:
    picture = sparkline(results(0.4, 0.0, 0.6))
    assert 'aria-label="3 results: 0.4, 0, 0.6; limit &gt;= 0.5"' in picture
    assert len(re.findall("<circle", picture)) == 2
    assert picture.count('class="stop"') == 1
    assert "<path" in picture


def test_each_result_has_the_limit_that_it_was_held_against() -> None:
    picture = sparkline([*results(0.6, limit=0.2), *results(0.6, 0.6, limit=1.0)])
    assert "limit &gt;= 0.2, &gt;= 1&quot;" in picture.replace('"', "&quot;")
    assert '<path d="M0.0 22.0H30.0V4.0H82.0H112.0"/>' in picture
    later = sparkline([*results(0.4, limit=None), *results(0.6)])
    assert re.search(r'<path d="M56\.0 [\d.]+H112\.0"/>', later)


@pytest.mark.parametrize("limit", [1e6, None, float("inf")])
def test_a_limit_far_away_does_not_flatten_the_line(limit: float | None) -> None:
    picture = sparkline(results(0.4, 0.5, limit=limit))
    assert "<path" not in picture
    assert 'points="4.0,22.0 108.0,4.0"' in picture


def test_values_that_never_change_are_a_line_in_the_middle() -> None:
    assert 'points="4.0,13.0 108.0,13.0"' in sparkline(results(0.5, 0.5))


def test_the_page_has_a_column_for_it_only_where_there_is_one(tmp_path: Path) -> None:
    now = run(4, 0.4)
    folder = keep(tmp_path, now)
    assert 'scope="col">trend' not in run_html(now, folder)
    keep(tmp_path, run(1, 0.1))
    assert 'scope="col">trend' in run_html(now, folder)
    assert json.loads((folder / "run.json").read_text())["id"] == "r4"
