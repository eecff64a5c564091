"""fetch with DVC: real repositories and remotes, with git and without; the project is only read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dvckit
import fetchkit
import pytest
from helpers import wait_until
from webserver import Page, serving

from assay import artifacts
from assay.errors import ServiceError
from assay.supervisor import supervise


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return dvckit.alone(tmp_path_factory, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("path", "expected", "revision"),
    [
        pytest.param("./data/raw/", {"data/a.csv": b"a,b\n1,2\n", "data/deep/b.csv": b"3\n"}, "raw.dvc", id="folder"),
        pytest.param("data/raw/deep", {"data/b.csv": b"3\n"}, "raw.dvc", id="folder in a tracked folder"),
        pytest.param("data/raw/a.csv", {"data/a.csv": b"a,b\n1,2\n"}, "raw.dvc", id="file in a tracked folder"),
        pytest.param("data/one.csv", {"data/one.csv": b"one\n"}, "one.csv.dvc", id="file"),
        pytest.param("sub/made", {"data/t.csv": b"made"}, None, id="output of a stage"),
    ],
)
def test_what_dvc_tracks(project: Path, path: str, expected: dict[str, bytes], revision: str | None) -> None:
    outcome = dvckit.run(project, path)
    assert fetchkit.files(project) == expected
    told = fetchkit.about(project)
    file = project / "data" / revision if revision else project / "dvc.lock"
    assert told["revision"].removeprefix("dvc md5 ") in file.read_text()
    assert told["revision"].endswith(".dir") is (path != "data/one.csv")
    assert told["revision"] in outcome.message
    assert told["sha256"] == artifacts.digest(project.parent / "out" / "fetched" / told["path"])


def test_a_folder_with_several_outputs(project: Path) -> None:
    dvckit.run(project, "data")
    assert sorted(fetchkit.files(project)) == ["data/one.csv", "data/raw/a.csv", "data/raw/deep/b.csv"]
    assert fetchkit.about(project)["revision"].count(", ") == 1


def test_the_project_is_only_read(project: Path) -> None:
    fetchkit.context(project, "data/raw", 'pull = "dvc"')
    before = artifacts.digest(project)
    dvckit.run(project)
    first = artifacts.digest(project.parent / "out" / "fetched")
    dvckit.run(project)
    assert artifacts.digest(project) == before
    assert artifacts.digest(project.parent / "out" / "fetched") == first
    assert not [path for path in project.parent.joinpath("out").rglob("*") if path.is_symlink()]


def test_with_git_and_a_remote_that_only_this_machine_knows(project: Path) -> None:
    project = project.parent / "git" / "project"
    project.mkdir(parents=True)
    dvckit.call(project, "git", "init", "-q")
    dvckit.call(project, "dvc", "init", "-q")
    (project / "one.csv").write_text("git\n")
    dvckit.call(project, "dvc", "add", "-q", "one.csv")
    dvckit.call(project, "dvc", "remote", "add", "-q", "--local", "-d", "store", "../remote")
    dvckit.call(project, "dvc", "push", "-q")
    shutil.rmtree(project / ".dvc" / "cache")
    (project / "one.csv").unlink()
    dvckit.run(project, "one.csv")
    assert fetchkit.files(project) == {"data/one.csv": b"git\n"}


def test_the_projects_own_cache_is_used_and_not_written(project: Path) -> None:
    (project / "params.yaml").write_text("text: made\n")
    dvckit.call(project, "dvc", "pull", "-q", "make")
    shutil.rmtree(project.parent / "remote")
    before = artifacts.digest(project / ".dvc")
    dvckit.run(project, "sub/made")
    assert fetchkit.files(project) == {"data/t.csv": b"made"}
    assert artifacts.digest(project / ".dvc") == before


def test_what_was_pulled_once_is_not_pulled_again(project: Path) -> None:
    dvckit.run(project)
    shutil.rmtree(project.parent / "remote")
    dvckit.run(project)
    assert fetchkit.files(project)["data/deep/b.csv"] == b"3\n"


@pytest.mark.parametrize("suffix", ["", ".dir"], ids=["file", "listing"])
def test_a_damaged_object_in_the_store_is_fetched_again(project: Path, suffix: str) -> None:
    dvckit.run(project)
    for path in (project.parent / "store" / "dvc" / "files").rglob("*"):
        if path.is_file() and path.suffix == suffix:
            path.chmod(0o644)
            path.write_bytes(b"damaged")
            path.chmod(0o444)
    dvckit.run(project)
    assert fetchkit.files(project) == {"data/a.csv": b"a,b\n1,2\n", "data/deep/b.csv": b"3\n"}


def test_a_remote_that_wants_a_password(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = dvckit.object_of(tmp_path).read_bytes()
    name = dvckit.object_of(tmp_path).relative_to(tmp_path / "remote").as_posix()
    secret = tmp_path / "config.local"
    monkeypatch.setenv("ASSAY_DVC_CONFIG", str(secret))
    with serving() as server:
        server.pages[f"/{name}"] = Page(content, password="bWU6Z2VoZWlt")  # me:geheim
        (project / ".dvc" / "config").write_text(
            f"[core]\n    remote = web\n['remote \"web\"']\n    url = {server.url}\n    auth = basic\n"
        )
        for password, passes in (("falsch", False), ("geheim", True)):
            secret.write_text(f"['remote \"web\"']\n    user = me\n    password = {password}\n")
            report = supervise(fetchkit.context(project, "data/one.csv", 'pull = "dvc"'), timeout=60)
            assert report.passed is passes, report.message
            assert passes or "may not be read with these credentials" in report.message
            for path in (tmp_path / "out").rglob("*"):
                assert path.is_dir() or password not in path.read_text("utf-8")
    shutil.rmtree(tmp_path / "store")
    assert "cannot be reached" in dvckit.refused(project, ServiceError, "data/one.csv")


def test_nothing_outlives_a_stage_that_is_killed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, scratch = project / ".dvc" / "config", project.parent / "scratch"
    before = config.read_text()
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setenv("ASSAY_MARK", str(project))
    name = dvckit.object_of(project.parent).relative_to(project.parent / "remote").as_posix()
    with serving() as server:
        config.write_text(f"[core]\n    remote = web\n['remote \"web\"']\n    url = {server.url}\n")
        server.pages[f"/{name}"] = Page(b"late", delay=30)
        for seconds in (4, 12, 24):
            report = supervise(fetchkit.context(project, "data/one.csv", 'pull = "dvc"'), timeout=seconds)
            assert "time limit" in report.message
            if server.asked:
                break
        assert server.asked
        assert wait_until(lambda: not _marked(str(project)))
    assert list(scratch.iterdir()), "else it was not killed in the midst of it"
    config.write_text(before)
    dvckit.run(project, "data/one.csv")
    assert not list(scratch.iterdir())


def _marked(mark: str) -> list[str]:
    """Processes that a stage with this mark in its environment left."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != str(os.getpid()) and f"ASSAY_MARK={mark}".encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found
