"""Attaches the bill of materials and the provenance of a run to its image, as referrers in the image's registry.

Who looks at the image then finds them (`oras discover`, `regctl artifact list`), without knowing the run.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError, ServiceError
from assay.supply.registry import EMPTY, INDEX, MANIFEST, Repository, descriptor

if TYPE_CHECKING:
    from pathlib import Path

ATTACHED = {
    "package/sbom.cdx.json": "application/vnd.cyclonedx+json",
    "provenance.json": "application/vnd.in-toto+json",
}
"""Files of a run's folder by path, and their media types, which are the artifact types of the manifests too."""

_OK, _CREATED, _NOT_FOUND = 200, 201, 404
_REFUSED = {400, 404, 405, 415, 422}


def attest(folder: Path, image: str) -> str:
    """Attach what `ATTACHED` names; what is attached already stays the only one.

    Args:
        folder: The run's folder.
        image: `host/repository@sha256:...`, as it was published.

    Returns:
        One sentence: what was attached, and how it is found.

    Raises:
        ConfigError: `image` has no digest.
        ArtifactError: The run left no such files: it was red, or packaged nothing.
        ServiceError: The registry is unreachable, refuses us, or does not have the image.
    """
    files = {name: _read(folder / name) for name in ATTACHED}
    repository, _, digest = Repository.of(image)
    subject = _subject(repository, digest)
    ways = {_attach(repository, subject, name, content) for name, content in files.items()}
    titles = ", ".join(name.rpartition("/")[2] for name in files)
    return f"{titles}: {'; '.join(sorted(ways))}"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        what, then = f"{file.name} cannot be read: {error.strerror}", "only a run that passed has it"
        raise ArtifactError(what, where=str(file), next=then) from None


def _subject(repository: Repository, digest: str) -> dict[str, Any]:
    answer = repository.get(digest)
    if answer.status_code != _OK or f"sha256:{hashlib.sha256(answer.content).hexdigest()}" != digest:
        what = "the registry does not have this image" if answer.status_code == _NOT_FOUND else "no such manifest"
        raise ServiceError(f"{what} ({answer.status_code})", f"{repository}@{digest}", next="publish the image first")
    kind = answer.headers.get("Content-Type", MANIFEST).partition(";")[0]
    return descriptor(answer.content, kind)


def _attach(repository: Repository, subject: dict[str, Any], name: str, content: bytes) -> str:
    """Push a file and its manifest; tells how the registry keeps track of it."""
    kind = ATTACHED[name]
    title = {"org.opencontainers.image.title": name.rpartition("/")[2]}
    layer = {**descriptor(content, kind), "annotations": title}
    for blob in (content, EMPTY):
        repository.put_blob(blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [layer],
        "subject": subject,
        "annotations": title,
    }
    raw = json.dumps(manifest, sort_keys=True).encode()
    itself = descriptor(raw, MANIFEST)
    answer = repository.put(itself["digest"], raw, MANIFEST)
    if answer.status_code in _REFUSED:
        return f"not attached, the registry takes no artifacts of its own ({answer.status_code})"
    repository.expect(answer, _OK, _CREATED)
    if "OCI-Subject" in answer.headers:
        return "attached as referrer of the image"
    return _listed(repository, subject["digest"], {**itself, "artifactType": kind, "annotations": title})


def _listed(repository: Repository, digest: str, entry: dict[str, Any]) -> str:
    """Put `entry` on the list that stands in for the referrers API: an index under a tag made from the digest."""
    tag = digest.replace(":", "-")
    answer = repository.get(tag)
    known = answer.json().get("manifests", []) if answer.status_code == _OK else []
    others = [one for one in known if one["digest"] != entry["digest"]]
    listed = sorted([*others, entry], key=lambda one: (str(one.get("artifactType")), one["digest"]))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    repository.expect(repository.put(tag, json.dumps(index).encode(), INDEX), _OK, _CREATED)
    return f"attached under the tag {tag}, as the registry has no referrers API"
