"""Results of pure stages are reused by content, and only while they are what their report says."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from helpers import MINIMAL, plan, project, step
from test_runner import execute

from assay.cache import Cache, components_of, key_of, toolkit_digest
from assay.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Step


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/tiny.py").write_text("x = 1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_text("y\n1\n")
    (tmp_path / "inputs/dataset").mkdir(parents=True)
    (tmp_path / "inputs/dataset/train.parquet").write_text("rows")
    return tmp_path


def step_of(folder: Path, name: str, text: str = MINIMAL) -> Step:
    return next(s for s in make_plan(project(folder, text)).steps if s.stage == name)


def key(folder: Path, name: str = "train", text: str = MINIMAL) -> str:
    return key_of(components_of(step_of(folder, name, text), folder, folder / "inputs"))


def test_same_inputs_same_key(folder: Path) -> None:
    assert key(folder) == key(folder)


@pytest.mark.parametrize(
    ("stage", "change", "moves"),
    [
        pytest.param("train", "src/tiny.py", True, id="source"),
        pytest.param("train", "inputs/dataset/train.parquet", True, id="input"),
        pytest.param("train", "data/a.csv", False, id="train-does-not-read-the-data"),
        pytest.param("data-validate", "data/a.csv", True, id="data"),
        pytest.param("train", "tests/unit/test_x.py", False, id="train-does-not-read-tests"),
        pytest.param("code-test", "tests/unit/test_x.py", True, id="code-test-does"),
        pytest.param("model-validate", "tests/model/test_x.py", True, id="model-tests"),
        pytest.param("train", "README.md", False, id="readme"),
        pytest.param("train", "src/__pycache__/tiny.cpython-311.pyc", False, id="byte-code"),
    ],
)
def test_what_moves_the_key(folder: Path, stage: str, change: str, *, moves: bool) -> None:
    before = key(folder, stage)
    path = folder / change
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed\n")
    assert (key(folder, stage) != before) is moves


@pytest.mark.parametrize("where", ["../elsewhere", "{absolute}"])
def test_data_outside_the_project_counts_too(folder: Path, where: str) -> None:
    inside = folder / "project"
    inside.mkdir()
    (folder / "elsewhere").mkdir()
    rows = folder / "elsewhere/rows.csv"
    rows.write_text("y\n1\n")
    text = MINIMAL + f'path = "{where.format(absolute=folder / "elsewhere")}"\n'
    before = key(inside, "data-validate", text)
    rows.write_text("y\n2\n")
    assert key(inside, "data-validate", text) != before


@pytest.mark.parametrize(
    ("stage", "addition", "moves"),
    [
        pytest.param("train", "[tool.assay.params]\nrate = 0.1\n", True, id="params"),
        pytest.param("train", "[tool.assay.gates.model-validate]\naccuracy = {min = 0.5}\n", False, id="other-gate"),
        pytest.param("model-validate", "[tool.assay.gates.model-validate]\nf1 = {min = 0.5}\n", True, id="own-gate"),
        pytest.param("train", "[tool.assay.resources.train]\ntimeout = '5m'\n", False, id="limits-on-time"),
        pytest.param("train", "[tool.other]\nx = 1\n", False, id="other-tool"),
        pytest.param("code-test", "[tool.ruff]\nline-length = 80\n", True, id="code-test-reads-other-tools"),
        pytest.param("code-test", "[tool.assay.gates.deploy]\nsmoke = {max = 1}\n", False, id="but-no-other-gate"),
    ],
)
def test_only_the_slice_of_the_configuration_counts(folder: Path, stage: str, addition: str, *, moves: bool) -> None:
    assert (key(folder, stage) != key(folder, stage, MINIMAL + addition)) is moves


def test_one_stage_does_not_depend_on_the_code_of_another() -> None:
    assert toolkit_digest("train") != toolkit_digest("model-validate")


@pytest.mark.parametrize("damage", ["changed", "truncated", "deleted", "report"])
def test_a_damaged_result_is_a_miss(tmp_path: Path, damage: str) -> None:
    one = plan(step("a", "write('hello')"))
    execute(tmp_path, one)
    (stored,) = (tmp_path / "cache/a").glob("*/a.txt")
    victim = stored.with_name("report.json") if damage == "report" else stored
    content = victim.read_bytes()
    victim.unlink()
    if damage == "changed":
        victim.write_bytes(content + b"!")
    elif damage != "deleted":
        victim.write_bytes(content[:1])
    (entry,) = execute(tmp_path, one)
    assert (entry.cached, entry.why) == (False, "no stored result")
    (again,) = execute(tmp_path, one)
    assert again.cached


def test_an_edit_in_a_run_folder_does_not_reach_later_runs(tmp_path: Path) -> None:
    one = plan(step("a", "write('hello')"))
    execute(tmp_path, one, "r1")
    (tmp_path / "runs/r1/a/a.txt").write_text("edited by hand")
    execute(tmp_path, one, "r2")
    assert (tmp_path / "runs/r2/a/a.txt").read_text() == "hello"


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    (entry,) = execute(tmp_path, plan(step("a", "write('hello')")))
    assert entry.report.passed


def test_old_results_are_forgotten(tmp_path: Path) -> None:
    for number in range(12):
        execute(tmp_path, plan(step("a", f"write('{number}')", environment={"ASSAY_CONFIG": f'{{"n": {number}}}'})))
    assert len([path for path in (tmp_path / "cache/a").iterdir() if path.is_dir()]) == 8


def test_cache_folder_may_be_removed_at_any_time(tmp_path: Path) -> None:
    one = plan(step("a", "write('hello')"))
    execute(tmp_path, one)
    shutil.rmtree(tmp_path / "cache")
    (entry,) = execute(tmp_path, one)
    assert (entry.report.passed, entry.why) == (True, "first run")
    assert Cache(tmp_path / "cache").find("a", "0" * 64) is None
