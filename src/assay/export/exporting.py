"""Exports a model where its export predicts the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.models.signature import is_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from assay.models.signature import Column


@dataclass(frozen=True)
class Export:
    """What became of an export.

    Attributes:
        model: The ONNX file's content; None where the model itself has to serve.
        why: Why it has to.
    """

    model: bytes | None
    why: str = ""


def export(model: Any, columns: Mapping[str, Column], x: pd.DataFrame) -> Export:  # noqa: ANN401 - any estimator
    """Write a fitted estimator as ONNX, and compare the two.

    Args:
        model: The estimator.
        columns: What dtypes it was trained with, as `signature.columns` gives them.
        x: The holdout's features of shape (rows, columns).
    """
    try:
        from assay.export.estimators import write
        from assay.export.graph import Graph, UnsupportedError
        from assay.export.proof import difference
        from assay.serving.exported import Exported
    except ImportError as error:
        return Export(None, f"{error.name} is not installed")
    try:
        graph = Graph({name: is_text(column) for name, column in columns.items()})
        write(graph, model)
        written = graph.to_bytes()
        exported = Exported(written, columns)
    except UnsupportedError as error:
        return Export(None, f"{error} cannot be exported")
    except Exception as error:  # noqa: BLE001 - parts that scikit-learn does not promise, which another version lacks
        return Export(None, f"the export failed: {type(error).__name__}: {error}")
    why = difference(model, exported, columns, x)
    return Export(None, f"exported, {why}") if why else Export(written)
