"""Whether an export predicts the same as the model itself: on the holdout, and on rows made to tell them apart."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.models import rows
from assay.models.signature import is_text
from assay.serving.estimator import Estimator
from assay.serving.frames import Frames
from assay.serving.limits import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from assay.models.signature import Column
    from assay.serving.batching import Answer
    from assay.serving.exported import Exported

    Records = Sequence[Mapping[str, Any]]
    Both = tuple[Estimator, Exported]

LARGEST = 1e-9
"""Difference of two predictions or probabilities, relative where they are above 1, that is rounding and no more."""
_ALONE, _FEW, _TOGETHER = 20, 5, 100
_LARGE = float(np.finfo(np.float32).max)
# a text that no row has, and numbers beyond those of any data, up to the largest that the server takes
_TEXTS = (None, "", "a text that no row has")
_WHOLE = (None, 0, -1, 100_000, -100_000)
_NUMBERS = (*_WHOLE, 0.5, 1e-30, 1e15, -1e15, _LARGE, -_LARGE)


def difference(model: Any, exported: Exported, columns: Mapping[str, Column], x: pd.DataFrame) -> str:  # noqa: ANN401
    """How a fitted estimator and its export differ, in words; empty where they predict the same.

    Args:
        model: The estimator.
        exported: The export.
        columns: What dtypes it was trained with.
        x: The holdout's features of shape (rows, columns), all of which are asked: many together, some alone, and some
            with a value changed in each column.
    """
    both = Estimator(model, Frames(columns)), exported
    whole = (_records(x.iloc[start : start + MAX_ROWS], columns) for start in range(0, len(x), MAX_ROWS))
    some = _records(x.head(_ALONE), columns)
    for part in chain(whole, ([record] for record in some)):
        if what := _differ(*_answers(both, part)):
            return f"{what} on rows of the holdout"
    return _changes_differ(both, list(_changed(some[:_FEW], columns)))


def _changes_differ(both: Both, changes: Sequence[tuple[str, Records]]) -> str:
    for start in range(0, len(changes), _TOGETHER):
        part = changes[start : start + _TOGETHER]
        # where one row is refused, nothing is known of those that were asked with it
        one, other = _answers(both, list(chain(*(records for _, records in part))))
        if one and not _differ(one, other):
            continue
        for where, records in part:
            if what := _differ(*_answers(both, records)):
                return f"{what} where {where}"
    return ""


def _records(x: pd.DataFrame, columns: Mapping[str, Column]) -> Records:
    return [dict(zip(columns, row, strict=True)) for row in rows.records(x[list(columns)])]


def _changed(records: Records, columns: Mapping[str, Column]) -> Iterator[tuple[str, Records]]:
    for name, column in columns.items():
        dtype = str(column["dtype"])
        values: Sequence[Any] = _TEXTS if is_text(column) else _WHOLE if dtype.startswith("int") else _NUMBERS
        for value in (None, True, False) if dtype == "bool" else values:
            yield f"{name} is {value!r}", [{**record, name: value} for record in records]


def _answers(both: Both, records: Records) -> list[Answer | None]:
    return [_asked(one, records) for one in both]


def _asked(one: Estimator | Exported, records: Records) -> Answer | None:
    """None where there is no answer that could be sent."""
    try:
        found = one.predict(records)
    except Exception:  # noqa: BLE001 - whatever it raises, a client would get no prediction
        return None
    numbers = np.array(found["probabilities"] or found["predictions"], dtype=object).ravel()
    return found if all(value is not None and value == value for value in numbers) else None  # noqa: PLR0124 - NaN


def _differ(one: Answer | None, other: Answer | None) -> str:
    if one is None or other is None:
        return "" if one is other else f"only {'the export' if one is None else 'the model itself'} gives an answer"
    if one["probabilities"] is None or other["probabilities"] is None:
        return _far(one["predictions"], other["predictions"], "the predictions")
    # 1, 1.0 and true are equal in Python, and not to a client
    if repr(one["predictions"]) != repr(other["predictions"]):
        return "the labels differ"
    return _far(one["probabilities"], other["probabilities"], "the probabilities")


def _far(own: Any, found: Any, name: str) -> str:  # noqa: ANN401 - lists of numbers, or of lists of them
    own, found = np.array(own, dtype=np.float64), np.array(found, dtype=np.float64)
    if own.shape != found.shape:
        return f"the shapes of {name} differ"
    largest = float((np.abs(own - found) / np.maximum(1, np.abs(own))).max())
    return f"{name} differ by {largest:.3g}" if largest > LARGEST else ""
