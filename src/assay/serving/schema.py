"""What a request must look like, derived from the model's signature, and what is said where it does not."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from assay.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ROWS = 10_000
MAX_BYTES = 10_000_000
_SHOWN = 20
_STRICT = ConfigDict(extra="forbid")


class Refused(Exception):
    """A request that cannot be answered.

    Attributes:
        status: HTTP status, 413 or 422.
        problems: One {"field", "problem"} each, the first twenty.
    """

    def __init__(self, status: int, problems: Sequence[Mapping[str, str]]) -> None:
        super().__init__(status, problems)
        self.status = status
        self.problems = list(problems)


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError("Input should be a whole number")
    return int(value)


# "39" or true for 39 is a fault of the sender that would silently shift a model; 39.0 for 39 is
# how pandas writes a whole number in a column with missing values
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Whole = Annotated[_Number, AfterValidator(_whole), WithJsonSchema({"type": "integer"})]
_TYPES: dict[str, Any] = {
    "integer": _Whole,
    "long": _Whole,
    "float": _Number,
    "double": _Number,
    "boolean": StrictBool,
    "string": StrictStr,
    "datetime": dt.datetime,
}


class Requests:
    """Reads the bodies of the endpoints into records.

    Attributes:
        columns: Type of each column as in the model's signature, in the model's order.
        row: The pydantic model of one record.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        """Accept `columns`: each must be there, and any value may be null."""
        self.columns = dict(columns)
        names = {f"column_{number}": name for number, name in enumerate(columns)}
        fields: dict[str, Any] = {
            field: (_TYPES.get(columns[name], Any) | None, Field(alias=name)) for field, name in names.items()
        }
        # columns may have any name ("education-num", "class"), so each is the alias of a plain one
        self.row = create_model("Record", __config__=_STRICT, **fields)
        rows = Annotated[list[self.row], Field(min_length=1, max_length=MAX_ROWS)]  # type: ignore[name-defined]
        self._predict = create_model("Predict", __config__=_STRICT, records=(rows, ...))
        self._records = create_model("Records", dataframe_records=(rows, ...))
        self._split = create_model("Split", dataframe_split=(_Split, ...))

    def predict(self, body: bytes) -> list[dict[str, Any]]:
        """The records of a body of /predict, every column there, missing values None.

        Raises:
            Refused: The body is no such thing.
        """
        return self._rows(self._read(self._predict, body).records)

    def invocations(self, body: bytes) -> list[dict[str, Any]]:
        """The records of a body of MLflow's /invocations: `dataframe_records` or `dataframe_split`.

        Raises:
            Refused: The body is no such thing.
        """
        if b'"dataframe_split"' not in body:
            return self._rows(self._read(self._records, body).dataframe_records)
        split = self._read(self._split, body).dataframe_split
        if any(len(row) != len(split.columns) for row in split.data):
            raise Refused(422, [{"field": "dataframe_split.data", "problem": "a row is not as long as columns"}])
        rows = [dict(zip(split.columns, row, strict=True)) for row in split.data]
        return self._rows(self._read(self._records, {"dataframe_records": rows}).dataframe_records)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a body of /predict."""
        rows = {"type": "array", "items": self.row.model_json_schema(), "maxItems": MAX_ROWS}
        return {"type": "object", "properties": {"records": rows}, "required": ["records"]}

    def _read(self, model: type[BaseModel], body: bytes | Mapping[str, Any]) -> Any:  # noqa: ANN401 - made at run time
        try:
            return model.model_validate_json(body) if isinstance(body, bytes) else model.model_validate(body)
        except ValidationError as error:
            raise self._refusal(error) from None

    def _rows(self, records: Sequence[BaseModel]) -> list[dict[str, Any]]:
        return [record.model_dump(by_alias=True) for record in records]

    def _refusal(self, error: ValidationError) -> Refused:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        too_long = any(fault["type"] == "too_long" for fault in errors)
        problems = [{"field": _path(fault["loc"]), "problem": self._problem(fault)} for fault in errors[:_SHOWN]]
        return Refused(413 if too_long else 422, problems)

    def _problem(self, fault: Mapping[str, Any]) -> str:
        if fault["type"] != "extra_forbidden":
            return str(fault["msg"]).removeprefix("Value error, ")
        known = self.columns if len(fault["loc"]) > 1 else ("records",)
        return f"unknown, {did_you_mean(str(fault['loc'][-1]), known) or 'allowed: ' + ', '.join(known)}"


class _Split(BaseModel):
    columns: list[str]
    data: Annotated[list[list[Any]], Field(max_length=MAX_ROWS)]
    index: list[Any] | None = None


def _path(location: Sequence[str | int]) -> str:
    """`records[0].age`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".")
