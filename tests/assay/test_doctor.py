"""`assay doctor`: each thing that can be amiss is found, told with what to do, and nothing waits or tells a secret."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers import MINIMAL, project

from assay.cli import main
from assay.config import Data, Deploy
from assay.doctor import machine, services, setup
from assay.doctor.examination import Finding, Health, examine, exit_code, fail, ok, warn
from assay.doctor.setup import doctor
from assay.errors import ConfigError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "_EXPERIMENTAL_DAGGER_RUNNER_HOST", "ASSAY_KUBECONFIG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, for programs that say what a test wants."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def found(root: Path, check: str, **options: Any) -> Finding:
    return next(one for one in doctor(root, **options) if one.check.startswith(check))


def only(findings: Iterator[Finding]) -> Finding:
    (one,) = findings
    return one


def test_one_that_hangs_holds_nobody_up() -> None:
    stuck = threading.Event()
    started = time.monotonic()
    looks = {"stuck": lambda: [ok("stuck", "never")] * stuck.wait(60), "quick": lambda: [ok("quick", "here")]}
    told = examine(looks, seconds=0.2)
    needed = examine({"stuck": looks["stuck"]}, seconds=0.1, needed=("stuck",))
    assert (needed[0].health, needed[0].code) == ("fail", 5)
    assert time.monotonic() - started < 20
    stuck.set()
    assert [(one.check, one.health) for one in told] == [("stuck", "warn"), ("quick", "ok")]
    assert "no answer within 0.2 s" in told[0].found


def test_one_that_breaks_hides_no_other() -> None:
    def broken() -> list[Finding]:
        raise ZeroDivisionError("by zero")

    def refused() -> list[Finding]:
        raise ServiceError("it is down", where="https://ada:hunter2@host/x", next="ask ada")

    told = examine({"broken": broken, "refused": refused})
    assert [one.health for one in told] == ["warn", "fail"]
    assert told[1] == fail("refused", "it is down (https://host/x)", "ask ada", 5)
    assert "hunter2" not in str(told)


def test_the_exit_code_is_that_of_the_first_failure() -> None:
    assert exit_code([ok("a", ""), warn("b", "", "")]) == 0
    assert exit_code([warn("b", "", ""), fail("c", "", "", 5), fail("d", "", "", 2)]) == 5


def test_no_project(tmp_path: Path) -> None:
    one = found(tmp_path, "project")
    assert (one.health, one.code, one.next) == ("fail", 2, "assay init DATA makes a project from a data file")


def test_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        project(tmp_path, MINIMAL.replace("target", "tarket"))
    one = found(tmp_path, "project")
    assert (one.health, one.code) == ("fail", 2)
    assert 'did you mean "target"?' in one.next


def test_data(tmp_path: Path) -> None:
    def look(path: str) -> Finding:
        return only(setup._data(Data(path=path, target="y"), tmp_path))

    assert look("data/").health == "fail"
    (tmp_path / "data").mkdir()
    assert "empty" in look("data/").found
    (tmp_path / "data/a.csv").write_text("x,y\n")
    assert look("data/").health == "ok"
    (tmp_path / "rows.csv").write_text("x,y\n")
    assert "below data/" in look("rows.csv").next
    assert look("s3://bucket/x").health == "ok"


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_git(tmp_path: Path) -> None:
    assert only(setup._git(tmp_path)).found == "no repository here"
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    (tmp_path / "a").touch()
    assert "1 files differ" in only(setup._git(tmp_path)).found


def test_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        "Assay.Nothing==1.0 \\\n    --hash=sha256:0\npytest==0.1\nonly-windows==1 ; sys_platform == 'win32'\n"
    )
    monkeypatch.setattr(machine, "toolkit_file", lambda _: lock)
    tiny = project(tmp_path)
    told = list(machine.packages(tiny))
    assert {one.health for one in told} == {Health.FAIL}
    assert "not installed: assay-nothing" in told[0].found
    lock.write_text("pytest==0.1\n")
    told = list(machine.packages(tiny))
    assert {one.health for one in told} == {Health.WARN}
    assert ", not 0.1" in told[0].found
    # what the project pins itself is looked up in its own file only
    (tmp_path / "requirements.txt").write_text("pytest==0.2\n")
    text = MINIMAL.replace('name = "tiny"', 'name = "tiny"\nrequirements = "requirements.txt"')
    told = list(machine.packages(project(tmp_path, text)))
    assert [one.check for one in told] == ["packages: requirements.txt"]


def test_packages_for_addresses_are_missed_only_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fetch", "monitor"):
        (tmp_path / f"{name}.lock").write_text("some-protocol==1\n")
    monkeypatch.setattr(machine, "toolkit_file", lambda name: tmp_path / Path(name).name)
    for name in ("test", "data", "train", "evaluate", "registry", "register", "package", "deploy"):
        (tmp_path / f"{name}.lock").touch()
    assert only(machine.packages(project(tmp_path))).health == "ok"
    told = only(machine.packages(project(tmp_path, MINIMAL + '[tool.assay.monitor]\npath = "s3://bucket/log"\n')))
    assert (told.check, told.health) == ("packages: monitor", "fail")


def test_disk_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    for free, health in ((10**8, "fail"), (2 * 2**30, "warn"), (2**35, "ok")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: usage(2**40, 0, free))
        assert only(machine.disk(tmp_path)).health == health
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    monkeypatch.setattr(machine, "_MEMORY", meminfo)
    monkeypatch.setattr(machine, "_CGROUP", limit)
    assert only(machine.memory()).found == "not told by this system"
    meminfo.write_text("MemAvailable:   16777216 kB\n")
    assert only(machine.memory()).health == "ok"
    limit.write_text("1073741824\n")
    assert only(machine.memory()).health == "warn"


def test_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, MINIMAL + "\n[tool.assay.resources.train]\ngpu = true\n")
    monkeypatch.setattr("assay.gpu.missing", lambda: "there is none")
    one = found(tmp_path, "gpu")
    assert (one.health, one.code) == ("fail", 2)
    assert "train asks for one, and there is none" in one.found


@pytest.mark.parametrize(
    ("said", "health", "told"),
    [
        pytest.param(None, "warn", "not installed", id="missing"),
        pytest.param("echo dagger v0.21.8 linux/amd64", "ok", "v0.21.8", id="wanted"),
        pytest.param("echo dagger v0.19.0", "warn", "v0.19.0, where the module is made for v0.21.8", id="old"),
        pytest.param("exit 1", "warn", "tells no version", id="broken"),
    ],
)
def test_dagger(programs: Path, said: str | None, health: str, told: str) -> None:
    if said:
        program(programs, "dagger", said)
    one = only(services.dagger())
    assert (one.health, told in one.found) == (health, True), one


def _say(server: socket.socket, answer: bytes) -> None:
    channel, _ = server.accept()
    with channel:
        channel.recv(100)
        channel.sendall(answer)


@pytest.mark.parametrize(
    ("answer", "health", "told"),
    [
        pytest.param(b"\0\0\0\x04\0\0\0\0\0", "ok", "answers at", id="an engine"),
        pytest.param(b"HTTP/1.1 400 Bad", "warn", "something else answers there", id="something else"),
        pytest.param(None, "warn", "No such file", id="nobody"),
    ],
)
def test_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, health: str, told: str
) -> None:
    path = tmp_path / "s"
    monkeypatch.setenv("_EXPERIMENTAL_DAGGER_RUNNER_HOST", f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as server:
        if answer is not None:
            server.bind(str(path))
            server.listen()
            threading.Thread(target=_say, args=(server, answer), daemon=True).start()
        one = only(services.engine())
    assert (one.health, told in one.found) == (health, True), one


def test_an_engine_that_could_be_started(programs: Path) -> None:
    assert "nothing here that could run it" in only(services.engine()).found
    program(programs, "docker", "exit 1")
    assert "docker does not answer" in only(services.engine()).found
    program(programs, "docker", "exit 0")
    assert only(services.engine()).health == "ok"


def test_a_tracking_server_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:hunter2@127.0.0.1:{taken.getsockname()[1]}")
        one = found(tmp_path, "tracking")
    assert (one.health, one.code) == ("fail", 5)
    assert "hunter2" not in str(one)
    assert not (tmp_path / ".assay").exists()


def test_a_registry_that_is_down() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        one = only(services.registry(f"127.0.0.1:{taken.getsockname()[1]}/me/income"))
    assert (one.health, one.code) == ("fail", 5)


def review(*rules: dict[str, Any]) -> str:
    return json.dumps({"status": {"resourceRules": rules, "incomplete": False}})


@pytest.mark.parametrize(
    ("says", "health", "told"),
    [
        pytest.param(review({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}), "ok", "may deploy", id="all"),
        pytest.param(
            review({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]}),
            "fail",
            "may not create deployments",
            id="few",
        ),
    ],
)
def test_rights_in_the_cluster(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, health: str, told: str
) -> None:
    (tmp_path / "config").touch()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    program(programs, "kubectl", f"echo '{says}'")
    one = only(services.cluster(Deploy(target="kubernetes", namespace="models")))
    assert (one.health, told in one.found) == (health, True), one


def test_a_cluster_without_kubectl(programs: Path, tmp_path: Path) -> None:
    assert not list(programs.iterdir())
    project(tmp_path, MINIMAL + '\n[tool.assay.deploy]\ntarget = "kubernetes"\n')
    assert "kubectl is not installed" in found(tmp_path, "cluster").found


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--project", str(tmp_path), "--format", "json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 2
    assert told["findings"][0]["check"] == "project"
    assert main(["doctor", "--project", str(tmp_path)]) == 2
    assert "what to do" in capsys.readouterr().out
