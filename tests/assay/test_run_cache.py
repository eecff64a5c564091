"""A result travels from one machine to another; a store that fails is told once and makes nothing red."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from helpers import plan, step, wait_until

from assay import cli
from assay.errors import ConfigError
from assay.graph import World
from assay.run_cache.client import RunCache
from assay.run_cache.entry import Receipt, pack
from assay.run_cache.folder import Folder
from assay.run_cache.opening import open_run_cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


from run_cache_kit import TWO, run_on, told


def test_what_one_machine_made_another_reuses(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    first = run_on(tmp_path / "one/deep", store)
    assert [entry.source for entry in first] == ["", ""]
    second = run_on(tmp_path / "two", store)
    assert [(e.cached, e.source, e.why, e.note) for e in second] == [(True, "folder", "nothing changed", "")] * 2
    assert second[0].report == first[0].report
    assert "cached (folder)" in told(second)["a"]
    (made,) = (tmp_path / "two/runs").glob("*/b/b.txt")
    assert made.read_text() == "12"


def test_the_machine_itself_comes_first(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_on(tmp_path / "one", store)
    run_on(tmp_path / "two", store)
    shutil.rmtree(tmp_path / "store")
    assert [(e.cached, e.source) for e in run_on(tmp_path / "two", store)] == [(True, "")] * 2
    assert not (tmp_path / "store").exists(), "what this machine has is not looked for elsewhere"


def test_only_what_passed_and_is_pure_is_stored(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (entry,) = run_on(tmp_path / "one", str(store), plan(step("a", "raise RuntimeError('red')")))
    assert entry.report.status == "error"
    run_on(tmp_path / "one", str(store), plan(step("a", "write('1')", world=World.READS)))
    assert not store.exists()


def test_fresh_reuses_nothing_and_stores_anew(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_on(tmp_path / "one", store)
    for file in (tmp_path / "store").iterdir():
        file.write_bytes(b"")
    assert not any(entry.cached for entry in run_on(tmp_path / "one", store, fresh=True))
    assert all(entry.cached for entry in run_on(tmp_path / "two", store))


def test_a_poisoned_entry_is_told_and_the_stage_runs(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_on(tmp_path / "one", store)
    for file in (tmp_path / "store").glob("a-*"):
        file.write_bytes(file.read_bytes()[:1500])
    first, second = run_on(tmp_path / "two", store)
    assert (first.cached, first.report.passed) == (False, True)
    assert first.note.endswith("it was not used")
    assert second.cached, "its input is the same as before"


def test_no_stage_sees_the_address_and_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_RUN_CACHE", "ASSAY_RUN_CACHE_USERNAME", "ASSAY_RUN_CACHE_PASSWORD"):
        monkeypatch.setenv(name, str(tmp_path / "made-up-value"))
    seen = "import os; write(str([k for k in os.environ if 'RUN_CACHE' in k]))"
    run_on(tmp_path / "one", "", plan(step("a", seen)))
    (made,) = (tmp_path / "one/runs").glob("*/a/a.txt")
    assert made.read_text() == "[]"
    assert (tmp_path / "made-up-value").is_dir(), "the address of the environment was used"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def broken(tmp_path: Path, kind: str, silent: str) -> str:
    if kind == "file":
        (tmp_path / "store").write_text("a file where the folder should be")
    return {
        "file": str(tmp_path / "store"),
        "no-rights": "/proc/nobody/may/write/here",
        "nobody": "oci://127.0.0.1:1/cache",
        "no-name": "oci://registry.invalid/cache",
        "silent": f"oci://{silent}/cache",
        "web": "http://127.0.0.1:1/cache",
    }[kind]


@pytest.mark.parametrize("kind", ["file", "no-rights", "nobody", "no-name", "silent", "web"])
def test_a_store_that_fails_is_told_once_and_makes_nothing_red(tmp_path: Path, silent: str, kind: str) -> None:
    cache = open_run_cache(broken(tmp_path, kind, silent))
    assert cache
    cache.seconds = 1.0
    many = plan(*(step(name, f"write('{name}')") for name in "abcd"))
    started = time.monotonic()
    entries = run_on(tmp_path / "one", cache, many)
    assert {str(entry.report.status) for entry in entries} == {"passed"}
    (note,) = [entry.note for entry in entries if entry.note]
    assert "\n" not in note
    assert str(cache.store) in note
    assert time.monotonic() - started < 20, "asked once, and not by every stage"


def test_a_store_that_cannot_be_written_is_still_read(tmp_path: Path) -> None:
    class ReadOnly(Folder):
        def put(self, name: str, file: Path) -> None:  # noqa: ARG002
            raise PermissionError(13, "Permission denied", str(file))

    run_on(tmp_path / "one", str(tmp_path / "store"), plan(TWO.steps[0]))
    first, second = run_on(tmp_path / "two", RunCache(ReadOnly(tmp_path / "store")))
    assert (first.source, first.note) == ("folder", "")
    assert second.report.passed
    assert second.note == f"nothing more is kept in {tmp_path}/store: Permission denied"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class Full(Folder):
        def put(self, name: str, file: Path) -> None:  # noqa: ARG002
            raise OSError(28, "No space left on device", str(file))

    first, second = run_on(tmp_path / "one", RunCache(Full(tmp_path / "store")))
    assert first.note == f"nothing more is kept in {tmp_path}/store: No space left on device"
    assert (second.report.passed, second.note) == (True, "")


def _packed(folder: Path) -> tuple[Receipt, Path]:
    run_on(folder / "one", str(folder / "filled"), plan(TWO.steps[0]))
    (file,) = (folder / "filled").iterdir()
    stage, _, key = file.stem.partition("-")
    return Receipt(stage=stage, key=key, outputs=("a.txt",)), file


def test_two_writers_of_one_key_leave_one_good_entry(tmp_path: Path) -> None:
    receipt, file = _packed(tmp_path)
    store = Folder(tmp_path / "store")
    ready = threading.Barrier(8)

    def write() -> None:
        ready.wait()
        for _ in range(5):
            store.put(receipt.name, file)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.name for path in store.root.iterdir()] == [f"{receipt.name}.tar"]
    assert RunCache(store).find(receipt, tmp_path / "found")[0]


def _write_slowly(root: Path, name: str, file: Path) -> None:
    def copy(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        time.sleep(60)

    shutil.copyfile = copy  # type: ignore[assignment]
    Folder(root).put(name, file)


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path) -> None:
    receipt, file = _packed(tmp_path)
    store = tmp_path / "store"
    writer = multiprocessing.get_context("fork").Process(target=_write_slowly, args=(store, receipt.name, file))
    writer.start()
    assert wait_until(lambda: store.is_dir() and any(path.stat().st_size for path in store.iterdir()))
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert RunCache(Folder(store)).find(receipt, tmp_path / "found") == (None, "")
    (half,) = store.iterdir()
    os.utime(half, (0, 0))
    assert Folder(store).prune(3600) == (1, 100)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        pytest.param("oci://registry", "no run cache", id="no-repository"),
        pytest.param("oci://registry/Repo:tag", "no run cache", id="tag"),
        pytest.param("oci://ada:secret-word@registry/cache", "secret in it", id="password"),
        pytest.param("s4://bucket/cache", "no run cache can be at s4://", id="unknown"),
        pytest.param("https://host/cache?sig=secret-word&X-Amz-Signature=secret-word", "secret in it", id="signed"),
    ],
)
def test_an_address_that_cannot_be_is_a_usage_error(address: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_run_cache(address)
    assert said in raised.value.what
    assert "secret-word" not in str(raised.value)


def test_without_an_address_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_RUN_CACHE", raising=False)
    assert open_run_cache("") is None


def test_prune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receipt, file = _packed(tmp_path)
    store = Folder(tmp_path / "store")
    for name in ("old", receipt.name):
        store.put(name, file)
        os.utime(tmp_path / f"store/{name}.tar", (0, 0))
    (tmp_path / "store/README").write_text("not ours")
    assert RunCache(store).find(receipt, tmp_path / "found")[0], "which is a use"
    assert cli.main(["cache", "prune", str(store.root), "--older-than", "12h"]) == 0
    assert capsys.readouterr().out.startswith("1 results removed")
    assert {path.name for path in store.root.iterdir()} == {f"{receipt.name}.tar", "README"}
    assert cli.main(["cache", "prune", str(tmp_path / "nowhere")]) == 2
    assert cli.main(["cache", "prune", str(store.root), "--older-than", "a while"]) == 2


def test_executors_get_a_receipt_and_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_text(plan(TWO.steps[0]).to_json())
    options = ["--plan", str(tmp_path / "plan.json"), "--inputs", str(tmp_path), "--project", str(tmp_path)]

    def receipt(*more: str) -> Receipt:
        assert cli.main(["cache", "key", *options, *more]) == 0
        return Receipt.parse(capsys.readouterr().out)

    one = receipt()
    assert receipt() == one
    assert receipt("--facts", '{"base image": "x"}').key != one.key
    run_on(tmp_path, None, plan(TWO.steps[0]))
    (made,) = (tmp_path / "runs").glob("*/a")
    pack(made, one, tmp_path / "entry.tar")
    shutil.unpack_archive(tmp_path / "entry.tar", tmp_path / "out", "tar")
    check = ["cache", "check", str(tmp_path / "out/entry"), "--receipt", one.to_json()]
    assert (cli.main(check), capsys.readouterr().out) == (0, "")
    (tmp_path / "out/entry/a.txt").write_text("poison")
    assert (cli.main(check), capsys.readouterr().out) == (0, "has another a than its report says\n")
