"""`dagger call package` and registries: one that is open, one with a password, one that is full, and none."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from ociregistry import blob_of, manifest_of, registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Called, Dagger

pytestmark = pytest.mark.engine
PASSWORD = secrets.token_urlsafe(12)
ASK = """
import json, urllib.request as u
rows = json.load(open("/samples.json"))
body = {"records": [dict(zip(rows["columns"], row)) for row in rows["records"][:3]]}
request = u.Request("http://model:8080/predict", json.dumps(body).encode(), {"content-type": "application/json"})
print(json.load(u.urlopen(request, timeout=30))["predictions"] == rows["predictions"][:3])
"""


def _labels(host: str, image: str) -> dict[str, str]:
    """The labels of an image, as its registry has them; of the first platform, where it has several."""
    name, _, digest = image.partition("/")[2].partition("@")
    name = name.partition(":")[0]
    manifest = manifest_of(host, name, digest)
    if "manifests" in manifest:
        manifest = manifest_of(host, name, manifest["manifests"][0]["digest"])
    found: dict[str, str] = json.loads(blob_of(host, name, manifest["config"]["digest"]))["config"]["Labels"]
    return found


def _published(folder: Path) -> dict[str, Any]:
    image: dict[str, Any] = json.loads((folder / "image.json").read_text())
    return image


def test_the_image_is_pushed_and_answers(dagger: Dagger, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as host:
        settings = ["--registry", f"{host}/income:v1", "--commit", "c0ffee"]
        done = dagger.call(*settings, "package", "output", "export", "--path", str(tmp_path / "out"))
        assert done.code == 0, done.err[-4000:]
        image = _published(tmp_path / "out")
        assert image["built"] is True
        assert image["reference"].startswith(f"{host}/income:v1@sha256:")
        labels = _labels(host, image["reference"])
        assert labels["org.opencontainers.image.revision"] == "c0ffee"
        assert labels["org.opencontainers.image.title"].startswith("income")
        assert labels["assay.model-digest"] == image["model_digest"]
        script = tmp_path / "ask.py"
        script.write_text(ASK)
        answered = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("ask_image.py")), image["reference"], str(script),
             str(tmp_path / "out/bundle/samples.json")],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert answered.stdout.strip().endswith("True"), answered.stdout + answered.stderr


def _push(dagger: Dagger, host: str, password: str = "") -> Called:
    login = ["--registry-username", "ada", "--registry-password", "env://ASSAY_TEST_PASSWORD"] if password else []
    return dagger.call("--registry", f"{host}/income:v1", *login, "package", ASSAY_TEST_PASSWORD=password)


def _refused(done: Called, password: str = "") -> None:
    said = done.out + done.err
    assert done.code == 5, said[-4000:]
    assert "the image passed, and was not published" in said
    assert not password or password not in said


def test_a_registry_with_a_password(dagger: Dagger, tmp_path: Path) -> None:
    with registry(tmp_path / "registry", "ada", PASSWORD) as host:
        wrong = secrets.token_urlsafe(12)
        _refused(_push(dagger, host, wrong), wrong)
        done = _push(dagger, host, PASSWORD)
        assert done.code == 0, done.err[-4000:]
        assert PASSWORD not in done.out + done.err
        tags = requests.get(f"http://{host}/v2/income/tags/list", auth=("ada", PASSWORD), timeout=5).json()
        assert tags["tags"] == ["v1"]


def test_a_registry_that_is_not_there(dagger: Dagger) -> None:
    _refused(_push(dagger, "localhost:1"))


def test_a_registry_whose_disk_is_full(dagger: Dagger, tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk, registry(disk / "registry") as host:
        _refused(_push(dagger, host))


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
