"""Reads text formats: CSV and JSON Lines. Every way a file can be wrong is explained, with its line where possible."""

from __future__ import annotations

import csv
import gzip
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json

from assay.data.columns import numbers
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import TextIOWrapper
    from pathlib import Path

    from assay.config import Data
    from assay.data.files import Files

_SHOWN = 3
_LOOK = 1000
_BLOCK = 2**30
_EXACT = 2**53


def read_text(files: Files, data: Data) -> pd.DataFrame:
    """All rows of CSV or JSON Lines files, one after the other.

    Only the texts in `[tool.assay.data] missing` are missing values. Columns named in `times`, and those that the
    schema calls datetime, become times. A column that is mostly numbers and has no rule in the schema must be numbers
    throughout: what else stands in it is most likely a mark for a missing value that `missing` does not name.

    Raises:
        ProjectError: A file is empty, damaged or not what it should be.
    """
    read = _csv if files.format == "csv" else _json
    frames = [read(path, data) for path in files.paths]
    for path, frame in zip(files.paths[1:], frames[1:], strict=True):
        if list(frame.columns) != list(frames[0].columns):
            different = sorted(set(frame.columns) ^ set(frames[0].columns)) or ["the same ones in another order"]
            what = f"{path.name} has other columns than {files.paths[0].name}: {', '.join(different[:5])}"
            raise ProjectError(what, path.name, "the same columns in all files")
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    for name in frame.columns:
        frame[name] = _settled(frame[name], data, files.root.name)
    return frame


def _csv(path: Path, data: Data) -> pd.DataFrame:
    delimiter = "\t" if path.name.lower().endswith((".tsv", ".tsv.gz")) else data.csv.delimiter
    encoding = "utf-8-sig" if data.csv.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else data.csv.encoding
    names = _header(path, delimiter, encoding)
    text = {name: "str" for name, rule in data.schema.items() if rule.type == "str" and name in names}
    try:
        with warnings.catch_warnings():
            # pandas only warns that it throws away the fields that a row has too many
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=delimiter,
                encoding=encoding,
                decimal=data.csv.decimal,
                keep_default_na=False,
                na_values=list(data.missing),
                dtype=text,
                index_col=False,
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding, error) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ProjectError(f"{path.name} is no CSV: {_told(error)}", path.name, "as many fields in each row") from None
    except (OSError, ValueError, OverflowError) as error:
        raise ProjectError(f"{path.name} cannot be read: {_told(error)}", path.name) from None


def _told(error: Exception) -> str:
    text = str(error).removeprefix("Error tokenizing data. C error: ").strip()
    if "EOF inside string" in text:
        return f"a quote is opened and never closed ({text})"
    return "a row has more fields than the header" if "Length of header" in text else text


def _header(path: Path, delimiter: str, encoding: str) -> list[str]:
    try:
        with _opened(path, encoding) as file:
            names = next(csv.reader(file, delimiter=delimiter), [])
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding, error) from None
    except (OSError, csv.Error, EOFError) as error:
        raise ProjectError(f"{path.name} cannot be read: {error}", path.name) from None
    if not any(names):
        raise ProjectError(f"{path.name} is empty", path.name, "a header and at least one row")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProjectError(f"more than one column is called {', '.join(twice)}", path.name, "each name once")
    return names


def _opened(path: Path, encoding: str) -> TextIOWrapper:
    opened: Any = gzip.open if path.name.endswith(".gz") else open
    return opened(path, "rt", encoding=encoding, newline="")  # type: ignore[no-any-return]


def _undecodable(path: Path, encoding: str, error: UnicodeDecodeError) -> ProjectError:
    raw = (gzip.open if path.name.endswith(".gz") else open)(path, "rb").read()
    line, byte = 0, error.object[error.start]
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as whole:
        line, byte = raw.count(b"\n", 0, whole.start) + 1, raw[whole.start]
    what = f"{path.name} is not {encoding.removesuffix('-sig')}: byte 0x{byte:02x} in line {line}"
    where = "pyproject.toml tool.assay.data.csv.encoding"
    return ProjectError(what, where, next='name the right encoding, often "cp1252" or "latin-1"')


def _json(path: Path, data: Data) -> pd.DataFrame:
    if not path.stat().st_size:
        raise ProjectError(f"{path.name} is empty", path.name, "one object a line")
    try:
        with pa.input_stream(str(path)) as file:
            table = pyarrow.json.read_json(file, pyarrow.json.ReadOptions(block_size=_BLOCK))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).removeprefix("JSON parse error: ").splitlines()[0]
        raise ProjectError(f"{path.name} is no JSON Lines: {reason}", path.name, "one object a line") from None
    for field in table.schema:
        if pa.types.is_nested(field.type):
            what = f'"{field.name}" holds objects or lists'
            raise ProjectError(what, path.name, "single values", "flatten it in load")
    return table.to_pandas().replace(dict.fromkeys(data.missing), None) if data.missing else table.to_pandas()


def _settled(column: pd.Series[Any], data: Data, where: str) -> pd.Series[Any]:
    """The column as times where it should be, and refused where it is numbers with something else among them."""
    name = str(column.name)
    rule = data.schema.get(name)
    if column.isna().all():
        return column.astype(float) if rule is None or rule.type != "str" else column
    if pd.api.types.is_float_dtype(column):
        _check_exact(column, where)
    if column.dtype != object and not isinstance(column.dtype, pd.StringDtype):
        return column
    if name in data.times or (rule and rule.type == "datetime"):
        return _times(column, where, strict=name in data.times)
    if rule is None:
        _check_mixed(column, where)
    return column


def _check_exact(column: pd.Series[Any], where: str) -> None:
    """Refuse whole numbers that became floats because some are missing, where floats no longer hold them exactly."""
    some = column[np.isfinite(column)]
    if column.isna().any() and some.abs().max() >= _EXACT and (some % 1 == 0).all():
        what = f'column "{column.name}" holds whole numbers beyond 2**53 ({some.abs().max():.0f}) beside missing values'
        raise ProjectError(what, where, "numbers that float64 holds exactly", 'give the column type = "str" in the schema')


def _times(column: pd.Series[Any], where: str, *, strict: bool) -> pd.Series[Any]:
    times = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=_zoned(column))
    odd = column[times.isna() & column.notna()]
    if odd.empty:
        return times
    if strict:
        what = f'"{column.name}" holds {len(odd)} values that are no times: {_places(odd)}'
        raise ProjectError(what, where, "ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z")
    return column


def _zoned(column: pd.Series[Any]) -> bool:
    return bool(column.dropna().head(_LOOK).astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any())


def _check_mixed(column: pd.Series[Any], where: str) -> None:
    some = column.dropna()
    if np.isnan(numbers(some.head(_LOOK))).mean() > 1 / 2:
        return
    unlike = some[np.isnan(numbers(some))]
    if len(unlike) and len(unlike) < len(some) / 2:
        marks = sorted(set(map(str, unlike)))[:_SHOWN]
        what = f'column "{column.name}" is numbers but for {len(unlike)} of {len(some)} values: {_places(unlike)}'
        then = f"add {marks} to [tool.assay.data] missing if they mean that, or give the column a type in the schema"
        raise ProjectError(what, where, "numbers or text", then)


def _places(values: pd.Series[Any]) -> str:
    shown: Sequence[tuple[Any, Any]] = list(values.head(_SHOWN).items())
    told = ", ".join(f"{value!r} in row {int(row) + 1}" for row, value in shown)
    return told + (", ..." if len(values) > _SHOWN else "")
