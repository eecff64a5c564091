"""`local` deploys that serve on: versions take turns at one address, and nobody notices but by the version."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import wire
from fake_bundle import fake_bundle
from helpers import wait_until
from load import Load
from releases import change, read

from assay.config import Deploy
from assay.errors import ArtifactError, ConfigError, ServiceError
from assay.rollout.asking import CONTROL, conversation
from assay.rollout.keeper import Keeper
from assay.rollout.local_serving import check_address, down, go_live, keeper_for, serve_again, start_keeper
from assay.serving.server_process import is_ready
from assay.values import to_address

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="kills what it finds in /proc")


def nothing() -> None:
    """What belongs to a deploy in most of these tests."""


def free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def deploy() -> Deploy:
    return Deploy(address=free_address(), ready_timeout="20s")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project whose keeper runs, and serves nothing yet."""
    start_keeper(tmp_path)
    yield tmp_path
    down(tmp_path)


@pytest.fixture
def bundles(tmp_path: Path) -> dict[int, Path]:
    """Two versions."""
    return {version: fake_bundle(tmp_path / f"bundle-{version}", version) for version in (3, 4)}


def keeper_of(project: Path) -> int:
    return int((project / ".assay/serving/keeper.pid").read_text())


def server_of(project: Path) -> int:
    keeper = keeper_of(project)
    return int(Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()[-1])


def version_at(deploy: Deploy) -> int | None:
    status, found = wire.ask(f"http://{deploy.address}", wire.head("/metadata", "GET"))
    return int(found["version"]) if status == 200 else None


def kept(project: Path) -> list[str]:
    return sorted(
        path.name.partition("-")[0] for path in (project / ".assay/serving/bundles").iterdir() if path.is_dir()
    )


