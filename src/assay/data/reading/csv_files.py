"""CSV, read by pandas; everything that pandas would pass over in silence is found and explained, with its line."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from assay.data.reading.arrow import EXACT
from assay.data.reading.csv_text import WHERE, Text
from assay.data.reading.files import key_columns
from assay.errors import ConfigError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.config import Data
    from assay.data.reading.files import Files

    Kind = Literal["empty", "text", "truth", "number"]

_OTHERS = ",;\t|"
_WIDE = 2.0**63


def read_csv(files: Files, data: Data) -> tuple[pd.DataFrame, list[tuple[Text, int]]]:
    """All rows of all files.

    Types are settled over all files: a column that is text in one of them is text in all. Columns that the schema calls
    str and those in `times` are text whatever they look like. A row with fewer fields than the header has nothing in
    its last columns. Whole numbers of which some are missing are float64, or Int64 where that would round them; true
    and false of which some are missing are "boolean".

    Returns:
        The frame, and the files it was made of, with the number of rows of each.

    Raises:
        ProjectError: A file is empty, damaged or has other columns than the first.
        ConfigError: Delimiter or decimal character cannot be right.
    """
    texts = [Text(file, data) for file in files.all]
    headers = [text.header() for text in texts]
    _check_headers(texts, headers)
    folders = key_columns(files.all, [name for name, rule in data.schema.items() if rule.type == "str"])
    both = [key for key in folders if key in headers[0]]
    if both:
        raise ProjectError(f"{', '.join(both)} is a column and a key of the folders", files.all[0].name, "one of them")
    known: dict[str, str] = {name: "str" for name, rule in data.schema.items() if rule.type == "str"}
    known |= dict.fromkeys(data.times, "str")
    frames = [_frame(text, names, known) for text, names in zip(texts, headers, strict=True)]
    if better := _better(frames, data.missing):
        frames = [_frame(text, names, known | better) for text, names in zip(texts, headers, strict=True)]
    rows = [len(frame) for frame in frames]
    filled = [frame[headers[0]] for frame in frames if len(frame)] or frames
    frame = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0]
    for key, values in folders.items():
        column = pd.Series(values, dtype=None if any(value is not None for value in values) else float)
        frame[key] = column.repeat(rows).array
    return frame, list(zip(texts, rows, strict=True))


def _check_headers(texts: Sequence[Text], headers: Sequence[Sequence[str]]) -> None:
    first, names = texts[0], headers[0]
    for text, other in zip(texts, headers, strict=True):
        if set(other) != set(names):
            apart = ", ".join(sorted(set(other) ^ set(names))[:5])
            what = f"{text.file.name} has other columns than {first.file.name}: {apart}"
            raise ProjectError(
                what, f"{text.file.name} line 1", ", ".join(names), "do all files begin with their names?"
            )
    other = next((mark for mark in _OTHERS if len(names) == 1 and mark in names[0]), "")
    if other:
        what = f'{first.file.name} is one column called "{names[0]}"'
        raise ConfigError(what, f"{WHERE}.delimiter", "the character between fields", f"perhaps delimiter = {other!r}")
    if first.delimiter == first.data.csv.decimal:
        what = f'"{first.delimiter}" cannot stand both between fields and before decimals'
        raise ConfigError(what, f"{WHERE}.delimiter", "two different characters", 'perhaps delimiter = ";"')


def _frame(text: Text, names: Sequence[str], dtypes: Mapping[str, str]) -> pd.DataFrame:
    known: Any = {name: dtype for name, dtype in dtypes.items() if name in names}
    try:
        with warnings.catch_warnings():
            # pandas only warns that it throws away the fields that a row has too many
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(text.file.read()),
                sep=text.delimiter,
                encoding=text.encoding,
                decimal=text.data.csv.decimal,
                header=0,
                names=list(names),
                index_col=False,
                dtype=known,
                keep_default_na=False,
                na_values=list(text.data.missing),
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise text.undecodable(error) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _malformed(text, len(names), str(error)) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise ProjectError(f"{text.file.name} cannot be read: {error}", text.file.name) from None
    return frame.assign(**{str(name): _truth(column, text) for name, column in frame.items() if column.dtype == object})


def _malformed(text: Text, width: int, reason: str) -> ProjectError:
    line, fields = 1, [""]
    for line, fields in text.records():
        if len(fields) > width:
            what = f"a row has {len(fields)} fields, the header {width}: {fields[:8]}"
            then = "quote fields that hold the delimiter"
            return ProjectError(what, f"{text.file.name} line {line}", f"{width} fields or fewer", then)
    if "EOF inside string" in reason:
        what = f"a quote is opened and never closed: {fields[-1].splitlines()[0][:60]!r}"
        return ProjectError(what, f"{text.file.name} line {line}", 'pairs of quotes; a quote in a text is ""')
    return ProjectError(f"{text.file.name} is no CSV: {reason.strip()}", text.file.name, "as many fields in each row")


def _truth(column: pd.Series[Any], text: Text) -> pd.Series[Any]:
    """What pandas gives as objects: true and false with gaps, or whole numbers that are too long for it."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "boolean":
        return column.astype("boolean")
    if kind == "integer":
        longest = max(column.dropna(), key=abs)
        what = f'column "{column.name}" holds whole numbers beyond 64 bits, such as {longest}'
        then = 'give it type = "str" in [tool.assay.data.schema] to keep them as texts'
        raise ProjectError(what, text.file.name, "numbers up to 2**63 - 1", then)
    return column.astype(float) if column.isna().all() else column.astype("str")


def _better(frames: Sequence[pd.DataFrame], missing: Sequence[str]) -> dict[str, str]:
    """Dtypes to read again with: of columns whose files disagree, and of numbers that floats would round."""
    better: dict[str, str] = {}
    for name in frames[0].columns:
        columns = [frame[name] for frame in frames]
        kinds: set[Kind] = {_kind(column) for column in columns} - {"empty"}
        if len(kinds) > 1 or (kinds == {"text"} and any(_kind(column) == "empty" for column in columns)):
            better[name] = "str"
        elif kinds == {"truth"} and len({str(column.dtype) for column in columns}) > 1:
            better[name] = "boolean"
        elif kinds == {"number"} and _rounded(columns):
            better[name] = "Int64"
        elif kinds == {"text"} and any(column.isin(missing).any() for column in columns):
            # what pandas makes of numbers beyond 63 bits of which some are missing
            better[name] = "UInt64"
    return better


def _kind(column: pd.Series[Any]) -> Kind:
    if column.isna().all():
        return "empty"
    if isinstance(column.dtype, pd.StringDtype):
        return "text"
    return "truth" if pd.api.types.is_bool_dtype(column) else "number"


def _rounded(columns: Sequence[pd.Series[Any]]) -> bool:
    """Whole numbers that are floats only because some are missing, and too large for floats."""
    floats = [column for column in columns if column.dtype.kind == "f"]
    if not floats or not (any(column.hasnans for column in floats) or len(floats) < len(columns)):
        return False
    known = np.concatenate([column[column.notna()].to_numpy() for column in columns])
    largest = np.abs(known).max()
    return bool(EXACT <= largest < _WIDE and (known % 1 == 0).all())
