"""Gives a published image the date 0: built again from the same bundle, anywhere, it is the same image by digest.

Its layers are the same already (see Dockerfile); what differs is the clock in its configuration, which those who build
write there and leave no way to turn off.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.errors import ServiceError
from assay.supply.registry import MANIFEST, Repository, descriptor

if TYPE_CHECKING:
    import requests

EPOCH = "1970-01-01T00:00:00Z"
_OK, _CREATED = 200, 201


def freeze(image: str) -> str:
    """Push the image anew with the date 0, all platforms of it, and move its tag there.

    Args:
        image: `host/repository[:tag]@sha256:...`, as it was published.

    Returns:
        The same with the new digest.

    Raises:
        ConfigError: `image` has no digest.
        ServiceError: The registry is unreachable, refuses us, or does not have the image.
    """
    repository, tag, digest = Repository.of(image)
    raw, kind = _frozen(repository, digest)
    new = descriptor(raw, kind)["digest"]
    for reference in filter(None, (new, tag)):
        repository.expect(repository.put(reference, raw, kind), _OK, _CREATED)
    return f"{repository}{f':{tag}' if tag else ''}@{new}"


def _frozen(repository: Repository, digest: str) -> tuple[bytes, str]:
    """The manifest or index without clocks, all that it points to pushed; and its media type."""
    answer = repository.get(digest)
    repository.expect(answer, _OK)
    kind = answer.headers.get("Content-Type", MANIFEST).partition(";")[0]
    manifest = _json(answer, repository)
    if "manifests" in manifest:
        manifest["manifests"] = [_platform(repository, entry) for entry in manifest["manifests"]]
    else:
        config = json.loads(repository.get_blob(manifest["config"]["digest"]))
        content = json.dumps(_without_clock(config), sort_keys=True).encode()
        repository.put_blob(content)
        manifest["config"] = descriptor(content, manifest["config"]["mediaType"])
    return json.dumps(manifest, sort_keys=True).encode(), kind


def _platform(repository: Repository, entry: dict[str, Any]) -> dict[str, Any]:
    raw, kind = _frozen(repository, entry["digest"])
    itself = descriptor(raw, kind)
    repository.expect(repository.put(itself["digest"], raw, kind), _OK, _CREATED)
    return entry | itself


def _without_clock(config: dict[str, Any]) -> dict[str, Any]:
    # the steps carry clocks too, and an engine that was started anew has forgotten what they were
    return {name: value for name, value in config.items() if name != "history"} | {"created": EPOCH}


def _json(answer: requests.Response, repository: Repository) -> dict[str, Any]:
    found = answer.json()
    if not isinstance(found, dict) or not {"config", "manifests"} & found.keys():
        raise ServiceError("this is no image", where=str(repository), next="name an image that package published")
    return found