def test_versions_take_turns(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    assert go_live(project, deploy, 3, bundles[3], nothing) == f"version 3 serves at http://{deploy.address}"
    assert go_live(project, deploy, 4, bundles[4], nothing).endswith("in place of version 3")
    assert version_at(deploy) == 4
    again = server_of(project)
    go_live(project, deploy, 4, bundles[4], nothing)
    assert server_of(project) == again
    assert "in place of version 4" in serve_again(project, deploy, 3, nothing)
    assert version_at(deploy) == 3
    assert kept(project) == ["3", "4"]
    assert down(project) == f"version 3 serves no more at {deploy.address}"
    assert not is_ready(f"http://{deploy.address}")
    assert down(project) == "nothing serves here"
    assert serve_again(project, deploy, 3, nothing) == ""
    assert kept(project) == []


def test_nobody_hears_two_versions_in_turns(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    for one in bundles.values():
        # it takes connections in for a while after it was told to stop
        change(one / "bundle.json", lingers=0.3)
    go_live(project, deploy, 3, bundles[3], nothing)
    load = Load(to_address(str(deploy.address)), wire.head("/", "GET"), rate=800)
    with load.running():
        for version in (4, 3, 4, 3):
            go_live(project, deploy, version, bundles[version], nothing)
            time.sleep(0.2)
    assert {status for client in load.clients for status, _ in client.answers} == {200}
    assert {tuple(client.versions) for client in load.clients} == {("3", "4", "3", "4", "3")}


def test_an_alias_that_cannot_be_moved_swaps_back(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    def refuse() -> None:
        assert version_at(deploy) == 4
        raise ServiceError("the registry is down")

    go_live(project, deploy, 3, bundles[3], nothing)
    with pytest.raises(ServiceError, match="registry is down"):
        go_live(project, deploy, 4, bundles[4], refuse)
    assert version_at(deploy) == 3


def test_a_first_deploy_that_is_not_kept_leaves_nothing(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    with pytest.raises(ZeroDivisionError):
        go_live(project, deploy, 3, bundles[3], lambda: print(1 // 0))
    assert not is_ready(f"http://{deploy.address}")


def test_a_deploy_that_is_killed_before_the_alias_moved_swaps_back(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    request = {"do": "serve", "address": deploy.address, "version": 4, "bundle": str(bundles[4]), "seconds": 20}
    with conversation(project / ".assay/serving") as ask:
        ask(request)
        assert version_at(deploy) == 4
    assert wait_until(lambda: version_at(deploy) == 3)


def test_a_version_that_cannot_be_loaded_changes_nothing(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    server = server_of(project)
    change(bundles[4] / "bundle.json", broken="the model is damaged")
    with pytest.raises(ArtifactError, match="ended before it was ready; its last lines:\n    the model is damaged"):
        go_live(project, deploy, 4, bundles[4], nothing)
    with pytest.raises(ArtifactError, match="version 9 cannot serve again"):
        serve_again(project, deploy, 9, nothing)
    assert (version_at(deploy), server_of(project)) == (3, server)


def test_a_version_that_dies_when_it_is_its_turn_is_followed_by_the_one_before(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    change(bundles[4] / "bundle.json", dies="no address for me")
    with pytest.raises(ArtifactError, match=r"does not answer at .*; its last lines:\n    no address for me"):
        go_live(project, deploy, 4, bundles[4], nothing)
    assert version_at(deploy) == 3


def test_a_keeper_whose_folder_was_removed_gives_the_address_back(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    shutil.rmtree(project / ".assay")
    assert wait_until(lambda: not is_ready(f"http://{deploy.address}"))


def test_an_address_that_somebody_has(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    check_address(project, deploy)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Deploy(address=f"127.0.0.1:{other.getsockname()[1]}")
        for attempt in (lambda: check_address(project, taken), lambda: go_live(project, taken, 4, bundles[4], nothing)):
            with pytest.raises(ConfigError, match="cannot be listened on: Address already in use"):
                attempt()
    assert version_at(deploy) == 3


def test_another_address(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    other = Deploy(address=free_address())
    go_live(project, other, 3, bundles[3], nothing)
    assert version_at(other) == 3
    assert not is_ready(f"http://{deploy.address}")


def test_a_server_that_was_killed_is_started_again(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    os.kill(server_of(project), signal.SIGKILL)
    # the question waits in the queue of the socket, which was never closed
    assert version_at(deploy) == 3


def test_a_keeper_that_was_killed_is_started_anew_by_the_next_deploy(
    project: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    go_live(project, deploy, 3, bundles[3], nothing)
    server, keeper = server_of(project), keeper_of(project)
    os.kill(keeper, signal.SIGKILL)
    assert wait_until(lambda: not Path(f"/proc/{server}").exists())
    with pytest.raises(ServiceError, match="does not answer") as caught:
        go_live(project, deploy, 4, bundles[4], nothing)
    assert "run deploy again" in str(caught.value)
    start_keeper(project)
    told = go_live(project, deploy, 4, bundles[4], nothing)
    assert told.endswith(f"in place of version 3; what served at {deploy.address} was gone and was started anew")
    assert keeper_of(project) != keeper
    assert "anew" not in go_live(project, deploy, 4, bundles[4], nothing)
    assert version_at(deploy) == 4


def test_a_keeper_lives_on_only_where_it_has_something_to_serve(
    tmp_path: Path, deploy: Deploy, bundles: dict[int, Path]
) -> None:
    with keeper_for(tmp_path, deploy):
        check_address(tmp_path, deploy)
    assert wait_until(lambda: not Path(f"/proc/{keeper_of(tmp_path)}").exists())
    with keeper_for(tmp_path, deploy):
        go_live(tmp_path, deploy, 3, bundles[3], nothing)
    assert version_at(deploy) == 3
    os.kill(keeper_of(tmp_path), signal.SIGTERM)
    assert wait_until(lambda: not is_ready(f"http://{deploy.address}"))
    assert down(tmp_path) == f"version 3 serves no more at {deploy.address}"
    assert down(tmp_path) == "nothing serves here"


def test_a_keeper_that_is_told_to_stop_does_even_where_the_exception_is_lost(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    with pytest.raises(SystemExit):
        keeper.interrupt()
    with socket.socket() as control:
        keeper.run(control)


def test_a_keeper_that_hangs_up_is_said_to_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(CONTROL)
        control.listen()
        # what is asked cannot be sent, and cannot be sent when the connection is closed either
        with pytest.raises(ServiceError, match="does not answer"), conversation(tmp_path) as ask:  # noqa: PT012
            control.accept()[0].close()
            ask({"do": "stop"})


def test_two_keepers_at_once_are_one(tmp_path: Path) -> None:
    threads = [threading.Thread(target=start_keeper, args=(tmp_path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    command = f"assay.rollout.keeper\0{tmp_path.resolve()}/.assay/serving"
    alive = [path for path in Path("/proc").glob("[0-9]*/cmdline") if command in path.read_text(errors="replace")]
    assert [int(path.parent.name) for path in alive] == [keeper_of(tmp_path)]
    os.kill(keeper_of(tmp_path), signal.SIGTERM)


def test_two_deploys_at_once_follow_each_other(project: Path, deploy: Deploy, bundles: dict[int, Path]) -> None:
    seen: list[tuple[int, str]] = []

    def move(version: int) -> None:
        seen.append((version, "begins"))
        time.sleep(0.3)
        seen.append((version, "ends"))

    def take_live(version: int) -> None:
        go_live(project, deploy, version, bundles[version], lambda: move(version))

    threads = [threading.Thread(target=take_live, args=(version,)) for version in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, last = seen[0][0], seen[-1][0]
    assert seen == [(first, "begins"), (first, "ends"), (last, "begins"), (last, "ends")]
    assert version_at(deploy) == last
    assert read(project / ".assay/serving/state.json")["current"].startswith(f"{last}-")
