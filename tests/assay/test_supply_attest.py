from __future__ import annotations

from typing import TYPE_CHECKING

import fakeoci
import pytest
from ociregistry import blob_of, manifest_of, push_image, registry

from assay.cli import main
from assay.errors import ArtifactError, ConfigError, ServiceError
from assay.supply.attest import attest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SBOM, PROVENANCE = b'{"bomFormat": "CycloneDX"}\n', b'{"_type": "https://in-toto.io/Statement/v1"}\n'
BOM, STATEMENT = "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"
TYPES = {BOM: SBOM, STATEMENT: PROVENANCE}
USER, PASSWORD = "ada", "pass-of-the-test"
NOWHERE = f"127.0.0.1:9/tiny@sha256:{'0' * 64}"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ASSAY_REGISTRY_USERNAME", "ASSAY_REGISTRY_PASSWORD", "ASSAY_REGISTRY_INSECURE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "sbom.cdx.json").write_bytes(SBOM)
    (folder / "provenance.json").write_bytes(PROVENANCE)
    return folder


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("registry") / "open") as address:
        yield address


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("registry") / "guarded", USER, PASSWORD) as address:
        push_image(address, "team/tiny", (USER, PASSWORD))
        yield address


@pytest.mark.parametrize("name", ["tiny", "team/models/tiny"])
def test_both_hang_on_the_image_once(host: str, run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    image = push_image(host, name)
    digest = image.rpartition("@")[2]
    assert [main(["attest", str(run), "--image", image]) for _ in range(2)] == [0, 0]
    assert "as the registry has no referrers API" in capsys.readouterr().out
    index = manifest_of(host, name, digest.replace(":", "-"))
    assert [one["artifactType"] for one in index["manifests"]] == list(TYPES)
    for one in index["manifests"]:
        manifest = manifest_of(host, name, one["digest"])
        assert (manifest["subject"]["digest"], manifest["artifactType"]) == (digest, one["artifactType"])
        (layer,) = manifest["layers"]
        assert layer["mediaType"] == one["artifactType"]
        assert blob_of(host, name, layer["digest"]) == TYPES[one["artifactType"]]


def test_another_run_of_the_same_image_is_listed_beside(host: str, run: Path) -> None:
    image = push_image(host, "again")
    attest(run, image)
    (run / "provenance.json").write_bytes(b"{}")
    attest(run, image)
    index = manifest_of(host, "again", image.rpartition("@")[2].replace(":", "-"))
    assert [one["artifactType"] for one in index["manifests"]] == [BOM, STATEMENT, STATEMENT]


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        pytest.param(True, "attached as referrer of the image", id="referrers"),
        pytest.param(False, "not attached, the registry takes no artifacts of its own (400)", id="refused"),
    ],
)
def test_registries_of_other_kinds(run: Path, expected: str, *, takes: bool) -> None:
    with fakeoci.registry(takes_artifacts=takes) as (host, pushed):
        told = attest(run, f"{host}/tiny@{fakeoci.DIGEST}")
        assert expected in told
        assert [one["artifactType"] for one in pushed] == (list(TYPES) if takes else [])


def test_with_the_right_password(guarded: str, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = push_image(guarded, "team/tiny", (USER, PASSWORD))
    monkeypatch.setenv("ASSAY_REGISTRY_USERNAME", USER)
    monkeypatch.setenv("ASSAY_REGISTRY_PASSWORD", PASSWORD)
    assert "attached" in attest(run, image)


@pytest.mark.parametrize("password", [pytest.param("wrong-password", id="wrong"), pytest.param("", id="none")])
def test_without_it_the_registry_refuses_and_no_secret_is_told(
    guarded: str, run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], password: str
) -> None:
    image = push_image(guarded, "team/tiny", (USER, PASSWORD))
    monkeypatch.setenv("ASSAY_REGISTRY_USERNAME", USER)
    monkeypatch.setenv("ASSAY_REGISTRY_PASSWORD", password)
    assert main(["attest", str(run), "--image", image]) == 5
    said = "".join(capfd.readouterr())
    assert "the registry refuses us" in said
    assert "ASSAY_REGISTRY_PASSWORD" in said
    assert not password or password not in said


def test_nobody_there(run: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be reached: ConnectionError"):
        attest(run, NOWHERE)


def test_an_image_that_was_not_published(host: str, run: Path) -> None:
    with pytest.raises(ServiceError, match="does not have this image"):
        attest(run, f"{host}/tiny@sha256:{'0' * 64}")


@pytest.mark.parametrize("image", ["host/tiny:latest", "tiny", f"host/tiny@sha256:{'0' * 63}", "http://h/t@sha256:00"])
def test_an_image_without_a_digest(run: Path, image: str) -> None:
    with pytest.raises(ConfigError, match="is no image by digest"):
        attest(run, image)


@pytest.mark.parametrize("name", ["package/sbom.cdx.json", "provenance.json"])
def test_a_red_run_has_nothing_to_attach(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(ArtifactError, match=r"cannot be read: No such file"):
        attest(run, NOWHERE)


@pytest.mark.parametrize(
    ("host", "insecure", "plain"),
    [
        pytest.param("localhost:5000", "", True, id="localhost"),
        pytest.param("127.0.0.1:5000", "", True, id="loopback"),
        pytest.param("[::1]:5000", "", True, id="loopback-6"),
        pytest.param("registry.example", "", False, id="far"),
        pytest.param("10.0.0.1:5000", "", False, id="near"),
        pytest.param("registry.example:5000", "1", True, id="asked-for"),
    ],
)
def test_plain_http_only_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str, insecure: str, *, plain: bool
) -> None:
    from assay.supply import registry as ours

    monkeypatch.setenv("ASSAY_REGISTRY_INSECURE", insecure)
    assert ours._plain(host) is plain
