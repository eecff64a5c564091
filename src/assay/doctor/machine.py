"""Looks at this machine: Python, packages of the stages, disk, memory, processors, GPU."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay import gpu
from assay.doctor.examination import Finding, fail, ok, warn
from assay.environment import installed, pinned, toolkit_file
from assay.plan import make_plan
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from assay.project import Project

_PYTHON = (3, 11)
_GIB = 2**30
_MEMORY, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def python() -> Iterator[Finding]:
    """The interpreter."""
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _PYTHON:
        yield fail("python", found, "use Python 3.11 or newer")
    else:
        yield ok("python", found)


def packages(project: Project) -> Iterator[Finding]:
    """Whether what the stages need is installed, as their locks say."""
    files: dict[Path, list[str]] = {}
    for step in make_plan(project).steps:
        if step.requirements:
            files.setdefault(toolkit_file(f"requirements/{step.requirements}.lock"), []).append(step.stage)
    own = project.config.requirements
    # what the project pins itself counts for it more than what Assay was tried with
    exempt = {*(pinned(project.root / own) if own else ()), *_only_for_addresses(project, files)}
    found = [one for file, stages in files.items() for one in _lock(file, ", ".join(stages), exempt)]
    found += _lock(project.root / own, own, ()) if own else []
    also = f", and {own}" if own else ""
    yield from found or [ok("packages", f"as the locks of {len(files)} kinds of stages say{also}")]


def _only_for_addresses(project: Project, files: Container[Path]) -> Iterable[str]:
    """What monitor needs for addresses, and no other stage needs, where the project names none."""
    fetch = toolkit_file("requirements/fetch.lock")
    watched = (project.config.monitor.path, project.config.monitor.labels)
    if fetch in files or any("://" in (address or "") for address in watched):
        return ()
    return pinned(fetch).keys()


def _lock(file: Path, who: str, exempt: Container[str]) -> Iterator[Finding]:
    if not file.is_file():
        yield fail(f"packages: {who}", f"{file} is not there", "put it there, or install Assay anew")
        return
    wanted, here = pinned(file), installed()
    missing = [package for package in wanted if package not in here and package not in exempt]
    others = [
        f"{package} {here[package]}, not {' or '.join(sorted(versions))}"
        for package, versions in wanted.items()
        if package not in exempt and here.get(package, "") not in {"", *versions}
    ]
    where, then = f"packages: {who}", f"pip install -r {_short(file)}"
    if missing:
        yield fail(where, f"not installed: {listed(missing)}", then)
    elif others:
        yield warn(where, listed(others), f"{then}, for the same results as elsewhere")


def disk(root: Path) -> Iterator[Finding]:
    """Room for runs, models and images."""
    usage = shutil.disk_usage(root)
    found = f"{usage.free / _GIB:.1f} GiB free of {usage.total / _GIB:.0f} at {root}"
    then = f"make room; {root / '.assay'} holds earlier runs, which may go"
    if usage.free < _GIB / 2:
        yield fail("disk", found, then)
    elif usage.free < 5 * _GIB:
        yield warn("disk", found, then)
    else:
        yield ok("disk", found)


def memory() -> Iterator[Finding]:
    """What training may use."""
    free = _available()
    if free is None:
        yield ok("memory", "not told by this system")
    elif free < 2 * _GIB:
        yield warn("memory", f"{free / _GIB:.1f} GiB available", "close something, or give the container more")
    else:
        yield ok("memory", f"{free / _GIB:.1f} GiB available")


def _available() -> int | None:
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", _MEMORY.read_text(encoding="ascii"))
    except OSError:
        return None
    free = int(found.group(1)) * 1024 if found else None
    try:
        limit = _CGROUP.read_text(encoding="ascii").strip()
    except OSError:
        return free
    return min(int(limit), free or int(limit)) if limit.isdigit() else free


def processors() -> Iterator[Finding]:
    """What is left of them."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    found = f"{count}, load {load:.1f}"
    if load > 2 * count:
        yield warn("processors", found, "others are at work: times and latency gates will suffer")
    elif count == 1:
        yield warn("processors", found, "two are better: stages run side by side")
    else:
        yield ok("processors", found)


def graphics(stages: list[str]) -> Iterator[Finding]:
    """The GPU that `stages` ask for."""
    why = gpu.missing()
    if why:
        then = f"run on a host with one, or remove gpu from [tool.assay.resources.{stages[0]}]"
        yield fail("gpu", f"{', '.join(stages)} asks for one, and {why}", then)
    else:
        yield ok("gpu", f"can be used by {', '.join(stages)}")


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
