"""The project's own tests of a model, `tests/model`, run by pytest beside everything else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay import artifacts, junit
from assay.environment import PACKAGE
from assay.gates import Observed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "tests/model"
MODEL_VARIABLE = "ASSAY_MODEL"
DATASET_VARIABLE = "ASSAY_DATASET"
_LAST_LINES = 40


@dataclass(frozen=True)
class Running:
    """Tests that were started and have to be collected."""

    process: subprocess.Popen[str]
    scratch: tempfile.TemporaryDirectory[str]


def start(project: Path, model: Path, rows: Iterable[Path]) -> Running | None:
    """Start the tests; None where the project has none.

    They see only `tests/model` and no settings of the project, because its result is cached by no other file. What they
    need is in the environment: ASSAY_MODEL is the model folder, ASSAY_DATASET one with the files of `rows`.
    """
    if not (project / FOLDER).is_dir():
        return None
    scratch = tempfile.TemporaryDirectory(prefix="assay-tests-")
    dataset = Path(scratch.name) / "dataset"
    for path in rows:
        artifacts.link_tree(path, dataset / path.name)
    (Path(scratch.name) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", str(project / FOLDER), "-c", f"{scratch.name}/pytest.ini"]
    command += ["--rootdir", str(project), "--confcutdir", str(project / FOLDER), "-q", "-p", "no:cacheprovider"]
    command += ["--import-mode=importlib", f"--junitxml={scratch.name}/junit.xml", "--tb=short"]
    process = subprocess.Popen(
        command,
        cwd=project,
        env=os.environ | _environment(project, model, dataset),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return Running(process, scratch)


def _environment(project: Path, model: Path, dataset: Path) -> Mapping[str, str]:
    given = os.environ.get("PYTHONPATH", "")
    paths = [str(project / "src"), str(project), str(PACKAGE.parent), *([given] if given else [])]
    folders = {MODEL_VARIABLE: str(model), DATASET_VARIABLE: str(dataset)}
    return folders | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


def collect(running: Running | None) -> tuple[Observed, str]:
    """Wait for the tests.

    Returns:
        How many failed or broke, and what pytest printed where they did.
    """
    if running is None:
        return Observed(0.0, message=f"no {FOLDER}"), ""
    output, _ = running.process.communicate()
    with running.scratch as folder:
        tests = junit.read(Path(folder) / "junit.xml")
    tail = "\n".join(output.splitlines()[-_LAST_LINES:])
    if tests is None:
        return Observed(None, message=f"pytest ended with exit code {running.process.returncode}, no result"), tail
    if not tests.total:
        return Observed(None, message=f"{FOLDER} holds no tests"), tail
    told = ", ".join(tests.bad[:3]) or f"{tests.total} tests"
    return Observed(len(tests.bad), message=told), tail if tests.bad else ""
