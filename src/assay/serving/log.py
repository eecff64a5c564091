"""The prediction log: JSON Lines, one a row, written by a thread of its own so that no request waits for a disk."""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any, Self

from assay.serving.logfiles import LogFiles, sampled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from assay.serving.logfiles import LogSettings

LOGGER = logging.getLogger("uvicorn.error")
_CAPACITY = 1_000
_FLUSH_SECONDS = 30.0


def lines_of(
    request_id: str,
    version: int | None,
    records: Sequence[Mapping[str, Any]],
    answer: Mapping[str, Sequence[Any] | None],
    milliseconds: float,
) -> list[dict[str, Any]]:
    """The log lines of one answered request, one a record; ids of several rows are `<request id>/<row>`."""
    stamp = now()
    predictions = answer["predictions"] or ()
    probabilities = answer["probabilities"] or [None] * len(records)
    several = len(records) > 1
    return [
        {
            "ts": stamp,
            "id": f"{request_id}/{row}" if several else request_id,
            "version": version,
            "features": record,
            "prediction": prediction,
            "probabilities": shares,
            "ms": round(milliseconds, 3),
            "status": 200,
        }
        for row, (record, prediction, shares) in enumerate(zip(records, predictions, probabilities, strict=True))
    ]


def failed_line(request_id: str, version: int | None, status: int, milliseconds: float) -> dict[str, Any]:
    """The log line of a request that got no prediction: what was sent may be anything, so it is not kept."""
    empty: dict[str, Any] = {"features": {}, "prediction": None, "probabilities": None}
    ends = {"ms": round(milliseconds, 3), "status": status}
    return {"ts": now(), "id": request_id, "version": version, **empty, **ends}


def now() -> str:
    """The time in UTC, ISO with milliseconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


class PredictionLog:
    """Writes lines to files, in the order they were added.

    A queue holds what is not written yet. Where the disk cannot keep up or is full, lines are dropped and counted:
    predictions go on.

    Attributes:
        dropped: Lines that could not be kept.
    """

    def __init__(self, settings: LogSettings) -> None:
        """Make the folder and a file in it.

        Raises:
            ArtifactError: It cannot be written to.
        """
        self.dropped = 0
        self._sample = settings.sample
        self._files = LogFiles(settings)
        self._queue: queue.Queue[list[dict[str, Any]] | None] = queue.Queue(_CAPACITY)
        self._thread = threading.Thread(target=self._write_all, name="prediction-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write what is left and stop."""
        self._queue.put(None)
        self._thread.join(_FLUSH_SECONDS)

    def add(self, lines: list[dict[str, Any]]) -> None:
        """Queue the `lines` of one request; never waits."""
        if self._sample < 1:
            lines = [line | {"sample": self._sample} for line in lines]
        try:
            self._queue.put_nowait(lines)
        except queue.Full:
            self._drop(len(lines), "the disk is too slow")

    def keeps(self, request_id: str) -> bool:
        """Whether a request belongs to the sample that is logged."""
        return sampled(request_id, self._sample)

    def _write_all(self) -> None:
        more = True
        while more:
            # what came in the meantime goes into the same write
            parts = [self._queue.get(), *(self._queue.get() for _ in range(self._queue.qsize()))]
            more = None not in parts
            self._write([line for part in parts if part for line in part])

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        if not lines:
            return
        text = "".join(json.dumps(line, separators=(",", ":"), default=str) + "\n" for line in lines)
        try:
            self._files.append(text.encode("ascii"))
        except OSError as error:
            self._drop(len(lines), str(error.strerror))

    def _drop(self, count: int, why: str) -> None:
        if not self.dropped:
            LOGGER.error("prediction log: lines are lost from now on: %s", why)
        self.dropped += count
