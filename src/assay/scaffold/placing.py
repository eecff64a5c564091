"""Where the data lies, and how the files get to their place: all of them or none, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import filecmp
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay import values
from assay.data.fetching.credentials import shown
from assay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# a project works without ours, so one that is there is left as it is
OPTIONAL = (".gitignore", "README.md")
_LARGE = 50_000_000


@dataclass(frozen=True)
class Found:
    """The data.

    Attributes:
        local: Where it can be read now.
        path: `[tool.assay.data] path`.
        copied: Where it goes in the project; None where it stays.
        notes: What a person should know.
    """

    local: Path
    path: str
    copied: tuple[Path, Path] | None = None
    notes: tuple[str, ...] = ()


def find_data(root: Path, data: str, scratch: Path) -> Found:
    """Where `data` is: below `data/` in the project it stays, from elsewhere on this machine it is copied there.

    Args:
        root: The project's folder.
        data: File, folder or address.
        scratch: What an address holds is brought there, to be looked at.

    Raises:
        AssayError: It cannot be read, or another file is in its place.
    """
    if "://" in data:
        if allowed := values.no_credentials(data):
            what = "the address holds a password or a signature, which would get into pyproject.toml"
            raise ConfigError(what, where=shown(data), allowed=allowed)
        return Found(_fetched(data, scratch), data)
    local = Path(data).expanduser()
    if not local.exists():
        raise ConfigError(
            f'there is no "{data}"', where="DATA", allowed="a file, a folder, or an address (s3://, https://)"
        )
    home = root.resolve() / "data"
    if local.resolve().is_relative_to(home):
        inside = local.resolve().relative_to(root.resolve()).as_posix()
        return Found(local, f"{inside}/" if local.is_dir() else inside)
    if root.resolve().is_relative_to(local.resolve()):
        raise ConfigError(
            f'"{data}" is the folder that the project is in', where="DATA", allowed="a folder of data files"
        )
    target = home / local.resolve().name
    if target.exists() and not _same(local, target):
        what = f"there is another {target.relative_to(root.resolve())} already"
        raise ConfigError(
            what, where=str(target), next=f"move it away, or: assay init {target.relative_to(root.resolve())}"
        )
    large = local.is_file() and local.stat().st_size > _LARGE
    notes = (f"data/{target.name} is large for git: let DVC keep it, or an address in `path`",) if large else ()
    return Found(local, f"data/{target.name}" + ("/" if local.is_dir() else ""), (local, target), notes)


def _fetched(address: str, scratch: Path) -> Path:
    try:
        from assay.data.fetching.credentials import load_credentials
        from assay.data.fetching.remote import fetch
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed, which reads an address"
        raise ConfigError(
            what, where=address.partition("?")[0], next="pip install -r requirements/fetch.lock"
        ) from None
    (scratch / "fetched").mkdir()
    found = fetch(address, scratch / "fetched", scratch / "store", load_credentials())
    return scratch / "fetched" / found.path


def _same(first: Path, second: Path) -> bool:
    if first.is_file() and second.is_file():
        return filecmp.cmp(first, second, shallow=False)
    return first.resolve() == second.resolve()


def check(root: Path, paths: Iterable[str]) -> None:
    """Refuse to go on where files are in the way.

    Raises:
        ConfigError: Lists them.
    """
    if root.exists() and not root.is_dir():
        raise ConfigError(
            "the project's folder is a file", where=str(root), allowed="a folder, which is made if missing"
        )
    there = [path for path in paths if path not in OPTIONAL and (root / path).exists()]
    if there:
        then = "another folder with --project, or --force: each of them is kept beside the new one, as NAME.before"
        raise ConfigError(f"already there: {', '.join(there)}", where=str(root.resolve()), next=then)


def place(
    root: Path, files: Mapping[str, str], copied: tuple[Path, Path] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write `files` below `root`, and copy the data; what stood in their place is kept as NAME.before.

    Returns:
        What was written, and what was there and left as it is.

    Raises:
        OSError: Something cannot be written; then nothing is.
    """
    kept = tuple(path for path in files if path in OPTIONAL and (root / path).exists())
    wanted = {path: text for path, text in files.items() if path not in kept}
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".assay-init-", dir=root) as folder, _undone() as steps:
        staged = Path(folder)
        for number, text in enumerate(wanted.values()):
            (staged / str(number)).write_text(text, encoding="utf-8")
        if copied and not copied[1].exists():
            _copy(copied[0], staged / "data")
            _move(staged / "data", copied[1], steps)
        for number, path in enumerate(wanted):
            _move(staged / str(number), root / path, steps)
    return tuple(wanted) + ((str(copied[1].relative_to(root.resolve())),) if copied else ()), kept


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _move(source: Path, target: Path, steps: list[tuple[Path, Path]]) -> None:
    """Move a staged file to its place, and note how to undo it."""
    missing = [parent for parent in target.parents if not parent.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    steps += [(parent, parent) for parent in reversed(missing)]
    before = _aside(target)
    if target.exists():
        target.rename(before)
        steps.append((before, target))
    source.rename(target)
    steps.append((target, source))


def _aside(path: Path) -> Path:
    names = [path.with_name(f"{path.name}.before"), *(path.with_name(f"{path.name}.before{n}") for n in range(2, 100))]
    return next(name for name in names if not name.exists())


@contextlib.contextmanager
def _undone() -> Iterator[list[tuple[Path, Path]]]:
    """Moves that are undone, the last first, where what is done inside fails; folders that were made go too."""
    steps: list[tuple[Path, Path]] = []
    try:
        yield steps
    except BaseException:
        for now, before in reversed(steps):
            with contextlib.suppress(OSError):
                if now == before:
                    now.rmdir()
                else:
                    now.rename(before)
        raise
