"""CI's one entry: tests on a cluster where one can be built, the reason where not, and all of it within its time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "dirname", "date", "timeout")


class Machine:
    """A machine with nothing but what is put there; each stand-in notes that it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, folder / "calls"
        self.calls.touch()
        for path in (".ci", "bin", "tests/cluster"):
            (folder / path).mkdir(parents=True)
        shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
        for tool in TOOLS:
            (folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
        for tool in ("go", "gcc", "apt-get", "make"):
            self.put(f"bin/{tool}")
        self.put("bin/id", "echo 0")
        for script in ("build.sh", "down.sh"):
            self.put(f"tests/cluster/{script}")

    def put(self, path: str, does: str = "") -> None:
        """A program that notes its name and words, and then `does`."""
        file = self.folder / path
        noted = "" if path == "bin/id" else f'echo "{file.name} $*" >> {self.calls}'
        file.write_text(f"#!/bin/sh\n{noted}\n{does}\n", encoding="utf-8")
        file.chmod(0o755)

    def run(self, **environment: str) -> tuple[int, list[str], str]:
        """Exit code, what was called, what was told."""
        path = {"PATH": str(self.folder / "bin"), **environment}
        ended = subprocess.run(
            [self.folder / ".ci/run"], env=path, capture_output=True, text=True, check=False, timeout=30
        )
        return ended.returncode, [call.strip() for call in self.calls.read_text().splitlines()], ended.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


TESTS = ["make test", "make test-slow"]
ALL = [*TESTS, "build.sh", "make test-cluster"]


def test_where_a_cluster_can_be_built(machine: Machine) -> None:
    assert machine.run() == (0, ALL, "")


def test_where_there_is_one(machine: Machine) -> None:
    (machine.folder / "bin/go").unlink()
    assert machine.run(KUBECONFIG="config") == (0, [*TESTS, "make test-cluster"], "")


@pytest.mark.parametrize(
    ("change", "calls", "told"),
    [
        (lambda machine: (machine.folder / "bin/go").unlink(), TESTS, "building one needs go"),
        (lambda machine: machine.put("bin/id", "echo 1000"), TESTS, "building one needs root"),
        (lambda machine: machine.put("tests/cluster/build.sh", "exit 7"), ALL[:3], "it could not be built"),
    ],
    ids=["no go", "no root", "build fails"],
)
def test_where_there_can_be_none_the_reason_is_told(
    machine: Machine, change: Callable[[Machine], None], calls: list[str], told: str
) -> None:
    change(machine)
    assert machine.run() == (0, calls, f"no tests on a cluster: {told}\n")


def test_where_the_time_does_not_suffice(machine: Machine) -> None:
    code, calls, told = machine.run(CI_MINUTES="20")
    assert (code, calls) == (0, TESTS)
    assert told.endswith("s are left of the hour\n")


def test_tests_that_fail_fail_it(machine: Machine) -> None:
    machine.put("bin/make", '[ "$1" != test-cluster ] || exit 2')
    assert machine.run() == (2, [*ALL, "down.sh"], "")
    machine.put("bin/make", "exit 2")
    machine.calls.write_text("")
    assert machine.run() == (2, ALL[:1], "")
