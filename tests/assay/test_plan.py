"""The plan: validated, nothing run, and the same for all three executors."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import MINIMAL, project

from assay.errors import ConfigError
from assay.pipeline import GRAPH
from assay.plan import Plan, Selection, make_plan, select

ROOT = Path(__file__).parents[2]


def stages(tmp_path: Path, selection: Selection) -> list[str]:
    return [step.stage for step in make_plan(project(tmp_path), selection).steps if not step.supporting]


def test_everything_by_default(tmp_path: Path) -> None:
    plan = make_plan(project(tmp_path))
    always = {stage.name for stage in GRAPH.stages if not stage.only_with}
    assert [s.stage for s in plan.steps] == list(GRAPH.order(always))
    assert [s.stage for s in plan.steps if s.supporting] == ["resolve", "rival"]


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        pytest.param('path = "s3://bucket/rows.parquet"', {"fetch"}, id="remote"),
        pytest.param('pull = "dvc"', {"fetch"}, id="dvc"),
        pytest.param('suite = "gx/suite.json"', {"expectations"}, id="suite"),
    ],
)
def test_some_stages_run_only_where_they_have_work(tmp_path: Path, keys: str, more: set[str]) -> None:
    plan = make_plan(project(tmp_path, f"{MINIMAL}{keys}\n"))
    assert {s.stage for s in plan.steps} == {s.name for s in GRAPH.stages if not s.only_with} | more
    needs = {s.stage: s.needs for s in plan.steps}
    assert ("fetch" in needs["data-validate"]) is ("fetch" in more)
    assert ("expectations" in needs["train"]) is ("expectations" in more)
    validate = next(s for s in plan.steps if s.stage == "data-validate")
    assert validate.data == ("" if "fetch" in more else "data/"), "what was fetched is an input, not an address"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(only=("train",)), ["train"], id="only"),
        pytest.param(Selection(only=("monitor", "train")), ["train", "monitor"], id="only-two"),
        pytest.param(Selection(until="train"), ["code-test", "data-validate", "train"], id="until"),
        pytest.param(Selection(start="package"), ["package", "deploy", "monitor"], id="from"),
        pytest.param(
            Selection(start="train", until="register"), ["train", "model-validate", "register"], id="from-until"
        ),
        pytest.param(Selection(trigger="data", until="train"), ["data-validate", "train"], id="trigger-until"),
    ],
)
def test_selection(tmp_path: Path, selection: Selection, expected: list[str]) -> None:
    assert stages(tmp_path, selection) == expected


def test_suppliers_come_along_and_say_so(tmp_path: Path) -> None:
    plan = make_plan(project(tmp_path), Selection(only=("train",)))
    assert [(s.stage, s.supporting) for s in plan.steps] == [
        ("resolve", True), ("data-validate", True), ("train", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        pytest.param(Selection(trigger="pussh"), 'did you mean "push"?', id="trigger"),
        pytest.param(Selection(only=("trainn",)), 'did you mean "train"?', id="stage"),
        pytest.param(Selection(start="monitor", until="train"), "leaves no stage", id="nothing-left"),
    ],
)
def test_refuses(tmp_path: Path, selection: Selection, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        select(project(tmp_path), selection)
    assert says in str(caught.value)


def test_own_triggers(tmp_path: Path) -> None:
    tiny = project(tmp_path, MINIMAL + '\n[tool.assay.triggers]\nnightly = ["train"]\n')
    assert select(tiny, Selection(trigger="nightly")) == {"train"}


def test_json_round_trip(tmp_path: Path) -> None:
    plan = make_plan(project(tmp_path))
    assert Plan.from_dict(json.loads(plan.to_json())) == plan


def test_a_slice_holds_what_the_stage_reads_and_nothing_else(tmp_path: Path) -> None:
    text = MINIMAL + "[tool.assay.params]\nrate = 1\n[tool.assay.gates.model-validate]\naccuracy = {min = 0.5}\n"
    slices = {s.stage: json.loads(s.environment["ASSAY_CONFIG"]) for s in make_plan(project(tmp_path, text)).steps}
    assert slices["train"] == {"data": {"target": "y"}, "model": "tiny:build", "name": "tiny", "params": {"rate": 1}}
    assert slices["model-validate"]["gates"] == {"model-validate": {"accuracy": {"min": 0.5}}}
    assert slices["resolve"] == {"name": "tiny"}


def test_what_the_configuration_names_is_part_of_the_source(tmp_path: Path) -> None:
    text = MINIMAL + 'baseline = "data/b.json"\n[tool.assay.monitor]\npath = "data/logs/"\n'
    source = {step.stage: step.source for step in make_plan(project(tmp_path, text)).steps}
    assert source["resolve"] == ("data/b.json",)
    assert source["monitor"] == ("data/logs/**",)
    assert source["train"] == ("src/**",)


def test_snapshot_of_one_step(tmp_path: Path) -> None:
    """The shape that the Dagger module and CI rely on; change it together with them."""
    text = MINIMAL + '[tool.assay.resources.train]\ntimeout = "5m"\nmemory = "2GiB"\ngpu = true\n'
    steps = {s["stage"]: s for s in json.loads(make_plan(project(tmp_path, text)).to_json())["steps"]}
    assert steps["train"] == {
        "stage": "train",
        "argv": [
            "python", "-m", "assay", "stage", "train", "--inputs", "{inputs}", "--outputs", "{outputs}",
            "--project", "{project}", "--timeout", "300", "--memory", "2147483648", "--gpu",
        ],
        "needs": ["data-validate"],
        "inputs": [{"name": "dataset", "path": "dataset/", "maker": "data-validate"}],
        "outputs": [
            {"name": "model", "path": "model/", "maker": "train"},
            {"name": "training", "path": "training/", "maker": "train"},
        ],
        "environment": {"ASSAY_CONFIG": '{"data":{"target":"y"},"model":"tiny:build","name":"tiny"}'},
        "world": "none",
        "gates": [],
        "requirements": "train",
        "project_requirements": "",
        "source": ["src/**"],
        "data": "",
        "timeout": 300,
        "memory": 2147483648,
        "gpu": True,
        "services": False,
        "supporting": False,
    }  # fmt: skip


def test_plan_is_quick_and_needs_no_package() -> None:
    code = "import sys; sys.path.insert(0, 'src'); from assay.cli import main; main(['plan'])"
    command = [sys.executable, "-S", "-c", code]
    seconds = []
    for _ in range(5):
        before = _spent()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        seconds.append(_spent() - before)
        assert done.returncode == 0, done.stderr
        assert "model-validate" in done.stdout
    assert min(seconds) < 0.3, "the best of five, of the processor's time: others use the machine too"


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_projects_requirements_reach_every_stage_that_installs_or_packs_them(tmp_path: Path) -> None:
    text = MINIMAL.replace('name = "tiny"', 'name = "tiny"\nrequirements = "own.txt"')
    steps = {step.stage: step for step in make_plan(project(tmp_path, text)).steps}
    assert {name for name, step in steps.items() if step.project_requirements == "own.txt"} >= {"train", "package"}
    assert "own.txt" in steps["package"].source
