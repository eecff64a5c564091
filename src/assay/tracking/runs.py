"""Runs in an MLflow store: what is logged to them, and how they end.

Both a training that goes on (`live.py`) and one that is over (`registry.py`) are logged through `Run`. MLflow is
imported when it is needed: it costs a second.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.errors import ProjectError, ServiceError
from assay.tracking.entities import DIGEST, RUN_ID, key, parameters, points, tagged, used
from assay.tracking.store import DELETED, embedded, service, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlflow.entities import Metric
    from mlflow.entities import Run as Entity
    from mlflow.tracking.client import MlflowClient

    from assay.tracking.entities import Dataset

# what MLflow's servers take in one batch
_PARAMS, _METRICS = 100, 1000


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is known when a training starts.

    Attributes:
        name: The model's name, which is the experiment's too.
        params: Parameters by name.
        tags: Digests of data and packages.
        dataset: The rows it learns from.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that is being logged; every method raises `ServiceError` where the store fails."""

    run_id: str
    experiment_id: str
    artifact_uri: str
    store: str
    client: MlflowClient

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log `values` at `step`; those that are no finite numbers are left out."""
        self._metrics(points({name: [value] for name, value in values.items()}, step))

    def curves(self, curves: Mapping[str, Sequence[float]]) -> None:
        """Log metrics by step, from step 0."""
        self._metrics(points(curves, 0))

    def params(self, params: Mapping[str, Any]) -> None:
        """Log parameters as text; one that was logged must not have another value."""
        found = parameters(params)
        with service(self.store):
            for start in range(0, len(found), _PARAMS):
                self.client.log_batch(self.run_id, params=found[start : start + _PARAMS])

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        with service(self.store):
            self.client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tagged(tags).items()])

    def files(self, files: Mapping[str, Path]) -> None:
        """Keep files and folders under their paths in the run."""
        with service(self.store):
            for path, source in files.items():
                if source.is_dir():
                    self.client.log_artifacts(self.run_id, str(source), path)
                else:
                    self.client.log_artifact(self.run_id, str(source))

    def child(
        self, number: int, params: Mapping[str, Any], metrics: Mapping[str, float], *, failed: bool = False
    ) -> None:
        """Log a trial of a search, which is over, as a run below this one."""
        tags = {"mlflow.parentRunId": self.run_id, "assay.trial": str(number)}
        with service(self.store):
            child = _create(self.client, self.store, self.experiment_id, tags, f"trial {number}")
        with _ended(child):
            child.params(params)
            child.metrics(metrics)
            child.end("FAILED" if failed else "FINISHED")

    def add(self, known: Training, metrics: Mapping[str, float], files: Mapping[str, Path]) -> None:
        """Log what is not there yet to a run that is over; a metric that has another value now gets a further step."""
        with service(self.store):
            there = self.client.get_run(self.run_id).data
            changed = {n: v for n, v in metrics.items() if there.metrics.get(key(n), v) != v}
            steps = {n: 1 + max(m.step for m in self.client.get_metric_history(self.run_id, key(n))) for n in changed}
            folders = {path for path, source in files.items() if source.is_dir() and self._holds(path)}
        self.metrics({name: value for name, value in metrics.items() if key(name) not in there.metrics})
        for name, step in steps.items():
            self.metrics({name: changed[name]}, step)
        self.files({path: source for path, source in files.items() if path not in folders})
        self.params({name: value for name, value in known.params.items() if key(name) not in there.params})
        self.tags({name: value for name, value in known.tags.items() if key(name) not in there.tags})

    def _holds(self, path: str) -> bool:
        return bool(self.client.list_artifacts(self.run_id, path))

    def complete(
        self,
        *,
        model_digest: str,
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        files: Mapping[str, Path],
    ) -> None:
        """Log all that the training left and end as FINISHED; the tag, set last, says that nothing is missing."""
        self.curves(curves)
        self.metrics(metrics)
        self.files(files)
        self.tags({DIGEST: model_digest})
        self.end("FINISHED")

    def finish(
        self,
        *,
        model_digest: str,
        metrics: Mapping[str, float],
        curves: Mapping[str, Sequence[float]],
        folders: Mapping[str, Path],
    ) -> None:
        """`complete` for a training that has just ended: its model is not lost where the server fails."""
        try:
            self.complete(model_digest=model_digest, metrics=metrics, curves=curves, files=folders)
        except ServiceError as error:
            error.next += "; nothing is lost, the model lies in the stage's output folder"
            raise

    def end(self, status: str) -> None:
        """End the run as FINISHED or FAILED."""
        with service(self.store):
            self.client.set_terminated(self.run_id, status)

    def _metrics(self, points: Sequence[Metric]) -> None:
        with service(self.store):
            for start in range(0, len(points), _METRICS):
                self.client.log_batch(self.run_id, metrics=points[start : start + _METRICS])


@contextlib.contextmanager
def started(client: MlflowClient, store: str, training: Training) -> Iterator[Run]:
    """A new run with all that is known before the training; it ends as FAILED where the block raises."""
    with service(store):
        place = experiment(client, store, training.name)
        run = _create(client, store, place, tagged(training.tags), training.tags.get(RUN_ID))
    with _ended(run):
        run.params(training.params)
        if training.dataset:
            with service(store):
                client.log_inputs(run.run_id, [used(training.dataset)])
        yield run


def experiment(client: MlflowClient, store: str, name: str) -> str:
    """Id of the experiment of the model `name`, made where there is none."""
    file = embedded(store)
    place = str(file.parent / "artifacts") if file else None
    # an experiment keeps its absolute path: where the store was moved or copied, the old place is not written to
    for title in (name, f"{name} in {place}"):
        found = client.get_experiment_by_name(title)
        if found is None:
            return _made(client, title, place)
        if place is None or found.artifact_location == place:
            break
    return str(found.experiment_id)


def _made(client: MlflowClient, title: str, place: str | None) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(title, artifact_location=place))
    except MlflowException as error:
        # a server cannot be locked: somebody else may have made it a moment ago
        found = client.get_experiment_by_name(title) if error.error_code == "RESOURCE_ALREADY_EXISTS" else None
        if found is None:
            raise
        return str(found.experiment_id)


def find(client: MlflowClient, store: str, name: str, model_digest: str) -> Run | None:
    """The newest run in which this very model was trained to the end, unless it was deleted."""
    place = experiment(client, store, name)
    found = client.search_runs(
        [place], f"attributes.status = 'FINISHED' and tags.{DIGEST} = '{model_digest}'", max_results=1
    )
    return _run(client, store, found[0]) if found else None


def check(client: MlflowClient, store: str, run_id: str) -> None:
    """See that the run was not deleted.

    Raises:
        ServiceError: It was.
    """
    with service(store):
        if client.get_run(run_id).info.lifecycle_stage != "active":
            what = f"the run {run_id} was deleted meanwhile"
            raise ServiceError(what, without_password(store), next=DELETED)


def _create(client: MlflowClient, store: str, place: str, tags: Mapping[str, str], title: str | None) -> Run:
    return _run(client, store, client.create_run(place, tags=dict(tags), run_name=title))


def _run(client: MlflowClient, store: str, made: Entity) -> Run:
    info = made.info
    return Run(
        run_id=info.run_id,
        experiment_id=info.experiment_id,
        artifact_uri=info.artifact_uri,
        store=store,
        client=client,
    )


@contextlib.contextmanager
def _ended(run: Run) -> Iterator[None]:
    """`run` is FAILED where the block raises; what it raised matters more than a server that fails then."""
    try:
        yield
    except BaseException as error:
        try:
            run.end("FAILED")
        except ServiceError as broken:
            if _from_mlflow(error):
                raise broken from error
        raise


def _from_mlflow(error: BaseException) -> bool:
    """True where the project's own call of MLflow failed; a server that fails us too is not the project's fault."""
    from mlflow.exceptions import MlflowException

    return isinstance(error, ProjectError) and isinstance(error.__cause__, MlflowException)
