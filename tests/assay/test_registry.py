from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from assay import artifacts
from assay.errors import ArtifactError, ServiceError
from assay.models.signature import EXPORTED
from assay.tracking import registry
from assay.tracking.registry import Candidate, Registry, Version
from assay.tracking.store import store_of, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "tiny"


def _candidate(folder: Path, text: str = "one") -> Candidate:
    model = folder / f"{text}-model"
    (model / "deep").mkdir(parents=True, exist_ok=True)
    (model / "MLmodel").write_text(text)
    (model / "deep" / "weights").write_bytes(b"\0\1" * 100)
    for name in ("profile.json", "evaluation.json", "samples.json"):
        (folder / name).write_text(json.dumps({"of": text}))
    return Candidate(
        name=NAME,
        model_digest=artifacts.digest(model),
        artifacts={"model": model} | {name: folder / name for name in registry.FETCHED[1:]},
        params={"depth": 3, "long": "x" * 9000} | {f"p{n}": n for n in range(150)},
        metrics={"accuracy": 0.9, "slice.sex=Female": 0.8},
        tags={"data_fingerprint": "f00d"},
    )


@pytest.fixture
def ours(store: Path) -> Registry:
    return Registry(store_of(store))


def test_before_the_first_version_mlflow_is_not_even_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from assay.tracking.registry import *;"
        f"print(Registry(store_of(Path({str(tmp_path)!r}))).champion('tiny'), 'mlflow' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    argv = [sys.executable, "-c", code]
    run = subprocess.run(argv, env=environment | _path(), capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("None False\n", "")
    assert (tmp_path / ".assay" / "mlflow" / "artifacts").is_dir()


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(registry.__file__).removesuffix("/assay/tracking/registry.py")}


def test_a_version_comes_back_as_it_went_in(ours: Registry, tmp_path: Path) -> None:
    candidate = _candidate(tmp_path)
    version = ours.register(candidate)
    assert version == Version(
        name=NAME, version=1, model_digest=candidate.model_digest, run_id=version.run_id, created=True
    )
    ours.fetch(version, tmp_path / "out")
    assert artifacts.digest(tmp_path / "out" / "model") == candidate.model_digest
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(registry.FETCHED)
    assert json.loads((tmp_path / "out" / "profile.json").read_text()) == {"of": "one"}


def test_an_export_comes_back_with_its_version(ours: Registry, tmp_path: Path) -> None:
    candidate = _candidate(tmp_path)
    (tmp_path / EXPORTED).write_bytes(b"a graph")
    candidate = replace(candidate, artifacts={**candidate.artifacts, EXPORTED: tmp_path / EXPORTED})
    ours.fetch(ours.register(candidate), tmp_path / "out")
    assert (tmp_path / "out" / EXPORTED).read_bytes() == b"a graph"


def test_the_run_tells_where_the_version_came_from(ours: Registry, tmp_path: Path) -> None:
    version = ours.register(_candidate(tmp_path))
    run = ours._connected.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"accuracy": 0.9, "slice.sex_Female": 0.8}
    assert len(run.data.params) == 152
    assert run.data.tags["data_fingerprint"] == "f00d"
    assert run.data.tags["model_digest"] == version.model_digest


def test_a_model_is_registered_once(ours: Registry, tmp_path: Path) -> None:
    first = ours.register(_candidate(tmp_path))
    second = ours.register(_candidate(tmp_path, "two"))
    assert (second.version, _aliases(ours)) == (2, {"staging": 2})
    again = ours.register(_candidate(tmp_path))
    assert (again.version, again.created, again.run_id) == (1, False, first.run_id)
    assert _aliases(ours) == {"staging": 1}
    assert len(ours._connected.search_runs(["1"])) == 2


def _aliases(ours: Registry) -> dict[str, int]:
    return registry._aliases(ours._connected, NAME)


def test_champions_follow_each_other_and_can_be_brought_back(ours: Registry, tmp_path: Path) -> None:
    assert ours.champion(NAME) is None
    for text in ("one", "two", "three"):
        ours.register(_candidate(tmp_path, text))
    ours.set_champion(NAME, 1, {"reference": "host/repo@sha256:1"})
    champion = ours.champion(NAME)
    assert champion is not None
    assert champion.image == {"reference": "host/repo@sha256:1"}
    assert _aliases(ours) == {"staging": 3, "champion": 1}
    ours.set_champion(NAME, 2)
    ours.set_champion(NAME, 2)
    assert _aliases(ours) == {"staging": 3, "champion": 2, "previous": 1}
    assert ours.rollback(NAME) == (1, 2)
    assert _aliases(ours) == {"staging": 3, "champion": 1, "previous": 2}
    assert ours.rollback(NAME) == (2, 1)
    ours.set_champion(NAME, 3)
    assert _aliases(ours) == {"staging": 3, "champion": 3, "previous": 2}


@pytest.mark.parametrize("deployed", [0, 1], ids=["nothing", "one"])
def test_nothing_to_go_back_to(ours: Registry, tmp_path: Path, deployed: int) -> None:
    ours.register(_candidate(tmp_path))
    if deployed:
        ours.set_champion(NAME, 1)
    with pytest.raises(ArtifactError, match="no previous version to go back to"):
        ours.rollback(NAME)


