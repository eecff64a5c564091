"""What the tests of the CI workflows share: the files, their steps, and a shell in which a step's script runs."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from assay_ci.main import Assay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
OURS = {path.stem: path for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
# what `assay init` writes, and what tests keep
COPIED = [path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.yml") if "jobs:" in path.read_text()]


def load(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as true, here it is `on` again."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on": found.pop(True), **found}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """All steps of all jobs."""
    for job in load(path)["jobs"].values():
        yield from job.get("steps", ())


def step(path: Path, name: str) -> dict[str, Any]:
    """The step called `name`."""
    (found,) = [step for step in steps(path) if step.get("name") == name]
    return found


def calls(text: str) -> list[list[str]]:
    """The words of each `dagger call` in a shell script, optional ones as if they were all given."""
    given = re.sub(r"\$\{\w+:\+([^}]*)\}", r"\1", re.sub(r"\\\n|\"\$\{\w+\[@\]\}\"", " ", text))
    lines = [line.partition(" #")[0].split() for line in given.splitlines()]
    return [words[words.index("call") + 1 :] for words in lines if "dagger" in words[:3] and "call" in words]


def _flags(function: Any) -> set[str]:
    return {f"--{name.replace('_', '-')}" for name in inspect.signature(function).parameters if name != "self"}


def check_call(words: list[str]) -> None:
    """Constructor's flags, a function, its flags, then what Dagger itself knows."""
    names = [word.partition("=")[0] for word in words]
    place = next(number for number, name in enumerate(names) if not name.startswith("-"))
    function = "package_stage" if names[place] == "package" else names[place].replace("-", "_")
    own = [name for name in names[place + 1 :] if name.startswith("-") and name not in {"--path", "--ports", "-o"}]
    assert set(names[:place]) <= _flags(Assay), f"unknown to the constructor: {set(names[:place]) - _flags(Assay)}"
    assert set(own) <= _flags(getattr(Assay, function)), words


def shell(script: str, folder: Path, environment: Mapping[str, str], **programs: str) -> str:
    """Run a step's script as GitHub does, with `programs` in place of real ones; gives what it printed.

    Raises:
        CalledProcessError: The script failed.
    """
    for name, text in programs.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env={"PATH": path, **environment}, check=True, capture_output=True, text=True
    )
    return done.stdout
