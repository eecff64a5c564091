"""Runs the stage fetch on a small project, in this process or under its supervisor."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.context import Context
from assay.pipeline import GRAPH
from assay.project import load_project
from assay.stages import fetch

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Outcome

_PROJECT = """
[tool.assay]
name = "tiny"
load = "tiny:load"
model = "tiny:build"

[tool.assay.data]
target = "y"
path = {path}
{more}
"""


def context(project: Path, path: str, more: str = "") -> Context:
    """What fetch is given in `project` for data at `path`; its output folder is empty."""
    project.mkdir(parents=True, exist_ok=True)
    # an address with a password is refused where a project is read; the stage must keep it to itself all the same
    text = _PROJECT.format(path=json.dumps("data/" if "@" in path else path), more=more)
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    outputs = project.parent / "out"
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    config = load_project(project).config
    return Context(
        stage=GRAPH.stage("fetch"),
        config=replace(config, data=replace(config.data, path=path)),
        project=project,
        inputs=project.parent,
        outputs=outputs,
        run_id="run-1",
        limits={},
    )


def run(project: Path, path: str, more: str = "") -> Outcome:
    """Run fetch; its output lies in `out/fetched` beside the project."""
    return fetch.run(context(project, path, more))


def about(project: Path) -> dict[str, Any]:
    """fetched.json of the last run."""
    found: dict[str, Any] = json.loads((project.parent / "out" / "fetched" / "fetched.json").read_text("utf-8"))
    return found


def files(project: Path) -> dict[str, bytes]:
    """What the last run fetched, by path below fetched/; without fetched.json."""
    folder = project.parent / "out" / "fetched"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("fetched.json", None)
    return found
