"""Everything wrong that a network can send: told clearly, forgotten at once, and the next request is answered."""

from __future__ import annotations

import gc
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import wire

from assay.serving.limits import MAX_BYTES, MAX_ROWS
from assay.serving.server_process import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}
_DEEP = 100_000
_MEGABYTE = 1_000_000


def _body(**values: object) -> bytes:
    return json.dumps({"records": [OK | values]}).encode()


def _text(column: str, text: str) -> bytes:
    """A body with something in it that `json.dumps` does not write."""
    return _body(**{column: "@"}).replace(b'"@"', text.encode("utf-8", "surrogateescape"))


def _without(column: str) -> bytes:
    return json.dumps({"records": [{name: value for name, value in OK.items() if name != column}]}).encode()


def _columns(**values: object) -> bytes:
    return json.dumps({"columns": {name: [value, value] for name, value in OK.items()} | values}).encode()


# what is sent, the status, the field at fault, a part of what is said of it
BODIES = {
    "text for a number": (_body(age="30"), 422, "records[0].age", "valid number"),
    "missing field": (_without("hours"), 422, "records[0].hours", "required"),
    "extra field": (_body(agee=1), 422, "records[0].agee", 'did you mean "age"?'),
    "NaN": (_text("hours", "NaN"), 422, "records[0].hours", "finite"),
    "Infinity": (_text("hours", "-Infinity"), 422, "records[0].hours", "finite"),
    "1e308": (_text("hours", "1e308"), 422, "records[0].hours", "less than or equal"),
    "1e308 for an integer": (_text("age", "1e308"), 422, "records[0].age", "less than or equal"),
    "1e999": (_text("hours", "1e999"), 422, "records[0].hours", "finite"),
    "beyond 64 bits": (_text("age", "1" + "0" * 30), 422, "records", "int"),
    "5,000 digits": (_text("age", "1" * 5000), 422, "", "Invalid JSON: number out of range"),
    "lone surrogate": (_text("job", r'"\ud800"'), 422, "", "Invalid JSON"),
    "invalid UTF-8": (_text("job", '"\udcff\udcfe"'), 422, "", "Invalid JSON: invalid unicode"),
    "key twice": (_text("job", '"smith", "age": 3'), 422, "", 'Invalid JSON: Detected duplicate key "age"'),
    "deep list": (b"[" * _DEEP, 422, "", "Invalid JSON: recursion limit exceeded"),
    "deep object": (b'{"records":' * _DEEP, 422, "", "Invalid JSON: recursion limit exceeded"),
    "deep value": (_text("job", "[" * _DEEP + "]" * _DEEP), 422, "", "Invalid JSON: recursion limit exceeded"),
    "trailing text": (_body() + b"}", 422, "", "Invalid JSON: trailing characters"),
    "not JSON": (b"age=30", 422, "", "Invalid JSON"),
    "empty body": (b"", 422, "", "Invalid JSON"),
    "list": (b"[]", 422, "", "object"),
    "no rows": (b'{"records": []}', 422, "records", "at least 1"),
    "a row too many": (json.dumps({"records": [OK] * (MAX_ROWS + 1)}).encode(), 413, "records", "at most"),
    "other columns": (_columns(agee=[1, 1]), 422, "columns.agee", "did you mean"),
    "no columns": (b'{"columns": {}}', 422, "columns.age", "required"),
    "no rows in columns": (_columns(**{name: [] for name in OK}), 422, "columns", "at least 1 row"),
    "columns not equally long": (_columns(age=[1]), 422, "columns", "age 1, hours 2"),
    "bad value in a column": (_columns(age=[1, "x"]), 422, "columns.age[1]", "valid number"),
    "a column too long": (_columns(**{name: [None] * (MAX_ROWS + 1) for name in OK}), 413, "columns.age", "at most"),
    "a million bad rows": (b'{"records":[' + b"3," * 4_000_000 + b"3]}", 422, "records[0]", "an object"),
    "a million fields": (_body(**{f"k{number}": 1 for number in range(500_000)}), 422, "records[0]", "500006 fields"),
    "a million forms": (json.dumps({f"k{n}": 1 for n in range(500_000)}).encode(), 422, "records", "required"),
    "a long field": (_body(**{"k" * 9_000_000: 1}), 422, f"records[0].{'k' * 189}...", "unknown"),
    "both forms": (b'{"columns": {}, "records": []}', 422, "records", "unknown"),
}
# requests whose head or whose way is wrong
REQUESTS = {
    "form": (wire.post(b"age=1", content_type="application/x-www-form-urlencoded"), 415, "application/json"),
    "CSV for predict": (wire.post(b"age\n1", content_type="text/csv"), 415, "allowed: application/json"),
    "odd content type": (wire.post(_body(), content_type="\xff;;;"), 415, "application/json"),
    "compressed": (wire.post(b"\x1f\x8b", content_encoding="gzip"), 415, "Content-Encoding"),
    "wrong method": (wire.head(method="GET"), 405, "Method Not Allowed"),
    "unknown path": (wire.post(_body(), path="/predicts"), 404, "Not Found"),
    "announces too much": (wire.post(b"", content_length=50 * _MEGABYTE), 413, "larger than"),
    "huge header": (wire.head(x="y" * 100_000), 431, "Request Header Fields Too Large"),
    "endless header": (wire.head()[:-2] + b"x: " + b"y" * 300_000, 431, "Request Header Fields Too Large"),
    "long path": (wire.head("/" + "x" * 100_000, method="GET"), 431, "Request Header Fields Too Large"),
    "length is text": (wire.post(b"{}", content_length="ten"), 400, "Invalid HTTP"),
    "length is negative": (wire.post(b"{}", content_length="-2"), 400, "Invalid HTTP"),
    "length is endless": (wire.post(b"{}", content_length="9" * 5000), 400, "Invalid HTTP"),
    "chunked garbage": (wire.post(b"zz\r\n{}", content_length=None, transfer_encoding="chunked"), 400, "Invalid HTTP"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00", 400, "Invalid HTTP"),
}


@pytest.fixture(scope="module")
def url(either_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(either_bundle, log=tmp_path_factory.mktemp("log")) as found:
        yield found


@pytest.fixture(autouse=True)
def _answers_rightly_afterwards(url: str) -> Iterator[None]:
    before = wire.ask(url, wire.post(_body()))
    yield
    assert before[0] == 200
    assert wire.ask(url, wire.post(_body())) == before


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_told_what_is_wrong_with_it(url: str, name: str) -> None:
    body, status, field, problem = BODIES[name]
    start = time.monotonic()
    found, told = wire.ask(url, wire.post(body))
    assert time.monotonic() - start < 15
    assert found == status, told
    problems = [fault["problem"] for fault in told["detail"] if fault["field"] == field]
    assert problems, told
    assert problem in problems[0]
    assert len(json.dumps(told)) < 5000


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_is_told_what_is_wrong_with_it(url: str, name: str) -> None:
    request, status, problem = REQUESTS[name]
    found, told = wire.ask(url, request)
    assert found == status, told
    assert problem in told["detail"][0]["problem"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_body(job=None), id="null"),
        pytest.param(_body(job="astronaut"), id="unknown category"),
        pytest.param(_body(age=30.0), id="whole number with a point"),
        pytest.param(_columns(), id="columns"),
        pytest.param(json.dumps({"records": [OK] * MAX_ROWS}).encode(), id="10,000 rows"),
    ],
)
def test_what_only_looks_bad_is_answered(url: str, body: bytes) -> None:
    assert wire.ask(url, wire.post(body))[0] == 200


