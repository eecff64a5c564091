"""Requests at a steady rate over real connections, with every answer kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Client:
    """One client, which sends a request after the other.

    Attributes:
        keep: It keeps its connection as long as the server does; else each request has its own.
        answers: Status and version of each answer; status 0 where there was none.
        waits: Seconds from each request to its answer.
    """

    keep: bool
    answers: list[tuple[int, str]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def versions(self) -> list[str]:
        """The versions that answered, without repetitions."""
        return [version for version, _ in itertools.groupby(version for _, version in self.answers)]


@dataclass
class Load:
    """Clients, half of which keep their connections, that send `rate` requests a second together."""

    address: tuple[str, int]
    request: bytes
    rate: float
    clients: list[Client] = field(default_factory=lambda: [Client(keep=number % 2 == 0) for number in range(16)])
    seconds: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send as long as the block lasts."""
        started = time.monotonic()
        thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self.seconds = time.monotonic() - started

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(client, number) for number, client in enumerate(self.clients)))

    async def _one(self, client: Client, number: int) -> None:
        step = len(self.clients) / self.rate
        due = time.monotonic() + step * number / len(self.clients)
        streams: Streams | None = None
        while not self._over.is_set():
            # who is late sends at once, so that the rate is kept
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due += step
            begun = time.monotonic()
            streams = await self._ask(client, streams)
            client.waits.append(time.monotonic() - begun)
        if streams:
            streams[1].close()

    async def _ask(self, client: Client, streams: Streams | None) -> Streams | None:
        """The connection, where it can be used again."""
        try:
            streams = streams or await asyncio.open_connection(*self.address)
            streams[1].write(self.request)
            status, headers = await asyncio.wait_for(_answer(streams[0]), 20)
        except (OSError, EOFError, TimeoutError):
            status, headers = 0, {"connection": "close"}
        client.answers.append((status, headers.get("x-model-version", "")))
        if client.keep and headers.get("connection") != "close":
            return streams
        if streams:
            streams[1].close()
        return None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    first, *lines = top.strip().split("\r\n")
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers
