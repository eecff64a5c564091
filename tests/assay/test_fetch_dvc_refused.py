"""fetch with DVC where something is wrong: every way has a message that says what to do."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import dvckit
import pytest

from assay.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return dvckit.alone(tmp_path_factory, tmp_path, monkeypatch)


@pytest.mark.parametrize("mode", [0o644, 0o444], ids=["DVC looks", "DVC trusts"])
def test_a_damaged_object_in_the_remote(project: Path, mode: int) -> None:
    path = dvckit.object_of(project.parent)
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    path.chmod(mode)
    assert "damaged: it has something else than data/one.csv" in dvckit.refused(project, ServiceError, "data/one.csv")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("data/ra", 'did you mean "data/raw"?', id="near miss"),
        pytest.param("nothing", "data/one.csv, data/raw, never, sub/made", id="not tracked"),
        pytest.param("never", "dvc.yaml has no hash for never", id="never made"),
        pytest.param(
            "data/raw/no.csv", 'DVC tracks "data/raw", but there is no "data/raw/no.csv" in it', id="not in it"
        ),
        pytest.param("../data", "no path that", id="outside"),
        pytest.param("/data", "no path that", id="absolute"),
        pytest.param("s3://bucket/data", "no path that", id="address"),
    ],
)
def test_a_path_that_cannot_be_pulled(project: Path, path: str, said: str) -> None:
    assert said in dvckit.refused(project, ConfigError, path)


def _no_repository(root: Path) -> None:
    shutil.rmtree(root / "project" / ".dvc")


def _no_remote(root: Path) -> None:
    (root / "project" / ".dvc" / "config").write_text("")


def _another_remote(root: Path) -> None:
    config = root / "project" / ".dvc" / "config"
    config.write_text(config.read_text().replace("remote = store", "remote = elsewhere"))


def _unknown_remote(root: Path) -> None:
    config = root / "project" / ".dvc" / "config"
    config.write_text(config.read_text().replace("../../remote", "azure://container/x"))


def _odd_setting(root: Path) -> None:
    with (root / "project" / ".dvc" / "config").open("a") as config:
        config.write("    password = geheim\n")


def _malformed_settings(root: Path) -> None:
    (root / "project" / ".dvc" / "config").write_text("[core\npassword = geheim")


def _malformed_file(root: Path) -> None:
    (root / "project" / "data" / "raw.dvc").write_text("outs: [")


def _disagreement(root: Path) -> None:
    out = {"path": "sub/made", "md5": "0" * 32 + ".dir", "hash": "md5"}
    (root / "project" / "made.dvc").write_text(json.dumps({"outs": [out]}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(_no_repository, "not a DVC repository", id="no repository"),
        pytest.param(_no_remote, "no remote to pull from", id="no remote"),
        pytest.param(_another_remote, "no remote to pull from", id="no such remote"),
        pytest.param(_unknown_remote, "needs dvc-azure", id="remote of another kind"),
        pytest.param(_odd_setting, "extra keys not allowed", id="unknown setting"),
        pytest.param(_malformed_settings, "malformed", id="settings"),
        pytest.param(_malformed_file, "data/raw.dvc cannot be read", id="file of DVC"),
        pytest.param(_disagreement, "disagree on sub/made", id="disagreement"),
    ],
)
def test_a_repository_that_is_not_in_order(project: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(project.parent)
    told = dvckit.refused(project, ConfigError, "sub/made")
    assert said in told
    assert "geheim" not in told


def test_dvc_is_not_installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "DVC is not installed" in dvckit.refused(project, ConfigError)


def test_an_object_that_was_never_pushed(project: Path) -> None:
    dvckit.object_of(project.parent).unlink()
    told = dvckit.refused(project, ServiceError, "data/one.csv")
    assert "does not have data/one.csv" in told
    assert "dvc push" in told


def test_a_remote_that_is_not_there(project: Path) -> None:
    shutil.rmtree(project.parent / "remote")
    assert "a folder that is not there" in dvckit.refused(project, ServiceError)


def test_local_settings_that_cannot_be_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DVC_CONFIG", "/nowhere")
    assert "cannot be read: No such file" in dvckit.refused(project, ConfigError)