def test_no_content_type_is_taken_for_json(url: str) -> None:
    assert wire.ask(url, wire.post(_body(), content_type=None))[0] == 200


def test_a_body_of_50_megabytes(url: str) -> None:
    size = 50 * _MEGABYTE
    parts = [b"x" * _MEGABYTE] * (size // _MEGABYTE)
    assert wire.ask(url, wire.head(content_length=size, content_type="application/json"), *parts)[0] == 413
    chunks = [b"%x\r\n" % len(part) + part + b"\r\n" for part in parts]
    assert wire.ask(url, wire.head(transfer_encoding="chunked"), *chunks)[0] == 413


def test_half_a_request(url: str) -> None:
    for part in (b"POST", wire.head()[:-2], wire.post(_body())[:-5], wire.post(b"", content_length=MAX_BYTES)):
        with wire.connect(url) as half:
            half.sendall(part)


def test_memory_stays_flat(url: str) -> None:
    cheap = [wire.post(body) for body, *_ in BODIES.values() if len(body) < 10_000]
    cheap += [request for request, *_ in REQUESTS.values()]

    def rounds(count: int) -> int:
        for _ in range(count):
            for request in cheap:
                wire.ask(url, request)
        gc.collect()
        size: int = wire.process_of(url).memory_info().rss
        return size

    before = rounds(20)
    assert rounds(200) - before < 5 * _MEGABYTE


def _slowly(url: str, begin: bytes, drop: bytes) -> tuple[tuple[int, Any], bool, float]:
    """The answer to `begin`, followed by a `drop` each second; whether the connection is closed; seconds."""
    start = time.monotonic()
    with wire.connect(url, timeout=1) as slow:
        slow.sendall(begin)
        found: tuple[int, Any] = (0, None)
        while not found[0] and time.monotonic() - start < 15:
            found = wire.answer(slow)
            slow.sendall(b"" if found[0] else drop)
        return found, wire.is_closed(slow), time.monotonic() - start


SLOW = {
    "body": (wire.post(b"{", content_length=1000), b" "),
    "chunks": (wire.head(transfer_encoding="chunked"), b"1\r\n \r\n"),
    "head": (wire.head()[:-2], b"a: b\r\n"),
}


@pytest.mark.slow
def test_who_sends_slowly_is_told_so_and_cut_off(url: str) -> None:
    with ThreadPoolExecutor() as pool:
        work = {name: pool.submit(_slowly, url, *sent) for name, sent in SLOW.items()}
        found = {name: future.result() for name, future in work.items()}
    assert {name: (status, closed) for name, ((status, _), closed, _) in found.items()} == dict.fromkeys(
        SLOW, (408, True)
    )
    assert all(9 < seconds < 20 for *_, seconds in found.values())


@pytest.mark.slow
def test_who_is_refused_and_sends_on_is_cut_off_too(url: str) -> None:
    begin = wire.post(b"", content_length=50 * _MEGABYTE)
    with wire.connect(url, timeout=1) as slow:
        slow.sendall(begin)
        assert wire.answer(slow)[0] == 413
        ends = time.monotonic() + 13
        while not (closed := wire.is_closed(slow)) and time.monotonic() < ends:
            slow.sendall(b"x")
    assert closed
