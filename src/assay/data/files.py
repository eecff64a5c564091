"""The files of a source: which they are, what they are, and whether they stayed what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_WHERE = "pyproject.toml tool.assay.data."
_ENDINGS = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"),
}


@dataclass(frozen=True)
class Files:
    """Data files of one format.

    Attributes:
        root: The file or folder that was named.
        format: csv, parquet or jsonl.
        paths: The files, sorted.
    """

    root: Path
    format: str
    paths: tuple[Path, ...]


def find_files(root: Path, wanted: str) -> Files:
    """The data files at `root`: itself, or all below it that end like data and do not start with a dot or underscore.

    Args:
        root: A file or a folder.
        wanted: csv, parquet, jsonl, or auto for whatever the names say.

    Raises:
        ConfigError: There is none, or files of several formats.
    """
    if root.is_file():
        kind = wanted if wanted != "auto" else _format_of(root)
        if not kind:
            raise ConfigError(f'what "{root.name}" is cannot be told from its name', f"{_WHERE}format", "csv, parquet, jsonl")
        return Files(root, kind, (root,))
    below = [p for p in sorted(root.rglob("*")) if p.is_file() and not _hidden(p, root)]
    found = {kind: tuple(p for p in below if _format_of(p) == kind) for kind in _ENDINGS}
    kinds = [kind for kind, paths in found.items() if paths and wanted in {"auto", kind}]
    if not kinds:
        endings = ", ".join(ending for kind, ends in _ENDINGS.items() if wanted in {"auto", kind} for ending in ends)
        raise ConfigError(f'there is no data file in "{root.name}"', f"{_WHERE}path", f"files that end in {endings}")
    if len(kinds) > 1:
        shown = ", ".join(f"{found[kind][0].name} ({kind})" for kind in kinds)
        raise ConfigError(f'"{root.name}" holds files of several formats: {shown}', f"{_WHERE}format", ", ".join(kinds))
    return Files(root, kinds[0], found[kinds[0]])


def _format_of(path: Path) -> str:
    name = path.name.lower()
    return next((kind for kind, endings in _ENDINGS.items() if name.endswith(endings)), "")


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Time of change (nanoseconds) and size of every file at `root`."""
    paths = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    return {str(path): ((status := path.stat()).st_mtime_ns, status.st_size) for path in paths}


def check_unchanged(root: Path, before: dict[str, tuple[int, int]]) -> None:
    """Refuse data that changed while it was read.

    Raises:
        ArtifactError: A file is another than it was, is new or is gone.
    """
    after = stamps(root)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        names = ", ".join(name.rsplit("/", 1)[-1] for name in changed[:3])
        raise ArtifactError(f"the data changed while it was read: {names}", where=root.name, next="run again")
