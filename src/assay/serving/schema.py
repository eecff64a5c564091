"""What a request must look like, derived from the model's signature, and what is said where it does not."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Annotated, Any

import jiter
import numpy as np
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from typing_extensions import TypedDict

from assay.errors import did_you_mean
from assay.serving.limits import MAX_ROWS
from assay.serving.refusal import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Records = list[dict[str, Any]]
_FORMS = ("records", "columns")
_SHOWN, _LONGEST = 20, 200
_PREFIX = "Value error, "
# most models compute in single precision, where larger numbers are infinite
_LARGEST = float(np.finfo(np.float32).max)


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError("Input should be a whole number")
    return int(value)


# "39" or true for 39 is a fault of the sender that would silently shift a model; 39.0 for 39 is
# how pandas writes a whole number in a column with missing values
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
_Whole = Annotated[_Number, AfterValidator(_whole), WithJsonSchema({"type": "integer"})]
_TYPES: dict[str, Any] = {
    "integer": _Whole,
    "long": _Whole,
    "float": Annotated[_Number, WithJsonSchema({"type": "number"})],
    "double": Annotated[_Number, WithJsonSchema({"type": "number"})],
    "boolean": StrictBool,
    "string": StrictStr,
    "datetime": dt.datetime,
}


# after the first bad row, or value, no other is looked at: a body may have a million of them
_QUICK = Field(max_length=MAX_ROWS, fail_fast=True)


def parse(body: bytes) -> dict[str, Any]:
    """The object that a body holds.

    Raises:
        Refused: It is no JSON object in UTF-8, a key is there twice, or it is nested too deeply.
    """
    try:
        found = jiter.from_json(body, allow_inf_nan=True, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise refused(422, f"Invalid JSON: {error}") from None
    if not isinstance(found, dict):
        raise refused(422, "the body should be a JSON object")
    return found


class Requests:
    """Makes records of what requests hold: every column there, in the model's order, missing values None.

    Attributes:
        columns: Type of each column as in the model's signature, in the model's order.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        """Accept `columns`: each must be there, and any value may be null."""
        self.columns = dict(columns)
        types = {name: _TYPES.get(kind, Any) | None for name, kind in columns.items()}
        lists = {name: Annotated[list[kind], _QUICK] for name, kind in types.items()}  # type: ignore[valid-type]
        row: Any = _strict(types)
        self._row: TypeAdapter[dict[str, Any]] = TypeAdapter(row)
        self._rows: TypeAdapter[Records] = TypeAdapter(Annotated[list[row], Field(min_length=1), _QUICK])
        self._columns: TypeAdapter[dict[str, list[Any]]] = TypeAdapter(_strict(lists))

    def predict(self, body: bytes) -> Records:
        """The records of a body of /predict: `records`, or `columns`.

        Raises:
            Refused: The body is no such thing.
        """
        data = parse(body)
        form = "columns" if "columns" in data else "records"
        problems = [{"field": form, "problem": "Field required"}] if form not in data else []
        unknown = (key for key in data if key != form)
        problems += [
            {"field": _short(key), "problem": _unknown(key, _FORMS)} for key in itertools.islice(unknown, _SHOWN)
        ]
        if problems:
            raise Refused(422, problems)
        return self.from_columns(data[form], form) if form == "columns" else self.from_records(data[form], form)

    def from_records(self, data: object, where: str) -> Records:
        """Records of a list of objects.

        Raises:
            Refused: It is no such thing; the fields named begin with `where`.
        """
        for number, row in enumerate(data if isinstance(data, list) else ()):
            self._check_width(row, f"{where}[{number}]")
        try:
            return self._rows.validate_python(data)
        except ValidationError as error:
            raise self._refusal(error, where) from None

    def from_columns(self, data: object, where: str) -> Records:
        """Records of an object of lists, all equally long.

        Raises:
            Refused: It is no such thing; the fields named begin with `where`.
        """
        self._check_width(data, where)
        try:
            lists = self._columns.validate_python(data)
        except ValidationError as error:
            raise self._refusal(error, where) from None
        sizes = {name: len(values) for name, values in lists.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise refused(422, f"columns should be equally long, they have rows: {told}", where)
        if not any(sizes.values()):
            raise refused(422, "there should be at least 1 row", where)
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a body of /predict."""
        row = self._row.json_schema()
        lists = {name: {"type": "array", "items": kind} for name, kind in row["properties"].items()}
        forms = {
            "records": {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS},
            "columns": {"type": "object", "properties": lists, "required": list(lists), "additionalProperties": False},
        }
        return {"type": "object", "properties": forms, "oneOf": [{"required": [form]} for form in forms]}

    def _refusal(self, error: ValidationError, where: str) -> Refused:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        too_long = any(fault["type"] == "too_long" for fault in errors)
        shown = errors[:_SHOWN]
        problems = [{"field": _short(where + _path(fault["loc"])), "problem": self._problem(fault)} for fault in shown]
        return Refused(413 if too_long else 422, problems)

    def _check_width(self, fields: object, where: str) -> None:
        # a fault is found for each field: millions of them would take the server a minute
        if isinstance(fields, dict) and len(fields) > 2 * len(self.columns) + _SHOWN:
            raise refused(422, f"{len(fields)} fields, but there are {len(self.columns)} columns", where)

    def _problem(self, fault: Mapping[str, Any]) -> str:
        if fault["type"] == "extra_forbidden":
            return _unknown(str(fault["loc"][-1]), self.columns)
        # what Python calls a dictionary is an object in JSON
        return "Input should be an object" if fault["type"] == "dict_type" else str(fault["msg"]).removeprefix(_PREFIX)


def _strict(types: Mapping[str, Any]) -> Any:  # noqa: ANN401 - made at run time
    # a dictionary, not a model: columns may have any name ("education-num", "class")
    made: Any = TypedDict("Record", types)  # type: ignore[misc]
    return with_config(ConfigDict(extra="forbid"))(made)


def _unknown(name: str, known: Collection[str]) -> str:
    return f"unknown, {did_you_mean(_short(name), known) or 'allowed: ' + ', '.join(known)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def _path(location: Sequence[str | int]) -> str:
    """`[0].age`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
