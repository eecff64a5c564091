"""The Open Inference Protocol's tensors: one input a column, `predict` and `predict_proba` as outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from assay.serving.refusal import refused
from assay.serving.schema import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.serving.batching import Answer
    from assay.serving.model import Served
    from assay.serving.schema import Records

_DATATYPES = {"integer": "INT64", "long": "INT64", "float": "FP64", "double": "FP64", "boolean": "BOOL"}
_INTEGERS = tuple(f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64))
_FLOATS = ("FP16", "FP32", "FP64")
# in JSON a number has no width, so that any of its family will do
_FAMILIES = {"INT64": (*_INTEGERS, *_FLOATS), "FP64": (*_FLOATS, *_INTEGERS), "BOOL": ("BOOL",), "BYTES": ("BYTES",)}
_BINARY = ("binary_data", "binary_data_size", "binary_data_output")
_FEW = Field(max_length=10_000, fail_fast=True)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: StrictStr
    parameters: dict[str, Any] = {}


class _Input(_Part):
    datatype: StrictStr
    shape: Annotated[list[Annotated[StrictInt, Field(ge=0)]], Field(min_length=1, max_length=2)]
    data: list[Any] | None = None


class _Question(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: StrictStr | None = None
    parameters: dict[str, Any] = {}
    inputs: Annotated[list[_Input], _FEW]
    outputs: Annotated[list[_Part], _FEW] = []


class Tensors:
    """Reads questions in tensors and writes answers in them."""

    def __init__(self, served: Served) -> None:
        """Speak for `served`."""
        self._served = served
        self._inputs = {name: _DATATYPES.get(kind, "BYTES") for name, kind in served.requests.columns.items()}
        self._datatype = _datatype_of(served)
        self._outputs = ("predict",) if served.labels is None else ("predict", "predict_proba")

    def metadata(self) -> dict[str, Any]:
        """The model's name, version, inputs and outputs."""
        inputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in self._inputs.items()]
        outputs = [{"name": "predict", "datatype": self._datatype, "shape": [-1]}]
        if self._served.labels is not None:
            outputs.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, len(self._served.labels)]})
        about = {"name": self._served.name, "versions": [str(self._served.version)], "platform": "assay"}
        return about | {"inputs": inputs, "outputs": outputs}

    def read(self, body: bytes) -> tuple[Records, Mapping[str, Any]]:
        """The records of an inference request, and what its answer begins with: model, id, names of the outputs.

        Raises:
            Refused: It is no such thing, or asks for the extension for binary data.
        """
        try:
            question = _Question.model_validate(parse(body))
        except ValidationError as error:
            raise refused(422, *_first(error)) from None
        _check_binary(question)
        wanted = [output.name for output in question.outputs] or list(self._outputs)
        for name in wanted:
            if name not in self._outputs:
                raise refused(422, f"there is no output {name[:100]!r}, allowed: {', '.join(self._outputs)}", "outputs")
        names = [tensor.name for tensor in question.inputs]
        if len(set(names)) < len(names):
            raise refused(422, "an input is there twice", "inputs")
        columns = {tensor.name: self._values(tensor) for tensor in question.inputs}
        return self._served.requests.from_columns(columns, "inputs"), {"id": question.id, "outputs": wanted}

    def write(self, found: Answer, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to what `read` read."""
        tensors = {"predict": self._predict(found), "predict_proba": _shares(found["probabilities"] or [])}
        about = {"model_name": self._served.name, "model_version": str(self._served.version)}
        named = {} if asked["id"] is None else {"id": asked["id"]}
        return about | named | {"outputs": [{"name": name} | tensors[name] for name in asked["outputs"]]}

    def _predict(self, found: Answer) -> dict[str, Any]:
        values = found["predictions"] or []
        return {"datatype": self._datatype, "shape": [len(values)], "data": values}

    def _values(self, tensor: _Input) -> list[Any]:
        where = f"inputs.{tensor.name}"
        allowed = _FAMILIES[self._inputs.get(tensor.name, "BYTES")]
        if tensor.name in self._inputs and tensor.datatype not in allowed:
            raise refused(422, f"datatype {tensor.datatype[:100]} does not fit, allowed: {', '.join(allowed)}", where)
        if tensor.data is None:
            raise refused(422, "data is required", where)
        one_by_one = len(tensor.shape) == 2 and all(isinstance(row, list) for row in tensor.data)  # noqa: PLR2004
        values = [value for row in tensor.data for value in row] if one_by_one else tensor.data
        if tensor.shape[1:] not in ([], [1]) or math.prod(tensor.shape) != len(values):
            allowed_shapes = f"[{len(values)}] or [{len(values)}, 1]"
            raise refused(422, f"shape {tensor.shape} does not fit the data, allowed: {allowed_shapes}", where)
        return values


def _shares(rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    classes = len(rows[0]) if rows else 0
    return {"datatype": "FP64", "shape": [len(rows), classes], "data": [share for row in rows for share in row]}


def _datatype_of(served: Served) -> str:
    if served.is_regressor:
        return "FP64"
    kinds = {type(label) for label in (served.labels or served.examples)}
    return {bool: "BOOL", int: "INT64", float: "FP64"}.get(kinds.pop(), "BYTES") if len(kinds) == 1 else "BYTES"


def _check_binary(question: _Question) -> None:
    for parameters in (question.parameters, *(part.parameters for part in (*question.inputs, *question.outputs))):
        for name in _BINARY:
            if parameters.get(name):
                raise refused(422, "the extension for binary data is not spoken here, send and ask for JSON", name)


def _first(error: ValidationError) -> tuple[str, str]:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return str(fault["msg"]), ".".join(map(str, fault["loc"]))