def test_a_champion_that_does_not_exist(ours: Registry, tmp_path: Path) -> None:
    ours.register(_candidate(tmp_path))
    with pytest.raises(ServiceError, match="version=99"):
        ours.set_champion(NAME, 99)
    assert _aliases(ours) == {"staging": 1}


def test_an_alias_that_somebody_else_moves_is_noticed(
    ours: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.register(_candidate(tmp_path))
    ours.register(_candidate(tmp_path, "two"))
    move = ours._connected.set_registered_model_alias
    monkeypatch.setattr(ours._connected, "set_registered_model_alias", lambda name, alias, _: move(name, alias, "2"))
    with pytest.raises(ServiceError, match='alias "champion" names version 2 instead of 1'):
        ours.set_champion(NAME, 1)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("model/MLmodel", "not the one that was registered"), ("profile.json", "profile.json is missing")],
)
def test_a_damaged_store_is_noticed(ours: Registry, store: Path, tmp_path: Path, path: str, expected: str) -> None:
    version = ours.register(_candidate(tmp_path))
    (store / ".assay" / "mlflow" / "artifacts" / version.run_id / "artifacts" / path).unlink()
    with pytest.raises(ArtifactError, match=expected):
        ours.fetch(version, tmp_path / "out")


def test_a_copied_project_leaves_the_old_store_alone(ours: Registry, store: Path, tmp_path: Path) -> None:
    first = ours.register(_candidate(tmp_path))
    moved = shutil.copytree(store, tmp_path / "moved")
    shutil.rmtree(store)
    theirs = Registry(store_of(moved))
    theirs.fetch(first, tmp_path / "out")
    for text in ("two", "three"):
        version = theirs.register(_candidate(tmp_path, text))
        theirs.fetch(version, tmp_path / f"out-{text}")
    assert not store.exists()


def test_two_at_once_make_one_version(store: Path, tmp_path: Path) -> None:
    (store / ".assay" / "mlflow" / "mlflow.db").unlink()
    _candidate(tmp_path)
    code = f"""
import sys
sys.path[:0] = {[str(path) for path in sys.path]!r}
from pathlib import Path
from test_registry import _candidate
from assay.tracking.registry import Registry, store_of
version = Registry(store_of(Path({str(store)!r}))).register(_candidate(Path(sys.argv[1])))
print(version.version, version.created)
"""
    folders = [shutil.copytree(tmp_path / "one-model", tmp_path / name / "one-model").parent for name in "ab"]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
        for folder in folders
    ]
    said = sorted(process.communicate(timeout=60)[0] for process in processes)
    assert said == ["1 False\n", "1 True\n"]
    assert _aliases(Registry(store_of(store))) == {"staging": 1}


def test_of_two_at_once_on_a_server_the_first_stays(
    ours: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ours.register(_candidate(tmp_path))
    look, looks = registry._with_digest, []

    def late(*given: object) -> list[Version]:
        looks.append(given)
        # the other one was not there yet when we looked first
        return look(*given) if len(looks) > 1 else []  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "_with_digest", late)
    found = ours.register(_candidate(tmp_path))
    assert (found.version, found.run_id, found.created) == (1, first.run_id, False)
    assert [int(version.version) for version in ours._connected.search_model_versions(f"name='{NAME}'")] == [1]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""], ids=["garbage", "unwritable"])
def test_a_store_that_cannot_be_read(store: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    file = store / ".assay" / "mlflow" / "mlflow.db"
    file.write_bytes(content)
    if not content:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file.parent / 'no' / 'such'}.db/x")
        (file.parent / "no").write_text("in the way")
    with pytest.raises(ServiceError, match=r"MLflow store (failed|cannot be made)"):
        Registry(store_of(store)).champion(NAME)


def test_a_run_whose_artifacts_cannot_be_kept_becomes_no_version(ours: Registry, store: Path, tmp_path: Path) -> None:
    candidate = _candidate(tmp_path)
    shutil.rmtree(store / ".assay" / "mlflow" / "artifacts", ignore_errors=True)
    (store / ".assay" / "mlflow" / "artifacts").write_text("in the way")
    with pytest.raises(ServiceError, match="MLflow store failed"):
        ours.register(candidate)
    assert ours._connected.search_model_versions(f"name='{NAME}'") == []


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"error_code": "UNAUTHENTICATED", "message": "who are you?"}'
        self.send_response(200 if self.path == "/health" else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def _server(kind: str) -> Iterator[int]:
    if kind == "closed":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        yield port
    elif kind == "silent":
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield listening.getsockname()[1]
    else:
        with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("closed", "check that the server runs and that MLFLOW_TRACKING_URI is right"),
        ("silent", "check that the server runs and that MLFLOW_TRACKING_URI is right"),
        ("refusing", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_server_that_does_not_serve_is_reported_soon(kind: str, advice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    start = time.monotonic()
    with _server(kind) as port, pytest.raises(ServiceError) as caught:
        Registry(f"http://user:hunter2@127.0.0.1:{port}").champion(NAME)
    assert time.monotonic() - start < 15
    assert caught.value.next.startswith(advice)
    assert "service not known" not in caught.value.what
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("https://user:p@ss@host/x", "https://host/x"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("databricks", "databricks"),
    ],
)
def test_no_password_is_shown(store: str, shown: str) -> None:
    assert without_password(store) == shown
