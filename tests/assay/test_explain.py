"""`assay explain` and `assay open`: what changed, what would run, where limits are set, which report is shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from helpers import project

from assay.artifacts import references
from assay.cache import Cache, components_of, key_of
from assay.cli import looking, main
from assay.errors import ConfigError
from assay.explain import Part, explain
from assay.gates import GateResult, Verdict
from assay.graph import World
from assay.plan import make_plan
from assay.project import load_project
from assay.reports import Entry, RunReport, StageReport, Status, write_json, write_report
from assay.runner import lay_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Step

TOML = """\
[tool.assay]
name = "tiny"
model = "tiny:build"

[tool.assay.data]
target = "y"

[tool.assay.params]
depth = 3

[tool.assay.gates.model-validate]
accuracy = { min = 0.9, vs_champion = { max_drop = 0.01 } }
"""
RUN = "20260101-000000-aaaa"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A project whose stages all ran once, by what a run leaves."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/tiny.py").write_text("def build(params): ...\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.csv").write_text("x,y\n1,2\n")
    project(tmp_path, TOML)
    leave_run(tmp_path, RUN, GateResult("model.accuracy", 0.95, ">=", 0.9, Verdict.PASS))
    return tmp_path


def leave_run(root: Path, run_id: str, gate: GateResult, rows: str = "1,2") -> None:
    """What a run leaves whose model-validate said this; its dataset has these rows."""
    folder, plan = root / ".assay/runs" / run_id, make_plan(load_project(root))
    entries = [entry(step.stage, *([gate] if step.stage == "model-validate" else [])) for step in plan.steps]
    for step, one in zip(plan.steps, entries, strict=True):
        outputs, inputs = folder / step.stage, folder / ".inputs" / step.stage
        outputs.mkdir(parents=True)
        inputs.mkdir(parents=True)
        for slot in step.outputs:
            file = outputs / slot.path / "rows" if slot.path.endswith("/") else outputs / slot.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rows if slot.name == "dataset" else "12345")
        lay_inputs(step, inputs, {slot.maker: folder / slot.maker for slot in step.inputs})
        if step.world is World.NONE:
            remember(root, step, run_id, one)
    run = RunReport(id=run_id, project="tiny", trigger="manual", started="", seconds=1, entries=tuple(entries))
    write_json(folder / "run.json", run.to_dict())
    (folder / "plan.json").write_text(plan.to_json())
    (folder / "report.html").write_text("<p>")


def entry(stage: str, *gates: GateResult) -> Entry:
    status = Status.FAILED if any(gate.status.blocks for gate in gates) else Status.PASSED
    return Entry(report=StageReport(stage=stage, status=status, gates=gates, seconds=2), why="first run")


def remember(root: Path, step: Step, run_id: str, entry: Entry) -> None:
    folder, cache = root / ".assay/runs" / run_id, Cache(root / ".assay/cache")
    components = components_of(step, root, folder / ".inputs" / step.stage)
    cache.remember(step.stage, components)
    outputs = folder / step.stage
    made = references([(slot.name, slot.path) for slot in step.outputs], outputs)
    report = replace(entry.report, outputs=made, run_id=run_id)
    write_report(outputs, report)
    if report.passed:
        cache.store(step.stage, key_of(components), outputs, report)


def changed(root: Path, name: str) -> dict[str, str]:
    return {f"{part.kind} {part.name}": part.change for part in explain(root, name).parts if part.change != "same"}


def test_nothing_changed(ran: Path) -> None:
    told = explain(ran, "train")
    assert told.next == f"its result is reused, from run {RUN}: nothing changed"
    assert told.last == f"passed in run {RUN}, first run (2.0 s)"
    assert told.results == tuple((str(ran / f".assay/runs/{RUN}/train/{name}"), 5) for name in ("model", "training"))
    assert [part.name for part in told.parts if part.kind == "source"] == ["src/tiny.py"]
    (ran / "src/a b.py").touch()
    assert changed(ran, "train") == {"source src/a b.py": "new"}
    kinds = {part.kind for part in told.parts}
    assert kinds == {"environment", "config", "source", "input"}


def test_a_parameter_changed(ran: Path) -> None:
    (ran / "pyproject.toml").write_text(TOML.replace("depth = 3", "depth = 4\nrate = 0.1"))
    assert changed(ran, "train") == {"config params.depth": "changed", "config params.rate": "new"}
    told = explain(ran, "train")
    assert told.next == "it runs: params.depth changed, params.rate new"
    assert next(part for part in told.parts if part.name == "params.depth") == Part("config", "params.depth", "4", "3")
    assert changed(ran, "data-validate") == {}


def test_files_changed_are_named(ran: Path) -> None:
    (ran / "src/tiny.py").write_text("def build(params): return 1\n")
    (ran / "src/more.py").touch()
    assert changed(ran, "train") == {"source src/tiny.py": "changed", "source src/more.py": "new"}
    (ran / "data/rows.csv").rename(ran / "data/other.csv")
    assert changed(ran, "data-validate") | {"data data/rows.csv": "gone", "data data/other.csv": "new"} == changed(
        ran, "data-validate"
    )


def test_a_stage_before_it_runs_first(ran: Path) -> None:
    (ran / "data/rows.csv").write_text("x,y\n1,3\n")
    assert explain(ran, "train").next == "it depends: data-validate runs first, and what comes out of it may be new"


def test_no_result_is_left(ran: Path) -> None:
    for folder in (ran / ".assay/cache/train").glob("[!l]*"):
        shutil.rmtree(folder)
    assert explain(ran, "train").next == "it runs: nothing changed, but no good result is stored"


def test_it_never_ran(tmp_path: Path) -> None:
    project(tmp_path, TOML)
    told = explain(tmp_path, "train")
    assert (told.last, told.next, told.results) == ("", "it runs: it never did", ())


def test_what_touches_the_world_always_runs(ran: Path) -> None:
    told = explain(ran, "deploy")
    assert told.next == "it runs: it changes the world, so no result is reused"
    assert told.parts == ()


def test_a_stage_without_work(ran: Path) -> None:
    assert explain(ran, "fetch").next == "nothing: it has work only with data.fetched"


FAILED = "20260102-000000-bbbb"


def limit(root: Path, accuracy: str) -> None:
    (root / "pyproject.toml").write_text(TOML.replace("min = 0.9,", f"{accuracy},"))


def test_a_limit_that_was_put_back_is_told_as_what_the_runner_makes_of_it(ran: Path) -> None:
    limit(ran, "min = 0.99")
    leave_run(ran, FAILED, GateResult("model.accuracy", 0.95, ">=", 0.99, Verdict.FAIL))
    (ran / "pyproject.toml").write_text(TOML)
    told = explain(ran, "model-validate")
    name = "gates.model-validate.accuracy.min"
    assert told.next == f"its result is reused, from run {RUN}, which had {name} as now"
    accuracy = next(rule for rule in told.rules if rule.gate == "model.accuracy")
    assert (accuracy.limit, accuracy.observed, accuracy.status) == ("min 0.9", 0.95, "pass")
    shutil.rmtree(next((ran / ".assay/cache/model-validate").glob("[!l]*")))
    assert explain(ran, "model-validate").next == f"it runs: {name} changed"


def test_data_that_were_put_back_too(ran: Path) -> None:
    (ran / "data/rows.csv").write_text("x,y\n1,3\n")
    leave_run(ran, FAILED, GateResult("model.accuracy", 0.95, ">=", 0.9, Verdict.PASS), "1,3")
    assert FAILED in explain(ran, "train").next
    (ran / "data/rows.csv").write_text("x,y\n1,2\n")
    assert explain(ran, "train").next == f"its result is reused, from run {RUN}, which had dataset as now"


def test_a_damaged_result_is_not_reused_and_stays_where_it_is(ran: Path) -> None:
    stored = next((ran / ".assay/cache/train").glob("*/model/rows"))
    stored.unlink()
    stored.write_text("damaged")
    assert explain(ran, "train").next == "it runs: nothing changed, but no good result is stored"
    assert stored.read_text() == "damaged"


def test_what_runs_first_may_make_anything(ran: Path) -> None:
    (ran / "data/rows.csv").write_text("x,y\n1,3\n")
    assert "dataset" not in {part.name for part in explain(ran, "train").parts}


@pytest.mark.parametrize(
    ("now", "before", "status"),
    [
        ("min = 0.99", Verdict.PASS, "would not pass"),
        ("min = 0.8", Verdict.PASS, "would pass"),
        ("min = 0.8", Verdict.FAIL, "would pass"),
        # too little to tell whatever the limit?
        ("min = 0.8", Verdict.INCONCLUSIVE, "not judged yet"),
        ("min = 0.99", Verdict.INCONCLUSIVE, "would not pass"),
        ("min = 0.8", Verdict.ERROR, "not judged yet"),
        ("max_drop = 0.1", Verdict.PASS, "not judged yet"),
        ('min = 0.99, severity = "warn"', Verdict.PASS, "would warn"),
        ("min = 0.8, max = 0.9", Verdict.PASS, "would not pass"),
        ("min = 0.9", Verdict.PASS, "pass"),
    ],
)
def test_a_verdict_is_not_shown_beside_another_limit(ran: Path, now: str, before: Verdict, status: str) -> None:
    leave_run(ran, FAILED, GateResult("model.accuracy", 0.95, ">=", 0.9, before))
    limit(ran, now)
    rules = {rule.gate: rule for rule in explain(ran, "model-validate").rules}
    assert (rules["model.accuracy"].observed, rules["model.accuracy"].status) == (0.95, status)


def test_a_new_waiver_counts_as_another_limit(ran: Path) -> None:
    leave_run(ran, FAILED, GateResult("model.accuracy", 0.85, ">=", 0.9, Verdict.FAIL))
    waiver = 'gate = "model.accuracy"\nreason = "r"\napprover = "a"\nexpires = "2099-01-01"\n'
    (ran / "pyproject.toml").write_text(f"{TOML}\n[[tool.assay.waivers]]\n{waiver}")
    rules = {rule.gate: rule for rule in explain(ran, "model-validate").rules}
    assert rules["model.accuracy"].status == "would be waived"


def test_limits_of_a_run_that_left_no_plan_are_not_known(ran: Path) -> None:
    limit(ran, "min = 0.94")
    (ran / f".assay/runs/{RUN}/plan.json").write_text("{")
    rules = {rule.gate: rule for rule in explain(ran, "model-validate").rules}
    assert rules["model.accuracy"].status == "would pass"
    assert rules["model.skill"].status == "not judged yet"


def test_where_limits_are_set(ran: Path) -> None:
    rules = {rule.gate: rule for rule in explain(ran, "model-validate").rules}
    line = TOML.splitlines().index("accuracy = { min = 0.9, vs_champion = { max_drop = 0.01 } }") + 1
    assert (rules["model.accuracy"].where, rules["model.accuracy"].limit) == (f"pyproject.toml:{line}", "min 0.9")
    assert (rules["model.accuracy"].observed, rules["model.accuracy"].status) == (0.95, "pass")
    assert rules["model.accuracy.vs_champion"].limit == "max_drop 0.01"
    assert rules["model.skill"].where == "Assay's default"


def test_a_damaged_run_is_passed_over(ran: Path) -> None:
    newer = ran / ".assay/runs/20270101-000000-bbbb"
    newer.mkdir()
    (newer / "run.json").write_text("{")
    assert RUN in explain(ran, "train").last


def test_no_such_stage(ran: Path) -> None:
    with pytest.raises(ConfigError, match='unknown stage "trian"') as error:
        explain(ran, "trian")
    assert error.value.next == 'did you mean "train"?'


def test_the_commands(ran: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    project_option = ["--project", str(ran)]
    assert main(["explain", "train", *project_option]) == 0
    assert "its result is reused" in capsys.readouterr().out
    assert main(["explain", "train", "--format", "json", *project_option]) == 0
    assert json.loads(capsys.readouterr().out)["parts"][0]["change"] == "same"
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    page = ran / f".assay/runs/{RUN}/report.html"
    assert main(["open", *project_option]) == 0
    assert capsys.readouterr() == (f"{page}\n", f"no browser found, open this file: {page}\n")
    shown: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: not shown.append(address))  # type: ignore[func-returns-value]
    assert main(["open", "--run", RUN, *project_option]) == 0
    assert (capsys.readouterr(), shown) == ((f"opened {page}\n", ""), [page.as_uri()])
    assert main(["open", "--run", "2026", *project_option]) == 2
    assert RUN in capsys.readouterr().err


def test_open_before_any_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", "--project", str(tmp_path)]) == 2
    assert "assay run" in capsys.readouterr().err
    assert looking.__doc__
