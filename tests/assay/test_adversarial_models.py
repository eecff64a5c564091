"""Adversarial models go through train and model-validate under the real supervisor; the table says what each gets."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.sklearn  # noqa: F401 - what the forked stages need is imported once, here
import pytest
import skops.io  # noqa: F401
from adversaries_costly import PID_VARIABLE
from helpers import wait_until
from modelkit import champion, rows, write_dataset

import assay.models.skopsfile
import assay.stages.model_validate
import assay.stages.train  # noqa: F401
from assay.context import Context
from assay.evaluate import plots
from assay.pipeline import GRAPH
from assay.project import load_project
from assay.reports import LOG_FILE, read_report
from assay.supervisor import supervise

if TYPE_CHECKING:
    from assay.reports import StageReport

HERE = Path(__file__).parent
TRAIN, VALIDATE = "train", "model-validate"
MOST_LOG = 5 * 2**20
CONFIG = """
[tool.assay]
name = "tiny"
load = "adversaries:load"
{top}
[tool.assay.data]
path = "data"
target = "y"
task = "{task}"
{data}
[tool.assay.evaluation]
slices = ["job"]
min_slice_rows = 20
[tool.assay.gates.model-validate]
{gates}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model and what it gets.

    Attributes:
        ends: The stage that it does not get beyond.
        code: Exit code of that stage.
        says: Words of the gate's message, where there is a gate, else of the stage's.
        gate: The gate that tells, and its status.
        next: Words of what to do about it.
        log: Words in the stage's log.
        gates, data, top, task: Keys of `[tool.assay]`.
        champion: The model that serves.
    """

    ends: str = VALIDATE
    code: int = 3
    says: str = ""
    gate: tuple[str, str] = ("", "")
    next: str = ""
    log: str = ""
    gates: str = ""
    data: str = 'positive = "yes"'
    top: str = ""
    task: str = "classification"
    champion: str = ""
    timeout: float = 60
    memory: int = 0


def contract(says: str, **more: str) -> Case:
    return Case(gate=("model.contract", "fail"), says=says, **more)  # type: ignore[arg-type]


def raised(says: str, ends: str = TRAIN, **more: object) -> Case:
    return Case(ends=ends, code=4, says=says, **more)  # type: ignore[arg-type]


def regression(**more: object) -> Case:
    return Case(task="regression", data="", **more)  # type: ignore[arg-type]


ACCURACY = "accuracy = { min = 0.6, vs_champion = { max_drop = 0.01 } }"
R2 = "r2 = { vs_champion = { max_drop_percent = 10 } }"
SLICES = "slice = { accuracy = { vs_champion = { max_drop = 0.05 } } }"
OWN = 'metrics = "adversaries:{}_metric"'
AGREEMENT = "agreement = { min = 0.5 }"
PASSES = Case(code=0)

TABLE: dict[str, tuple[str, Case]] = {
    "a fair model passes": ("Good", Case(code=0, gates=ACCURACY, gate=("model.accuracy", "pass"))),
    # ---- answers ----
    "NaN for all": ("NothingAtOnce", raised("not in the data: nan", next="labels of the training rows")),
    "NaN for some, later": ("Nothing", contract("NaN, infinity or nothing for")),
    "NaN never opens a gate": ("Nothing", Case(gates=ACCURACY, gate=("model.accuracy", "error"), says="NaN")),
    "infinity": ("Infinite", regression(gate=("model.contract", "fail"), says="infinity or nothing for")),
    "texts for numbers": ("Texts", raised("no finite numbers", task="regression", data="", next="finite numbers")),
    "constant": ("Constant", Case(gate=("model.skill", "fail"), says="roc_auc 0.5")),
    "fewer predictions": ("Fewer", raised("shape (299,) for 300 rows", next="shape (300,)")),
    "fewer, later": ("FewerLater", contract("shape (99,) for 100 rows")),
    "more predictions": ("More", raised("shape (301,) for 300 rows")),
    "two dimensions": ("TwoDimensional", raised("shape (300, 1) for 300 rows")),
    "labels never seen": ("Strange", raised("not in the data: perhaps")),
    "tables for labels": ("Tables", contract("not in the data: {'label'")),
    "a shuffled Series": ("Shuffled", contract("index is in another order")),
    # ---- probabilities ----
    "labels in the wrong order": ("Swapped", contract("classes_")),
    "labels in another code": ("Coded", contract("none of the data's labels: 0, 1")),
    "half of one": ("Halved", contract("do not sum to 1")),
    "negative probabilities": ("Negative", contract("not from 0 to 1")),
    "a column missing": ("OneColumn", contract("shape (100, 1), not (100, 2)")),
    "no gate on what is unusable": ("Halved", Case(gates="roc_auc = { min = 0.5 }", gate=("model.roc_auc", "error"))),
    # ---- promises ----
    "changes its rows": ("Mutates", contract("predict changes the rows")),
    "changes its rows for probabilities": ("MutatesForShares", contract("predict_proba changes the rows")),
    "not the same twice": ("Random", contract("the second time")),
    "leans on the other rows": ("OthersMatter", contract("alone gets")),
    "leans on the row before": ("Neighbours", contract("another order")),
    "looks at the index": ("Index", contract("other")),
    "leaves the folder": ("Moves", contract("working directory")),
    "changes what is global": ("Sows", PASSES),
    "raises for single rows": ("RefusesSingles", raised("a single row raised ValueError: expected a batch", VALIDATE)),
    "raises later": ("RefusesLater", raised("model.predict raised ValueError: never seen", VALIDATE)),
    "needs the target": ("NeedsTarget", raised("""model.fit raised KeyError: "['y'] not in index""")),
    "needs the weight": (
        "",
        raised(
            "model.predict raised KeyError: 'n'",
            top='train = "adversaries:train_aside"\nparams = { column = "n" }',
            data='weight = "n"',
        ),
    ),
    "needs what is excluded": (
        "",
        raised(
            "model.predict raised KeyError: 'sex'",
            top='train = "adversaries:train_aside"\nparams = { column = "sex" }',
            data='exclude = ["sex"]',
        ),
    ),
    # ---- learning the wrong thing ----
    "reads the raw data": ("ReadsData", raised("training opened all.parquet", next="the rows that train is given")),
    "hides that it reads": ("ReadsDataQuietly", raised("training opened all.parquet")),
    "learns by heart": (
        "Memory",
        Case(gates="overfit = { accuracy = { max = 0.1 } }", gate=("model.overfit.accuracy", "fail"), says="1 on the"),
    ),
    "better on train only": (
        "Memory",
        Case(gates=ACCURACY, champion="Good", gate=("model.accuracy.vs_champion", "fail"), says="version 7 reaches"),
    ),
    "worse in one slice": (
        "WorseForSmiths",
        Case(gates=SLICES, champion="Good", gate=("model.slice.accuracy.vs_champion", "fail"), says="job=smith"),
    ),
    "worse than a negative R squared": (
        "Flatter",
        regression(gates=R2, champion="Flat", gate=("model.r2.vs_champion", "fail"), says="reaches -"),
    ),
    # ---- gates and metrics ----
    "a misspelt metric": (
        "Good",
        Case(gates="accurracy = { min = 0.5 }", gate=("model.accurracy", "error"), says="known: model.accuracy"),
    ),
    "a metric of text": ("Good", raised("'agreement': 'good'", VALIDATE, top=OWN.format("text"), next="numbers by name")),
    "a metric that is NaN": (
        "Good",
        Case(top=OWN.format("nan"), gates=AGREEMENT, gate=("model.agreement", "error"), says="not a finite number"),
    ),
    "a list of metrics": ("Good", raised("metrics gave list", VALIDATE, top=OWN.format("list"), next="numbers by name")),
    "a metric that raises": ("Good", raised("metrics raised ZeroDivisionError", VALIDATE, top=OWN.format("raising"))),
    # ---- the champion ----
    "a champion with other classes": (
        "Good",
        Case(gates=ACCURACY, champion="OldClasses", gate=("model.accuracy.vs_champion", "error"), says="poor, rich"),
    ),
    "a champion that does not load": (
        "Good",
        Case(gates=ACCURACY, champion="-", gate=("model.accuracy.vs_champion", "error"), says="cannot be compared"),
    ),
    "a champion that needs a column that is gone": (
        "Good",
        Case(gates=ACCURACY, champion="WantsMore", gate=("model.accuracy.vs_champion", "error"), says="age"),
    ),
    # ---- costs ----
    "slow": ("Slow", Case(gates="latency_ms = { p95 = { max = 5 } }", gate=("model.latency_ms.p95", "fail"))),
    "slow with a batch": (
        "SlowBatch",
        Case(gates="batch_latency_ms = { p50 = { max = 20 } }", gate=("model.batch_latency_ms.p50", "fail")),
    ),
    "huge": ("Huge", Case(gates="size_mb = { max = 1 }", gate=("model.size_mb", "fail"))),
    "greedy": ("Greedy", Case(gates="memory_mb = { max = 100 }", gate=("model.memory_mb", "fail"))),
    "beyond the memory limit": ("Insatiable", raised("1024 MiB allowed", memory=2**30, next="raise memory in")),
    # ---- the process ----
    "holds a lock": ("Locked", raised("cannot be written", next="keep open files, locks")),
    "holds a lambda": ("Lambda", PASSES),
    "prints by the megabyte": ("Chatty", Case(code=0)),
    "floods stderr": ("Floods", PASSES),
    "exits in fit": ("ExitsInFit", raised("model.fit raised SystemExit: 0")),
    "exits in predict": ("ExitsLater", raised("raised SystemExit: 0", VALIDATE)),
    "ends the process": ("ExitsHard", raised("exit code 0 without an answer", next="os._exit")),
    "ends the process later": ("ExitsHardLater", raised("exit code 0 without an answer", VALIDATE, next="os._exit")),
    "forks and returns": ("Forks", PASSES),
    "leaves a daemon": ("Daemon", PASSES),
    "leaves a program": ("Detached", PASSES),
    "segfaults": ("Segfaults", raised("SIGSEGV", next="log", log="adversaries_costly.py")),
    "kills itself": ("KillsItself", raised("SIGKILL", next="ran out of memory")),
    "stops itself": ("StopsItself", raised("the time limit is 1 s", timeout=1, next="raise timeout")),
    "hangs": ("Hangs", raised("the time limit is 1 s", timeout=1, next="raise timeout")),
    "fails with no Exception": ("Cancels", raised("GeneratorExit")),
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.setenv(PID_VARIABLE, str(tmp_path / "pid"))
    for name in ("MLFLOW_TRACKING_URI", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path / "project")
    # drawing takes half of the time and tells nothing here
    for name in ("plot", "slices", "importance"):
        monkeypatch.setattr(plots, name, lambda *_: None)


