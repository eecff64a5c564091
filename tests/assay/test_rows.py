"""Rows that went through JSON come back with the types that the model was trained with."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from modelkit import FRAME, LABELS
from sklearn.linear_model import LogisticRegression

from assay.errors import ArtifactError
from assay.models import modelfolder, rows

if TYPE_CHECKING:
    from pathlib import Path


def _save(folder: Path) -> None:
    model = LogisticRegression().fit(FRAME[["number"]], LABELS)
    modelfolder.save(model, folder, example=FRAME, predictions=LABELS)


def _through_json(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(json.loads(json.dumps(rows.records(frame), allow_nan=False)), columns=list(frame.columns))


@pytest.mark.parametrize("count", [8, 2, 1])
def test_rows_come_back_from_json_as_they_were(count: int, tmp_path: Path) -> None:
    _save(tmp_path / "model")
    back = modelfolder.coerce(_through_json(FRAME.head(count)), tmp_path / "model")
    pd.testing.assert_frame_equal(back, FRAME.head(count))


def test_without_dtypes_the_signature_must_do(tmp_path: Path) -> None:
    _save(tmp_path / "model")
    (tmp_path / "model" / "dtypes.json").unlink()
    back = modelfolder.coerce(_through_json(FRAME.head(2)), tmp_path / "model")
    kinds = {name: str(kind) for name, kind in back.dtypes.items()}
    assert kinds["number"] == "int64"
    assert kinds["kind"] == "str"
    assert kinds["day"] == "datetime64[ns]"
    assert kinds["truth"] == "bool"


def test_columns_are_ordered_and_further_ones_dropped() -> None:
    back = modelfolder.coerce(pd.DataFrame({"z": [1], "b": [2], "a": [3]}), {"a": "long", "b": "double"})
    assert list(back.columns) == ["a", "b"]


def _category(of: str, *values: object) -> dict[str, Any]:
    return {"dtype": "category", "categories": list(values), "of": of, "ordered": False}


COERCED: dict[str, tuple[list[Any], Any, str, list[Any]]] = {
    "missing whole number": ([1, None], "long", "float64", [1.0, None]),
    "all missing": ([None, None], "long", "float64", [None, None]),
    "broken whole number": ([1.5, 2], "long", "float64", [1.5, 2.0]),
    "number as text": (["1", "2"], "long", "int64", [1, 2]),
    "unknown category": (["a", "new"], _category("str", "a"), "category", ["a", None]),
    "category of whole numbers": ([2, None], _category("int64", 1, 2), "category", [2, None]),
    "missing truth": ([True, None], "boolean", "object", [True, None]),
    "date": (["2024-05-06"], "datetime", "datetime64[ns]", ["2024-05-06T00:00:00"]),
    "no text": ([None, None], "string", "str", [None, None]),
}


@pytest.mark.parametrize(("values", "kind", "dtype", "expected"), COERCED.values(), ids=COERCED)
def test_values_are_coerced(values: list[Any], kind: Any, dtype: str, expected: list[Any]) -> None:
    back = rows.coerce(pd.DataFrame({"c": values}), {"c": kind})
    assert str(back["c"].dtype) == dtype
    assert [row[0] for row in rows.records(back)] == expected


REFUSED: dict[str, tuple[list[Any], Any]] = {
    "text for a number": (["abc"], "double"),
    "list for a number": ([[1]], "double"),
    "text for a truth value": (["false"], "boolean"),
    "text for a date": (["yesterday-ish"], "datetime"),
    "too large": ([2**40], "integer"),
    "negative for unsigned": ([-1], {"dtype": "uint8"}),
}


@pytest.mark.parametrize(("values", "kind"), REFUSED.values(), ids=REFUSED)
def test_values_that_do_not_fit_are_refused_with_the_column(values: list[Any], kind: Any) -> None:
    with pytest.raises(ArtifactError, match='column "c"'):
        rows.coerce(pd.DataFrame({"c": values}), {"c": kind})


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ArtifactError) as caught:
        rows.coerce(pd.DataFrame({"b": ["x"]}), {"a": "long", "b": "long", "c": "string"})
    for part in ('column "a" is missing', 'column "b"', 'column "c" is missing'):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64("nan"), None),
        (float("inf"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (pd.Timestamp("2024-01-01"), "2024-01-01T00:00:00"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (("a", 1), "('a', 1)"),
    ],
)
def test_values_become_json(value: Any, expected: Any) -> None:
    assert rows.to_json(value) == expected
