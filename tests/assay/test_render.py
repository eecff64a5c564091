"""What people read of a run: nothing left out, nothing executed, the same facts in text, Markdown and HTML."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from reportkit import HOSTILE, SKIPPED, failed, moved, run

from assay.gates import GateResult, Verdict
from assay.render.html import run_html
from assay.render.markdown import run_markdown
from assay.render.text import number, refusals, run_table
from assay.reports import Entry, RunReport, StageReport, Status, skipped


def test_text_whole() -> None:
    cached = Entry(report=StageReport(stage="train", status=Status.PASSED), cached=True, why="nothing changed")
    assert (
        run_table(run(cached, failed(), SKIPPED))
        == """\
stage           status   time   gates  why
train           cached   -      -      nothing changed
model-validate  failed   1.2 s  1/2    changed: config gates
register        skipped  -      -      model-validate did not pass

gate            observed  limit    verdict  message
model.accuracy  0.8726    >= 0.95  fail     -

1 of 3 stages passed in 1.5 s (exit 3: a gate said no)"""
    )


def test_a_red_result_looks_red_also_when_it_comes_from_a_cache() -> None:
    again = Entry(report=failed().report, cached=True, why="nothing changed")
    assert "model-validate  failed  -" in run_table(run(again))
    assert "cached" not in run_markdown(run(again))


def test_what_only_helps_the_stages_stands_in_brackets() -> None:
    helper = Entry(report=StageReport(stage="resolve", status=Status.PASSED))
    what = run(helper, failed())
    assert run_table(what).splitlines()[1].startswith("(resolve)")
    assert "✅ (resolve) |" in run_markdown(what)
    page = run_html(what, Path("/nowhere"))
    assert '<a href="#resolve">(resolve)</a>' in page
    assert "in brackets: not one of the eight" in page
    assert "in brackets" not in run_html(run(failed()), Path("/nowhere"))


STEPS = [
    {"percent": 10, "requests": {"stable": 0, "candidate": 30}, "p50_ms": {"stable": None, "candidate": 9.5}},
    {"percent": 100, "requests": {"stable": 0, "candidate": 300}, "p50_ms": {"stable": None}, "message": "<slow>"},
]


def test_a_summary_is_read_not_dumped() -> None:
    facts = {
        "champion": {"version": None, "problem": ""},
        "trigger": "",
        "tests": 0,
        "broken lines": 0,
        "latency": {"single": {"p50": 1.5}, "machine": {"cores": 2, "gpu": None}},
        "steps": STEPS,
    }
    gates = (GateResult("code.tests", 0, "<=", 0, Verdict.PASS),)
    report = StageReport(stage="deploy", status=Status.PASSED, summary=facts, gates=gates)
    page = run_html(run(Entry(report=report)), Path("/nowhere"))
    told = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page.split('id="deploy"')[1].split("</details>")[0])
    assert told == [("broken lines", "0"), ("single", "p50 1.5"), ("machine", "cores 2")]
    assert "None" not in page
    head = re.findall('scope="col">(.*?)<', page.split("<caption>steps")[1].split("</table>")[0])
    assert head == ["percent", "requests stable", "requests candidate", "p50 ms candidate", "message"]
    rows = re.findall("<tr><td.*?</tr>", page.split("<caption>steps")[1].split("</table>")[0])
    cells = [re.findall("<td.*?>(.*?)</td>", row) for row in rows]
    assert cells == [["10", "0", "30", "9.5", "-"], ["100", "0", "300", "-", "&lt;slow&gt;"]]


def test_every_form_has_the_facts() -> None:
    what = run(failed(), SKIPPED)
    for text in (run_table(what), run_markdown(what), run_html(what, Path("/nowhere"))):
        for fact in ("model.accuracy", "0.8726", "0.95", "fail", "model-validate did not pass"):
            assert fact in text.replace("&gt;", ">")


def test_html_executes_nothing_and_points_nowhere() -> None:
    entry = failed(message=HOSTILE)
    page = run_html(run(entry, Entry(report=skipped("register", HOSTILE), why=HOSTILE)), Path("/nowhere"))
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_markdown_tables_are_not_broken_by_what_is_in_them() -> None:
    rows = [line for line in run_markdown(run(failed(message=HOSTILE))).splitlines() if "model.accuracy" in line]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 6


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.87263, "0.8726"), (48842.0, "48,842"), (0.0, "0"), (float("nan"), "nan"), (float("inf"), "inf")],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_an_error_counts_before_a_gate_and_the_first_before_the_second() -> None:
    error = Entry(report=StageReport(stage="train", status=Status.ERROR, exit_code=4))
    late = Entry(report=StageReport(stage="deploy", status=Status.ERROR, exit_code=5))
    assert run(failed(), SKIPPED).exit_code == 3
    assert run(failed(), error, late).exit_code == 4
    assert run(SKIPPED).exit_code == 0


def test_run_json_round_trip() -> None:
    what = run(failed(), SKIPPED)
    assert RunReport.from_dict(json.loads(json.dumps(what.to_dict()))) == what


def test_columns_that_drifted_are_told_in_every_form() -> None:
    what = run(moved({"column": "age", "psi": 0.31234, "why": "psi 0.312 >= 0.2"}), failed())
    for text in (run_table(what), run_markdown(what), run_html(what, Path("/nowhere"))):
        for fact in ("age", "0.3123", "psi 0.312 >= 0.2"):
            assert fact in text.replace("&gt;", ">")
    assert "{'column'" not in run_html(what, Path("/nowhere"))


def test_text_has_ten_of_them_html_all() -> None:
    what = run(moved(*({"column": f"col-{i:02d}", "psi": 1, "why": "x" * 500} for i in range(13))))
    text = run_table(what)
    assert [line[:6] for line in text.splitlines() if line.startswith("col-")] == [f"col-{i:02d}" for i in range(10)]
    assert "3 more, all of them in report.html" in text
    assert max(map(len, text.splitlines())) < 200
    assert "col-12" in run_html(what, Path("/nowhere"))


def test_what_was_compared_with_the_champion_is_shown_also_where_it_passed() -> None:
    told = "version 3 reaches 0.87, difference -0.0003 (95 %: -0.0015 to +0.0009)"
    gates = (
        GateResult("model.accuracy", 0.8726, ">=", 0.87, Verdict.PASS),
        GateResult("model.accuracy.vs_champion", 0.8726, ">=", 0.865, Verdict.PASS, told),
        GateResult("model.f1", 0.7, ">=", 0.5, Verdict.PASS),
    )
    text = run_table(run(Entry(report=StageReport(stage="model-validate", status=Status.PASSED, gates=gates))))
    assert re.search(r"^model\.accuracy\.vs_champion +0\.8726 +>= 0\.865 +pass +version 3 reaches", text, re.MULTILINE)
    assert re.search(r"^model\.accuracy +0\.8726 +>= 0\.87 +pass", text, re.MULTILINE)
    assert "model.f1" not in text


def test_the_gates_that_stopped_the_run_come_first() -> None:
    gates = (
        GateResult("model.f1", 0.7, ">=", 0.5, Verdict.PASS),
        GateResult("model.f1.vs_champion", 0.7, ">=", 0.6, Verdict.PASS),
        GateResult("model.size_mb", 9, "<=", 5, Verdict.WARN),
        GateResult("model.accuracy", 0.7, ">=", 0.9, Verdict.FAIL),
        GateResult("model.slice.f1", None, ">=", 0.9, Verdict.INCONCLUSIVE),
        GateResult("model.r3", None, "", None, Verdict.ERROR),
    )
    entry = Entry(report=StageReport(stage="model-validate", status=Status.FAILED, gates=gates))
    shown = re.findall(r"^model\.\S+", run_table(run(entry)), re.MULTILINE)
    first, rest = (
        ["model.accuracy", "model.slice.f1", "model.r3"],
        ["model.size_mb", "model.f1", "model.f1.vs_champion"],
    )
    assert shown == [*first, *rest]


def test_what_stopped_a_stage_in_a_line() -> None:
    refused = (
        GateResult("model.accuracy", 0.68741, ">=", 0.99, Verdict.FAIL, "told"),
        GateResult("model.f1.vs_champion", 0.6, ">=", 0.61, Verdict.INCONCLUSIVE),
        GateResult("model.r3", None, "", None, Verdict.ERROR, "nothing observed"),
    )
    passed = GateResult("model.f1", 0.7, ">=", 0.5, Verdict.PASS)
    one, two, three = (
        "model.accuracy 0.6874, limit >= 0.99",
        "model.f1.vs_champion 0.6, limit >= 0.61 (inconclusive)",
        "model.r3 error: nothing observed",
    )
    told = [refusals(StageReport(stage="x", status=Status.FAILED, gates=(passed, *refused[:n]))) for n in range(4)]
    assert told == ["", one, f"{one}; {two}", f"{one}; {two}; {three}"]
    many = StageReport(stage="x", status=Status.FAILED, gates=refused[:1] * 7)
    assert refusals(many).endswith(f"{one} and 4 more")


def test_no_drift_no_table() -> None:
    assert "drifted" not in run_table(run(moved()))
    assert "drifted" not in run_markdown(run(moved()))
    assert "drifted" not in run_html(run(moved()), Path("/nowhere"))


def test_names_from_the_data_are_only_text() -> None:
    what = run(moved({"column": f"{HOSTILE}\x1b[31m", "psi": None, "why": HOSTILE}))
    assert "\x1b" not in run_table(what)
    assert len([line for line in run_table(what).splitlines() if "script" in line]) == 1
    assert "<script" not in run_html(what, Path("/nowhere"))
    (row,) = [line for line in run_markdown(what).splitlines() if "script" in line]
    assert row.replace("\\|", "").count("|") == 4


@pytest.mark.parametrize("summary", [{"drift": "a lot"}, {"drift": {"a": 1}}, {"drift": ["a"]}, {"drift": [{}]}, {}])
def test_another_summary_does_no_harm(summary: dict[str, object]) -> None:
    what = run(Entry(report=StageReport(stage="x", status=Status.PASSED, summary=summary)))
    for text in (run_table(what), run_markdown(what), run_html(what, Path("/nowhere"))):
        assert "passed" in text


def test_plots_are_in_the_page_itself(tmp_path: Path) -> None:
    plots = tmp_path / "data-validate/data-report/plots"
    plots.mkdir(parents=True)
    for name, content in (("02-b.svg", "<svg/>"), ("01-a.svg", "<svg/>"), ("c.png", "png"), ("d.html", "<script>")):
        (plots / name).write_text(content)
    page = run_html(run(moved()), tmp_path)
    assert re.findall('alt="(.*?)"', page) == ["01-a", "02-b", "c"]
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "<script" not in page


EVALUATION = {
    "champion_version": 3,
    "metrics": {"accuracy": 0.9, "f1": None, "new": 0.5},
    "champion_metrics": {"accuracy": 0.8, "f1": 0.4},
    "differences": {"accuracy": [0.05, 0.15]},
}


def test_the_difference_to_the_champion(tmp_path: Path) -> None:
    (tmp_path / "model-validate/evaluation").mkdir(parents=True)
    (tmp_path / "model-validate/evaluation/evaluation.json").write_text(json.dumps(EVALUATION))
    text = run_markdown(run(failed()), tmp_path)
    assert "| accuracy | 0.9 | 0.8 | +0.1000 | +0.0500 to +0.1500 |" in text
    assert "version 3, which serves" in text
    assert "| f1 |" not in text
    assert "+0.1000" in run_html(run(failed()), tmp_path)


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"metrics": 1, "champion_metrics": {}}'])
def test_a_damaged_evaluation_does_no_harm(tmp_path: Path, damage: str) -> None:
    (tmp_path / "model-validate/evaluation").mkdir(parents=True)
    (tmp_path / "model-validate/evaluation/evaluation.json").write_text(damage)
    assert "which serves" not in run_markdown(run(failed()), tmp_path)
    assert "beside the model" not in run_html(run(failed()), tmp_path)


def test_markdown_fits_into_a_comment_and_keeps_what_matters() -> None:
    many = tuple(GateResult(f"model.g{i}", 1, ">=", 0, Verdict.PASS, "x" * 5000) for i in range(5000))
    stopped = GateResult("model.accuracy", 0.1, ">=", 0.9, Verdict.FAIL, "the one that matters")
    report = StageReport(stage="model-validate", status=Status.FAILED, exit_code=3, gates=(*many[:100], stopped))
    error = StageReport(stage="train", status=Status.ERROR, exit_code=4, message="y" * 2_000_000 + "```")
    text = run_markdown(run(Entry(report=error), Entry(report=report), moved(*[{"column": "z" * 10**5}] * 50)))
    assert len(text) < 65_536
    assert "the one that matters" in text
    assert text.count("```") == 2
    assert "run `r1`" in text
    huge = StageReport(stage="model-validate", status=Status.FAILED, exit_code=3, gates=(*many, stopped))
    assert "left out here" in run_markdown(run(Entry(report=huge)))


def test_a_link_to_the_ci_run_is_one_only_where_it_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for told, linked in (
        ("https://ci.example/run/1", True),
        ("javascript:alert(1)", False),
        ("https://x) [y](z", False),
    ):
        monkeypatch.setenv("ASSAY_RUN_URL", told)
        assert ("](" in run_markdown(run(failed()))) == linked


def test_where_a_result_came_from_is_told_in_every_form() -> None:
    report = StageReport(stage="train", status=Status.PASSED)
    what = run(Entry(report=report, cached=True, why="nothing changed", source="registry", note="it was slow"))
    for text in (run_table(what), run_markdown(what), run_html(what, Path("/nowhere"))):
        assert "cached (registry)" in text
        assert "it was slow" in text
