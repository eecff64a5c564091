"""What DVC tracks in a project: outputs and their hashes, read from `*.dvc` files and `dvc.lock`."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from assay.data.fetching.addresses import WHERE
from assay.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SKIPPED = {"node_modules", "__pycache__", "site-packages"}
# by what DVC names content, the best first; the others are the storage's own names
_HASHES = ("md5", "checksum", "etag")
_MOST_LISTED = 10


@dataclass(frozen=True)
class Tracked:
    """One output that DVC tracks.

    Attributes:
        path: Where it lies in the project.
        revision: The hash of its content, as DVC has it; empty where DVC has none yet.
        file: The file that says so, relative to the project.
        entry: What that file says of it.
    """

    path: PurePosixPath
    revision: str
    file: PurePosixPath
    entry: Mapping[str, Any]


def tracked_at(path: str, project: Path) -> tuple[Tracked, ...]:
    """The output that `path` is or lies in, else all outputs below it.

    Raises:
        ConfigError: There is none, two files disagree on it, it was never made, or a file of DVC's is damaged.
    """
    target, known = PurePosixPath(path), list(_all(project))
    around = [one for one in known if one.path in (target, *target.parents)]
    below = [one for one in known if target in one.path.parents]
    found = around or below
    if not found:
        names = sorted({str(one.path) for one in known})
        shown = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
        near = did_you_mean(path, names)
        raise ConfigError(f'DVC tracks nothing at "{path}"', WHERE, shown, near or f"dvc add {path}, then dvc push")
    by_path: dict[PurePosixPath, Tracked] = {}
    for one in found:
        _agree(by_path.setdefault(one.path, one), one)
    return tuple(by_path[key] for key in sorted(by_path))


def _agree(first: Tracked, other: Tracked) -> None:
    if not other.revision:
        what = f"{other.file} has no hash for {other.path}: it was never made or never committed to DVC"
        raise ConfigError(what, WHERE, next="dvc repro (or dvc commit), then dvc push and commit dvc.lock")
    if first.revision != other.revision:
        what = f"{first.file} and {other.file} disagree on {first.path}: {first.revision} and {other.revision}"
        raise ConfigError(what, WHERE, next="let only one of them track it: dvc remove, or take it out of dvc.yaml")


def _all(project: Path) -> Iterator[Tracked]:
    for root, folders, names in os.walk(project):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        place = PurePosixPath(Path(root).relative_to(project))
        for name in sorted(names):
            if name.endswith(".dvc"):
                content = _read(project, place / name)
                yield from _outputs(content.get("outs"), place / (content.get("wdir") or "."), place / name)
        yield from _of_pipeline(project, place) if "dvc.yaml" in names else ()


def _of_pipeline(project: Path, place: PurePosixPath) -> Iterator[Tracked]:
    stages = _table(_read(project, place / "dvc.yaml").get("stages"))
    locked = _table(_read(project, place / "dvc.lock").get("stages")) if (project / place / "dvc.lock").exists() else {}
    for name, stage in locked.items():
        # a stage made by foreach or matrix is called after the one that it was made from
        made_from = _table(stages.get(str(name).partition("@")[0]))
        folder = made_from.get("wdir") or _table(made_from.get("do")).get("wdir") or "."
        yield from _outputs(_table(stage).get("outs"), place / str(folder), place / "dvc.lock")
    for name in stages.keys() - locked.keys():
        stage = _table(stages[name])
        outs = [one if isinstance(one, str) else next(iter(_table(one)), "") for one in stage.get("outs") or ()]
        named = [{"path": out} for out in outs if "${" not in out]
        yield from _outputs(named, place / str(stage.get("wdir") or "."), place / "dvc.yaml")


def _outputs(outs: object, folder: PurePosixPath, file: PurePosixPath) -> Iterator[Tracked]:
    for out in outs if isinstance(outs, list) else ():
        entry = _table(out)
        path = posixpath.normpath(folder / str(entry.get("path", "")))
        revision = next((str(entry[key]) for key in _HASHES if entry.get(key)), "")
        yield Tracked(PurePosixPath(path), revision, file, entry)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read(project: Path, file: PurePosixPath) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load((project / file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{file} cannot be read: {' '.join(str(error).split())}", next="restore it from git"
        ) from None
    return _table(content)
