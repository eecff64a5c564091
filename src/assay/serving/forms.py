"""The forms that MLflow's scoring server takes: four of JSON, and CSV."""

from __future__ import annotations

import csv
import io
import itertools
from typing import TYPE_CHECKING, Any

from assay.serving.limits import MAX_ROWS
from assay.serving.refusal import refused
from assay.serving.schema import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.serving.schema import Records, Requests

FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
_TRUTH = {"true": True, "false": False}


def from_json(requests: Requests, body: bytes) -> Records:
    """The records of a JSON body of /invocations; further keys, as `params`, are not looked at.

    Raises:
        Refused: The body is no such thing.
    """
    data = parse(body)
    given = [form for form in FORMS if form in data]
    if len(given) != 1:
        raise refused(422, f"exactly one is required of {', '.join(FORMS)}", FORMS[0])
    form, value = given[0], data[given[0]]
    if form == "dataframe_split":
        value = _split(value)
    by_column = form == "inputs" and isinstance(value, dict)
    return requests.from_columns(value, form) if by_column else requests.from_records(value, form)


def from_csv(requests: Requests, body: bytes) -> Records:
    """The records of a CSV body with a header, as `DataFrame.to_csv(index=False)` writes it; an empty field is missing.

    Raises:
        Refused: The body is no such thing.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = _header(next(lines, []))
        records = [_record(requests.columns, header, line) for line in itertools.islice(lines, MAX_ROWS + 1)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise refused(422, f"Invalid CSV: {error}") from None
    return requests.from_records(records, "row")


def _split(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    where = "dataframe_split"
    if not isinstance(value, dict):
        raise refused(422, "should be an object with columns and data", where)
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise refused(422, "should be a list of names", f"{where}.columns")
    if len(set(columns)) < len(columns):
        raise refused(422, "a name is there twice", f"{where}.columns")
    if not isinstance(data, list) or any(not isinstance(row, list) or len(row) != len(columns) for row in data):
        raise refused(422, "should be a list of rows, each as long as columns", f"{where}.data")
    # one more is enough to be refused
    return [dict(zip(columns, row, strict=True)) for row in data[: MAX_ROWS + 1]]


def _header(line: list[str]) -> list[str]:
    if len(set(line)) < len(line):
        raise csv.Error("the header names a column twice")
    return line


def _record(columns: Mapping[str, str], header: Sequence[str], line: Sequence[str]) -> dict[str, Any]:
    if len(line) != len(header):
        raise csv.Error(f"a row has {len(line)} fields, the header {len(header)}")
    return {name: _value(columns.get(name, "string"), text) for name, text in zip(header, line, strict=True)}


def _value(kind: str, text: str) -> object:
    if not text:
        return None
    if kind == "boolean":
        return _TRUTH.get(text.lower(), text)
    if kind not in {"integer", "long", "float", "double"}:
        return text
    try:
        return float(text)
    except ValueError:
        return text
