"""SIGTERM under load: each request is answered and logged, or was never accepted."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import wire

from assay.serving.server_process import serving

if TYPE_CHECKING:
    from pathlib import Path
    from socket import socket

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}
BODY = json.dumps({"records": [OK]}).encode()
CONNECTIONS = 32


@dataclass
class Seen:
    answered: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: int = 0


def _ask_until_refused(url: str, number: int, seen: Seen, *, keep: bool) -> None:
    """One request after the other, on one connection as long as the server keeps it, or on a new one each time."""
    open_ = None
    for count in range(100_000):
        try:
            open_ = open_ or wire.connect(url)
        except ConnectionRefusedError:
            seen.refused += 1
            return
        request_id = f"{number}-{count}"
        status, _, ends = _exchange(open_, wire.post(BODY, x_request_id=request_id))
        (seen.answered if status == 200 else seen.lost).append(request_id)
        if ends or not keep:
            open_.close()
            open_ = None


def _exchange(open_: socket, request: bytes) -> tuple[int, object, bool]:
    try:
        open_.sendall(request)
    except OSError:
        return 0, None, True
    return wire.answer_and_end(open_)


@pytest.mark.parametrize("keep", [True, False], ids=["kept-connections", "a-connection-each"])
def test_nothing_is_lost_when_it_is_told_to_stop_under_load(either_bundle: Path, tmp_path: Path, *, keep: bool) -> None:
    seen = [Seen() for _ in range(CONNECTIONS)]
    with serving(either_bundle, log=tmp_path) as url:
        work = [
            threading.Thread(target=_ask_until_refused, args=(url, number, one), kwargs={"keep": keep})
            for number, one in enumerate(seen)
        ]
        for thread in work:
            thread.start()
        time.sleep(1.5)
        process = wire.process_of(url)
        process.terminate()
        for thread in work:
            thread.join(20)
        process.wait(10)
    answered = [request for one in seen for request in one.answered]
    logged = {json.loads(line)["id"] for file in tmp_path.iterdir() for line in file.read_text().splitlines()}
    assert [request for one in seen for request in one.lost] == []
    assert sum(one.refused for one in seen) == CONNECTIONS
    assert len(answered) > 100
    assert set(answered) <= logged
