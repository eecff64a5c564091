"""The run cache as a run sees it: it finds and keeps results, and is never the reason for a red run.

A store that does not answer, refuses or fails is told once, in a sentence, and left alone for the rest of the run.
Standard library only.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from assay.errors import AssayError, Refused
from assay.run_cache.entry import BadEntry, Receipt, check, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assay.reports import StageReport

ADDRESS_VARIABLE = "ASSAY_RUN_CACHE"
USERNAME_VARIABLE, PASSWORD_VARIABLE = "ASSAY_RUN_CACHE_USERNAME", "ASSAY_RUN_CACHE_PASSWORD"
VARIABLES = frozenset({ADDRESS_VARIABLE, USERNAME_VARIABLE, PASSWORD_VARIABLE})
"""What no stage needs to know."""

_BYTES_A_SECOND = 2**20
_PACKED = "packed"


class Store(Protocol):
    """Where entries lie, by name. Everything but a missing entry is told by an exception."""

    @property
    def kind(self) -> str:
        """What the table of a run calls it."""

    def size(self, name: str) -> int | None:
        """Bytes of an entry; None where there is none."""

    def get(self, name: str, target: Path) -> Sequence[Path]:
        """Where the archives of an entry lie now: in the store, or brought to `target` and beside it."""

    def put(self, name: str, file: Path) -> None:
        """Keep an entry, whole or not at all."""


@dataclass
class RunCache:
    """Finds and keeps the results of one run.

    Attributes:
        store: Where they lie.
        seconds: Longest wait for an answer; what is sent and brought gets a second more for each MiB.
    """

    store: Store
    seconds: float = 5.0
    _reads: bool = field(default=True, init=False)
    _writes: bool = field(default=True, init=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, init=False)
    _telling: threading.Lock = field(default_factory=threading.Lock, init=False)

    def find(self, receipt: Receipt, folder: Path) -> tuple[StageReport | None, str]:
        """Lay the result that `receipt` stands for out in `folder`, which does not exist yet.

        Returns:
            Its report, or None; and what people should know.
        """
        try:
            return self._found(receipt, folder), ""
        except BadEntry as error:
            return None, f"the entry in {self.store} {error}; it was not used"
        except Exception as error:  # noqa: BLE001 - a cache is never the reason for a red run
            said = self._stop("_reads", "_writes")
            return None, f"the run goes on without {self.store}: {_told(error)}" if said else ""

    def keep(self, receipt: Receipt, outputs: Path, scratch: Path) -> str:
        """Store what a passed stage left in `outputs`; gives what people should know."""
        if not self._writes:
            return ""
        file = scratch / _PACKED
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            pack(outputs, receipt, file)
            self._within(file.stat().st_size, lambda: self.store.put(receipt.name, file))
        except Exception as error:  # noqa: BLE001 - as above
            return f"nothing more is kept in {self.store}: {_told(error)}" if self._stop("_writes") else ""
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return ""

    def _found(self, receipt: Receipt, folder: Path) -> StageReport | None:
        size = self._size(receipt.name)
        if size is None:
            return None
        folder.mkdir(parents=True)
        if size * 2 > shutil.disk_usage(folder).free:
            raise BadEntry(f"has {size / 2**20:.0f} MiB, more than this disk has room for")
        packed = folder.with_name(f"{folder.name}-{_PACKED}")
        try:
            files = self._within(size, lambda: self.store.get(receipt.name, packed))
            unpack(files, folder)
        finally:
            for file in packed.parent.glob(f"{packed.name}*"):
                file.unlink()
        return check(folder, receipt)

    def _size(self, name: str) -> int | None:
        # one question at a time: the second need not wait for a store that the first waited for in vain
        with self._asking:
            if not self._reads:
                return None
            try:
                size: int | None = self._within(0, lambda: self.store.size(name))
            except Refused:
                # a registry says no, too, to who asks for a repository that it does not have yet
                self._stop("_reads")
                return None
            except BadEntry:
                raise
            except Exception:
                self._reads = False
                raise
            return size

    def _stop(self, *ways: str) -> bool:
        """Do without the store from now on; True for the first who says so, whose sentence is the only one."""
        with self._telling:
            first = any(getattr(self, way) for way in ways)
            for way in ways:
                setattr(self, way, False)
        return first

    def _within(self, size: int, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
        """What `work` gives, unless it takes too long; then it is left to itself: no library here can be stopped."""
        answer: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def run() -> None:
            try:
                answer.put((work(), None))
            except BaseException as error:  # noqa: BLE001 - raised below
                answer.put((None, error))

        threading.Thread(target=run, daemon=True).start()
        seconds = self.seconds + size / _BYTES_A_SECOND
        try:
            value, error = answer.get(timeout=seconds)
        except Empty:
            raise TimeoutError(f"no answer within {seconds:.0f} s") from None
        if error:
            raise error
        return value


def _told(error: Exception) -> str:
    """Why, on one line; the text of an error that is not ours may hold an address with a secret in it."""
    if isinstance(error, AssayError):
        return error.what
    if isinstance(error, TimeoutError):
        return str(error) or "no answer"
    strerror = getattr(error, "strerror", None) if isinstance(error, OSError) else None
    return str(strerror or type(error).__name__)
