"""A training's run on an MLflow server, logged while the training goes on.

While it goes on, what the project itself logs with MLflow's own functions goes to the same run.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import ProjectError
from assay.reports import IMAGE_VARIABLE
from assay.tracking.entities import COMMIT, RUN_ID, Dataset
from assay.tracking.runs import Run, Training, started
from assay.tracking.store import (
    STORE_VARIABLE,
    connect,
    credentials,
    embedded,
    prepare,
    served,
    service,
    without_password,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.tracking.client import MlflowClient

# as `git describe --dirty` puts it behind a commit
_DIRTY = "-dirty"
_FILES = "file://"
# an experiment of another server, left by the user or by mlflow.set_experiment, would be looked for here in vain
_NO_EXPERIMENT: dict[str, str | None] = {"MLFLOW_EXPERIMENT_ID": None, "MLFLOW_RUN_ID": None}

__all__ = ["Dataset", "Run", "Training", "killed", "live", "logged", "origin"]


@contextlib.contextmanager
def live(training: Training, run_id: str) -> Iterator[Run | None]:
    """The run of a training on the server that MLFLOW_TRACKING_URI names; None where it names none.

    While the block runs, what the project itself logs with `mlflow.log_metric` goes to the same run; where there is
    no server it goes nowhere, because training writes nothing but its artifacts.

    Args:
        training: What is known before it starts.
        run_id: Assay's id of the pipeline's run, for a tag.

    Raises:
        ServiceError: The server is down, refuses us, or the run was deleted meanwhile.
    """
    store = os.environ.get(STORE_VARIABLE, "")
    prepare(store)
    if not served(store):
        with _aside(store):
            yield None
        return
    known = replace(training, tags={**training.tags, **origin(run_id)})
    with _connected(store) as (client, shown), started(client, shown, known) as run, _users(run, training.name):
        yield run


def killed(name: str, run_id: str) -> str:
    """End as KILLED what a training of the model `name` that was killed left RUNNING on the server.

    Args:
        name: The model's name, which is the experiment's too.
        run_id: Assay's id of the pipeline's run.

    Returns:
        What was done, in words; empty where there was nothing to do.

    Raises:
        ServiceError: The server is down or refuses us.
    """
    store = os.environ.get(STORE_VARIABLE, "")
    if not served(store):
        return ""
    prepare(store)
    with _connected(store) as (client, shown), service(shown):
        place = client.get_experiment_by_name(name)
        running = "attributes.status = 'RUNNING'"
        left = client.search_runs([place.experiment_id], running) if place else []
        ours = [run.info.run_id for run in left if run.data.tags.get(RUN_ID) == run_id]
        for run in ours:
            client.set_terminated(run, "KILLED")
    return f"ended as KILLED: run {', '.join(ours)} on {shown}" if ours else ""


def origin(run_id: str) -> dict[str, str]:
    """Tags that tell which code, image, run of the pipeline and person made something."""
    commit = os.environ.get("ASSAY_COMMIT", "")
    told = {
        COMMIT: commit.removesuffix(_DIRTY),
        "assay.dirty": str(commit.endswith(_DIRTY)).lower() if commit else None,
        "assay.image": os.environ.get(IMAGE_VARIABLE),
        "mlflow.user": os.environ.get("ASSAY_USER"),
        RUN_ID: run_id,
    }
    return {name: value for name, value in told.items() if value}


def logged() -> dict[str, list[float]]:
    """The metrics that the project logged itself where no server takes them, step by step; to be asked in the block."""
    store = os.environ.get(STORE_VARIABLE, "")
    if not store.startswith(_FILES):
        return {}
    found: dict[str, list[float]] = {}
    # MLflow's file store: <experiment>/<run>/metrics/<name>, each line with time, value and step
    for folder in Path(store.removeprefix(_FILES)).glob("*/*/metrics"):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
            steps = sorted((int(step), float(value)) for _, value, step in lines)
            found[file.relative_to(folder).as_posix()] = [value for _, value in steps if math.isfinite(value)]
    return found


@contextlib.contextmanager
def _connected(store: str) -> Iterator[tuple[MlflowClient, str]]:
    """The server's client, and its address as it may be shown."""
    shown = without_password(store)
    # MLflow's own messages, in the project's traceback, show the address: it must not carry the password
    with _environment(credentials(store)):
        yield connect(shown), shown


@contextlib.contextmanager
def _users(run: Run, name: str) -> Iterator[None]:
    """What the project logs with MLflow's own functions goes to `run`."""
    try:
        ours = {"MLFLOW_RUN_ID": run.run_id, "MLFLOW_EXPERIMENT_NAME": name}
        with _environment(_NO_EXPERIMENT | ours), _closed():
            yield
    except ProjectError as error:
        if "active experiment ID" in error.what:
            error.next = f'leave out mlflow.set_experiment: Assay logs to the experiment "{name}"'
        raise


@contextlib.contextmanager
def _aside(store: str) -> Iterator[None]:
    """What the project logs goes to a folder that is thrown away, unless it named a store that we do not know."""
    if store and embedded(store) is None:
        yield
        return
    # a folder needs neither SQLAlchemy nor a second for making tables, but MLflow wants to be told that it may
    folder = tempfile.TemporaryDirectory(prefix="assay-mlflow-", ignore_cleanup_errors=True)
    with folder as path:
        ours = {STORE_VARIABLE: f"{_FILES}{path}/runs", "MLFLOW_ALLOW_FILE_STORE": "true"}
        with _environment(_NO_EXPERIMENT | ours), _closed():
            yield


@contextlib.contextmanager
def _closed() -> Iterator[None]:
    """Runs that the project leaves open are closed here: at the program's end MLflow would change their status."""
    try:
        yield
    finally:
        mlflow = sys.modules.get("mlflow")
        while mlflow and mlflow.active_run():
            with contextlib.suppress(Exception):
                mlflow.end_run()


@contextlib.contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
