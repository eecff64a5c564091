"""fetch: what lies at an address, of any protocol, becomes an artifact that depends on its content only."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fetchkit
import fsspec
import pytest
from helpers import PYTHON

from assay import artifacts
from assay.data.fetching import addresses, downloads, remote
from assay.data.fetching.credentials import Hidden, load_credentials, shown
from assay.errors import ConfigError, ServiceError
from assay.stages import fetch
from assay.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_FETCHED", "ASSAY_DATA_CREDENTIALS", "ASSAY_DVC_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(addresses, "PAUSES", (0.01, 0.01))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture
def bucket() -> Iterator[str]:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/x/a.csv": b"a", "/bucket/x/day=1/b.csv": b"bb", "/bucket/x/day=2/c.txt": b"ccc"})
    yield "memory://bucket"
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("below", "expected", "path"),
    [
        pytest.param("x/a.csv", {"data/a.csv": b"a"}, "data/a.csv", id="file"),
        pytest.param(
            "x",
            {"data/a.csv": b"a", "data/day=1/b.csv": b"bb", "data/day=2/c.txt": b"ccc"},
            "data",
            id="folder",
        ),
        pytest.param("x/day=1/", {"data/b.csv": b"bb"}, "data", id="folder with a slash"),
        pytest.param("x/*.csv", {"data/a.csv": b"a"}, "data", id="pattern"),
        pytest.param("x/day=*", {"data/day=1/b.csv": b"bb", "data/day=2/c.txt": b"ccc"}, "data", id="folders"),
        pytest.param("x/**/*.csv", {"data/a.csv": b"a", "data/day=1/b.csv": b"bb"}, "data", id="pattern of any depth"),
    ],
)
def test_what_an_address_names(project: Path, bucket: str, below: str, expected: dict[str, bytes], path: str) -> None:
    outcome = fetchkit.run(project, f"{bucket}/{below}")
    assert fetchkit.files(project) == expected
    told = fetchkit.about(project)
    fetched = project.parent / "out" / "fetched" / path
    assert told == {
        "source": f"{bucket}/{below}",
        "path": path,
        "sha256": artifacts.digest(fetched),
        "files": len(expected),
        "bytes": sum(map(len, expected.values())),
        "revision": None,
    }
    assert outcome.summary["downloaded"] == len(expected)
    assert f"{told['bytes']} bytes" in outcome.message


def test_the_same_content_makes_the_same_artifact(project: Path, bucket: str) -> None:
    def digest() -> str:
        fetchkit.run(project, f"{bucket}/x")
        return artifacts.digest(project.parent / "out" / "fetched")

    first = digest()
    fsspec.filesystem("memory").pipe("/bucket/x/a.csv", b"a")
    assert digest() == first
    fsspec.filesystem("memory").pipe("/bucket/x/a.csv", b"A")
    assert digest() != first


def test_what_an_earlier_run_left_is_gone(project: Path, bucket: str) -> None:
    context = fetchkit.context(project, f"{bucket}/x/a.csv")
    old = context.output("fetched") / "data" / "old.csv"
    old.parent.mkdir()
    old.write_bytes(b"old")
    fetch.run(context)
    assert list(fetchkit.files(project)) == ["data/a.csv"]


def test_files_of_this_machine_and_in_archives(project: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "ä b.csv").write_bytes(b"1")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner.csv", b"22")
    (source / "all.zip").write_bytes(packed.getvalue())
    fetchkit.run(project, f"file://{source}/deep")
    assert fetchkit.files(project) == {"data/ä b.csv": b"1"}
    fetchkit.run(project, f"zip://*.csv::file://{source}/all.zip")
    assert fetchkit.files(project) == {"data/inner.csv": b"22"}


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        pytest.param("s4://bucket/x", ConfigError, 'unknown protocol "s4"', id="unknown protocol"),
        pytest.param("htps://host/x", ConfigError, 'did you mean "https"', id="near miss"),
        pytest.param("sftp://host/x", ConfigError, "package that this stage does not have", id="no package"),
        pytest.param("http:///x.csv", ConfigError, "no host", id="no host"),
        pytest.param("http://host:99999/x.csv", ConfigError, "Port out of range", id="port"),
        pytest.param("http://[::1]:80/x.csv", ConfigError, "IPv6", id="IPv6"),
        pytest.param("https://host/folder/", ConfigError, "names no file", id="folder of the web"),
        pytest.param("s3://", ConfigError, "names nothing", id="empty"),
        pytest.param("memory://nothing", ServiceError, "is not there", id="nothing there"),
        pytest.param("memory://nothing/*.csv", ServiceError, "is not there", id="nothing matches"),
        pytest.param("http://no-such-host.invalid/x.csv", ServiceError, "name is not known", id="no such host"),
        pytest.param("http://127.0.0.1:1/x.csv", ServiceError, "cannot be reached", id="refused"),
    ],
)
def test_an_address_that_cannot_be_read(project: Path, address: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as raised:
        fetchkit.run(project, address)
    assert said in str(raised.value)
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a//b", "a/./b", "n" * 256, "nul\0"])
def test_a_name_that_would_leave_the_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="no file can have"):
        remote._remote(name, name, {})


def test_a_file_below_a_file(project: Path) -> None:
    class Store(fsspec.AbstractFileSystem):  # type: ignore[misc]
        protocol = "odd"

        def info(self, path: str, **_kwargs: Any) -> dict[str, Any]:
            return {"name": path, "type": "directory"}

        def find(self, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
            return {name: {"name": name, "type": "file", "size": 0} for name in ("b/x/", "b/x", "b/x/y")}

    fsspec.register_implementation("odd", Store, clobber=True)
    with pytest.raises(ConfigError, match="both a file 'x' and files below it"):
        fetchkit.run(project, "odd://b")


def test_data_that_changes_while_it_is_read(project: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, left = fsspec.filesystem("memory"), [1]
    download = remote._download

    def slow(*args: Any) -> None:
        download(*args)
        if left[0]:
            left[0] -= 1
            memory.pipe(f"/bucket/x/new{left[0]}.csv", b"n" * left[0])

    monkeypatch.setattr(remote, "_download", slow)
    fetchkit.run(project, f"{bucket}/x/*.csv")
    assert sorted(fetchkit.files(project)) == ["data/a.csv", "data/new0.csv"]
    left[0] = 99
    with pytest.raises(ServiceError, match="changes while it is read"):
        fetchkit.run(project, f"{bucket}/x")


def test_the_store_lies_where_it_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spare = tmp_path / "spare"
    assert downloads.store_of(tmp_path, spare) == tmp_path / ".assay" / "fetched"
    assert (tmp_path / ".assay" / ".gitignore").read_text() == "*\n"
    monkeypatch.setenv("ASSAY_FETCHED", str(tmp_path / "volume"))
    assert downloads.store_of(tmp_path, spare) == tmp_path / "volume"
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASSAY_FETCHED", str(tmp_path / "file"))
    assert downloads.store_of(tmp_path, spare) == spare


def test_the_store_forgets_what_is_old_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_FETCHED", str(tmp_path / "store"))
    (tmp_path / "file").write_bytes(b"1")
    kept = downloads.Downloads(tmp_path / "store" / "files")
    kept.keep("key", tmp_path / "file")
    kept.keep("key", tmp_path / "file")
    found = kept.find("key")
    assert found
    assert [found] == list((tmp_path / "store" / "files").iterdir())
    found.unlink()
    found.write_bytes(b"2")
    assert kept.find("key") is None
    assert not found.exists()
    kept.keep("key", tmp_path / "file")
    os.utime(found, (0, 0))
    downloads.store_of(tmp_path, tmp_path)
    assert kept.find("key") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/x?.csv", "s3://bucket/x?.csv"),
        ("s3://bucket/year=1/*.csv", "s3://bucket/year=1/*.csv"),
        ("https://host:8080/a@b.csv", "https://host:8080/a@b.csv"),
        ("https://me:geheim@host/a.csv", "https://host/a.csv"),
        ("https://geheim@host/a.csv", "https://host/a.csv"),
        ("https://me:ge/heim@host/a.csv", "https://host/a.csv"),
        ("https://me:ge@heim@host/a.csv", "https://host/a.csv"),
        ("https://host/a?X-Sig=geheim&e=1", "https://host/a?X-Sig=***&e=***"),
        ("https://host/a?geheim", "https://host/a?***"),
        ("https://host/a#geheim", "https://host/a#***"),
        ("zip://a.csv::https://me:geheim@host/a.zip?s=geheim", "zip://a.csv::https://host/a.zip?s=***"),
        ("401, url='https://me:geheim@host/a?sig=geheim'", "401, url='https://host/a?sig=***'"),
    ],
)
def test_an_address_as_it_is_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    hidden = Hidden().address("https://me:ge%40heim@host/a?sig=abc%2Fdef").also("token-1")
    assert hidden.text("ge@heim, ge%40heim, abc/def, token-1 and abc") == "***, ***, ***, *** and abc"
    told = hidden.error(ServiceError("with token-1", "token-1", next="token-1"))
    assert isinstance(told, ServiceError)
    assert "token" not in str(told)


def test_credentials_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["TEST_ONE", "TEST_KEY", "TEST_QUOTED", "TEST_REGION", "TEST_EMPTY"]
    for name in names:
        monkeypatch.setenv(name, "before")
    file = tmp_path / "credentials"
    text = "\ufeff# a comment\r\n\nTEST_ONE = a=b#c \nexport TEST_KEY=se cret\nTEST_QUOTED='qu\"oted'\n"
    file.write_text(f"{text}TEST_REGION=eu-1\nTEST_EMPTY=\n", encoding="utf-8")
    monkeypatch.setenv("ASSAY_DATA_CREDENTIALS", str(file))
    hidden = load_credentials()
    assert [os.environ[name] for name in names] == ["a=b#c", "se cret", 'qu"oted', "eu-1", ""]
    assert hidden.text("a=b#c, se cret at eu-1") == "***, *** at eu-1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"A=1\n\n{geheim}\n", "line 3", id="no equals sign"),
        pytest.param(b"1A=geheim\n", "line 1", id="name"),
        pytest.param(b"A=gehe\0im", "line 1", id="zero"),
        pytest.param(b"A=geheim\xff", "not UTF-8", id="bytes"),
        pytest.param(None, "No such file", id="missing"),
    ],
)
def test_credentials_that_are_malformed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    file = tmp_path / "credentials"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("ASSAY_DATA_CREDENTIALS", str(file))
    with pytest.raises(ConfigError, match=said) as raised:
        load_credentials()
    assert "gehe" not in str(raised.value)


def test_under_the_supervisor(project: Path, bucket: str) -> None:
    report = supervise(fetchkit.context(project, f"{bucket}/x"), timeout=30)
    assert report.passed, report.message
    assert [ref.name for ref in report.outputs] == ["fetched"]
    assert sorted(path.name for path in (project.parent / "out").iterdir()) == ["fetched", "report.json", "stage.log"]


def test_as_a_command(project: Path, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_bytes(b"1\n")
    context = fetchkit.context(project, f"file://{tmp_path}/there.csv")
    command = [PYTHON, "-m", "assay", "stage", "fetch", "--inputs", str(tmp_path), "--outputs", str(context.outputs)]
    path = {"PYTHONPATH": str(Path(remote.__file__).parents[3])}
    done = subprocess.run(
        [*command, "--project", str(project)], env=os.environ | path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((context.outputs / "report.json").read_text("utf-8"))["summary"]["files"] == 1
    assert fetchkit.files(project) == {"data/there.csv": b"1\n"}
