"""Freezing published images, at a real registry: the same image twice is one, whatever the clock said."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from ociregistry import INDEX, MANIFEST, blob_of, manifest_of, push_image, push_manifest, registry

from assay.cli import main
from assay.errors import ConfigError, ServiceError
from assay.supply.freeze import freeze

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("registry") / "open") as address:
        yield address


def _config(when: str, **more: Any) -> bytes:
    history = [{"created": when, "created_by": "RUN a"}, {"created": when, "created_by": "RUN b"}]
    return json.dumps({"architecture": "amd64", "os": "linux", "created": when, "history": history} | more).encode()


def test_images_that_differ_by_the_clock_become_one(host: str) -> None:
    images = [
        push_image(host, "tiny", config=_config(when)) for when in ("2026-01-01T00:00:00Z", "2026-02-02T02:00:00Z")
    ]
    assert len(set(images)) == 2
    frozen = {freeze(image) for image in images}
    assert len(frozen) == 1
    manifest = manifest_of(host, "tiny", frozen.pop().rpartition("@")[2])
    config = json.loads(blob_of(host, "tiny", manifest["config"]["digest"]))
    assert config == {"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z"}
    assert manifest["layers"] == manifest_of(host, "tiny", images[0].rpartition("@")[2])["layers"]


def test_images_that_differ_otherwise_stay_two(host: str) -> None:
    images = [push_image(host, "other", config=_config("2026-01-01T00:00:00Z", config={"User": user})) for user in "ab"]
    assert len({freeze(image) for image in images}) == 2


def test_the_tag_moves_along_and_once_more_changes_nothing(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    digest = push_image(host, "tagged", config=_config("2026-01-01T00:00:00Z")).rpartition("@")[2]
    assert main(["freeze", "--image", f"{host}/tagged:v1@{digest}"]) == 0
    told = capsys.readouterr().out.strip()
    assert told.startswith(f"{host}/tagged:v1@sha256:")
    assert not told.endswith(digest)
    assert manifest_of(host, "tagged", "v1") == manifest_of(host, "tagged", told.rpartition("@")[2])
    assert freeze(told) == told


def test_every_platform_of_an_image(host: str) -> None:
    entries = []
    for machine in ("amd64", "arm64"):
        image = push_image(host, "wide", config=_config("2026-01-01T00:00:00Z", architecture=machine))
        raw = json.dumps(manifest_of(host, "wide", image.rpartition("@")[2])).encode()
        about = {
            "digest": image.rpartition("@")[2],
            "size": len(raw),
            "mediaType": MANIFEST,
        }
        entries.append(about | {"platform": {"os": "linux", "architecture": machine}})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    frozen = freeze(push_manifest(host, "wide", index, INDEX))
    found = manifest_of(host, "wide", frozen.rpartition("@")[2])["manifests"]
    assert [one["platform"]["architecture"] for one in found] == ["amd64", "arm64"]
    for one in found:
        manifest = manifest_of(host, "wide", one["digest"])
        config = json.loads(blob_of(host, "wide", manifest["config"]["digest"]))
        assert (config["created"], config["architecture"]) == ("1970-01-01T00:00:00Z", one["platform"]["architecture"])


def test_what_is_no_image(host: str) -> None:
    with pytest.raises(ConfigError, match="is no image by digest"):
        freeze(f"{host}/tiny:latest")
    with pytest.raises(ServiceError, match="the registry answered 404"):
        freeze(f"{host}/tiny@sha256:{hashlib.sha256(b'').hexdigest()}")
