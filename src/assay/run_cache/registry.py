"""A run cache in a repository of an OCI registry: an image of one layer an entry, which Dagger reads and writes too."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.artifacts import file_digest
from assay.errors import ConfigError
from assay.run_cache.client import PASSWORD_VARIABLE, USERNAME_VARIABLE
from assay.run_cache.entry import BadEntry
from assay.supply.registry import MANIFEST, Repository, descriptor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROTOCOL = "oci://"
_ADDRESS = re.compile(r"oci://(?P<host>[\w.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?)/(?P<name>[a-z0-9]+([._/-]+[a-z0-9]+)*)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYERS = {"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"}
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_CONNECT_SECONDS, _READ_SECONDS = 4, 60
_OK, _CREATED, _NOT_FOUND = 200, 201, 404


class Layer(NamedTuple):
    """A blob of an entry: its digest, and its size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True)
class Registry:
    """One tag an entry.

    Attributes:
        host: The registry, with port.
        name: The repository in it.
    """

    host: str
    name: str
    kind: str = "registry"

    @staticmethod
    def of(address: str) -> Registry:
        """The run cache at `address`, not looked at yet.

        Raises:
            ConfigError: It is not `oci://host/repository`.
        """
        found = _ADDRESS.fullmatch(address)
        if not found:
            raise ConfigError(f"{address} is no run cache", "--run-cache", "oci://host/repository, without a tag")
        return Registry(found["host"], found["name"])

    def __str__(self) -> str:
        return f"{PROTOCOL}{self.host}/{self.name}"

    def size(self, name: str) -> int | None:
        """See `Store`."""
        layers = self._layers(name)
        return None if layers is None else sum(layer.size for layer in layers)

    def get(self, name: str, target: Path) -> Sequence[Path]:
        """See `Store`."""
        files = []
        for number, layer in enumerate(self._layers(name) or []):
            file = target.with_name(f"{target.name}-{number}")
            self._repository.download(layer.digest, file, layer.size)
            if f"sha256:{file_digest(file)}" != layer.digest:
                raise BadEntry("has a layer with another digest")
            files.append(file)
        return files

    def put(self, name: str, file: Path) -> None:
        """See `Store`. A tag moves to a manifest whose blobs are all there, so that no half of an entry ever counts."""
        layer = {"mediaType": _LAYER, "digest": f"sha256:{file_digest(file)}", "size": file.stat().st_size}
        machine = _MACHINES.get(platform.machine(), platform.machine())
        rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
        config = json.dumps({"architecture": machine, "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        self._repository.put_file(file, layer)
        self._repository.put_blob(config)
        about = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config, _CONFIG), "layers": [layer]}
        answer = self._repository.put(name, json.dumps(about).encode(), MANIFEST)
        self._repository.expect(answer, _OK, _CREATED)

    @cached_property
    def _repository(self) -> Repository:
        login = os.environ.get(USERNAME_VARIABLE, ""), os.environ.get(PASSWORD_VARIABLE, "")
        return Repository.connect(self.host, self.name, login, (_CONNECT_SECONDS, _READ_SECONDS))

    def _layers(self, name: str) -> list[Layer] | None:
        answer = self._repository.get(name)
        if answer.status_code == _NOT_FOUND:
            return None
        self._repository.expect(answer, _OK)
        try:
            return [_layer(one) for one in answer.json()["layers"]]
        except (ValueError, KeyError, TypeError):
            raise BadEntry("has a manifest that cannot be read") from None


def _layer(about: dict[str, Any]) -> Layer:
    if about["mediaType"] not in _LAYERS:
        raise BadEntry("is compressed, or no entry at all")
    if not _DIGEST.fullmatch(about["digest"]) or about["size"] < 0:
        raise ValueError(about)
    return Layer(about["digest"], about["size"])
