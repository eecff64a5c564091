"""The versions of a model as a list: who made each, from what, what it reaches, and which names it bears."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from assay.tracking.entities import COMMIT, DIGEST
from assay.tracking.registry import WAIVER
from assay.tracking.store import connect, embedded, locked, prepare, service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking.client import MlflowClient


@dataclass(frozen=True, kw_only=True)
class Past:
    """A version and where it came from.

    Attributes:
        version: Its number.
        aliases: `champion`, `staging`, `previous`, and whatever else points to it.
        created: When it was registered, ISO 8601 in UTC.
        by: Who ran the pipeline; empty where that is not known.
        commit: Of the project; `-dirty` behind it where files differed.
        data: Fingerprint of the dataset.
        model_digest: Of the model folder.
        metrics: On the holdout.
        waived: Gates that were waived for it.
    """

    version: int
    aliases: tuple[str, ...]
    created: str
    by: str
    commit: str
    data: str
    model_digest: str
    metrics: Mapping[str, float]
    waived: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def history(store: str, name: str) -> list[Past]:
    """All versions of the model `name`, the newest first; none before the first was registered.

    Raises:
        ServiceError: The store failed.
    """
    file = embedded(store)
    if file and not file.exists():
        return []
    prepare(store)
    with service(store), locked(store):
        client = connect(store)
        found = list(client.search_model_versions(f"name='{name}'", max_results=1000))
        return [_past(client, version) for version in sorted(found, key=lambda version: -int(version.version))]


def _past(client: MlflowClient, version: ModelVersion) -> Past:
    # aliases are not part of what a search gives
    whole = client.get_model_version(version.name, version.version)
    run, tags = client.get_run(str(version.run_id)).data, dict(version.tags)
    dirty = "-dirty" if tags.get("assay.dirty") == "true" else ""
    commit = tags.get(COMMIT, "")
    return Past(
        version=int(version.version),
        aliases=tuple(sorted(whole.aliases)),
        created=dt.datetime.fromtimestamp(version.creation_timestamp / 1000, dt.UTC).isoformat(timespec="seconds"),
        by=tags.get("mlflow.user", ""),
        commit=f"{commit}{dirty}" if commit else "",
        data=tags.get("data_fingerprint", ""),
        model_digest=tags.get(DIGEST, ""),
        metrics=dict(run.metrics),
        waived=tuple(sorted(name.removeprefix(WAIVER) for name in tags if name.startswith(WAIVER))),
    )
