"""Whole runs of tiny projects, one for each way in which a run ends red, by the command that a user types."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests/projects"


@dataclass(frozen=True)
class Ended:
    """What a command did."""

    code: int
    text: str
    project: Path

    @property
    def run(self) -> dict[str, Any]:
        """run.json of the newest run."""
        found: dict[str, Any] = json.loads((self.project / ".assay/runs/latest/run.json").read_text())
        return found

    @property
    def statuses(self) -> dict[str, str]:
        """Status by stage."""
        return {e["report"]["stage"]: e["report"]["status"] for e in self.run["entries"]}

    def gate(self, name: str) -> dict[str, Any]:
        """The verdict on a gate."""
        gates = [gate for e in self.run["entries"] for gate in e["report"]["gates"]]
        return next(gate for gate in gates if gate["gate"] == name)


def assay(project: Path, *arguments: str) -> Ended:
    command = [sys.executable, "-m", "assay", *arguments, "--project", str(project)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
    return Ended(done.returncode, done.stdout + done.stderr, project)


def copy(name: str, folder: Path) -> Path:
    return shutil.copytree(PROJECTS / name, folder / name)


def no_traceback_of_ours(ended: Ended) -> None:
    assert "Traceback" not in ended.text
    assert "src/assay/" not in ended.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "unknown_key",
            """\
assay: 1 configuration error:
1. unknown key "holdot"
  where:   pyproject.toml:9 tool.assay.data.holdot
  allowed: path, pull, format, csv, missing, times, target, task, positive, holdout, seed, group, time, weight, exclude, sensitive, baseline, strict, ordered, identity, schema, expressions, suite, drift
  next:    did you mean "holdout"?
""",  # noqa: E501 - one line of output
            id="unknown-key",
        ),
        pytest.param(
            "bad_toml",
            """\
assay: not valid TOML: Illegal character '\\n' (at line 8, column 17)
  where:   pyproject.toml
""",
            id="bad-toml",
        ),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_configuration_errors_whole_text(tmp_path: Path, name: str, expected: str, command: str) -> None:
    ended = assay(copy(name, tmp_path), command)
    assert (ended.code, ended.text) == (2, expected)
    assert not (ended.project / ".assay").exists()


def test_missing_column(tmp_path: Path) -> None:
    ended = assay(copy("missing_column", tmp_path), "run", "--until", "data-validate")
    assert ended.code == 3
    gate = ended.gate("data.schema.columns")
    assert (gate["status"], gate["observed"]) == ("fail", 1)
    assert "income" in gate["message"]
    assert "data.schema.columns" in ended.text


def test_drifted(tmp_path: Path) -> None:
    ended = assay(copy("drifted", tmp_path), "run", "--until", "data-validate")
    assert ended.code == 3
    gate = ended.gate("data.drift.psi")
    assert gate["status"] == "fail"
    assert gate["observed"] > 1


def test_model_raises(tmp_path: Path) -> None:
    ended = assay(copy("model_raises", tmp_path), "run")
    assert ended.code == 4
    no_traceback_of_ours(ended)
    report = next(e["report"] for e in ended.run["entries"] if e["report"]["stage"] == "train")
    assert "tiny.py:" in report["message"]
    assert report["message"] in ended.text
    skipped = {stage for stage, status in ended.statuses.items() if status == "skipped"}
    assert skipped == {"rival", "model-validate", "register", "package", "deploy", "monitor"}


def test_killed(tmp_path: Path) -> None:
    ended = assay(copy("killed", tmp_path), "run", "--only", "train")
    assert ended.code == 4
    assert "by signal 9 (SIGKILL)" in ended.text
    report = json.loads((ended.project / ".assay/runs/latest/train/report.json").read_text())
    assert (report["status"], report["stage"]) == ("error", "train")


def test_nan_metric(tmp_path: Path) -> None:
    ended = assay(copy("nan_metric", tmp_path), "run", "--only", "model-validate")
    assert ended.code == 3
    assert ended.gate("model.profit")["status"] == "error"


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first, green run."""
    project = copy("worse_than_champion", tmp_path_factory.mktemp("green"))
    first = assay(project, "run")
    assert first.code == 0, first.text
    assert set(first.statuses.values()) == {"passed"}
    assert first.gate("model.accuracy.vs_champion")["status"] == "no champion"
    return project


