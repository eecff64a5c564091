"""Adversarial models go through train and model-validate under the real supervisor; the table says what each gets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow.sklearn  # noqa: F401 - what the forked stages need is imported once, here
import pytest
import skops.io  # noqa: F401
from adversarial_table import LEARNT, TABLE, TRAIN, VALIDATE, Case
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
    from collections.abc import Callable

    import pandas as pd

    from assay.reports import StageReport

HERE = Path(__file__).parent
PID_VARIABLE = "ADVERSARY_PID"
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


CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "OldClasses": lambda frame: frame.replace({"y": {"yes": "rich", "no": "poor"}}),
    "WantsMore": lambda frame: frame.assign(age=1.0),
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


@pytest.mark.parametrize(
    ("model", "case"),
    [pytest.param(*row, id=name) for name, row in TABLE.items()],
)
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
        gate = next(gate for gate in report.gates if gate.gate == name)
        assert gate.status == status, gate
        told = gate.message
    assert case.says in told
    assert case.next in f"{told}\n{report.message}"
    assert [words for words in case.log if words not in _log(tmp_path, TRAIN)] == []


def _project(root: Path, model: str, case: Case) -> None:
    frame = rows(case.task)
    frame = CHANGES[model](frame) if model in CHANGES else frame
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
    assert _log(root, name).count(LEARNT) <= 1, "the stage ran twice"
    assert wait_until(lambda: not _left_behind(root)), "a process outlived the stage"
    return report


def _serves(root: Path, case: Case) -> None:
    """Train the champion, and put it where the next evaluation finds it."""
    broken = case.champion == "-"
    _project(root, "Good" if broken else case.champion, Case(task=case.task, data=""))
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
