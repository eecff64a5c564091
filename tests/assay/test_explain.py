"""`assay explain` and `assay open`: what changed, what would run, where limits are set, which report is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from helpers import project

from assay.cache import Cache, components_of, key_of
from assay.cli import looking, main
from assay.errors import ConfigError
from assay.explain import Part, explain
from assay.gates import GateResult, Verdict
from assay.plan import make_plan
from assay.project import load_project
from assay.reports import Entry, RunReport, StageReport, Status, write_json, write_report

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
    folder = tmp_path / ".assay/runs" / RUN
    for step in make_plan(load_project(tmp_path)).steps:
        outputs = folder / step.stage
        outputs.mkdir(parents=True)
        inputs = folder / ".inputs" / step.stage
        inputs.mkdir(parents=True)
        for slot in step.inputs:
            (inputs / slot.path.rstrip("/")).write_text(slot.name)
    (folder / "train/model").mkdir()
    (folder / "train/model/weights").write_text("12345")
    gate = GateResult(gate="model.accuracy", observed=0.95, operator=">=", limit=0.9, status=Verdict.PASS)
    names = [step.stage for step in make_plan(load_project(tmp_path)).steps]
    entries = [entry(name, *([gate] if name == "model-validate" else [])) for name in names]
    run = RunReport(id=RUN, project="tiny", trigger="manual", started="", seconds=1, entries=tuple(entries))
    write_json(folder / "run.json", run.to_dict())
    (folder / "report.html").write_text("<p>")
    for name in ("code-test", "data-validate", "train", "rival", "model-validate", "package"):
        remember(tmp_path, name)
    return tmp_path


def entry(stage: str, *gates: GateResult) -> Entry:
    return Entry(report=StageReport(stage=stage, status=Status.PASSED, gates=gates, seconds=2), why="first run")


def step_of(root: Path, name: str) -> Step:
    return next(step for step in make_plan(load_project(root)).steps if step.stage == name)


def remember(root: Path, name: str) -> None:
    step, cache = step_of(root, name), Cache(root / ".assay/cache")
    components = components_of(step, root, root / ".assay/runs" / RUN / ".inputs" / name)
    cache.remember(name, components)
    outputs = root / ".assay/runs" / RUN / name
    report = StageReport(stage=name, status=Status.PASSED)
    write_report(outputs, report)
    cache.store(name, key_of(components), outputs, report)


def changed(root: Path, name: str) -> dict[str, str]:
    return {f"{part.kind} {part.name}": part.change for part in explain(root, name).parts if part.change != "same"}


def test_nothing_changed(ran: Path) -> None:
    told = explain(ran, "train")
    assert told.next == "its result is reused: nothing changed"
    assert told.last == f"passed in run {RUN}, first run (2.0 s)"
    assert told.results == ((str(ran / f".assay/runs/{RUN}/train/model"), 5),)
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
    import shutil

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
    assert capsys.readouterr().out == f"{page}\n"
    shown: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: not shown.append(address))  # type: ignore[func-returns-value]
    assert main(["open", "--run", RUN, *project_option]) == 0
    assert (capsys.readouterr().out, shown) == (f"opened {page}\n", [page.as_uri()])
    assert main(["open", "--run", "2026", *project_option]) == 2
    assert RUN in capsys.readouterr().err


def test_open_before_any_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", "--project", str(tmp_path)]) == 2
    assert "assay run" in capsys.readouterr().err
    assert looking.__doc__
