"""Where the rows come from: the project's `load`, or files in a well-known format; in both cases chunk by chunk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from assay.data.reading.files import find_files, stamps, unchanged, visible
from assay.data.reading.loading import check_columns, check_target, check_weights, load
from assay.data.reading.parquet import open_parquet
from assay.data.reading.textfiles import read_text
from assay.errors import ArtifactError, ConfigError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from assay.config import Config
    from assay.data.reading.files import Stamps

CHUNK = 250_000


class Rows(Protocol):
    """Rows in memory, or in files that are read again each time."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        ...

    def read(self, size: int, names: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """All rows in order, `size` at a time, with all columns or only `names`; the same dtypes each time."""
        ...


@dataclass(frozen=True)
class InMemory:
    """Rows of a frame."""

    frame: pd.DataFrame

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.frame)

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.frame.columns)

    def read(self, size: int, names: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Slices of the frame."""
        frame = self.frame if names is None else self.frame[list(names)]
        for start in range(0, len(frame), size):
            yield frame.iloc[start : start + size]


@dataclass(frozen=True, eq=False)
class Source:
    """Rows that keep the contract, to be read as often as one likes.

    Attributes:
        where: Where they come from, for people.
        rows: How many there are, at least one.
    """

    where: str
    rows: int
    _rows: Rows
    _target: str
    _before: Stamps

    def chunks(self, size: int = CHUNK) -> Iterator[pd.DataFrame]:
        """All rows in order, with the same columns and dtypes in each chunk.

        The index goes on from chunk to chunk and starts at 0.

        Raises:
            ArtifactError: The data changed since it was opened.
            ProjectError: A file is damaged.
        """
        yield from self._read(size, None)

    def target(self) -> pd.Series[Any]:
        """The whole target, as `column` gives it."""
        return self.column(self._target)

    def column(self, name: str) -> pd.Series[Any]:
        """One whole column; texts as categories, the used ones, sorted."""
        parts = [_light(chunk[name]) for chunk in self._read(CHUNK, [name])]
        if not isinstance(parts[0].dtype, pd.CategoricalDtype):
            whole_column: pd.Series[Any] = pd.concat(parts)
            return whole_column
        arrays = [part.array for part in parts]
        whole: Any = pd.api.types.union_categoricals(arrays, ignore_order=True, sort_categories=True)
        column: pd.Series[Any] = pd.Series(whole.remove_unused_categories(), name=name)
        return column

    def _read(self, size: int, names: Sequence[str] | None) -> Iterator[pd.DataFrame]:
        with unchanged(self._before, self.where):
            # `map`, as a loop would keep each chunk in memory until the next one is made
            yield from map(_numbered, count(0, size), self._rows.read(size, names))


def _numbered(start: int, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis(pd.RangeIndex(start, start + len(frame)), axis=0)


def _light(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype("category") if isinstance(column.dtype, pd.StringDtype) else column


def open_source(config: Config, project: Path, fetched: Path | None) -> Source:
    """The project's data, held to the contract.

    With `load` in the configuration that is called, once. Without it the files are read as `[tool.assay.data]` says:
    Parquet in pieces each time it is asked for, text formats once and as a whole.

    Args:
        config: `[tool.assay]`.
        project: The project's folder.
        fetched: The artifact `fetched`, where the data came from outside.

    Raises:
        ConfigError: The data's path does not exist, or what it is cannot be told.
        ProjectError: `load` raised, a file is damaged, or the data breaks the contract.
        ArtifactError: The data changed while it was read, or what was fetched is not whole.
    """
    path, where = _located(config, project, fetched)
    with unchanged({}, where):
        files = visible(path)
    before = stamps(files)
    with unchanged(before, where):
        rows = _opened(config, project, path, where)
    if not rows.rows:
        raise ProjectError(f"{where} has no rows", where, "at least one row")
    source = Source(where, rows.rows, rows, config.data.target, before)
    check_columns(rows.names, config, where)
    check_target(source.target(), config.data)
    if config.data.weight:
        check_weights(source.column(config.data.weight))
    return source


def _located(config: Config, project: Path, fetched: Path | None) -> tuple[Path, str]:
    if fetched is None:
        path = project / config.data.path
        with unchanged({}, config.data.path):
            there = path.exists()
        if not there:
            what = f'there is no "{config.data.path}"'
            raise ConfigError(what, "pyproject.toml tool.assay.data.path", "a file or folder in the project")
        return path, config.data.path
    try:
        facts = json.loads((fetched / "fetched.json").read_text(encoding="utf-8"))
        path, where, revision = fetched / facts["path"], str(facts["source"]), facts.get("revision")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ArtifactError(f"what was fetched cannot be read: {error}", where="fetched/fetched.json") from None
    if not path.exists():
        raise ArtifactError(f'what was fetched lacks "{facts["path"]}"', where="fetched/fetched.json")
    return path, f"{where} ({revision})" if revision else where


def _opened(config: Config, project: Path, path: Path, where: str) -> Rows:
    if config.load is not None:
        return InMemory(load(config, project, path))
    files = find_files(path, where, config.data.format)
    if files.format == "parquet":
        return open_parquet(files, config.data)
    return InMemory(read_text(files, config.data))
