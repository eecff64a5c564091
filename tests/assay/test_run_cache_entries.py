"""What lies in a store is used only where it is, in every detail, what its receipt stands for."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay import artifacts
from assay.gates import GateResult, Verdict
from assay.reports import ArtifactRef, StageReport, Status, read_report, write_report
from assay.run_cache.client import RunCache
from assay.run_cache.entry import BadEntry, Receipt, check, pack, unpack
from assay.run_cache.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "0" * 64
RECEIPT = Receipt(stage="train", key=KEY, inputs={"dataset": "d1"}, outputs=("model/", "training.json", "rival/"))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What a stage left: a folder, a file, and an artifact that is an empty folder."""
    outputs = tmp_path / "made"
    (outputs / "model/deep").mkdir(parents=True)
    (outputs / "rival").mkdir()
    (outputs / "model/deep/weights.bin").write_bytes(bytes(range(256)) * 40)
    (outputs / "model/run.sh").write_text("#!/bin/sh\n")
    (outputs / "model/run.sh").chmod(0o755)
    (outputs / "training.json").write_text("{}")
    (outputs / "stage.log").write_text("not an artifact\n")
    named = [("model", "model/"), ("training", "training.json"), ("rival", "rival/")]
    read = (ArtifactRef("dataset", "dataset/", "d1", 3),)
    refs = artifacts.references(named, outputs)
    write_report(outputs, StageReport(stage="train", status=Status.PASSED, inputs=read, outputs=refs, run_id="r1"))
    return outputs


def entry(outputs: Path, receipt: Receipt = RECEIPT) -> Path:
    file = outputs.with_name("entry.tar")
    pack(outputs, receipt, file)
    return file


def laid_out(file: Path, receipt: Receipt = RECEIPT) -> Path:
    folder = file.with_name("laid-out")
    folder.mkdir()
    unpack([file], folder)
    check(folder, receipt)
    return folder


def change_report(folder: Path, **values: Any) -> None:
    report = read_report(folder)
    assert report
    write_report(folder, replace(report, **values))


def test_what_goes_in_comes_out(made: Path) -> None:
    folder = laid_out(entry(made))
    for path in RECEIPT.outputs:
        assert artifacts.digest(folder / path) == artifacts.digest(made / path)
    assert (folder / "rival").is_dir()
    assert (folder / "model/run.sh").stat().st_mode & 0o111
    assert not (folder / "stage.log").exists()


def test_the_same_result_is_the_same_entry(made: Path) -> None:
    first = entry(made).read_bytes()
    (made / "training.json").touch()
    assert entry(made).read_bytes() == first


def test_a_receipt_survives_being_written() -> None:
    assert Receipt.parse(RECEIPT.to_json()) == RECEIPT