@pytest.mark.parametrize(("model", "case"), TABLE.values(), ids=TABLE)
def test_what_an_adversarial_model_gets(model: str, case: Case, tmp_path: Path) -> None:
    if case.champion:
        _serves(tmp_path, case)
    _project(tmp_path, model, case)
    report = _stage(tmp_path, TRAIN, case)
    if case.ends != TRAIN:
        assert report.passed, report.message
        report = _validated(tmp_path, case)
    assert (report.stage, report.exit_code) == (case.ends, case.code), report.message
    told = report.message
    name, status = case.gate
    if name:
        (gate,) = [gate for gate in report.gates if gate.gate == name]
        assert gate.status == status, gate
        told = gate.message
    assert case.says in told
    assert case.next in report.message
    assert case.log in _log(tmp_path, case.ends)


def _project(root: Path, model: str, case: Case) -> None:
    frame = rows(case.task)
    shutil.rmtree(root / "in", ignore_errors=True)
    source, data = root / "project/src", root / "project/data"
    for folder in (source, data):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("adversaries.py", "adversaries_costly.py"):
        shutil.copy(HERE / name, source)
    frame.to_parquet(data / "all.parquet")
    write_dataset(root / "in", frame)
    module = "adversaries" if f"class {model}(" in (source / "adversaries.py").read_text() else "adversaries_costly"
    top = f'model = "{module}:{model}"\n{case.top}' if model else case.top
    text = CONFIG.format(top=top, task=case.task, data=case.data, gates=case.gates)
    (root / "project/pyproject.toml").write_text(text)