@pytest.fixture
def promoted(green: Path, tmp_path: Path) -> Path:
    """A copy of it with all that the run left: registry, cache, reports."""
    return shutil.copytree(green, tmp_path / green.name, symlinks=True)


def test_the_champion_itself_is_not_compared_and_nothing_runs_again(promoted: Path) -> None:
    second = assay(promoted, "run", "--until", "model-validate")
    assert second.code == 0, second.text
    gate = second.gate("model.accuracy.vs_champion")
    told = "this is the model that serves (version 1): nothing to compare"
    assert (gate["status"], gate["message"]) == ("same model", told)
    for name in ("run.json", "run.md", "report.html"):
        assert told in (promoted / ".assay/runs/latest" / name).read_text()
    assert told in second.text
    (entry,) = [e for e in second.run["entries"] if e["report"]["stage"] == "model-validate"]
    assert entry["cached"]


def test_worse_than_the_champion_then_waived(promoted: Path) -> None:
    toml = promoted / "pyproject.toml"
    toml.write_text(toml.read_text().replace("good = true", "good = false"))

    second = assay(promoted, "run")
    assert second.code == 3
    gate = second.gate("model.accuracy.vs_champion")
    assert gate["status"] == "fail"
    assert gate["observed"] < gate["limit"]
    assert second.statuses["register"] == "skipped"
    for name in ("run.json", "run.md", "report.html"):
        assert "model.accuracy.vs_champion" in (promoted / ".assay/runs/latest" / name).read_text()

    waiver = '\n[[tool.assay.waivers]]\ngate = "model.accuracy.vs_champion"\nreason = "known"\napprover = "ada"\n'
    toml.write_text(toml.read_text() + waiver + "expires = 2999-12-31\n")
    third = assay(promoted, "run", "--until", "model-validate")
    assert third.code == 0, third.text
    assert third.gate("model.accuracy.vs_champion")["status"] == "waived"


def test_a_green_run_again_reuses_what_is_pure_and_repeats_what_touches_the_world(promoted: Path) -> None:
    again = assay(promoted, "run")
    assert again.code == 0, again.text
    cached = {e["report"]["stage"] for e in again.run["entries"] if e["cached"]}
    # there is no committed baseline, so now there is a profile to measure drift against: data-validate runs again
    assert cached == {"code-test", "train", "model-validate"}
    deployment = json.loads((promoted / ".assay/runs/latest/deploy/deployment/deployment.json").read_text())
    assert (deployment["status"], deployment["version"]) == ("unchanged", 1)
    run_id = again.run["id"]
    fresh = {e["report"]["stage"] for e in again.run["entries"] if e["report"]["run_id"] == run_id}
    assert {"resolve", "register", "deploy", "monitor"} <= fresh


@pytest.mark.slow  # three whole runs
def test_rollback(promoted: Path) -> None:
    alone = assay(promoted, "rollback")
    assert alone.code != 0
    no_traceback_of_ours(alone)
    source = promoted / "src/tiny.py"
    source.write_text(source.read_text().replace("LogisticRegression()", "LogisticRegression(C=0.5)"))
    second = assay(promoted, "run")
    assert second.code == 0, second.text
    back = assay(promoted, "rollback")
    assert (back.code, "version 1 is champion again" in back.text) == (0, True), back.text
    assert "version 1 serves" in assay(promoted, "run", "--only", "resolve").text


@pytest.mark.slow  # a whole run of somebody else's project: XGBoost, packages of its own
def test_a_regression_with_packages_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("xgboost", reason="xgboost is not installed: requirements/models.lock")
    done = assay(copy("houses", tmp_path), "run", "--quiet")
    assert done.code == 0, done.text
    assert set(done.statuses.values()) == {"passed"}
    assert done.gate("model.within_tenth")["status"] == "pass"
    own = (done.project / ".assay/runs/latest/package/bundle/project-requirements.txt").read_text()
    assert own == (PROJECTS / "houses/requirements.txt").read_text()
