"""From what trees or lines add up to what a model says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from assay.export.graph import Graph


def added(graph: Graph, name: str, values: Any) -> str:  # noqa: ANN401 - what numpy takes
    """A row of `values` on top of each row."""
    return graph.node("Add", name, graph.constant(np.asarray(values, dtype=np.float64).reshape(1, -1)))


def shares(graph: Graph, raw: str, targets: int) -> str:
    """Probabilities of shape (rows, classes), from log odds of shape (rows, targets): one target for two classes."""
    return both(graph, graph.node("Sigmoid", raw)) if targets == 1 else graph.node("Softmax", raw, axis=1)


def both(graph: Graph, positive: str) -> str:
    """Of the second class' probability, of shape (rows, 1), those of both."""
    negative = graph.node("Sub", graph.constant(np.ones((1, 1))), positive)
    return graph.node("Concat", negative, positive, axis=1)
