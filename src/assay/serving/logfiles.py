"""The files of the prediction log: a new one each day and whenever one is full, the oldest deleted."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from assay.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

MAX_MEGABYTES = 100.0
KEEP = 30
_HASHED = 8


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Where and how predictions are logged.

    Attributes:
        folder: Where the files are.
        sample: Share of the requests that is logged, above 0 and at most 1.
        max_megabytes: A file that is larger is followed by another one.
        keep: So many files are kept in the folder, the newest.

    Raises:
        ConfigError: One of them makes no sense.
    """

    folder: Path
    sample: float = 1.0
    max_megabytes: float = MAX_MEGABYTES
    keep: int = KEEP

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 < self.sample <= 1:
            raise ConfigError(f"{self.sample:g} is no share", where="--log-sample", allowed="above 0, at most 1")
        if not self.max_megabytes > 0:
            raise ConfigError(f"{self.max_megabytes:g} MB hold nothing", where="--log-max-mb", allowed="above 0")
        if self.keep < 1:
            raise ConfigError(f"{self.keep} files hold nothing", where="--log-keep", allowed="at least 1")


def sampled(request_id: str, share: float) -> bool:
    """Whether a request belongs to a sample: by its id alone, so that every server that sees it decides alike."""
    if share >= 1:
        return True
    digest = blake2b(request_id.encode(), digest_size=_HASHED).digest()
    return int.from_bytes(digest) < share * float(256**_HASHED)


class LogFiles:
    """Appends to `<folder>/predictions-<date>-<process>-<number>.jsonl`."""

    def __init__(self, settings: LogSettings) -> None:
        """Make the folder and the first file.

        Raises:
            ArtifactError: It cannot be written to.
        """
        self._settings = settings
        self._day, self._number = today(), 0
        try:
            settings.folder.mkdir(parents=True, exist_ok=True)
            self._path().touch()
        except OSError as error:
            what = f"the prediction log cannot be written: {error.strerror}"
            raise ArtifactError(what, where=str(settings.folder)) from None

    def append(self, text: bytes) -> None:
        """Write whole lines.

        Raises:
            OSError: They cannot be written.
        """
        day = today()
        if day != self._day:
            self._day, self._number = day, 0
        path = self._path()
        with path.open("ab") as file:
            first = not file.tell()
            file.write(text)
            full = file.tell() >= self._settings.max_megabytes * 1e6
        self._number += full
        if first:
            self._delete_oldest()

    def _path(self) -> Path:
        # the process in the name: servers that share a folder never write into the same file
        return self._settings.folder / f"predictions-{self._day}-{os.getpid()}-{self._number:04d}.jsonl"

    def _delete_oldest(self) -> None:
        with contextlib.suppress(OSError):
            found = [(path.stat().st_mtime_ns, path) for path in self._settings.folder.glob("predictions-*.jsonl")]
            for _, path in sorted(found)[: -self._settings.keep]:
                path.unlink(missing_ok=True)


def today() -> dt.date:
    """The date in UTC."""
    return dt.datetime.now(dt.UTC).date()
