"""Reuses the outputs of pure stages by content. Standard library only.

The key of a result is the digest of everything that it depends on: the stage's code, its locked packages, its slice of
the configuration, the source and data files that it reads and the artifacts it is given. Only passed results are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assay import artifacts
from assay.environment import PACKAGE, environment_of
from assay.project import CONFIG_VARIABLE
from assay.reports import STAGE_FILE, StageReport, found_json, read_report, write_json
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.plan import Step

_KEEP = 8
_LAST = "last.json"
INPUT = "input "
"""Begins the name of a component that is an artifact."""
# what no result depends on
_AROUND = {
    *("__main__.py", "_files", "cache.py", "cli", "local.py", "progress.py", "render", "runner.py", "starting.py"),
    *("run_cache", "scaffold", "doctor", "explain.py", "forecast.py", "rulebook.py"),
}


@dataclass(frozen=True)
class Hit:
    """A stored result that is still what its report says."""

    folder: Path
    report: StageReport


@dataclass(frozen=True)
class Cache:
    """Results of pure stages below one folder, `<stage>/<key>/`."""

    root: Path

    def find(self, stage: str, key: str) -> Hit | None:
        """The result stored under `key`; a damaged one is removed and is a miss."""
        hit, folder = self.look(stage, key), self.root / stage / key
        if hit:
            with contextlib.suppress(OSError):
                os.utime(folder)
        elif read_report(folder):
            shutil.rmtree(folder, ignore_errors=True)
        return hit

    def look(self, stage: str, key: str) -> Hit | None:
        """The same, and nothing is touched."""
        folder = self.root / stage / key
        report = read_report(folder)
        good = report is not None and report.passed and artifacts.intact(report.outputs, folder)
        return Hit(folder, report) if report and good else None

    def store(self, stage: str, key: str, outputs: Path, report: StageReport) -> None:
        """Keep the outputs of a passed stage; a cache that cannot be written is no reason to fail."""
        target = self.root / stage / key
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".", dir=target.parent))
            for ref in report.outputs:
                artifacts.link_tree(outputs / ref.path, partial / ref.path)
            shutil.copy2(outputs / STAGE_FILE, partial / STAGE_FILE)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
            self._forget_oldest(target.parent)

    def explain(self, stage: str, components: Mapping[str, str]) -> str:
        """Why the stage has to run: what differs from the last time, in words."""
        last = self.last(stage)
        if not last:
            return "first run"
        changed = [name for name in {**last, **components} if last.get(name) != components.get(name)]
        if not changed:
            return "no stored result"
        return f"changed: {listed(sorted(changed))}"

    def last(self, stage: str) -> dict[str, str]:
        """What the stage depended on the last time; empty where it never ran."""
        return found_json(self.root / stage / _LAST)

    def remember(self, stage: str, components: Mapping[str, str]) -> None:
        """Note what the stage depended on this time, for `explain`."""
        with contextlib.suppress(OSError):
            (self.root / stage).mkdir(parents=True, exist_ok=True)
            write_json(self.root / stage / _LAST, components)

    @staticmethod
    def _forget_oldest(folder: Path) -> None:
        entries = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for path in entries[:-_KEEP]:
            shutil.rmtree(path, ignore_errors=True)


def key_of(components: Mapping[str, str]) -> str:
    """One digest for all components."""
    return hashlib.sha256(json.dumps(components, sort_keys=True).encode()).hexdigest()


def components_of(step: Step, project: Path, inputs: Path, facts: Mapping[str, str] | None = None) -> dict[str, str]:
    """Everything that the result of `step` depends on, each by name and digest or value.

    Args:
        step: What is to be run.
        project: The project's folder.
        inputs: Folder with the artifacts that it reads.
        facts: What only the executor knows, such as the base image, by name.
    """
    found = {"Assay's code": toolkit_digest(step.stage), **environment_of(step, project), **(facts or {})}
    found |= {
        f"config {name}": value for name, value in _leaves(json.loads(step.environment.get(CONFIG_VARIABLE, "{}")))
    }
    for glob in step.source:
        found |= {os.path.relpath(p, project): _source_digest(p) for p in _matching(project, glob)}
    if step.data:
        files = _matching(project, _below(step.data))
        found |= {f"data {os.path.relpath(p, project)}": artifacts.digest(p) for p in files}
    paths = {slot.name: inputs / slot.path for slot in step.inputs}
    return found | {f"{INPUT}{name}": artifacts.digest(path) for name, path in paths.items() if path.exists()}


def stamps_of(step: Step, project: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change (nanoseconds) and size of each file that `step` reads: what changes while a stage runs."""
    globs = (*step.source, *((_below(step.data),) if step.data else ()))
    files = [(path, path.stat()) for glob in globs for path in _matching(project, glob)]
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in files)


def _source_digest(path: Path) -> str:
    if path.name != "pyproject.toml":
        return artifacts.digest(path)
    # what a stage reads of [tool.assay] is in its slice of the configuration already; the rest is for other tools
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    document.get("tool", {}).pop("assay", None)
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def _below(path: str) -> str:
    return f"{path.rstrip('/')}/**"


def _matching(project: Path, glob: str) -> list[Path]:
    base, _, rest = glob.partition("**")
    start = project / base.rstrip("/")
    if start.is_file():
        return [start]
    return sorted(artifacts.files_below(start)) if rest or glob.endswith("**") else []


def toolkit_digest(stage: str) -> str:
    """Digest of the code behind `stage`: all of Assay but the other stages, the command line and the rendering."""
    module = f"{stage.replace('-', '_')}.py"
    return key_of({str(path): digest for path, digest in _toolkit().items() if _counts(path, module)})


@cache
def _toolkit() -> dict[Path, str]:
    files = artifacts.files_below(PACKAGE)
    return {path.relative_to(PACKAGE): artifacts.file_digest(path) for path in files}


def _counts(path: Path, module: str) -> bool:
    if path.parts[0] == "stages":
        return path.name in {module, "__init__.py"}
    return path.parts[0] not in _AROUND


def _leaves(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, sort_keys=True)
