"""Keeps the project's raw data out of reach of what trains: it holds the holdout rows.

In a container the files are not there. On a laptop they are, so that opening one is refused. pyarrow reads Parquet
without Python's help, and is made to tell; another library that does so gets by.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CODE = (".py", ".pyc", ".so")


class _Watch:
    """What must not be opened now; an audit hook stays for as long as the process lives."""

    folder = ""
    opened = ""
    hooked = False


@contextlib.contextmanager
def out_of_reach(folder: Path | None) -> Iterator[None]:
    """Whoever opens a file in `folder`, or the file of that name, fails.

    Raises:
        ProjectError: One was opened, also where the code went on after the refusal.
    """
    if folder is None:
        yield
        return
    if not _Watch.hooked:
        _watch()
    _Watch.folder, _Watch.opened = str(folder.resolve()), ""
    try:
        yield
    finally:
        _Watch.folder = ""
        if _Watch.opened:
            raise _refusal(_Watch.opened)


def _watch() -> None:
    from pyarrow import parquet

    sys.addaudithook(_hook)
    for kind in (parquet.ParquetDataset, parquet.ParquetFile):
        kind.__init__ = _telling(kind.__init__)
    _Watch.hooked = True


def _telling(make: Callable[..., None]) -> Callable[..., None]:
    """`make`, raising the audit event of `open` for its first argument, paths or something opened already."""

    @functools.wraps(make)
    def told(self: object, *arguments: Any, **options: Any) -> None:
        first = next(iter((*arguments, *options.values())), None)
        for path in first if isinstance(first, list) else [first]:
            sys.audit("open", path, None, 0)
        make(self, *arguments, **options)

    return told


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not _Watch.folder or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    path = os.path.realpath(os.fsdecode(arguments[0]))
    if (path == _Watch.folder or path.startswith(f"{_Watch.folder}{os.sep}")) and not path.endswith(_CODE):
        _Watch.opened = path
        raise _refusal(path)


def _refusal(path: str) -> ProjectError:
    return ProjectError(
        f"training opened {Path(path).name}, a file of the data that holds the holdout rows too",
        "pyproject.toml tool.assay.data.path",
        "the rows that train is given",
        "put files that the model needs beside its code, in src/",
    )
