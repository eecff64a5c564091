"""A deploy or rollback to `local` that is killed while the alias moves: whoever comes next puts right what is left."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wire
from fake_bundle import fake_bundle
from helpers import MINIMAL, wait_until
from helpers import project as load

from assay.errors import ArtifactError, ServiceError
from assay.rollout.half_done import put_right, put_right_first
from assay.rollout.local_serving import down, go_live, in_doubt, start_keeper
from assay.rollout.rollback import roll_back
from assay.tracking.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.config import Config

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="kills what it finds in /proc")

OLD, NEW = 3, 4


@dataclass
class Aliases:
    """Stands in for the registry: champion and previous in a file, so that what a killed process wrote is there."""

    file: Path

    def set(self, champion: int, previous: int | None) -> None:
        self.file.write_text(f"{champion} {previous or ''}", encoding="utf-8")

    def numbers(self) -> list[int]:
        return [int(number) for number in self.file.read_text(encoding="utf-8").split()]

    def champion(self, _name: str) -> Version | None:
        return _version(self.numbers()[0])

    def previous(self, _name: str) -> Version | None:
        return _version(self.numbers()[1]) if len(self.numbers()) > 1 else None

    def rollback(self, _name: str) -> tuple[int, int]:
        if len(self.numbers()) == 1:
            raise ArtifactError("there is no previous version to go back to")
        before, now = self.numbers()
        self.set(now, before)
        return now, before


def _version(number: int) -> Version:
    return Version(name="tiny", version=number, model_digest="", run_id="", image=None)


@dataclass
class Place:
    """A project where version 3 serves and is champion, and version 4 could."""

    folder: Path
    config: Config
    aliases: Aliases
    bundles: dict[int, Path]

    def serves(self) -> int | None:
        """The version that answers at the address."""
        try:
            status, found = wire.ask(f"http://{self.config.deploy.address}", wire.head("/metadata", "GET"))
        except OSError:
            return None
        return int(found["version"]) if status == 200 else None

    def deploy(self, then: Callable[[], None]) -> None:
        """Take version 4 live."""
        go_live(self.folder, self.config.deploy, NEW, self.bundles[NEW], then)

    def roll_back(self) -> str:
        """What people read."""
        return roll_back(self.config, self.folder, self.aliases)  # type: ignore[arg-type]

    @property
    def keeper(self) -> int:
        return int((self.folder / ".assay/serving/keeper.pid").read_text())

    @property
    def kept(self) -> set[str]:
        return {path.name.partition("-")[0] for path in (self.folder / ".assay/serving/bundles").iterdir()} - {""}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = load(tmp_path, f'{MINIMAL}\n[tool.assay.deploy]\naddress = "{address}"\nready_timeout = "20s"\n').config
    aliases = Aliases(tmp_path / "aliases")
    module = types.ModuleType("assay.tracking.registry")
    vars(module).update(Registry=lambda _store: aliases, store_of=str)
    monkeypatch.setitem(sys.modules, "assay.tracking.registry", module)
    bundles = {version: fake_bundle(tmp_path / f"bundle-{version}", version) for version in (OLD, NEW)}
    start_keeper(tmp_path)
    go_live(tmp_path, config.deploy, OLD, bundles[OLD], lambda: aliases.set(OLD, None))
    yield Place(tmp_path, config, aliases, bundles)
    down(tmp_path)


def dies(work: Callable[[], Any]) -> None:
    """Do `work` in a process that does not survive it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_deploy(place: Place, *, moved: bool) -> None:
    """Version 4 serves for a moment, and its deploy is killed before or after the alias moved."""

    def then() -> None:
        if moved:
            place.aliases.set(NEW, OLD)
        die()

    dies(lambda: place.deploy(then))
    assert wait_until(lambda: place.serves() == OLD)
    assert in_doubt(place.folder)


def killed_rollback(place: Place, *, moved: bool) -> None:
    """Version 4 is champion and serves, and a rollback from it is killed before or after the alias moved."""
    place.deploy(lambda: place.aliases.set(NEW, OLD))
    real = Aliases.rollback

    def then(self: Aliases, _name: str) -> tuple[int, int]:
        if moved:
            real(self, _name)
        die()
        return 0, 0

    def work() -> None:
        Aliases.rollback = then  # type: ignore[method-assign]
        place.roll_back()

    dies(work)
    assert wait_until(lambda: place.serves() == NEW)
    assert in_doubt(place.folder)


