"""A model in ONNX, asked with records through ONNX Runtime: neither scikit-learn nor pandas is needed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import ArtifactError, ConfigError
from assay.models.signature import EXPORTED, MISSING, is_text
from assay.serving.arrays import FLOATS, INTEGERS, floats, integers
from assay.serving.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from assay.models.signature import Column

_DOUBLE = np.dtype("float64")


class Exported:
    """A model that `assay.export` wrote.

    Attributes:
        is_classifier: It gives probabilities beside its predictions.
        runtime: What predicts, in one word.
    """

    runtime = "onnxruntime"

    def __init__(self, model: bytes, columns: Mapping[str, Column]) -> None:
        """Load `model`, whose inputs are the columns that `signature.columns` gives.

        Raises:
            ArtifactError: It cannot be loaded.
            ConfigError: ONNX Runtime is not installed.
        """
        self._run = _session(model)
        self._builders = {name: _builder(column) for name, column in columns.items()}
        self.is_classifier = len(self._run(dict(self._feed([dict.fromkeys(columns)])))) > 1

    def predict(self, records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any] | None]:
        """As `Estimator.predict`.

        Raises:
            Refused: A value does not fit the model's columns.
        """
        try:
            feed = self._feed(records)
        except (ValueError, TypeError, OverflowError) as error:
            raise refused(422, str(error), "records") from None
        found = self._run(feed)
        return {"predictions": found[0].tolist(), "probabilities": found[1].tolist() if self.is_classifier else None}

    def quicken(self, _: Sequence[Mapping[str, Any]]) -> None:
        """It is quick."""

    def kind(self, _: Sequence[Mapping[str, Any]]) -> tuple[bool, ...]:
        """Any records can be asked together: what is missing is a number or a text too."""
        return ()

    def _feed(self, records: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
        return {
            name: build([record[name] for record in records]).reshape(-1, 1) for name, build in self._builders.items()
        }


def read(path: Path, columns: Mapping[str, Column]) -> Exported:
    """The model in a file.

    Raises:
        ArtifactError: It is missing or damaged.
        ConfigError: ONNX Runtime is not installed.
    """
    try:
        return Exported(path.read_bytes(), columns)
    except OSError as error:
        raise ArtifactError(f"the model cannot be read: {error.strerror}", where=str(path)) from None


def _session(model: bytes) -> Callable[[dict[str, np.ndarray]], list[Any]]:
    try:
        import onnxruntime
    except ImportError as error:
        then = "install requirements/serve-onnx.lock, or set onnx = false in [tool.assay.serving] and run again"
        raise ConfigError(f"the bundle's model is for ONNX Runtime: {error}", where="onnxruntime", next=then) from None
    options = onnxruntime.SessionOptions()
    # as everywhere in the server: threads inside one prediction fight with those of the others
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtifactError(f"ONNX Runtime cannot load the model: {error}", where=EXPORTED) from error
    return partial(session.run, None)


def _builder(column: Column) -> Callable[[Sequence[Any]], np.ndarray]:
    dtype, text = str(column["dtype"]), is_text(column)
    if dtype == "category":
        # what training never saw is missing, as in the frame that the estimator would get
        return partial(_known, frozenset(column["categories"]), _texts if text else _numbers)
    if text:
        return _texts
    if dtype in INTEGERS:
        return lambda values: integers(np.dtype(dtype), values).astype(_DOUBLE)
    if dtype in FLOATS:
        return lambda values: floats(np.dtype(dtype), values).astype(_DOUBLE)
    if dtype == "bool":
        return _numbers
    raise ArtifactError(f"a column of type {dtype} is not for ONNX", where=EXPORTED)


def _known(known: Collection[Any], build: Callable[[Sequence[Any]], np.ndarray], values: Sequence[Any]) -> np.ndarray:
    return build([value if value in known else None for value in values])


def _texts(values: Sequence[str | None]) -> np.ndarray:
    return np.array([MISSING if value is None else value for value in values], dtype=object)


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return floats(_DOUBLE, values)