BLOCKED = GateResult("code.tests", 1.0, "<=", 0.0, Verdict.FAIL, "")
PASSED = replace(BLOCKED, status=Verdict.PASS)
LIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda f: (f / "training.json").write_text("[]"), "another training"),
    "longer": (lambda f: (f / "training.json").write_text("{} "), "another training"),
    "file-gone": (lambda f: (f / "model/run.sh").unlink(), "another model"),
    "artifact-gone": (lambda f: (f / "training.json").unlink(), "another training"),
    "file-more": (lambda f: (f / "model/more.py").write_text(""), "another model"),
    "file-elsewhere": (lambda f: (f / "evil.pth").write_text("import evil"), "does not name"),
    "log": (lambda f: (f / "stage.log").write_text("said"), "does not name"),
    "byte-code": (lambda f: _write(f / "model/__pycache__/a.cpython-313.pyc"), "does not name"),
    "link": (lambda f: (f / "model/link").symlink_to("/etc/passwd"), "a link"),
    "link-to-folder": (lambda f: (f / "model/up").symlink_to("/etc"), "a link"),
    "link-for-a-file": (lambda f: _linked(f / "training.json"), "a link"),
    "pipe": (lambda f: os.mkfifo(f / "model/pipe"), "a link or a device"),
    "no-report": (lambda f: (f / "report.json").unlink(), "no report"),
    "report-cut": (lambda f: (f / "report.json").write_text('{"stage"'), "cannot be read"),
    "report-list": (lambda f: (f / "report.json").write_text("[]"), "cannot be read"),
    "report-huge": (lambda f: os.truncate(f / "report.json", 2**30), "no report"),
    "report-deep": (lambda f: (f / "report.json").write_text("[" * 200_000), "cannot be read"),
    "report-of-other-kinds": (lambda f: change_report(f, message=["no", "text"]), "cannot be read"),
    "report-with-a-text-for-a-time": (lambda f: change_report(f, seconds="1"), "cannot be read"),
    "report-with-a-list-for-a-gate": (lambda f: change_report(f, gates=(_no_text_in(PASSED),)), "cannot be read"),
    "other-stage": (lambda f: change_report(f, stage="package"), "report of package"),
    "red": (lambda f: change_report(f, status=Status.FAILED, exit_code=3), "did not pass"),
    "red-but-green": (lambda f: change_report(f, gates=(BLOCKED,)), "did not pass"),
    "other-inputs": (lambda f: change_report(f, inputs=(ArtifactRef("dataset", "d", "d2", 1),)), "inputs"),
    "path-up": (lambda f: _named(f, "../../secret"), "does not make"),
    "path-absolute": (lambda f: _named(f, "/etc/passwd"), "does not make"),
    "path-other": (lambda f: _named(f, "bundle/"), "does not make"),
    "nothing-said": (lambda f: change_report(f, outputs=()), "does not name"),
    "no-receipt": (lambda f: (f / "entry.json").unlink(), "another stage"),
    "other-key": (lambda f: _receipt(f, key="1" * 64), "another stage"),
    "other-receipt": (lambda f: _receipt(f, stage="package"), "another stage"),
}


def _no_text_in(gate: GateResult) -> GateResult:
    return GateResult(**{**gate.__dict__, "gate": []})


def _write(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"code")


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _named(folder: Path, path: str) -> None:
    change_report(folder, outputs=(ArtifactRef("model", path, "0" * 64, 1),))


def _receipt(folder: Path, **values: Any) -> None:
    (folder / "entry.json").write_text(replace(RECEIPT, **values).to_json())


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_fit_is_refused(made: Path, lie: str) -> None:
    spoil, why = LIES[lie]
    folder = laid_out(entry(made))
    spoil(folder)
    with pytest.raises(BadEntry, match=why):
        check(folder, RECEIPT)


def _archive(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(file, "a") as archive:
        for about, content in members:
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, link
    return about


def _huge_header(file: Path) -> None:
    """A name of 64 MiB, which tarfile would read into memory before anybody could look at it."""
    with tarfile.open(file, "w") as archive:
        archive.addfile(_sized(_member("././@LongLink", tarfile.GNUTYPE_LONGNAME), 2**26), io.BytesIO(bytes(2**26)))


def _sized(about: tarfile.TarInfo, size: int) -> tarfile.TarInfo:
    about.size = size
    return about


def _sparse(file: Path) -> None:
    """A file that says of itself that it has a TiB."""
    with tarfile.open(file, "a", format=tarfile.PAX_FORMAT) as archive:
        about = _member("entry/model/sparse")
        about.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**40), "GNU.sparse.numblocks": "1"}
        archive.addfile(_sized(about, 1), io.BytesIO(b"x"))


