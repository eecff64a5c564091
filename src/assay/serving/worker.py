"""The model's own thread."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")


class Worker(Executor):
    """One thread, which does one thing after the other.

    The process does not wait for it at its end, as it does for a `ThreadPoolExecutor`'s: a model that never answers
    would keep it alive, deaf, until somebody kills it.
    """

    def __init__(self) -> None:
        """Start it."""
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="predict", daemon=True).start()

    def submit(self, work: Callable[..., _Found], /, *args: Any, **named: Any) -> Future[_Found]:
        """Do `work` once all that was asked for before is done."""
        future: Future[_Found] = Future()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(*args, **named))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)

        self._work.put(do)
        return future

    def end(self) -> None:
        """End the thread once all that was asked for is done; nobody waits for it."""
        self._work.put(None)

    def _run(self) -> None:
        for do in iter(self._work.get, None):
            do()
