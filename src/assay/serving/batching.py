"""Adaptive batches: one prediction for all requests that wait, so that the cost of a call is shared under load."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from assay.serving.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from types import TracebackType

Records = list[dict[str, Any]]
Answer = dict[str, list[Any] | None]
MAX_ROWS = 1_000


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    records: Records
    kind: Hashable
    answer: asyncio.Future[Answer]


class Batcher:
    """Asks a model in one thread of its own; what comes while it is busy is asked together, in the order it came.

    An idle model is asked at once: no request waits for others to come. Requests share a call only where their
    `kind` is the same.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Mapping[str, Any]]], Answer],
        kind: Callable[[Sequence[Mapping[str, Any]]], Hashable] | None,
        note: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Ask `predict`.

        Args:
            predict: From records to lists with an entry a record; may raise.
            kind: What records must have in common to be asked together; None asks each request alone.
            note: Told how many rows each call of `predict` gets.
        """
        self._predict = predict
        self._note = note
        self._kind = kind
        self._waiting: deque[_Asked] = deque()
        self._worker = Worker()
        self._since = 0.0
        self._running: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the thread after what it does now; nobody waits for that."""
        self._worker.end()

    def busy(self) -> float:
        """Seconds that the model has been at its current call; 0 where it is idle."""
        since = self._since
        return time.monotonic() - since if since else 0.0

    async def ask(self, records: Records) -> Answer:
        """What `predict` answers to `records` alone.

        Raises:
            Exception: What `predict` raised for them.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        kind = self._kind(records) if self._kind else answer
        asked = _Asked(records=records, kind=kind, answer=answer)
        self._waiting.append(asked)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            return await answer
        except asyncio.CancelledError:
            # nobody waits for it any more
            with contextlib.suppress(ValueError):
                self._waiting.remove(asked)
            raise

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._next()
                self._note(sum(len(asked.records) for asked in batch))
                results = await loop.run_in_executor(self._worker, self._together, [asked.records for asked in batch])
                for asked, result in zip(batch, results, strict=True):
                    _give(asked.answer, result)
        finally:
            self._running = None

    def _next(self) -> list[_Asked]:
        batch = [self._waiting.popleft()]
        rows = len(batch[0].records)
        while self._waiting and self._waiting[0].kind == batch[0].kind:
            rows += len(self._waiting[0].records)
            if rows > MAX_ROWS:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _together(self, requests: Sequence[Records]) -> list[Answer | Exception]:
        if len(requests) == 1:
            return [self._alone(requests[0])]
        answer = self._alone([record for records in requests for record in records])
        # whose rows it was that failed is seen only when each request is asked by itself
        return (
            [self._alone(records) for records in requests] if isinstance(answer, Exception) else split(answer, requests)
        )

    def _alone(self, records: Records) -> Answer | Exception:
        self._since = time.monotonic()
        try:
            return self._predict(records)
        except Exception as error:  # noqa: BLE001 - it is raised where the request is answered
            return error
        finally:
            self._since = 0.0


def split(answer: Answer, requests: Sequence[Records]) -> list[Answer | Exception]:
    """The part of each request in what was answered to all of them, one after the other."""
    parts: list[Answer | Exception] = []
    start = 0
    for records in requests:
        end = start + len(records)
        parts.append({key: values and values[start:end] for key, values in answer.items()})
        start = end
    return parts


def _give(future: asyncio.Future[Answer], result: Answer | Exception) -> None:
    if future.done():
        # its request was cancelled
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