ARCHIVES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda f: f.write_bytes(b""), "archive"),
    "noise": (lambda f: f.write_bytes(b"\x07" * 4096), "archive"),
    "compressed": (lambda f: f.write_bytes(gzip.compress(f.read_bytes())), "archive"),
    "cut": (lambda f: os.truncate(f, 9000), "archive|whole"),
    "cut-header": (lambda f: os.truncate(f, 700), "archive|whole|another stage"),
    "up": (lambda f: _archive(f, (_member("entry/../../up.txt"), b"x")), "leads out"),
    "absolute": (lambda f: _archive(f, (_member("/assay-absolute.txt"), b"x")), "leads out"),
    "beside": (lambda f: _archive(f, (_member("beside.txt"), b"x")), "leads out"),
    "symlink": (lambda f: _archive(f, (_member("entry/model/l", tarfile.SYMTYPE, "/etc/passwd"), b"")), "a link"),
    "hard-link": (lambda f: _archive(f, (_member("entry/model/l", tarfile.LNKTYPE, "/etc/passwd"), b"")), "a link"),
    "device": (lambda f: _archive(f, (_member("entry/model/d", tarfile.CHRTYPE), b"")), "a link"),
    "pipe": (lambda f: _archive(f, (_member("entry/model/p", tarfile.FIFOTYPE), b"")), "a link"),
    "twice": (lambda f: _archive(f, (_member("entry/training.json"), b"{}")), "one name"),
    "below-a-file": (lambda f: _archive(f, (_member("entry/training.json/x"), b"{}")), "one name"),
    "the-folder-itself": (lambda f: _archive(f, (_member("entry"), b"{}")), "a link"),
    "whiteout": (lambda f: _archive(f, (_member("entry/model/.wh.run.sh"), b"")), "another model"),
    "sparse": (_sparse, "a link"),
    "huge-header": (_huge_header, "header"),
    "text-file-name": (lambda f: _archive(f, (_member("entry/model/a\0b"), b"x")), "another model|archive"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_hostile_archive_is_a_miss(made: Path, tmp_path: Path, kind: str) -> None:
    spoil, why = ARCHIVES[kind]
    cache = RunCache(Folder(tmp_path / "store"))
    assert cache.keep(RECEIPT, made, tmp_path / "scratch") == ""
    spoil(tmp_path / f"store/{RECEIPT.name}.tar")
    tracemalloc.start()
    report, note = cache.find(RECEIPT, tmp_path / "found/train")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report is None
    assert note.endswith("; it was not used")
    assert "\n" not in note
    assert re.search(why, note), note
    assert peak < 2**24
    assert not list(tmp_path.rglob("up.txt"))
    assert not Path("/assay-absolute.txt").exists()
    assert cache.keep(RECEIPT, made, tmp_path / "scratch") == ""
    assert cache.find(RECEIPT, tmp_path / "again/train")[0], "what was bad is written anew"


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_file_in_a_store_is_a_miss(tmp_path: Path, kind: str) -> None:
    place = tmp_path / f"{RECEIPT.name}.tar"
    if kind == "link":
        place.symlink_to("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    report, note = RunCache(Folder(tmp_path), seconds=2).find(RECEIPT, tmp_path / "found")
    assert report is None
    assert "is no file" in note


def test_an_entry_of_another_project_does_not_fit(made: Path, tmp_path: Path) -> None:
    """Copied to the name of another key, the entry still says what it is for."""
    cache = RunCache(Folder(tmp_path / "store"))
    cache.keep(RECEIPT, made, tmp_path / "scratch")
    other = replace(RECEIPT, key="f" * 64)
    (tmp_path / f"store/{RECEIPT.name}.tar").rename(tmp_path / f"store/{other.name}.tar")
    report, note = cache.find(other, tmp_path / "found")
    assert (report, "another stage, key or project" in note) == (None, True)


def test_an_entry_that_the_disk_has_no_room_for(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = RunCache(Folder(tmp_path / "store"))
    cache.keep(RECEIPT, made, tmp_path / "scratch")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    report, note = cache.find(RECEIPT, tmp_path / "found")
    assert report is None
    assert "more than this disk has room for" in note


def test_no_secret_of_the_environment_gets_in(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_RUN_CACHE_PASSWORD", "made-up-value")
    assert b"made-up-value" not in entry(made).read_bytes()
    assert json.loads(RECEIPT.to_json()).keys() == {"stage", "key", "inputs", "outputs", "schema_version", "name"}
