"""Looks at the project: its configuration, its data, its git state."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from assay import artifacts
from assay.doctor import machine, services
from assay.doctor.examination import Finding, asked, examine, fail, failed, ok, warn
from assay.errors import AssayError
from assay.project import load_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.config import Data
    from assay.doctor.examination import Look
    from assay.project import Project

_LARGE = 100_000_000


def doctor(root: Path, registry: str = "") -> list[Finding]:
    """All findings about this machine and the project in `root`.

    Args:
        root: The project's folder.
        registry: Where images are to be published, `host/repository`; empty to leave that out.
    """
    looks: dict[str, Look] = {
        "python": lambda: list(machine.python()),
        "disk": lambda: list(machine.disk(root)),
        "memory": lambda: list(machine.memory()),
        "processors": lambda: list(machine.processors()),
        "dagger": lambda: list(services.dagger()),
        "dagger engine": lambda: list(services.engine()),
        "git": lambda: list(_git(root)),
    }
    try:
        project = load_project(root)
    except AssayError as error:
        found = [_broken(error)]
    else:
        found = [ok("project", f"{project.config.name}: pyproject.toml is in order")]
        looks |= _of_project(project)
    if registry:
        looks["registry"] = lambda: list(services.registry(registry))
    return [*found, *examine(looks, needed=("tracking", "cluster", "registry"))]


def _broken(error: AssayError) -> Finding:
    finding = failed("project", error)
    there_is_none = "there is no pyproject.toml" in finding.found or "no [tool.assay]" in finding.found
    then = "assay init DATA makes a project from a data file" if there_is_none else finding.next
    return fail("project", finding.found, then, finding.code)


def _of_project(project: Project) -> dict[str, Look]:
    config, root = project.config, project.root
    looks: dict[str, Look] = {
        "packages": lambda: list(machine.packages(project)),
        "data": lambda: list(_data(config.data, root)),
        "tracking": lambda: list(services.tracking()),
    }
    if config.deploy.target == "kubernetes":
        looks["cluster"] = lambda: list(services.cluster(config.deploy))
    if wanting := [stage for stage, limits in config.resources.items() if limits.gpu]:
        looks["gpu"] = lambda: list(machine.graphics(wanting))
    return looks


def _data(data: Data, root: Path) -> Iterator[Finding]:
    if "://" in data.path:
        yield ok("data", f"{data.path}, fetched afresh in each run")
        return
    path = root / data.path
    if not path.exists() and data.pull:
        yield ok("data", f"{data.path} is not here; `{data.pull} pull` brings it in each run")
    elif not path.exists():
        yield fail("data", f"there is no {data.path}", "put the data there, or correct path in [tool.assay.data]")
    else:
        yield from _present(data, root, artifacts.size(path))


def _present(data: Data, root: Path, size: int) -> Iterator[Finding]:
    found = f"{data.path}, {size / 1e6:,.1f} MB"
    if not size:
        yield fail("data", f"{found}: empty", "put the data there")
    elif Path(data.path).parts[0] != "data":
        yield warn("data", found, "Dagger is given what lies below data/: move it there for `dagger call`")
    elif size > _LARGE and not data.pull and (root / ".git").exists():
        yield warn("data", found, "large for git: let DVC keep it, or an address in `path`")
    else:
        yield ok("data", found)


def _git(root: Path) -> Iterator[Finding]:
    then = "git init, so that each model version names its commit"
    if not shutil.which("git"):
        yield warn("git", "not installed", "install git, so that each model version names its commit")
        return
    done = asked("git", "-C", str(root), "status", "--porcelain", "--branch")
    branch, *changes = done.stdout.splitlines() or [""]
    if done.returncode:
        yield warn("git", "no repository here", then)
    elif changes:
        yield warn(
            "git", f"{len(changes)} files differ from the last commit", "commit, so that a version can be made again"
        )
    else:
        yield ok("git", branch.removeprefix("## "))
