"""Where the rows come from: the project's `load`, or files in a well-known format; in both cases chunk by chunk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.data.files import check_unchanged, find_files, stamps
from assay.data.loading import check_columns, check_frame, check_target, load
from assay.data.parquet import open_parquet
from assay.data.reading import read_text
from assay.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from assay.config import Config
    from assay.data.parquet import Table

CHUNK = 250_000


@dataclass(frozen=True)
class Source:
    """Rows to be read, as often as one likes.

    Attributes:
        where: Where they come from, for people.
        rows: How many there are, at least one.
        read: (rows at a time, columns or None for all) -> frames with the same columns and dtypes each time.
    """

    where: str
    rows: int
    read: Callable[[int, Sequence[str] | None], Iterator[pd.DataFrame]]

    def chunks(self, size: int = CHUNK) -> Iterator[pd.DataFrame]:
        """All rows in order; the index goes on from chunk to chunk and starts at 0."""
        start = 0
        for frame in self.read(size, None):
            yield frame.set_axis(pd.RangeIndex(start, start + len(frame)), axis=0)
            start += len(frame)

    def column(self, name: str) -> pd.Series[Any]:
        """One whole column."""
        return pd.concat([frame[name] for frame in self.read(CHUNK, [name])], ignore_index=True)


def open_source(config: Config, project: Path, fetched: Path | None) -> Source:
    """The project's data, held to the contract.

    Args:
        config: `[tool.assay]`.
        project: The project's folder.
        fetched: The artifact `fetched`, where the data came from outside.

    Raises:
        ConfigError: The data's path does not exist, or what it is cannot be told.
        ProjectError: `load` raised, a file is damaged, or the data breaks the contract.
        ArtifactError: The data changed while it was read.
    """
    path, where = _located(config, project, fetched)
    before = stamps(path)
    source = _opened(config, project, path, where)

    def read(size: int, columns: Sequence[str] | None) -> Iterator[pd.DataFrame]:
        yield from source.read(size, columns)
        check_unchanged(path, before)

    check_unchanged(path, before)
    checked = Source(where, source.rows, read)
    check_target(checked.column(config.data.target), config.data)
    return checked


def _located(config: Config, project: Path, fetched: Path | None) -> tuple[Path, str]:
    if fetched is None:
        path = project / config.data.path
        if not path.exists():
            what = f'there is no "{config.data.path}"'
            raise ConfigError(what, "pyproject.toml tool.assay.data.path", "a file or folder in the project")
        return path, config.data.path
    try:
        facts = json.loads((fetched / "fetched.json").read_text(encoding="utf-8"))
        path, where = fetched / facts["path"], facts["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"what was fetched cannot be read: {error}", where="fetched.json") from None
    revision = facts.get("revision")
    return path, f"{where} ({revision})" if revision else str(where)


def _opened(config: Config, project: Path, path: Path, where: str) -> Source:
    if config.load is not None:
        return _of_frame(load(config, project, path), where)
    files = find_files(path, config.data.format)
    if files.format == "parquet":
        return _of_parquet(open_parquet(files), config, where)
    frame = read_text(files, config.data)
    check_frame(frame, path.name)
    check_columns(list(frame.columns), config, path.name)
    return _of_frame(frame, where)


def _of_frame(frame: pd.DataFrame, where: str) -> Source:
    frame = frame.reset_index(drop=True)

    def read(size: int, columns: Sequence[str] | None) -> Iterator[pd.DataFrame]:
        wanted = frame if columns is None else frame[list(columns)]
        for start in range(0, len(frame), size):
            yield wanted.iloc[start : start + size]

    return Source(where, len(frame), read)


def _of_parquet(table: Table, config: Config, where: str) -> Source:
    check_columns(list(table.types), config, where)
    return Source(where, table.rows, table.batches)