def _stage(root: Path, name: str, case: Case) -> StageReport:
    loaded = load_project(root / "project")
    outputs = root / name
    context = Context(
        stage=GRAPH.stage(name),
        config=loaded.config,
        project=root / "project",
        inputs=root / "in",
        outputs=outputs,
        run_id="run-1",
        limits=loaded.limits[name],
    )
    report = supervise(context, timeout=case.timeout, memory=case.memory)
    assert read_report(outputs) == report
    assert report.exit_code != 1, report.message
    assert "Traceback" not in report.message
    assert (outputs / LOG_FILE).stat().st_size < MOST_LOG
    assert _log(root, name).count("on the rows it learned from") <= 1, "the stage ran twice"
    assert wait_until(lambda: not _left_behind(root)), "a process outlived the stage"
    return report


def _serves(root: Path, case: Case) -> None:
    """Train the champion, and put it where the next evaluation finds it."""
    broken = case.champion == "-"
    _project(root, "Good" if broken else case.champion, Case(task=case.task, data=case.data))
    _stage(root, TRAIN, case)
    shutil.move(root / TRAIN / "model", root / "champion")
    if broken:
        (root / "champion/model.skops").write_bytes(b"no model")


def _validated(root: Path, case: Case) -> StageReport:
    for artifact in ("model", "training"):
        shutil.copytree(root / TRAIN / artifact, root / "in" / artifact, dirs_exist_ok=True)
    rival = champion(root, 7 if case.champion else None)
    if case.champion:
        shutil.move(root / "champion", rival / "model")
    report = _stage(root, VALIDATE, case)
    if report.exit_code in {0, 3}:
        evaluation = json.loads((root / VALIDATE / "evaluation/evaluation.json").read_text())
        assert evaluation["passed"] == report.passed
    return report


def _log(root: Path, name: str) -> str:
    return (root / name / LOG_FILE).read_text(encoding="utf-8", errors="replace")


def _left_behind(root: Path) -> bool:
    try:
        pid = (root / "pid").read_text()
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    except OSError:
        return False
