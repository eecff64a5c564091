"""fetch over HTTP: what is kept between runs, what is tried again, and what is said where it is of no use."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import fetchkit
import pytest
from webserver import Page, serving

from assay.data.fetching import addresses
from assay.errors import ServiceError
from assay.supervisor import supervise

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_FETCHED", raising=False)
    monkeypatch.delenv("ASSAY_DATA_CREDENTIALS", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(addresses, "PAUSES", (0.01, 0.01))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def test_an_etag_saves_the_second_download(project: Path) -> None:
    with serving(a=Page(b"a,b\n1,2\n", etag='"v1"')) as server:
        first = fetchkit.run(project, f"{server.url}/a.csv")
        again = fetchkit.run(project, f"{server.url}/a.csv")
        page = server.pages["/a.csv"]
        assert [first.summary["downloaded"], again.summary["downloaded"], page.got] == [1, 0, 1]
        assert fetchkit.files(project) == {"data/a.csv": b"a,b\n1,2\n"}
        assert "ETag v1" in again.message
        server.pages["/a.csv"] = Page(b"a,b\n3,4\n", etag='"v2"')
        assert fetchkit.run(project, f"{server.url}/a.csv").summary["downloaded"] == 1
        assert fetchkit.files(project) == {"data/a.csv": b"a,b\n3,4\n"}
        assert fetchkit.about(project)["revision"] is None


def test_a_damaged_store_is_not_used(project: Path) -> None:
    with serving(a=Page(b"a", etag='"v1"')) as server:
        fetchkit.run(project, f"{server.url}/a.csv")
        (kept,) = (project / ".assay" / "fetched" / "files").iterdir()
        kept.write_bytes(b"b")
        assert fetchkit.run(project, f"{server.url}/a.csv").summary["downloaded"] == 1
        assert fetchkit.files(project) == {"data/a.csv": b"a"}


@pytest.mark.parametrize("etag", ["", 'W/"v1"', '"*"'], ids=["none", "weak", "another each time"])
def test_without_a_strong_etag_it_is_downloaded_each_time(project: Path, etag: str) -> None:
    with serving(a=Page(b"a", etag=etag)) as server:
        downloaded = [fetchkit.run(project, f"{server.url}/a.csv").summary["downloaded"] for _ in range(2)]
    assert downloaded == [1, 1]
    assert not list((project / ".assay" / "fetched").glob("files/*"))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(Page(b"whole", statuses=[500, 503]), id="a server in trouble"),
        pytest.param(Page(b"whole", statuses=[429]), id="too many requests"),
        pytest.param(Page(b"whole", lost=3, lossy=2), id="a lost end"),
    ],
)
def test_what_passes_is_tried_again(project: Path, page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(a=page) as server:
        fetchkit.run(project, f"{server.url}/a.csv")
    assert fetchkit.files(project) == {"data/a.csv": b"whole"}
    assert "again in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("page", "said", "then", "asked"),
    [
        pytest.param(None, "is not there", "upper and lower case", 2, id="404"),
        pytest.param(Page(b"a", statuses=[403] * 9), "may not be read", "--data-credentials", 2, id="403"),
        pytest.param(Page(b"a", password="nobody"), "may not be read", "FSSPEC_HTTPS", 2, id="401"),
        pytest.param(Page(b"a", statuses=[500] * 9), "has trouble", "run again later", 4, id="500"),
        pytest.param(Page(b"abc", lost=1, lossy=9), "did not arrive whole", "run again", 4, id="a lost end"),
    ],
)
def test_what_does_not_pass(project: Path, page: Page | None, said: str, then: str, asked: int) -> None:
    with serving(**({"a": page} if page else {})) as server:
        with pytest.raises(ServiceError, match=said) as raised:
            fetchkit.run(project, f"{server.url}/a.csv")
        assert server.asked == asked
    assert then in raised.value.next


def test_a_server_that_never_answers(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "READ_SECONDS", 0.1)
    with serving(a=Page(b"a", delay=1)) as server, pytest.raises(ServiceError, match="did not come in time"):
        fetchkit.run(project, f"{server.url}/a.csv")


def test_a_password_in_the_address_is_used_and_never_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    password = base64.b64encode(b"me:ge/heim").decode()
    with serving(a=Page(b"a", password=password, statuses=[500])) as server:
        address = f"{server.url.replace('://', '://me:ge%2Fheim@')}/a.csv?sig=geheimer"
        report = supervise(fetchkit.context(project, address), timeout=30)
        assert report.passed, report.message
        assert fetchkit.about(project)["source"] == f"{server.url}/a.csv?sig=***"
        server.pages["/a.csv"].password = "another"
        report = supervise(fetchkit.context(project, address), timeout=30)
        assert (report.exit_code, "may not be read" in report.message) == (5, True)
    told = capsys.readouterr()
    written = [path for path in project.parent.rglob("*") if path.is_file() and path.name != "pyproject.toml"]
    for text in (told.out, told.err, *(path.read_text("utf-8") for path in written)):
        assert "heim" not in text


def test_a_name_is_decoded_and_a_query_is_not_part_of_it(project: Path) -> None:
    with serving() as server:
        server.pages["/my%20file.csv"] = Page(b"a")
        fetchkit.run(project, f"{server.url}/my%20file.csv?version=2")
    assert fetchkit.about(project)["path"] == "data/my file.csv"
