from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from assay.models import rows, signature
from assay.serving.frames import Frames

if TYPE_CHECKING:
    from pathlib import Path

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}


@pytest.mark.parametrize(
    "records",
    [
        [OK],
        [OK, OK | {"job": "astronaut", "level": 9}],
        [OK, dict.fromkeys(OK)],
        [OK | {"level": None}, OK | {"pay-rate": None}, OK | {"married": False}],
    ],
    ids=["one", "unseen", "all-missing", "some-missing"],
)
def test_frames_are_what_pandas_makes_the_slow_way(bundle: Path, records: list[dict[str, Any]]) -> None:
    columns = signature.columns(bundle / "model")
    expected = rows.coerce(pd.DataFrame(records), columns)
    pd.testing.assert_frame_equal(Frames(columns).build(records), expected, check_column_type=False)


def test_frames_know_every_dtype() -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", "b"],
            "day": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "tiny": pd.Series([1, 2], dtype="int8"),
            "single": pd.Series([0.5, 1.5], dtype="float32"),
            "maybe": pd.Series([1, None], dtype="Int64"),
        }
    )
    records = [dict(zip(frame.columns, row, strict=True)) for row in rows.records(frame)]
    pd.testing.assert_frame_equal(Frames(rows.describe(frame)).build(records), frame)


def test_a_number_out_of_range_is_refused() -> None:
    frames = Frames({"tiny": {"dtype": "int8"}})
    with pytest.raises(OverflowError):
        frames.build([{"tiny": 300}])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"age": 31, "job": None, "level": None, "hours": None}, True),
        ({"age": None}, False),
        ({"married": None}, False),
    ],
    ids=["room-for-missing", "whole-number", "truth"],
)
def test_records_of_one_kind_keep_their_dtypes_together(bundle: Path, change: dict[str, Any], *, same: bool) -> None:
    frames = Frames(signature.columns(bundle / "model"))
    one, other = [OK], [OK | change]
    assert (frames.kind(one) == frames.kind(other)) is same
    dtypes = [frames.build(records).dtypes.to_dict() for records in (one, other, one + other)]
    assert (dtypes[0] == dtypes[1] == dtypes[2]) is same
