"""What is done to columns before the model proper: encoders, imputers, scalers, and pipelines of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from onnx import TensorProto, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from assay.export.graph import ML, Graph, Part, UnsupportedError
from assay.models.signature import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_UNSEEN = "\x00"


def transformed(graph: Graph, step: Any, parts: Sequence[Part]) -> list[Part]:  # noqa: ANN401 - any transformer
    """What a fitted transformer makes of `parts`.

    Raises:
        UnsupportedError: It is of a kind, or has a setting, that is not known here.
    """
    if isinstance(step, str):
        return list(parts) if step == "passthrough" else []
    known = _KINDS.get(type(step))
    if known is None:
        raise UnsupportedError(type(step).__name__)
    return known(graph, step, parts)


def _pipeline(graph: Graph, pipeline: Pipeline, parts: Sequence[Part]) -> list[Part]:
    for _, step in pipeline.steps:
        parts = transformed(graph, step, parts)
    return list(parts)


def _by_columns(graph: Graph, by_columns: ColumnTransformer, parts: Sequence[Part]) -> list[Part]:
    columns = graph.one_by_one(parts)
    names = getattr(by_columns, "feature_names_in_", range(len(columns)))
    found: list[Part] = []
    for _, step, wanted in by_columns.transformers_:
        places = _places(wanted, names)
        if places:
            found += transformed(graph, step, [columns[place] for place in places])
    return found


def _places(wanted: Any, names: Sequence[Any]) -> list[int]:  # noqa: ANN401 - names, numbers, a mask or a slice
    if isinstance(wanted, (str, int)):
        raise UnsupportedError("a step that gets a column by itself")
    places = pd.Series(range(len(names)), index=list(names))
    by_name = isinstance(wanted, slice) and isinstance(wanted.start or wanted.stop, str)
    by_name = by_name or (not isinstance(wanted, slice) and any(isinstance(name, str) for name in wanted))
    return [int(place) for place in (places.loc[wanted] if by_name else places.to_numpy()[wanted])]


def _ordinal(graph: Graph, encoder: OrdinalEncoder, parts: Sequence[Part]) -> list[Part]:
    columns = graph.one_by_one(parts)
    return [
        Part(looked_up(graph, column, categories, _answers(encoder, place)[:, place]))
        for place, (column, categories) in enumerate(zip(columns, encoder.categories_, strict=True))
    ]


def _one_hot(graph: Graph, encoder: OneHotEncoder, parts: Sequence[Part]) -> list[Part]:
    ends = np.cumsum([0, *encoder._n_features_outs])  # noqa: SLF001 - told nowhere else
    found = []
    for place, (column, categories) in enumerate(zip(graph.one_by_one(parts), encoder.categories_, strict=True)):
        table = _answers(encoder, place)[:, ends[place] : ends[place + 1]]
        row = looked_up(graph, column, categories, np.arange(len(categories) + 1.0))
        row = graph.node("Cast", row, to=TensorProto.INT64)
        row = graph.node("Reshape", row, graph.constant(np.array([-1])))
        found.append(Part(graph.node("Gather", graph.constant(table), row, axis=0), table.shape[1]))
    return found


def _answers(encoder: Any, place: int) -> np.ndarray:  # noqa: ANN401
    """What `encoder` makes of each category of a column, and of one it never saw, beside some in all others."""
    if encoder.handle_unknown == "error":
        raise UnsupportedError(f"{type(encoder).__name__} with handle_unknown='error'")
    categories = encoder.categories_[place]
    number = categories.dtype.kind in "iufb"
    asked = pd.Series([*categories, np.nanmax([0.0, *categories]) + 1 if number else _UNSEEN])
    rows = {at: [others[0]] * len(asked) for at, others in enumerate(encoder.categories_)} | {place: asked}
    frame = pd.DataFrame(rows)
    frame.columns = getattr(encoder, "feature_names_in_", frame.columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = encoder.transform(frame if hasattr(encoder, "feature_names_in_") else frame.to_numpy())
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)


def looked_up(graph: Graph, column: Part, categories: np.ndarray, values: np.ndarray) -> str:
    """The entry of `values` for each category; its last one for everything else.

    Raises:
        UnsupportedError: There are texts and other things among the categories.
    """
    if column.text:
        keys = [MISSING if pd.isna(one) else str(one) for one in categories]
        if len(set(keys)) < len(keys) or any(not isinstance(one, str) for one in categories if not pd.isna(one)):
            raise UnsupportedError("an encoder of texts and other things")
        told: dict[str, Any] = {"keys_strings": keys}
    else:
        told = {"keys_tensor": numpy_helper.from_array(categories.astype(np.float64))}
    told["values_tensor"] = numpy_helper.from_array(values[:-1].astype(np.float64))
    told["default_tensor"] = numpy_helper.from_array(values[-1:].astype(np.float64))
    return graph.node("LabelEncoder", column.name, domain=ML, **told)


def _imputed(graph: Graph, imputer: SimpleImputer, parts: Sequence[Part]) -> list[Part]:
    if not pd.isna(imputer.missing_values) or pd.isna(imputer.statistics_).any():
        raise UnsupportedError("SimpleImputer of other values than missing ones, or of a column without any")
    columns = graph.one_by_one(parts)
    gaps = [_is_missing(graph, column) for column in columns]
    known = zip(imputer.statistics_, columns, strict=True)
    fillers = [graph.constant([str(fill) if column.text else float(fill)]) for fill, column in known]
    found = [
        Part(graph.node("Where", gap, fill, column.name), text=column.text)
        for gap, fill, column in zip(gaps, fillers, columns, strict=True)
    ]
    told = imputer.indicator_.features_ if imputer.indicator_ is not None else ()
    return found + [Part(graph.node("Cast", gaps[place], to=TensorProto.DOUBLE)) for place in told]


def _is_missing(graph: Graph, column: Part) -> str:
    if column.text:
        return graph.node("Equal", column.name, graph.constant([MISSING]))
    return graph.node("IsNaN", column.name)


def _scaled(graph: Graph, scaler: Any, parts: Sequence[Part]) -> list[Part]:  # noqa: ANN401
    one = graph.together(parts)
    name = one.name
    centre = scaler.mean_ if getattr(scaler, "with_mean", False) else getattr(scaler, "center_", None)
    for operation, values in (("Sub", centre), ("Div", scaler.scale_)):
        if values is not None:
            name = graph.node(operation, name, graph.constant(np.asarray(values, dtype=np.float64)))
    return [Part(name, one.width)]


def _into_range(graph: Graph, scaler: MinMaxScaler, parts: Sequence[Part]) -> list[Part]:
    one = graph.together(parts)
    name = graph.node("Mul", one.name, graph.constant(scaler.scale_))
    name = graph.node("Add", name, graph.constant(scaler.min_))
    if scaler.clip:
        name = graph.node("Clip", name, *(graph.constant(np.float64(end)) for end in scaler.feature_range))
    return [Part(name, one.width)]


def _unchanged(_: Graph, step: FunctionTransformer, parts: Sequence[Part]) -> list[Part]:
    # histogram boosting checks its numbers by one
    checks = getattr(getattr(step.func, "func", None), "__name__", "") == "check_array"
    if step.func is not None and not checks:
        raise UnsupportedError("FunctionTransformer with a function")
    return list(parts)


_KINDS: dict[type, Callable[[Graph, Any, Sequence[Part]], list[Part]]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _by_columns,
    OrdinalEncoder: _ordinal,
    OneHotEncoder: _one_hot,
    SimpleImputer: _imputed,
    StandardScaler: _scaled,
    RobustScaler: _scaled,
    MaxAbsScaler: _scaled,
    MinMaxScaler: _into_range,
    FunctionTransformer: _unchanged,
}
