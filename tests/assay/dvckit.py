"""A real DVC repository with its remote, and what several tests do with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import fetchkit
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Outcome

_PIPELINE = """
stages:
  make:
    cmd: mkdir -p made && printf ${text} > made/t.csv
    wdir: sub
    outs: [made]
  later:
    cmd: "true"
    outs: [never]
"""
_ENVIRONMENT = {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def call(folder: Path, *command: str) -> None:
    """Run `dvc` or `git` in `folder`."""
    if command[0] == "dvc":
        command = (sys.executable, "-m", *command)
    environment = os.environ | _ENVIRONMENT
    subprocess.run(command, cwd=folder, check=True, env=environment, stdout=subprocess.DEVNULL)


def alone(factory: pytest.TempPathFactory, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The project of `copied`, with nothing of this machine's own settings and stores."""
    for name in ("ASSAY_DATA_CREDENTIALS", "ASSAY_DVC_CONFIG"):
        patch.delenv(name, raising=False)
    patch.setenv("ASSAY_FETCHED", str(folder / "store"))
    patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(folder / "nobody"))
    patch.setenv("NO_PROXY", "*")
    return copied(factory, folder)


def copied(factory: pytest.TempPathFactory, folder: Path) -> Path:
    """A project in `folder` whose data is tracked and pushed and not there any more; beside it lies the `remote`."""
    made = factory.getbasetemp() / "dvc-made"
    if not made.exists():
        _make(made)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder / "project"


def _make(root: Path) -> None:
    project = root / "project"
    (project / "data" / "raw" / "deep").mkdir(parents=True)
    (project / "sub").mkdir()
    call(project, "dvc", "init", "-q", "--no-scm")
    (project / "data" / "raw" / "a.csv").write_text("a,b\n1,2\n")
    (project / "data" / "raw" / "deep" / "b.csv").write_text("3\n")
    (project / "data" / "one.csv").write_text("one\n")
    call(project, "dvc", "add", "-q", "data/raw", "data/one.csv")
    (project / "dvc.yaml").write_text(_PIPELINE)
    (project / "params.yaml").write_text("text: made\n")
    call(project, "dvc", "repro", "-q", "make")
    call(project, "dvc", "remote", "add", "-q", "-d", "store", "../remote")
    call(project, "dvc", "push", "-q")
    for name in ("data/raw", "sub/made", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(project / name)
    # in Dagger the stage is given what FETCH.source names, and that is not params.yaml
    for name in ("data/one.csv", "params.yaml"):
        (project / name).unlink()


def run(project: Path, path: str = "data/raw") -> Outcome:
    """Run fetch for what DVC tracks at `path`."""
    return fetchkit.run(project, path, 'pull = "dvc"')


def refused(project: Path, error: type[Exception], path: str = "data/raw") -> str:
    """What fetch says where it fails with `error`."""
    with pytest.raises(error) as raised:
        run(project, path)
    assert "Traceback" not in str(raised.value)
    return str(raised.value)


def object_of(root: Path, file: str = "data/one.csv.dvc") -> Path:
    """Where the remote has the content that `file` names."""
    name = (root / "project" / file).read_text().partition("md5: ")[2].split()[0]
    return root / "remote" / "files" / "md5" / name[:2] / name[2:]
