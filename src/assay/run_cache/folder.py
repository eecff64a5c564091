"""A run cache in a folder that several machines or clones share. Standard library only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.run_cache.entry import BadEntry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_END, _PARTIAL = ".tar", ".partial-"


@dataclass(frozen=True)
class Folder:
    """One file an entry; its time of change is that of its last use."""

    root: Path
    kind: str = "folder"

    def __str__(self) -> str:
        return str(self.root)

    def size(self, name: str) -> int | None:
        """See `Store`."""
        try:
            about = self._file(name).lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(about.st_mode):
            raise BadEntry("is no file")
        return about.st_size

    def get(self, name: str, target: Path) -> Sequence[Path]:  # noqa: ARG002 - it is read where it lies
        """See `Store`."""
        with contextlib.suppress(OSError):
            os.utime(self._file(name))
        return [self._file(name)]

    def put(self, name: str, file: Path) -> None:
        """See `Store`. Renamed into place, so that who writes the same at once, or is killed, leaves no half of it."""
        self.root.mkdir(parents=True, exist_ok=True)
        partial = self.root / f"{_PARTIAL}{secrets.token_hex(8)}"
        try:
            shutil.copyfile(file, partial)
            partial.replace(self._file(name))
        finally:
            partial.unlink(missing_ok=True)

    def prune(self, seconds: float) -> tuple[int, int]:
        """Remove the entries that were not used for `seconds`; gives their number and bytes."""
        found = [path for path in self.root.iterdir() if path.suffix == _END or path.name.startswith(_PARTIAL)]
        old = [path for path in found if path.lstat().st_mtime < time.time() - seconds]
        size = sum(path.lstat().st_size for path in old)
        for path in old:
            path.unlink(missing_ok=True)
        return len(old), size

    def _file(self, name: str) -> Path:
        return self.root / f"{name}{_END}"
