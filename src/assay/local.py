"""Runs on this machine: where things lie below `.assay/`, and how a run is put together."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import secrets
import subprocess
import time
from typing import TYPE_CHECKING

from assay.artifacts import keep_from_git
from assay.cache import Cache
from assay.errors import ArtifactError, ConfigError
from assay.gpu import require
from assay.pipeline import GRAPH
from assay.plan import Plan, make_plan
from assay.project import load_project
from assay.render.collect import collect, write_run
from assay.render.same_model import knowing_champion
from assay.reports import RunReport
from assay.run_cache.opening import open_run_cache
from assay.runner import Execution, prune
from assay.supervisor import RUN_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Selection
    from assay.progress import Progress

STATE = ".assay"
COMMIT_VARIABLE = "ASSAY_COMMIT"
USER_VARIABLE = "ASSAY_USER"


def run_local(
    project: Path, selection: Selection, *, fresh: bool, progress: Progress, run_cache: str = ""
) -> tuple[RunReport, Path]:
    """Plan and execute a run; an interrupted one has a report too.

    Args:
        project: The project's folder.
        selection: The stages that are asked for.
        fresh: Reuse nothing.
        progress: Tells people what happens.
        run_cache: Address of a cache that several machines share; empty means that of the environment.

    Returns:
        The report and the run's folder, with a folder in it for each stage.
    """
    root = project.resolve()
    plan = make_plan(load_project(root), selection)
    shared = open_run_cache(run_cache)
    started, clock = _now(), time.monotonic()
    run_id = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with progress:
        progress.begin(run_id, [step.stage for step in plan.steps])
        require(step.stage for step in plan.steps if step.gpu)
        folder = _run_folder(root, run_id)
        (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
        commit = commit_of(root)
        told = {COMMIT_VARIABLE: commit, USER_VARIABLE: user()}
        cache = Cache(root / STATE / "cache")
        entries = Execution(plan, root, folder, cache, run_id, told, fresh, progress, shared).run()
    run = RunReport(
        id=run_id,
        project=plan.project,
        trigger=plan.trigger,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 1),
        entries=knowing_champion(entries),
        commit=commit,
    )
    return run, folder


def leave_reports(run: RunReport, folder: Path) -> Path:
    """Write run.json, run.md and report.html to the run's folder, and forget the oldest runs.

    Returns:
        The page for people.

    Raises:
        ArtifactError: They cannot be written, for example because the disk is full.
    """
    try:
        write_run(run, folder)
    except OSError as error:
        told = f"the run's reports cannot be written: {error.strerror}"
        raise ArtifactError(told, where=str(folder), next="make room and run again") from None
    prune(folder.parent)
    return folder / "report.html"


def report_on(folder: Path, plan_file: Path) -> RunReport:
    """Put the reports in `folder`, where Dagger left them, together and write run.json, run.md and report.html there.

    Raises:
        ConfigError: `plan_file` is not a plan.
    """
    try:
        plan = Plan.from_dict(json.loads(plan_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"not a plan: {error}", where=str(plan_file), next="make one: assay plan --format json"
        ) from None
    run_id = os.environ.get(RUN_VARIABLE, folder.resolve().name)
    entries = collect(plan, folder, run_id)
    seconds = round(sum(entry.report.seconds for entry in entries if not entry.cached), 1)
    run = RunReport(
        id=run_id,
        project=plan.project,
        trigger=plan.trigger,
        # nobody else notes when the first stage began
        started=(_now() - dt.timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        seconds=seconds,
        entries=knowing_champion(entries),
        commit=os.environ.get(COMMIT_VARIABLE, ""),
    )
    write_run(run, folder, "dagger")
    return run


def newest(project: Path, artifact: str) -> Path:
    """Where `artifact` of the newest run that made it lies.

    Raises:
        ArtifactError: No run made it.
    """
    runs, maker = project / STATE / "runs", GRAPH.makers[artifact]
    found = sorted(runs.glob(f"*/{maker}/{GRAPH.by_artifact[artifact].path.rstrip('/')}"))
    if not found:
        raise ArtifactError(
            f'no run has made the artifact "{artifact}" yet', where=str(runs), next=f"assay run --until {maker}"
        )
    return found[-1]


def commit_of(root: Path) -> str:
    """The git commit of `root`, `-dirty` behind it where files differ; empty outside git."""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def user() -> str:
    """Who runs this; empty where the system does not know."""
    try:
        return os.environ.get(USER_VARIABLE) or getpass.getuser()
    except (OSError, KeyError):
        return ""


def _run_folder(root: Path, run_id: str) -> Path:
    folder = root / STATE / "runs" / run_id
    try:
        folder.mkdir(parents=True)
        keep_from_git(root / STATE)
        # renamed into place, because another run may be doing the same
        link = folder.parent / f".{run_id}"
        link.symlink_to(run_id)
        link.replace(folder.parent / "latest")
    except OSError as error:
        raise ArtifactError(f"the run's folder cannot be written: {error.strerror}", where=str(folder)) from None
    return folder


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
