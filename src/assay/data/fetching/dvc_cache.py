"""DVC's cache in the store: objects named by the MD5 of their bytes, which are verified and not just trusted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from assay.artifacts import link_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from assay.data.fetching.dvc_tracked import Tracked

_OBJECTS = "files/md5"
_LISTING = ".dir"


def place_of(store: Path, work: Path, tracked: Sequence[Tracked]) -> Path:
    """Where the cache for `tracked` lies: in `store`, or in `work` and so not to be kept."""
    # objects that are not named by the MD5 of their bytes (DVC 1 and 2, versions of a cloud) cannot be verified
    verifiable = all(one.entry.get("hash") == "md5" for one in tracked)
    return store / "dvc" if verifiable else work / ".dvc" / "cache"


def seed(cache: Path, own: Path, tracked: Sequence[Tracked]) -> None:
    """Link the objects of `tracked` that the project's own cache has into `cache`."""
    for path in _objects(own, tracked):
        linked = cache / path.relative_to(own)
        if not linked.exists() and (path.suffix != _LISTING or _is_sound(path)):
            link_tree(path, linked)


def forget_damaged(cache: Path, tracked: Sequence[Tracked], *, listings_only: bool = False) -> bool:
    """Remove objects of `tracked` that are not what their name says.

    Args:
        cache: Where they lie.
        tracked: What they belong to.
        listings_only: True to look at listings of folders only, without which DVC cannot even start.

    Returns:
        True where there were any.
    """
    objects = {path for path in _objects(cache, tracked) if path.suffix == _LISTING or not listings_only}
    damaged = [path for path in objects if not _is_sound(path)]
    for path in damaged:
        path.unlink()
    return bool(damaged)


def _objects(cache: Path, tracked: Sequence[Tracked]) -> Iterator[Path]:
    """Those objects of `tracked` that `cache` has, by what its listings of folders say."""
    for one in tracked:
        whole = _object(cache, one.revision)
        if whole.is_file():
            yield whole
        if whole.is_file() and whole.suffix == _LISTING:
            yield from (part for part in _parts(cache, whole) if part.is_file())


def _parts(cache: Path, listing: Path) -> list[Path]:
    try:
        return [_object(cache, str(entry["md5"])) for entry in json.loads(listing.read_bytes())]
    except (ValueError, KeyError, TypeError):
        return []  # damaged; it is told by its hash


def _object(cache: Path, name: str) -> Path:
    return cache / _OBJECTS / name[:2] / name[2:]


def _is_sound(path: Path) -> bool:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return found == path.parent.name + path.name.removesuffix(_LISTING)
