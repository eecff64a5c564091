"""Finds out how data files are written, so that nobody has to say: delimiter, encoding, marks for what is missing."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.config import Column, Csv, Data
from assay.data.reading.files import find_files
from assay.data.reading.parquet import open_parquet
from assay.data.reading.textfiles import read_text
from assay.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

    from assay.data.reading.files import Files

_ROWS = 200_000
_DELIMITERS = ",;\t|"
_MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "-", "#n/a"}
_COMMA = re.compile(r"[+-]?\d+,\d+")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?")
_MOST = 1 / 2


@dataclass(frozen=True)
class Looked:
    """Data as it is written, and its first rows.

    Attributes:
        data: `[tool.assay.data]` as far as the files tell it.
        frame: The first 200,000 rows, read as `data` says.
        notes: What a person should know, a line each.
    """

    data: Data
    frame: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()


def look(path: Path, shown: str) -> Looked:
    """How the data at `path` is written.

    Args:
        path: File or folder.
        shown: What people call it.

    Raises:
        AssayError: There is no data, it is damaged, or it has no line with names.
    """
    files = find_files(path, shown, "auto")
    data = Data(path=shown, target="")
    notes: tuple[str, ...] = ()
    if files.format == "csv":
        data, notes = _text(files, data)
    frame = _first_rows(files, data)
    data = replace(data, times=_times(frame))
    return Looked(data, _first_rows(files, data) if data.times else frame, notes)


def _first_rows(files: Files, data: Data) -> pd.DataFrame:
    if files.format != "parquet":
        return read_text(files, data)
    return next(open_parquet(files, data).read(_ROWS))


def _text(files: Files, data: Data) -> tuple[Data, tuple[str, ...]]:
    raw = files.all[0].read()
    encoding = _encoding(raw, files.all[0].name)
    text = raw.decode(encoding, errors="replace").removeprefix("\ufeff")
    delimiter = _delimiter(text)
    _check_names(text, delimiter, files.all[0].name)
    try:
        cells = pd.read_csv(
            io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, nrows=_ROWS, index_col=False
        )
    except (ValueError, pd.errors.ParserError):
        # what is wrong with the file is told by the reader, with its line
        return replace(data, csv=Csv(delimiter=delimiter, encoding=encoding)), ()
    decimal = "," if delimiter != "," and any(_all(_COMMA, column) for _, column in cells.items()) else "."
    number = _NUMBER if decimal == "." else re.compile(_NUMBER.pattern.replace(r"\.", ","))
    missing, mixed = _marks(cells, number)
    notes = tuple(f'"{name}" is taken as text: most of its values are numbers, some are not' for name in mixed)
    settings = Csv(delimiter=delimiter, encoding=encoding, decimal=decimal)
    return replace(data, csv=settings, missing=missing, schema={name: Column(type="str") for name in mixed}), notes


def _encoding(raw: bytes, name: str) -> str:
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            raw.decode(encoding)
            return encoding
    raise ProjectError(f"{name} is no text in UTF-8 or Windows-1252", name, "CSV, JSON Lines or Parquet, named so")


def _delimiter(text: str) -> str:
    """The character that divides the first rows into equally many fields, and into most."""
    lines = text[:100_000].splitlines()[:50]
    counts = {mark: [len(row) for row in csv.reader(lines, delimiter=mark) if row] for mark in _DELIMITERS}
    even = {mark: found[0] for mark, found in counts.items() if found and len(set(found[:-1])) <= 1 and found[0] > 1}
    return max(even, key=lambda mark: even[mark], default=",")


def _check_names(text: str, delimiter: str, name: str) -> None:
    first = next(csv.reader(text[:100_000].splitlines(), delimiter=delimiter), [])
    numbers = [cell for cell in first if _NUMBER.fullmatch(cell)]
    if numbers:
        what = f"the first line of {name} holds values, no names of columns: {', '.join(first[:4])}"
        then = f"put a line with {len(first)} names on top: sed -i '1i NAME{delimiter}NAME{delimiter}...' {name}"
        raise ProjectError(what, f"{name} line 1", "a name for each column", then)


def _marks(cells: pd.DataFrame, number: re.Pattern[str]) -> tuple[tuple[str, ...], list[str]]:
    """Texts that mean that a value is missing, and columns of numbers in which other texts stand too."""
    found, mixed = {""}, list[str]()
    for name, column in cells.items():
        different = column.value_counts()
        texts = pd.Series(different.index, index=different.index)
        numeric = texts.map(lambda text: number.fullmatch(text) is not None)
        marks = texts.str.strip().str.lower().isin(_MISSING)
        share = different[numeric].sum() / max(1, different[~marks].sum())
        # in a column of texts NA may be Namibia, but a question mark is never a value
        found |= {text for text in texts[marks] if share > _MOST or text.strip() in {"", "?"}}
        if _MOST < share < 1:
            mixed.append(str(name))
    return tuple(sorted(found)), mixed


def _all(pattern: re.Pattern[str], column: pd.Series[Any]) -> bool:
    known = column[column.str.strip() != ""].head(_ROWS)
    fits = known.map(lambda text: pattern.fullmatch(text.strip()) is not None)
    whole = known.map(lambda text: text.strip().lstrip("+-").isdigit())
    return bool(len(known)) and bool((fits | whole).all()) and bool(fits.any())


def _times(frame: pd.DataFrame) -> tuple[str, ...]:
    """Columns of texts that are all dates or times as ISO 8601 has them."""
    found = []
    for name, column in frame.items():
        if isinstance(column.dtype, pd.StringDtype):
            known = column.dropna()
            if len(known) and known.str.fullmatch(_DATE.pattern).all() and _parses(known):
                found.append(str(name))
    return tuple(found)


def _parses(texts: pd.Series[Any]) -> bool:
    times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    return bool(times.notna().all())
