"""Builds an ONNX graph node by node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

ML = "ai.onnx.ml"
# the first with sets of categories in trees, and with doubles in the encoders of labels
_VERSIONS = {"": 21, ML: 5}
_FORMAT = 10


class UnsupportedError(Exception):
    """A model, or a part of one, that cannot be written as ONNX; its text says which."""


@dataclass(frozen=True)
class Part:
    """Columns side by side: a value of shape (rows, width) in the graph, of doubles or of text.

    Attributes:
        name: The value's name.
        width: How many columns.
        text: Texts, not numbers.
    """

    name: str
    width: int = 1
    text: bool = False


class Graph:
    """Nodes in the order they are added; names that it makes are none of its inputs."""

    def __init__(self, inputs: dict[str, bool]) -> None:
        """Take columns by name; true for those that hold texts."""
        self._taken = set(inputs)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._inputs = [
            helper.make_tensor_value_info(name, TensorProto.STRING if text else TensorProto.DOUBLE, [None, 1])
            for name, text in inputs.items()
        ]
        self.columns = [Part(name, text=text) for name, text in inputs.items()]

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; gives the name of its output."""
        name = self._free(kind.lower())
        self._nodes.append(helper.make_node(kind, inputs, [name], domain=domain, **attributes))
        return name

    def constant(self, values: Any) -> str:  # noqa: ANN401 - what numpy takes
        """Add an array of doubles, whole numbers or texts."""
        name = self._free("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def output(self, name: str, source: str, kind: int, width: int | None = None) -> None:
        """Give `source` out as `name`, of shape (rows,) or (rows, width)."""
        name = self._free(name)
        self._nodes.append(helper.make_node("Identity", [source], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, [None, *([width] if width else [])]))

    def together(self, parts: Sequence[Part]) -> Part:
        """All `parts` as one.

        Raises:
            UnsupportedError: There are none, or texts among them.
        """
        if not parts or any(part.text for part in parts):
            raise UnsupportedError("texts that are not encoded" if parts else "a model without columns")
        if len(parts) == 1:
            return parts[0]
        width = sum(part.width for part in parts)
        return Part(self.node("Concat", *(part.name for part in parts), axis=1), width)

    def one_by_one(self, parts: Sequence[Part]) -> list[Part]:
        """The columns of `parts`, each a part."""
        return [
            part if part.width == 1 else Part(self.node("Gather", part.name, self.constant([place]), axis=1))
            for part in parts
            for place in range(part.width)
        ]

    def to_bytes(self) -> bytes:
        """The model as it stands in a file, the same bytes for the same nodes."""
        graph = helper.make_graph(self._nodes, "model", self._inputs, self._outputs, self._constants)
        versions = [helper.make_opsetid(*pair) for pair in _VERSIONS.items()]
        model = helper.make_model(graph, opset_imports=versions, ir_version=_FORMAT, producer_name="assay")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _free(self, name: str) -> str:
        made, number = name, len(self._taken)
        while made in self._taken:
            made, number = f"{name}/{number}", number + 1
        self._taken.add(made)
        return made
