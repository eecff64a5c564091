"""What a stage runs in: Python, platform and packages, as far as results depend on them. Standard library only."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assay.artifacts import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.plan import Step

PACKAGE = Path(__file__).parent
_PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)([^\\\n]*)", re.MULTILINE)
_NAMED = re.compile(r"^([A-Za-z0-9][\w.-]*)", re.MULTILINE)
TRACKED, SERVER = "train", "MLFLOW_TRACKING_URI"
"""The stage that is logged to a tracking server, and the variable that names the server."""

_INSTALLED = ".dist-info"


def environment_of(step: Step, project: Path) -> dict[str, str]:
    """Python, platform and packages of `step` by name, the same on two machines that give the same result.

    What is installed as the lock says is told by the lock's digest alone, so that a machine where it is not installed
    (yet) has the same key; what is installed otherwise is told by name.
    """
    libc = " ".join(platform.libc_ver())
    found = {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()} {libc}".rstrip(),
        "locked packages": _digest(_locks(step)),
    }
    server = os.environ.get(SERVER, "") if step.stage == TRACKED else ""
    if server.startswith("http"):
        # a training names its run on the server that it is logged to
        found["tracking server"] = server.rpartition("@")[2]
    if step.gpu:
        found["GPU"] = "used"
    if step.project_requirements:
        own = project / step.project_requirements
        found["the project's packages"] = _digest([own])
        found |= {f"package {name}": version for name, version in _named(own)}
    return found | {f"package {name}": version for name, version in _other_than_locked(step)}


def toolkit_file(name: str) -> Path:
    """A file that ships with Assay: from a checkout, or from inside the installed package."""
    checkout = PACKAGE.parents[1] / name
    return checkout if checkout.exists() else PACKAGE / "_files" / name


def _locks(step: Step) -> list[Path]:
    lock = toolkit_file(f"requirements/{step.requirements}.lock")
    return [lock, toolkit_file("Dockerfile")] if "Dockerfile" in step.source else [lock]


def _digest(files: list[Path]) -> str:
    parts = [file_digest(file) if file.exists() else "" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _other_than_locked(step: Step) -> Iterator[tuple[str, str]]:
    here, locked = installed(), pinned(_locks(step)[0])
    yield from ((name, here[name]) for name, versions in locked.items() if here.get(name, "") not in {"", *versions})


def pinned(file: Path) -> dict[str, set[str]]:
    """Versions by package, as a requirements file pins them; what only other machines need is left out."""
    found: dict[str, set[str]] = {}
    for name, version, marker in _PINNED.findall(_text(file)):
        # one name may stand there twice, for two kinds of machines
        if ";" not in marker or _normal(name) in installed():
            found.setdefault(_normal(name), set()).add(version)
    return found


def _named(requirements: Path) -> Iterator[tuple[str, str]]:
    """What is installed of the packages that the project asks for, whose file need not say which version."""
    names = {_normal(name) for name in _NAMED.findall(_text(requirements))}
    yield from ((name, installed()[name]) for name in sorted(names & installed().keys()))


@cache
def installed() -> dict[str, str]:
    """Versions of the installed packages by name, from the names of folders alone: this runs before every stage."""
    found: dict[str, str] = {}
    for folder in filter(None, sys.path):
        for path in Path(folder).glob(f"*{_INSTALLED}"):
            name, _, version = path.name.removesuffix(_INSTALLED).partition("-")
            found.setdefault(_normal(name), version)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
