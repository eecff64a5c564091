from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import small
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from assay.errors import ArtifactError
from assay.single import stage_context
from assay.stages import package
from assay.supply.sbom import bill_of_materials

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"name": "tiny", "version": 3, "model_digest": "ab" * 32, "licence": "Apache-2.0"}
LOCK = """\
--index-url made-up
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{0}
    # via click
Flask[async]==3.1.3 \\
    --hash=sha256:{1} \\
    --hash=sha256:{0}
    # via -r serve.in
uvloop==0.22.1 ; sys_platform != 'win32' \\
    --hash=sha256:{0}
""".format("00" * 32, "11" * 32)
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12+deb13u1

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "requirements.lock").write_text(LOCK)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The file system of an image."""
    folder = tmp_path / "image"
    _write(folder / "opt/venv/pyvenv.cfg", "home = /usr/local/bin\nversion = 3.13.5\n")
    _write(folder / "usr/lib/os-release", 'ID=debian\nVERSION_ID="13"\n')
    _write(folder / "var/lib/dpkg/status", STATUS)
    _write(folder / "var/lib/dpkg/status.d/base", "Package: base-files\nArchitecture: all\nVersion: 13.8\n")
    _install(folder, "Some_Thing", "1.0", "License-Expression: MIT OR Apache-2.0")
    _install(
        folder, "other", "2.0+cpu", "License: the whole\n  text\nClassifier: License :: OSI Approved :: BSD License"
    )
    _install(folder, "silent", "3", "")
    _install(folder, "silent", "3", "", site="usr/local/lib/python3.13/site-packages")
    return folder


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _install(
    root: Path, name: str, version: str, licence: str, site: str = "opt/venv/lib/python3.13/site-packages"
) -> None:
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{licence}".strip() + "\n"
    _write(root / site / f"{name}-{version}.dist-info" / "METADATA", text)


def _parsed(text: str) -> dict[str, Any]:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found: dict[str, Any] = json.loads(text)
    return found


def _licences(found: dict[str, Any]) -> dict[str, Any]:
    return {one["purl"]: one.get("licenses") for one in found["components"] if "purl" in one}


def test_an_image_is_looked_into(bundle: Path, root: Path) -> None:
    found = _parsed(bill_of_materials(ABOUT, bundle, root))
    assert _licences(found) == {
        "pkg:pypi/some-thing@1.0": [{"expression": "MIT OR Apache-2.0"}],
        "pkg:pypi/other@2.0%2Bcpu": [{"license": {"name": "BSD License"}}],
        "pkg:pypi/silent@3": None,
        "pkg:generic/python@3.13.5": [{"license": {"id": "PSF-2.0"}}],
        "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64&distro=debian-13": None,
        "pkg:deb/debian/base-files@13.8?arch=all&distro=debian-13": None,
    }
    assert found["metadata"]["component"] == {"bom-ref": "image", "name": "tiny", "type": "container", "version": "3"}
    assert found["metadata"]["properties"] == [{"name": "assay:source", "value": "the image's file system"}]


def test_without_an_image_the_lock_tells_what_linux_would_get(bundle: Path) -> None:
    (bundle / "project-requirements.txt").write_text("-e .\nhumanize>=4  # for people\n")
    found = _parsed(bill_of_materials(ABOUT, bundle, None))
    assert set(_licences(found)) == {"pkg:pypi/flask@3.1.3", "pkg:pypi/uvloop@0.22.1", "pkg:pypi/humanize"}
    (flask,) = [one for one in found["components"] if one["name"] == "Flask"]
    assert [one["content"] for one in flask["hashes"]] == ["00" * 32, "11" * 32]
    assert "no image was there" in found["metadata"]["properties"][0]["value"]
    assert found["metadata"]["component"]["type"] == "application"


def test_the_model_is_a_component_with_its_digest(bundle: Path) -> None:
    found = _parsed(bill_of_materials(ABOUT, bundle, None))
    (model,) = [one for one in found["components"] if one["type"] == "machine-learning-model"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": ABOUT["model_digest"]}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    (depends,) = [one["dependsOn"] for one in found["dependencies"] if one["ref"] == "image"]
    assert sorted(depends) == sorted(one["bom-ref"] for one in found["components"])


def test_the_same_image_gives_the_same_bytes_and_another_another_number(bundle: Path, root: Path) -> None:
    one = bill_of_materials(ABOUT, bundle, root)
    copied = shutil.copytree(root, root.parent / "copied")
    assert bill_of_materials(ABOUT, bundle, copied) == one
    assert "timestamp" not in one
    _install(root, "new", "1", "")
    other = bill_of_materials(ABOUT, bundle, root)
    assert _parsed(other)["serialNumber"] != _parsed(one)["serialNumber"]


def test_a_folder_that_is_no_image(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="has no Python packages"):
        bill_of_materials(ABOUT, bundle, tmp_path)


@pytest.mark.parametrize(
    ("built", "kind"), [pytest.param(True, "container", id="image"), pytest.param(False, "application", id="bundle")]
)
def test_package_writes_it(
    inputs: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, *, built: bool
) -> None:
    if built:
        monkeypatch.setenv("ASSAY_IMAGE_ROOT", str(root))
    context = stage_context("package", small.project(tmp_path / "project"), inputs, tmp_path / "out")
    package.run(context)
    found = _parsed(context.output("sbom").read_text())
    names = {one["name"] for one in found["components"]}
    assert (found["metadata"]["component"]["type"], "silent" in names, "fastapi" in names) == (kind, built, not built)