@pytest.mark.parametrize(("moved", "serves", "told"), [(True, NEW, "it serves at http"), (False, OLD, "it does not")])
def test_after_a_killed_deploy_the_champion_serves(place: Place, moved: bool, serves: int, told: str) -> None:  # noqa: FBT001
    killed_deploy(place, moved=moved)
    assert f"died half-way; version 4 was to serve: {told}" in put_right(place.config, place.folder)
    assert place.serves() == place.aliases.numbers()[0] == serves
    assert place.kept == ({"3", "4"} if moved else {"3"})
    assert put_right(place.config, place.folder) == ""


@pytest.mark.parametrize("moved", [True, False])
def test_after_a_killed_rollback_the_champion_serves(place: Place, moved: bool) -> None:  # noqa: FBT001
    killed_rollback(place, moved=moved)
    put_right(place.config, place.folder)
    assert place.serves() == place.aliases.numbers()[0] == (OLD if moved else NEW)
    assert place.kept == {"3", "4"}


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("killed", [killed_deploy, killed_rollback])
def test_a_rollback_after_either_leads_back(place: Place, killed: Callable[..., None], moved: bool) -> None:  # noqa: FBT001
    killed(place, moved=moved)
    told = place.roll_back()
    assert told.startswith("a deploy or rollback died half-way")
    assert told.endswith("tiny: version 3 is champion")
    assert place.serves() == place.aliases.numbers()[0] == OLD
    assert not in_doubt(place.folder)


def test_a_keeper_that_was_killed_too_is_started_anew(place: Place) -> None:
    keeper = place.keeper

    def then() -> None:
        place.aliases.set(NEW, OLD)
        os.kill(keeper, signal.SIGKILL)
        die()

    dies(lambda: place.deploy(then))
    assert wait_until(lambda: not Path(f"/proc/{keeper}").exists())
    assert "version 4 was to serve: it serves at" in put_right_first(place.folder)
    assert place.serves() == NEW


def test_the_first_deploy_of_all(place: Place) -> None:
    down(place.folder)
    start_keeper(place.folder)

    def then() -> None:
        place.aliases.set(NEW, None)
        die()

    dies(lambda: place.deploy(then))
    assert wait_until(lambda: place.serves() is None)
    assert "it serves at" in put_right_first(place.folder)
    assert place.serves() == NEW


def test_what_was_ended_on_purpose_is_not_started_again(place: Place) -> None:
    killed_deploy(place, moved=True)
    down(place.folder)
    assert put_right_first(place.folder) == ""
    assert place.serves() is None


def test_an_alias_that_was_refused_leaves_no_doubt(place: Place) -> None:
    with pytest.raises(ZeroDivisionError):
        place.deploy(lambda: print(1 // 0))
    assert not in_doubt(place.folder)
    assert (place.serves(), place.kept) == (OLD, {"3"})


def test_a_deploy_that_is_still_at_work_is_not_disturbed(place: Place) -> None:
    at_work, may_end = threading.Event(), threading.Event()

    def then() -> None:
        at_work.set()
        assert may_end.wait(10)
        place.aliases.set(NEW, OLD)

    threads = [threading.Thread(target=place.deploy, args=(then,))]
    said: list[str] = []
    threads.append(threading.Thread(target=lambda: said.append(put_right(place.config, place.folder))))
    threads[0].start()
    assert at_work.wait(10)
    assert in_doubt(place.folder)
    threads[1].start()
    may_end.set()
    for thread in threads:
        thread.join()
    assert said == [""]
    assert place.serves() == NEW


def test_a_registry_that_is_down_leaves_it_for_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_deploy(place, moved=True)

    def refuse(*_: object) -> None:
        raise ServiceError("the registry is down")

    with monkeypatch.context() as patch:
        patch.setattr(Aliases, "champion", refuse)
        told = put_right_first(place.folder)
    assert told == "a deploy or rollback died half-way, and cannot be put right: the registry is down"
    assert place.serves() == OLD
    assert "it serves at" in put_right_first(place.folder)


def test_a_folder_that_cannot_be_written_changes_nothing(place: Place) -> None:
    (place.folder / ".assay/serving/wanted.part").mkdir()
    with pytest.raises(ArtifactError, match="the keeper cannot go on: Is a directory"):
        place.deploy(lambda: place.aliases.set(NEW, OLD))
    assert place.serves() == place.aliases.numbers()[0] == OLD
