"""The model registry: versions, their artifacts and the aliases `staging`, `champion`, `previous`.

What is logged to the run of a version is in `runs.py`. MLflow is imported when it is needed: it costs a second.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError, ServiceError
from assay.models.signature import EXPORTED
from assay.tracking.entities import COMMIT, DIGEST, tagged
from assay.tracking.runs import check, find, started
from assay.tracking.store import connect, embedded, locked, prepare, service, store_of, without_password
from assay.tracking.versions import Candidate, Trial, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking.client import MlflowClient

    from assay.tracking.runs import Run

__all__ = ["CHAMPION", "PREVIOUS", "STAGING", "WAIVER", "Candidate", "Registry", "Trial", "Version", "store_of"]

WAIVER = "assay.waiver."
"""Begins the tag of a gate that was waived; its value tells until when, by whom and why."""
STAGING, CHAMPION, PREVIOUS = "staging", "champion", "previous"
FETCHED = ("model", "profile.json", "evaluation.json", "samples.json")
_IMAGE = "image"


class Registry:
    """The registry in one store.

    All methods raise `ServiceError` where the store fails: down, wrong credentials, too old.
    """

    def __init__(self, store: str) -> None:
        """Use the MLflow store with the URI `store`; nothing is opened yet."""
        self._store = store

    def champion(self, name: str) -> Version | None:
        """The version that serves now; None before the first deployment."""
        return self._with_alias(name, CHAMPION)

    def previous(self, name: str) -> Version | None:
        """The version that served before the one that serves now; None where there was none."""
        return self._with_alias(name, PREVIOUS)

    def _with_alias(self, name: str, alias: str) -> Version | None:
        file = embedded(self._store)
        if file and not file.exists():
            return None
        with self._client() as client:
            number = _aliases(client, name).get(alias)
            return _version(client.get_model_version(name, str(number))) if number else None

    def fetch(self, version: Version, folder: Path) -> None:
        """Write the version's `FETCHED` to `folder`, and its exported model where it has one.

        Raises:
            ArtifactError: One of them is missing, or the model is not what was registered.
        """
        from assay.artifacts import digest

        folder.mkdir(parents=True, exist_ok=True)
        where = f"{version.name} version {version.version} in {without_password(self._store)}"
        with self._client() as client:
            kept = self._local(version.run_id)
            exported = [EXPORTED] if self._has(client, version, EXPORTED) else []
            for path in (*FETCHED, *exported):
                if kept is None:
                    client.download_artifacts(version.run_id, path, str(folder))
                elif (kept / path).exists():
                    _copy(kept / path, folder / path)
                else:
                    raise ArtifactError(f"{path} is missing", where=where, next="register the model again")
        if digest(folder / "model") != version.model_digest:
            raise ArtifactError("the model in the store is not the one that was registered", where=where)

    def read(self, version: Version, name: str) -> str | None:
        """The text of the file `name` that is kept with `version`; None where there is no such file."""
        with self._client() as client, tempfile.TemporaryDirectory() as folder:
            if not self._has(client, version, name):
                return None
            kept = self._local(version.run_id) or Path(client.download_artifacts(version.run_id, name, folder)).parent
            return (kept / name).read_text(encoding="utf-8")

    def keep(self, version: Version, name: str, text: str) -> None:
        """Keep `text` as the file `name` with `version`, in place of one that may be there."""
        with self._client() as client:
            kept = self._local(version.run_id)
            if kept:
                (kept / name).write_text(text, encoding="utf-8")
            else:
                client.log_text(version.run_id, text, name)

    def register(self, candidate: Candidate) -> Version:
        """Make a version of `candidate` with alias `staging`; a model that already is one only gets the alias."""
        with self._client() as client:
            known = _with_digest(client, candidate.name, candidate.model_digest)
            found = self._again(client, known[0], candidate) if known else self._create(client, candidate)
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
        return connect(self._store)

    def _again(self, client: MlflowClient, version: Version, candidate: Candidate) -> Version:
        check(client, self._store, version.run_id)
        # the gates may have become stricter since: what had to be waived this time belongs to the version too
        waived = {name: message for name, message in candidate.tags.items() if name.startswith(WAIVER)}
        for name, message in tagged(waived).items():
            client.set_model_version_tag(version.name, str(version.version), name, message)
        return version

    def _create(self, client: MlflowClient, candidate: Candidate) -> Version:
        name, digest = candidate.name, candidate.model_digest
        _ensure_model(client, name)
        adopted = self._adopted(client, candidate)
        run = adopted or self._logged(client, candidate)
        tags = tagged({**candidate.tags, DIGEST: digest})
        made = client.create_model_version(name, f"{run.artifact_uri}/model", run.run_id, tags=tags)
        try:
            check(client, self._store, run.run_id)
        except ServiceError:
            client.delete_model_version(name, str(made.version))
            raise
        # a server cannot be locked: where two registered the same model at once, the first version stays
        first = _with_digest(client, name, digest)[0]
        if first.version != int(made.version):
            client.delete_model_version(name, str(made.version))
            if adopted is None:
                client.delete_run(run.run_id)
            return first
        return replace(first, created=True)

    def _adopted(self, client: MlflowClient, candidate: Candidate) -> Run | None:
        """The run in which the model was trained, with what came after; None where nobody logged one."""
        run = find(client, self._store, candidate.name, candidate.model_digest)
        if run:
            run.add(candidate.training, candidate.metrics, candidate.artifacts)
        return run

    def _logged(self, client: MlflowClient, candidate: Candidate) -> Run:
        with started(client, self._store, candidate.training) as run:
            for trial in candidate.trials:
                run.child(trial.number, trial.params, trial.metrics, failed=trial.failed)
            run.complete(
                model_digest=candidate.model_digest,
                metrics=candidate.metrics,
                curves=candidate.curves,
                files=candidate.artifacts,
            )
        return run

    def _has(self, client: MlflowClient, version: Version, name: str) -> bool:
        kept = self._local(version.run_id)
        if kept:
            return (kept / name).exists()
        return name in {found.path for found in client.list_artifacts(version.run_id)}

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
    found = client.search_model_versions(f"name='{name}' and tags.{DIGEST}='{model_digest}'")
    return sorted((_version(version) for version in found), key=lambda version: version.version)


def _version(found: ModelVersion) -> Version:
    image = json.loads(found.tags[_IMAGE]) if _IMAGE in found.tags else None
    number, run_id = int(found.version), str(found.run_id)
    digest, commit = found.tags.get(DIGEST, ""), found.tags.get(COMMIT, "")
    return Version(name=found.name, version=number, model_digest=digest, run_id=run_id, image=image, commit=commit)


def _point(client: MlflowClient, name: str, alias: str, version: int) -> None:
    """Let `alias` name `version`, and see whether it does: there is no compare-and-set."""
    if _aliases(client, name).get(alias) == version:
        return
    client.set_registered_model_alias(name, alias, str(version))
    now = _aliases(client, name).get(alias)
    if now != version:
        raise ServiceError(f'alias "{alias}" names version {now} instead of {version}: somebody moved it too', name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
