"""The model registry: versions, their artifacts and the aliases `staging`, `champion`, `previous`.

The only user of MLflow's client, which is imported when it is needed: it costs a second.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError, ServiceError
from assay.store import embedded, locked, prepare, service, store_of, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking.client import MlflowClient

__all__ = ["CHAMPION", "PREVIOUS", "STAGING", "Candidate", "Registry", "Version", "store_of"]

STAGING, CHAMPION, PREVIOUS = "staging", "champion", "previous"
FETCHED = ("model", "profile.json", "evaluation.json", "samples.json")
_DIGEST, _IMAGE = "model_digest", "image"
# what MLflow's servers take in one parameter and one batch
_LONGEST, _BATCH = 6000, 100


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version in the registry.

    Attributes:
        name: The model's name.
        version: Its number, from 1.
        model_digest: Digest of its model folder.
        run_id: The MLflow run that holds its artifacts.
        image: image.json of what was deployed; None before that.
        created: True where this call of `register` made it.
    """

    name: str
    version: int
    model_digest: str
    run_id: str
    image: Mapping[str, Any] | None = None
    created: bool = False


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to become a version.

    Attributes:
        name: The model's name.
        model_digest: Digest of the model folder.
        artifacts: Files and folders by their path in the version; `FETCHED` must be among them.
        params: Parameters of the training.
        metrics: Metrics by name; those that are not finite numbers must have been left out.
        tags: Commit, digests, run id.
    """

    name: str
    model_digest: str
    artifacts: Mapping[str, Path]
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Registry:
    """The registry in one store.

    All methods raise `ServiceError` where the store fails: down, wrong credentials, too old.
    """

    def __init__(self, store: str) -> None:
        """Use the MLflow store with the URI `store`; nothing is opened yet."""
        self._store = store

    def champion(self, name: str) -> Version | None:
        """The version that serves now; None before the first deployment."""
        file = embedded(self._store)
        if file and not file.exists():
            return None
        with self._client() as client:
            number = _aliases(client, name).get(CHAMPION)
            return _version(client.get_model_version(name, str(number))) if number else None

    def fetch(self, version: Version, folder: Path) -> None:
        """Write the version's model/, profile.json, evaluation.json and samples.json to `folder`.

        Raises:
            ArtifactError: One of them is missing, or the model is not what was registered.
        """
        from assay.artifacts import digest

        folder.mkdir(parents=True, exist_ok=True)
        where = f"{version.name} version {version.version} in {without_password(self._store)}"
        with self._client() as client:
            kept = self._local(version.run_id)
            for path in FETCHED:
                if kept is None:
                    client.download_artifacts(version.run_id, path, str(folder))
                elif (kept / path).exists():
                    _copy(kept / path, folder / path)
                else:
                    raise ArtifactError(f"{path} is missing", where=where, next="register the model again")
        if digest(folder / "model") != version.model_digest:
            raise ArtifactError("the model in the store is not the one that was registered", where=where)

    def register(self, candidate: Candidate) -> Version:
        """Make a version of `candidate` with alias `staging`; a model that already is one only gets the alias."""
        with self._client() as client:
            known = _with_digest(client, candidate.name, candidate.model_digest)
            found = known[0] if known else self._create(client, candidate)
            _point(client, candidate.name, STAGING, found.version)
            return found

    def set_champion(self, name: str, version: int, image: Mapping[str, Any] | None = None) -> None:
        """Make `version` the champion and the one before it `previous`; keep image.json with it, if given."""
        with self._client() as client:
            if image is not None:
                client.set_model_version_tag(name, str(version), _IMAGE, json.dumps(image, sort_keys=True))
            now = _aliases(client, name).get(CHAMPION)
            if now not in {None, version}:
                _point(client, name, PREVIOUS, int(now or 0))
            _point(client, name, CHAMPION, version)

    def rollback(self, name: str) -> tuple[int, int]:
        """Swap champion and previous.

        Returns:
            The version that is champion now, and the one that was.

        Raises:
            ArtifactError: There is no previous version.
        """
        with self._client() as client:
            aliases = _aliases(client, name)
            before, now = aliases.get(CHAMPION), aliases.get(PREVIOUS)
            if before is None or now in {None, before}:
                have = f"champion is version {before}" if before else "no version was ever deployed"
                raise ArtifactError("there is no previous version to go back to", where=name, next=have)
            _point(client, name, CHAMPION, int(now or 0))
            _point(client, name, PREVIOUS, before)
            return int(now or 0), before

    @contextlib.contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        prepare(self._store)
        with service(self._store), locked(self._store):
            yield self._connected

    @cached_property
    def _connected(self) -> MlflowClient:
        # its news of each table that it makes would drown the stage's own lines
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)
        from mlflow.tracking.client import MlflowClient

        return MlflowClient(self._store, self._store)

    def _create(self, client: MlflowClient, candidate: Candidate) -> Version:
        name, tags = candidate.name, {**candidate.tags, _DIGEST: candidate.model_digest}
        _ensure_model(client, name)
        run = client.create_run(self._experiment(client, name), tags=tags, run_name=candidate.model_digest[:12])
        run_id = run.info.run_id
        try:
            _log(client, run_id, candidate)
            made = client.create_model_version(name, f"{run.info.artifact_uri}/model", run_id, tags=tags)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
        # a server cannot be locked: where two registered the same model at once, the first version stays
        first = _with_digest(client, name, candidate.model_digest)[0]
        if first.version != int(made.version):
            client.delete_model_version(name, str(made.version))
            client.delete_run(run_id)
            return first
        return replace(first, created=True)

    def _experiment(self, client: MlflowClient, name: str) -> str:
        file = embedded(self._store)
        place = str(file.parent / "artifacts") if file else None
        # an experiment keeps its absolute path: where the store was moved or copied, the old place is not written to
        for title in (name, f"{name} in {place}"):
            found = client.get_experiment_by_name(title)
            if found is None:
                return str(client.create_experiment(title, artifact_location=place))
            if place is None or found.artifact_location == place:
                break
        return str(found.experiment_id)

    def _local(self, run_id: str) -> Path | None:
        file = embedded(self._store)
        folder = file.parent / "artifacts" / run_id / "artifacts" if file else None
        return folder if folder and folder.is_dir() else None


def _aliases(client: MlflowClient, name: str) -> dict[str, int]:
    from mlflow.exceptions import MlflowException

    try:
        return {alias: int(number) for alias, number in client.get_registered_model(name).aliases.items()}
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _with_digest(client: MlflowClient, name: str, model_digest: str) -> list[Version]:
    """The versions of this very model, the oldest first."""
    found = client.search_model_versions(f"name='{name}' and tags.{_DIGEST}='{model_digest}'")
    return sorted((_version(version) for version in found), key=lambda version: version.version)


def _version(found: ModelVersion) -> Version:
    image = json.loads(found.tags[_IMAGE]) if _IMAGE in found.tags else None
    number, run_id = int(found.version), str(found.run_id)
    digest = found.tags.get(_DIGEST, "")
    return Version(name=found.name, version=number, model_digest=digest, run_id=run_id, image=image)


def _point(client: MlflowClient, name: str, alias: str, version: int) -> None:
    """Let `alias` name `version`, and see whether it does: there is no compare-and-set."""
    if _aliases(client, name).get(alias) == version:
        return
    client.set_registered_model_alias(name, alias, str(version))
    now = _aliases(client, name).get(alias)
    if now != version:
        raise ServiceError(f'alias "{alias}" names version {now} instead of {version}: somebody moved it too', name)


def _log(client: MlflowClient, run_id: str, candidate: Candidate) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [Metric(_key(name), float(value), now, 0) for name, value in candidate.metrics.items()]
    params = [Param(_key(name), str(value)[:_LONGEST]) for name, value in candidate.params.items()]
    client.log_batch(run_id, metrics=metrics)
    for start in range(0, len(params), _BATCH):
        client.log_batch(run_id, params=params[start : start + _BATCH])
    for path, source in candidate.artifacts.items():
        if source.is_dir():
            client.log_artifacts(run_id, str(source), path)
        else:
            client.log_artifact(run_id, str(source))


def _key(name: str) -> str:
    return re.sub(r"[^\w\-. /]", "_", name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
