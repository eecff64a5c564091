"""The real `dagger call` on a real engine. The tests build on each other: first green, then again, then red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Dagger

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]


def reports(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["report"]["stage"]: entry["report"] for entry in run["entries"]}


@pytest.fixture(scope="module")
def first(dagger: Dagger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first, green run, exported."""
    folder = tmp_path_factory.mktemp("first")
    dagger.run(folder)
    return folder


def test_green(first: Path) -> None:
    run = json.loads((first / "run.json").read_text())
    assert run["exit_code"] == 0
    assert {report["status"] for report in reports(run).values()} == {"passed"}
    assert len(reports(run)) == 10
    assert (first / "report.html").stat().st_size > 10_000
    assert json.loads((first / "deploy/deployment/deployment.json").read_text())["status"] == "promoted"


def test_full_again_is_green_quick_and_really_deploys(dagger: Dagger, first: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    run = dagger.run(tmp_path)
    seconds = time.monotonic() - started
    again = reports(run)
    assert run["exit_code"] == 0
    cached = {entry["report"]["stage"] for entry in run["entries"] if entry["cached"]}
    assert {"code-test", "data-validate", "train", "model-validate", "package"} <= cached
    before = reports(json.loads((first / "run.json").read_text()))
    world = {"resolve", "register", "deploy", "monitor"}
    assert {again[stage]["run_id"] for stage in world} == {run["id"]}
    assert all(again[stage]["run_id"] != before[stage]["run_id"] for stage in world)
    fresh = sum(again[stage]["seconds"] for stage in world)
    print(f"{seconds:.1f} s in all, {fresh:.1f} s of it in stages that touch the world")
    assert seconds - fresh < 30, "10 s on a quiet machine"


@pytest.mark.usefixtures("first")
def test_full_prints_the_table(dagger: Dagger) -> None:
    done = dagger.call("full")
    assert done.code == 0, done.err[-4000:]
    assert "8 of 8 stages passed" in done.out


@pytest.mark.usefixtures("first")
def test_one_stage_by_hand(dagger: Dagger, tmp_path: Path) -> None:
    done = dagger.call("train", "output", "export", "--path", str(tmp_path / "out"))
    assert done.code == 0, done.err[-4000:]
    assert (tmp_path / "out/model/MLmodel").is_file()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model", "training"]


def test_local_and_dagger_agree(dagger: Dagger, first: Path) -> None:
    """Same fingerprint, predictions and gate results; only clocks and the Python of the container may differ."""
    command = [sys.executable, "-m", "assay", "run", "--project", str(dagger.project), "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout
    local = dagger.project / ".assay/runs/latest"

    def read(folder: Path, name: str) -> Any:
        return json.loads((folder / name).read_text())

    for name in ("data-validate/dataset/dataset.json", "model-validate/evaluation/samples.json"):
        assert read(first, name) == read(local, name), name

    def verdicts(folder: Path) -> dict[str, str]:
        found = reports(read(folder, "run.json")).values()
        return {gate["gate"]: gate["status"] for report in found for gate in report["gates"]}

    assert verdicts(first) == verdicts(local)


@pytest.mark.usefixtures("first")
def test_red_is_red_and_still_gives_the_report(dagger: Dagger, tmp_path: Path) -> None:
    toml = dagger.project / "pyproject.toml"
    text = toml.read_text()
    toml.write_text(text.replace("accuracy = { min = 0.87,", "accuracy = { min = 0.95,"))
    try:
        done = dagger.call("full")
        run = dagger.run(tmp_path)
    finally:
        toml.write_text(text)
    assert done.code == 3
    shown = done.out + done.err
    assert "model.accuracy" in shown
    assert ">= 0.95" in shown
    assert "model-validate did not pass" in shown
    assert reports(run)["train"]["status"] == "passed"
    assert reports(run)["register"]["status"] == "skipped"
    assert (tmp_path / "report.html").is_file()


def test_configuration_errors_reach_the_caller(dagger: Dagger) -> None:
    toml = dagger.project / "pyproject.toml"
    text = toml.read_text()
    toml.write_text(text.replace("[tool.assay.params]", "[tool.assay.parms]"))
    try:
        done = dagger.call("full")
    finally:
        toml.write_text(text)
    assert done.code == 2
    assert 'did you mean "params"?' in done.out + done.err
