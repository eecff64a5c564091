"""What the keeper has on disk, below `.assay/serving/`: copies of the bundles, and which of them serves where."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

from assay.artifacts import digest
from assay.errors import ArtifactError
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

_LETTERS = 12


@dataclass(frozen=True, kw_only=True)
class State:
    """What serves.

    Attributes:
        address: Where, as host:port.
        current: Name of the bundle's copy; empty where nothing serves.
        previous: Name of the one before.
        seconds: How long a server may take to get ready.
    """

    address: str = ""
    current: str = ""
    previous: str = ""
    seconds: float = 60.0

    @property
    def version(self) -> int | None:
        """The version that serves; None where nothing does."""
        return int(self.current.partition("-")[0]) if self.current else None

    def moved(self, address: str, name: str, seconds: float) -> Self:
        """The same after the copy `name` was taken live at `address`."""
        previous = self.previous if name == self.current else self.current
        return replace(self, address=address, current=name, previous=previous, seconds=seconds)


class Shelf:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which exists."""
        self._folder = folder
        self._file, self._wanted = folder / "state.json", folder / "wanted.json"
        self._bundles = folder / "bundles"
        self.log = folder / "log"

    def exists(self) -> bool:
        """False once somebody removed it."""
        return self._folder.exists()

    def state(self) -> State:
        """What served last; nothing where that is not known."""
        return _read(self._file)

    def wanted(self) -> State:
        """What was about to serve when somebody was killed who might have moved the alias already; mostly nothing."""
        return _read(self._wanted)

    def want(self, state: State) -> None:
        """Remember that `state` is about to be kept, until something is."""
        _write(self._wanted, state)

    def keep(self, state: State) -> None:
        """Remember `state`, and forget all copies that it does not name."""
        _write(self._file, state)
        self._wanted.unlink(missing_ok=True)
        for path in self._bundles.glob("*"):
            if path.stem not in {state.current, state.previous}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def bundle(self, name: str) -> Path:
        """Where the copy `name` lies."""
        return self._bundles / name

    def copied(self, version: int, bundle: Path | None) -> str:
        """Name of the copy of `bundle`, or of the newest one of `version` where no bundle is given.

        Raises:
            ArtifactError: There is none.
        """
        if bundle is None:
            return self._newest(version)
        name = f"{version}-{digest(bundle)[:_LETTERS]}"
        if not self.bundle(name).exists():
            part = self.bundle(f".{name}")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(bundle, part)
            part.rename(self.bundle(name))
        return name

    def _newest(self, version: int) -> str:
        copies = [path for path in self._bundles.glob(f"{version}-*") if path.is_dir()]
        if not copies:
            what = f"version {version} cannot serve again: its bundle is not kept here any more"
            raise ArtifactError(
                what, where=str(self._bundles), next="assay run, with the code and data of that version"
            )
        return max(copies, key=lambda path: path.stat().st_mtime).name


def _read(file: Path) -> State:
    try:
        return State(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return State()


def _write(file: Path, state: State) -> None:
    part = file.with_suffix(".part")
    write_json(part, asdict(state))
    part.replace(file)
