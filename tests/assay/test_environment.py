"""Two machines have one key where they give one result: same Python, platform and packages, wherever it lies."""

from __future__ import annotations

import platform
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from helpers import MINIMAL, project

from assay import environment
from assay.cache import components_of, key_of
from assay.environment import environment_of, toolkit_file
from assay.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Step

SKLEARN = "scikit-learn"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installs(monkeypatch)


def installs(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    monkeypatch.setattr(environment, "installed", lambda: {n.replace("_", "-"): v for n, v in versions.items()})


def train(folder: Path, text: str = MINIMAL) -> Step:
    return next(step for step in make_plan(project(folder, text)).steps if step.stage == "train")


def locked(name: str) -> str:
    lines = toolkit_file("requirements/train.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))


def test_the_place_and_the_person_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "deep/down/there"
    (here / "src").mkdir(parents=True)
    (here / "src/tiny.py").write_text("x = 1\n")
    (here / "inputs/dataset").mkdir(parents=True)
    (here / "inputs/dataset/train.parquet").write_text("rows")
    shutil.copytree(here, there)

    def key(folder: Path) -> str:
        return key_of(components_of(train(folder), folder, folder / "inputs"))

    before = key(here)
    for name, value in {"USER": "ada", "HOME": "/nowhere", "HOSTNAME": "other", "TZ": "Asia/Tokyo"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.cpu_count", lambda: 96)
    monkeypatch.chdir(there)
    assert key(there) == before


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("machine", "riscv64"),
        ("system", "Plan9"),
        ("python_version", "3.99.1"),
        ("python_implementation", "PyPy"),
        ("libc_ver", ("musl", "1.2")),
    ],
)
def test_what_results_depend_on_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, value: object
) -> None:
    before = environment_of(train(tmp_path), tmp_path)
    monkeypatch.setattr(platform, what, lambda: value)
    assert environment_of(train(tmp_path), tmp_path) != before


def test_packages_count_only_where_they_are_not_the_locked_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = train(tmp_path)
    nothing = environment_of(step, tmp_path)
    installs(monkeypatch, scikit_learn=locked(SKLEARN), pytest="0.1")
    assert environment_of(step, tmp_path) == nothing, "a machine that has yet to install them, and one that has"
    installs(monkeypatch, scikit_learn="0.1")
    assert environment_of(step, tmp_path) == nothing | {f"package {SKLEARN}": "0.1"}


def test_what_the_project_asks_for_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = train(tmp_path, MINIMAL.replace('model = "tiny:build"', 'model = "tiny:build"\nrequirements = "r.txt"'))
    (tmp_path / "r.txt").write_text("# ours\nMy_Package>=1\n-e .\n")
    found = []
    for version in ("1.0", "1.1"):
        installs(monkeypatch, my_package=version, other="1")
        found.append(environment_of(step, tmp_path))
    assert found[0]["package my-package"] == "1.0"
    assert found[0] != found[1]
    assert "package other" not in found[0]
    (tmp_path / "r.txt").write_text("My_Package>=2\n")
    assert environment_of(step, tmp_path)["the project's packages"] != found[0]["the project's packages"]


def test_a_gpu_counts(tmp_path: Path) -> None:
    step = train(tmp_path)
    assert environment_of(replace(step, gpu=True), tmp_path) != environment_of(step, tmp_path)


def test_what_is_installed_is_read_from_the_names_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name in ("Some.Package-1.2.3.dist-info", "torch-2.9.1+cpu.dist-info"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path), "", "/nowhere"])
    environment.installed.cache_clear()
    try:
        assert environment.installed() == {"some-package": "1.2.3", "torch": "2.9.1+cpu"}
    finally:
        environment.installed.cache_clear()
