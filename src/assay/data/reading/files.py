"""The files of a source: which they are, what their folders say, and whether they stayed what they were."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from assay.errors import ArtifactError, ConfigError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Stamps = Mapping[Path, tuple[int, int] | None]

_WHERE = "pyproject.toml tool.assay.data."
_ENDINGS = {
    "csv": (".csv", ".tsv", ".txt"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".ndjson"),
}
_PACKED = ".gz"
_NONE = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True)
class File:
    """One data file.

    Attributes:
        path: Where it is.
        name: The same as people know it: relative to what was named.
        keys: What its folders say, `key=value`; None for a value that is missing.
    """

    path: Path
    name: str
    keys: Mapping[str, str | None] = field(default_factory=dict)

    def read(self) -> bytes:
        """Its content, unpacked.

        Raises:
            ProjectError: It is packed and damaged.
        """
        raw = self.path.read_bytes()
        if not self.path.name.lower().endswith(_PACKED):
            return raw
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ProjectError(f"{self.name} cannot be unpacked: {error}", self.name, next="is it whole?") from None


@dataclass(frozen=True)
class Files:
    """Data files of one format.

    Attributes:
        name: What was named, for messages.
        format: csv, parquet or jsonl.
        all: The files, by name.
    """

    name: str
    format: str
    all: tuple[File, ...]


def find_files(root: Path, shown: str, wanted: str) -> Files:
    """The data files at `root`: the file itself, or all below the folder that end like data, subfolders too.

    What starts with a dot or an underscore (`_SUCCESS`) is no data; neither is what ends otherwise (`README.md`).

    Args:
        root: A file or a folder.
        shown: What people call it.
        wanted: csv, parquet, jsonl, or auto for whatever the names say.

    Raises:
        ConfigError: There is none, or files of several formats.
        ProjectError: Folders `key=value` are not alike.
    """
    if root.is_file():
        kind = wanted if wanted != "auto" else _format_of(root)
        if not kind:
            what = f'what "{shown}" is cannot be told from its name'
            raise ConfigError(
                what, f"{_WHERE}format", ", ".join(_ENDINGS), f"or a name that ends in {_endings('auto')}"
            )
        return Files(shown, kind, (File(root, shown),))
    below = visible(root)
    found = {kind: [path for path in below if _format_of(path) == kind] for kind in _ENDINGS}
    kinds = [kind for kind, paths in found.items() if paths and wanted in {"auto", kind}]
    if not kinds:
        raise ConfigError(
            f'there is no data file in "{shown}"', f"{_WHERE}path", f"files that end in {_endings(wanted)}"
        )
    if len(kinds) > 1:
        names = ", ".join(f"{found[kind][0].relative_to(root)} ({kind})" for kind in kinds)
        what = f'"{shown}" holds files of several formats: {names}'
        raise ConfigError(what, f"{_WHERE}format", ", ".join(kinds), "say which of them is the data")
    return Files(shown, kinds[0], _alike([_below(path, root, shown) for path in found[kinds[0]]]))


def visible(root: Path) -> list[Path]:
    """All files at or below `root`, sorted, but for those that start with a dot or underscore, or lie in such a folder.

    Raises:
        OSError: A folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    if root.is_file():
        return [root]
    found: list[Path] = []
    seen: set[str] = set()
    for folder, below, names in os.walk(root, onerror=refuse, followlinks=True):
        # a link may lead back to where it stands
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if name[0] not in "._")
        found += [Path(folder) / name for name in names if name[0] not in "._"]
    return sorted(path for path in found if path.is_file())


def _format_of(path: Path) -> str:
    name = path.name.lower()
    ends = {kind: (*ends, *(end + _PACKED for end in ends if kind != "parquet")) for kind, ends in _ENDINGS.items()}
    return next((kind for kind, endings in ends.items() if name.endswith(endings)), "")


def _endings(wanted: str) -> str:
    return ", ".join(end for kind, ends in _ENDINGS.items() if wanted in {"auto", kind} for end in ends)


def _below(path: Path, root: Path, shown: str) -> File:
    inside = path.relative_to(root)
    keys = dict(part.split("=", 1) for part in inside.parts[:-1] if "=" in part)
    values = {unquote(key): None if value == _NONE else unquote(value) for key, value in keys.items()}
    return File(path, f"{shown.rstrip('/')}/{inside.as_posix()}", values)


def _alike(files: Sequence[File]) -> tuple[File, ...]:
    for file in files[1:]:
        if file.keys.keys() != files[0].keys.keys():
            names = [f"{', '.join(f.keys) or 'nothing'} in the folders of {f.name}" for f in (files[0], file)]
            what = f"the folders do not say the same: {names[0]}, {names[1]}"
            raise ProjectError(what, files[0].name, "folders key=value with the same keys for all files")
    return tuple(files)


def key_columns(files: Sequence[File], texts: Iterable[str] = ()) -> dict[str, list[int | str | None]]:
    """What the folders say, by key: one value a file; whole numbers where all are, unless the key is among `texts`."""
    columns: dict[str, list[int | str | None]] = {}
    for key in files[0].keys:
        values = [file.keys[key] for file in files]
        whole = key not in texts and all(value is None or _WHOLE.fullmatch(value) for value in values)
        columns[key] = [int(value) if whole and value is not None else value for value in values]
    return columns


def stamps(paths: Iterable[Path]) -> Stamps:
    """Time of change (nanoseconds) and size of each file; None for one that is gone."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@contextlib.contextmanager
def unchanged(before: Stamps, where: str) -> Iterator[None]:
    """Reading goes on inside: files that are others than `before`, or that cannot be read, are explained.

    Raises:
        ArtifactError: A file changed or is gone; whatever else went wrong follows from that.
        ProjectError: A file cannot be read.
    """
    try:
        yield
    except Exception as error:
        _check(before, where)
        if isinstance(error, OSError):
            name = Path(str(error.filename)).name if error.filename else where
            raise ProjectError(f"{name} cannot be read: {error.strerror or error}", where, "files to be read") from None
        raise
    _check(before, where)


def _check(before: Stamps, where: str) -> None:
    changed = [path.name for path, stamp in before.items() if _stamp(path) != stamp]
    if changed:
        names = ", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")  # noqa: PLR2004 - enough to find them
        raise ArtifactError(f"the data changed while it was read: {names}", where, next="run again")
