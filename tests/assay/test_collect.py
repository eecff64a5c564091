"""A run's reports are collected: what was cached, never run, damaged, and pages that stages left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from helpers import plan, step
from reportkit import SKIPPED, failed, run

from assay.render.collect import collect, write_run
from assay.render.html import run_html
from assay.reports import StageReport, Status, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Plan


def two() -> Plan:
    return plan(step("a", ""), step("b", "", needs=("a",)))


def test_collect_knows_what_was_cached_and_what_was_never_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write_report(tmp_path / "a", StageReport(stage="a", status=Status.FAILED, exit_code=3, run_id="another"))
    first, second = collect(two(), tmp_path, "this")
    assert (first.cached, first.why) == (True, "nothing changed")
    assert (second.report.status, second.report.message) == ("skipped", "a did not pass")


@pytest.mark.parametrize("damage", ["", "{", '{"stage": 1}', "[]"])
def test_a_damaged_report_is_not_a_pass(tmp_path: Path, damage: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/report.json").write_text(damage)
    first, second = collect(two(), tmp_path, "this")
    assert (first.report.status, first.report.exit_code) == ("error", 1)
    assert second.report.status == "skipped"


def test_everything_is_written(tmp_path: Path) -> None:
    write_run(run(failed(), SKIPPED), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "run.md", "report.html"}
    assert json.loads((tmp_path / "run.json").read_text())["exit_code"] == 3


def test_a_page_that_a_stage_left_is_a_part_of_this_one(tmp_path: Path) -> None:
    folder = tmp_path / "model-validate/evaluation"
    (folder / "plots").mkdir(parents=True)
    (folder / "plots/roc.png").write_text("png")
    (folder / "model_card.html").write_text("<style>h1{x}</style><main><h1>The card</h1></main>")
    page = run_html(run(failed()), tmp_path)
    assert '<template shadowrootmode="open"><style>h3{x}</style><main><h3>The card</h3></main></template>' in page
    assert "<h3>model card</h3>" in page
    assert "<img" not in page, "the card has its pictures"


@pytest.mark.parametrize("page", ["<p>no main", "<main></template><script>1</script></main>"])
def test_another_page_is_linked(tmp_path: Path, page: str) -> None:
    (tmp_path / "model-validate/evaluation").mkdir(parents=True)
    (tmp_path / "model-validate/evaluation/model_card.html").write_text(page)
    found = run_html(run(failed()), tmp_path)
    assert '<a href="model-validate/evaluation/model_card.html">model card</a>' in found
    assert "<script" not in found
