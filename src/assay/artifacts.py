"""Artifacts on disk: digests, sizes, links and copies. Standard library only."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from assay.reports import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePath

_IGNORED = {"__pycache__", ".DS_Store", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """All files below `folder`, sorted by path; byte code and tool caches left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _IGNORED)
        yield from (Path(root, name) for name in sorted(names) if name not in _IGNORED)


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative paths and digests in sorted order."""
    if path.is_file():
        return file_digest(path)
    total = hashlib.sha256()
    for file in sorted(files_below(path)):
        total.update(f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n".encode())
    return total.hexdigest()


def counts(path: PurePath) -> bool:
    """True where a file with this relative path is part of a folder's digest."""
    return not _IGNORED.intersection(path.parts)


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in files_below(path))


def disk_size(path: Path) -> int:
    """Bytes of all files below a folder of any kind: links are not followed, and a file with two names counts once."""
    found = (file.lstat() for file in path.rglob("*"))
    files = {(about.st_dev, about.st_ino): about.st_size for about in found if not stat.S_ISDIR(about.st_mode)}
    return sum(files.values())


def keep_from_git(folder: Path) -> None:
    """Tell git to leave the existing `folder` alone, unless it has been told what to do there."""
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def references(paths: Iterable[tuple[str, str]], folder: Path) -> tuple[ArtifactRef, ...]:
    """Artifacts, given as (name, relative path), as they lie in `folder`; those that are not there are left out."""
    found = ((name, path, folder / path) for name, path in paths if (folder / path).exists())
    return tuple(ArtifactRef(name, path, digest(full), size(full)) for name, path, full in found)


def intact(references_: Sequence[ArtifactRef], folder: Path) -> bool:
    """True where every artifact is still what its reference says."""
    return all((path := folder / ref.path).exists() and digest(path) == ref.sha256 for ref in references_)


def link_tree(source: Path, target: Path) -> None:
    """Make `target` the same as `source`, by hard links where the file system allows, else by copies."""
    import shutil  # brings three compression libraries along, which a stage that runs does not need

    def link(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        link(str(source), str(target))
