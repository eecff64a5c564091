"""Reads text formats, CSV and JSON Lines, as one frame, and settles what text alone cannot say."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.data.reading.csv_files import read_csv
from assay.data.reading.json_lines import read_json_lines
from assay.data.reading.times import parse
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from assay.config import Column, Data
    from assay.data.reading.csv_text import Text
    from assay.data.reading.files import Files
    from assay.data.reading.json_lines import Block

_SHOWN = 3
_LOOK = 1000


def read_text(files: Files, data: Data) -> pd.DataFrame:
    """All rows of CSV or JSON Lines files, one after the other.

    Only the texts in `[tool.assay.data] missing` mean that a value is missing: NA may be Namibia. Columns in `times`
    are parsed; other dates stay texts, unless the schema calls the column datetime and all of its values are times.

    What a CSV column is follows from its values. If most are numbers and some are not, then nobody can tell whether
    these are marks for missing values, mistakes, or whether all are texts (house numbers: 12, 12a). The schema decides:
    with type = "str" the column is text; with "int" or "float" each odd value breaks the schema, and is counted and
    listed there. Without a rule it is an error, as a model would silently get texts for numbers.

    Args:
        files: At least one file of either format.
        data: `[tool.assay.data]`.

    Raises:
        ProjectError: A file is empty, damaged or not what it should be.
        ConfigError: The settings of `[tool.assay.data.csv]` cannot be right.
    """
    frame, parts = read_csv(files, data) if files.format == "csv" else read_json_lines(files, data)

    def place(row: int) -> str:
        return _place(parts, row)

    for name in frame.columns:
        column, rule = frame[name], data.schema.get(name)
        if name in data.times:
            frame[name] = parse(column, place)
        elif isinstance(column.dtype, pd.StringDtype) and rule is not None and rule.type == "datetime":
            frame[name] = _times_or_texts(column, place)
        elif isinstance(column.dtype, pd.StringDtype) and files.format == "csv" and _is_open(rule):
            _check_mixed(column, place)
    return frame


def _place(parts: Sequence[tuple[Text | Block, int]], row: int) -> str:
    ends = list(accumulate(rows for _, rows in parts))
    number = bisect_right(ends, row)
    return parts[number][0].line(row - (ends[number - 1] if number else 0))


def _times_or_texts(column: pd.Series[Any], place: Callable[[int], str]) -> pd.Series[Any]:
    try:
        return parse(column, place)
    except ProjectError:
        # the schema says how many are no times, and which
        return column


def _is_open(rule: Column | None) -> bool:
    """True where no rule says that the column is text, or that it is not."""
    return rule is None or (rule.type == "any" and not rule.allowed and rule.pattern is None)


def _check_mixed(column: pd.Series[Any], place: Callable[[int], str]) -> None:
    known = column.dropna()
    # a look at some rows spares most columns of text the attempt to make numbers of them
    if not _numeric(known.iloc[:: max(1, len(known) // _LOOK)]).mean() > 1 / 4:
        return
    numeric = _numeric(known)
    if not 1 / 2 < numeric.mean() < 1:
        return
    odd = known[~numeric]
    shown = odd.drop_duplicates()[:_SHOWN]
    told = ", ".join(f"{odd[row]!r} ({place(row)})" for row in shown.index.tolist())
    what = f'column "{column.name}": {len(odd)} of {len(known)} values are no numbers: {told}'
    marks = ", ".join(f'"{value}"' for value in shown)
    then = f"add {marks} to [tool.assay.data] missing if they mean that no value is known, or give the column a type"
    allowed = 'numbers throughout, or type = "str" (all are texts), "int" or "float" (these are faults)'
    raise ProjectError(what, f"pyproject.toml tool.assay.data.schema.{column.name}", allowed, then)


def _numeric(texts: pd.Series[Any]) -> np.ndarray:
    return pd.to_numeric(texts.astype(object), errors="coerce").notna().to_numpy()
