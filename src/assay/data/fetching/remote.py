"""Brings what an address holds now into a folder, with fsspec: one file, a folder or all that a pattern matches."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from assay.artifacts import link_tree
from assay.data.fetching.addresses import WEB, WHERE, Address, open_address
from assay.data.fetching.credentials import shown
from assay.data.fetching.downloads import Downloads, key_of
from assay.data.fetching.outages import Changed, Truncated
from assay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.data.fetching.credentials import Hidden

_PARALLEL = 8
_PATTERN = re.compile(r"[*?\[]")
_LONGEST_NAME = 255
# what a server tells of a file's state; any change of it is a change of the file
_STATE = ("ETag", "etag", "VersionId", "generation", "size", "Last-Modified", "LastModified", "updated", "mtime")


@dataclass(frozen=True)
class Remote:
    """One file at the address.

    Attributes:
        path: Its name there.
        name: Where it goes, relative.
        size: Bytes, where the server says.
        validator: What changes whenever the content does (ETag, generation); empty where there is none.
        state: All that the server tells of its state.
    """

    path: str
    name: str
    size: int | None
    validator: str
    state: str


@dataclass(frozen=True)
class Fetched:
    """What was brought.

    Attributes:
        path: Where it lies, relative to the folder.
        source: The address as it may be shown.
        validator: The server's own name for the content of a single file, if it has one.
        downloaded: Number of files that were downloaded and not taken from the store.
        revision: What names the content for ever.
    """

    path: str
    source: str
    validator: str = ""
    downloaded: int = 0
    revision: str | None = None


def fetch(text: str, folder: Path, store: Path, hidden: Hidden, *, growing: bool = False) -> Fetched:
    """Bring what the address `text` holds into `folder`/data.

    Args:
        text: `protocol://...` as fsspec knows it.
        folder: An existing folder; what lies below `data` there is replaced.
        store: Folder for downloads that need not be made twice.
        hidden: What may not be shown.
        growing: Files may come and change meanwhile, as those of a log do.

    Raises:
        ConfigError: The address is malformed or its protocol unknown.
        ServiceError: It cannot be read, or does not stop changing.
    """
    address = open_address(text, hidden)
    downloads = Downloads(store / "files")

    def once() -> Fetched:
        shutil.rmtree(folder / "data", ignore_errors=True)
        remotes = address.ask(lambda: listing(address))
        fresh = _download_all(address, remotes, folder / "data", downloads)
        stable = address.ask(lambda: listing(address)) == remotes
        # an answer over HTTP is whole by itself; what is read in pieces may be of two states
        if not stable and not growing and address.protocol not in WEB:
            raise Changed("two listings differ")
        for remote in fresh:
            if stable and remote.validator:
                downloads.keep(_key(address, remote), folder / "data" / remote.name)
        return _result(address, remotes, len(fresh))

    return address.ask(once)


def listing(address: Address) -> tuple[Remote, ...]:
    """All files at the address, sorted by name.

    Raises:
        FileNotFoundError: There are none.
    """
    fs, path = address.fs, address.path
    fs.invalidate_cache()
    if address.protocol in WEB:
        return (_remote(path, unquote(PurePosixPath(urlsplit(path).path).name), fs.info(path)),)
    if _PATTERN.search(path):
        root, found = _fixed_part(path), _expanded(fs, fs.glob(path, detail=True))
    else:
        info = fs.info(path)
        if info["type"] != "directory":
            return (_remote(path, PurePosixPath(path).name, info),)
        root, found = path, fs.find(path, detail=True)
    if not found:
        raise FileNotFoundError("no file there")
    # an object store marks a folder by an empty object whose name ends in a slash
    names = [name for name in found if not name.endswith("/")]
    remotes = [_remote(name, name.removeprefix(root).lstrip("/"), found[name]) for name in names]
    return tuple(sorted(_apart(remotes), key=lambda remote: remote.name))


def _fixed_part(pattern: str) -> str:
    parts = pattern.split("/")
    first = next(number for number, part in enumerate(parts) if _PATTERN.search(part))
    return "/".join(parts[:first])


def _expanded(fs: Any, found: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - fsspec has no types
    files = {name: info for name, info in found.items() if info["type"] != "directory"}
    for name in found.keys() - files.keys():
        files |= fs.find(name, detail=True)
    return files


def _remote(path: str, name: str, info: Mapping[str, Any]) -> Remote:
    parts = name.split("/")
    if any(part in {"", ".", ".."} or "\0" in part or len(part.encode()) > _LONGEST_NAME for part in parts):
        raise ConfigError(f"the data has a file whose name no file can have here: {name!r}", WHERE)
    etag = str(info.get("ETag") or info.get("etag") or "")
    # a weak ETag promises the same meaning, not the same bytes
    validator = info.get("generation") or ("" if etag.startswith("W/") else etag)
    state = repr([info.get(key) for key in _STATE])
    size = info.get("size")
    return Remote(path, name, int(size) if size is not None else None, str(validator).strip('"'), state)


def _apart(remotes: Iterable[Remote]) -> list[Remote]:
    remotes = list(remotes)
    names = {remote.name for remote in remotes}
    for remote in remotes:
        both = names.intersection(str(parent) for parent in PurePosixPath(remote.name).parents)
        if both:
            raise ConfigError(f"the data has both a file {min(both)!r} and files below it", WHERE)
    return remotes


def _download_all(address: Address, remotes: Iterable[Remote], folder: Path, downloads: Downloads) -> list[Remote]:
    def one(remote: Remote) -> Remote | None:
        return _bring(address, remote, folder / remote.name, downloads)

    with ThreadPoolExecutor(_PARALLEL if address.fs.async_impl else 1) as pool:
        futures = [pool.submit(one, remote) for remote in remotes]
        try:
            return [remote for future in futures if (remote := future.result())]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring(address: Address, remote: Remote, target: Path, downloads: Downloads) -> Remote | None:
    """`remote` where it had to be downloaded, None where the store had it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    kept = downloads.find(_key(address, remote)) if remote.validator else None
    if kept:
        link_tree(kept, target)
        return None
    partial = target.with_name(f".{key_of(target.name)}")
    address.ask(lambda: _download(address, remote, partial))
    partial.replace(target)
    return remote


def _download(address: Address, remote: Remote, partial: Path) -> None:
    address.fs.get_file(remote.path, str(partial))
    arrived = partial.stat().st_size
    if remote.size is None:
        return
    # over HTTP the size is that of another answer, and some servers say 0 for what they make on request
    if arrived < remote.size if address.protocol in WEB else arrived != remote.size:
        raise Truncated(f"{arrived} of {remote.size} bytes of {remote.name}")


def _key(address: Address, remote: Remote) -> str:
    return key_of(address.protocol, remote.path, remote.validator, str(remote.size))


def _result(address: Address, remotes: tuple[Remote, ...], downloaded: int) -> Fetched:
    single = len(remotes) == 1 and remotes[0].path == address.path
    path = f"data/{remotes[0].name}" if single else "data"
    return Fetched(path, shown(address.text), remotes[0].validator if single else "", downloaded)
