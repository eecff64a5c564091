"""The artifact `dataset` as chunks make it: the same content whatever the chunks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from assay.config import Data
from assay.data.dataset import Counted, DatasetWriter
from assay.errors import ProjectError

if TYPE_CHECKING:
    from pathlib import Path

DATA = Data(target="y")
ROWS = pd.DataFrame({
    "n": np.arange(100) % 7,
    "s": pd.Series([None if n % 5 == 0 else f"t{n % 3}" for n in range(100)], dtype="str"),
    "c": pd.Categorical(["a", "b"] * 50, categories=["a", "b", "never"]),
    "y": np.arange(100) % 2 == 0,
})  # fmt: skip


def written(folder: Path, *, chunk: int) -> Counted:
    folder.mkdir()
    with DatasetWriter(folder, folder, DATA) as writer:
        for side, rows in (("train", ROWS[:80]), ("holdout", ROWS[80:])):
            for start in range(0, len(rows), chunk):
                writer.add(side, rows[start : start + chunk])
    return writer.finish()


@pytest.mark.parametrize("chunk", [1, 7, 80, 1000])
def test_chunks_leave_no_trace_in_the_content(tmp_path: Path, chunk: int) -> None:
    assert written(tmp_path / "one", chunk=1000) == (counted := written(tmp_path / "many", chunk=chunk))
    assert counted.rows == {"train": 80, "holdout": 20}
    for side in ("train", "holdout"):
        one, many = (pd.read_parquet(tmp_path / name / f"{side}.parquet") for name in ("one", "many"))
        pd.testing.assert_frame_equal(one, many)
    assert list(many["c"].cat.categories) == ["a", "b", "never"]
    facts = json.loads((tmp_path / "many/dataset.json").read_text())
    assert facts["fingerprint"] == counted.fingerprint
    assert facts["columns"] == {"n": "int64", "s": "str", "c": "category", "y": "bool"}


def test_duplicates_and_overlap_are_those_of_all_rows(tmp_path: Path) -> None:
    counted = written(tmp_path / "d", chunk=9)
    assert counted.duplicates == pytest.approx(ROWS.duplicated().mean())
    train, holdout = (set(map(str, part.to_numpy().tolist())) for part in (ROWS[:80], ROWS[80:]))
    assert counted.overlap == pytest.approx(np.mean([str(r) in train for r in ROWS[80:].to_numpy().tolist()]))
    assert len(holdout) <= 20


def test_a_change_of_one_value_or_type_changes_the_fingerprint(tmp_path: Path) -> None:
    seen = {written(tmp_path / "a", chunk=50).fingerprint}
    for number, change in enumerate((ROWS.assign(n=ROWS["n"].replace(6, 5)), ROWS.assign(n=ROWS["n"].astype("int32")))):
        with DatasetWriter(tmp_path, tmp_path, DATA) as writer:
            writer.add("train", change[:80])
            writer.add("holdout", change[80:])
        seen.add(writer.finish().fingerprint)
        assert len(seen) == number + 2


def test_what_parquet_cannot_hold_is_explained(tmp_path: Path) -> None:
    odd = pd.DataFrame({"x": pd.Series([1, "a"], dtype=object), "y": [1, 2]})
    with (
        DatasetWriter(tmp_path, tmp_path, DATA) as writer,
        pytest.raises(ProjectError, match="cannot be written as Parquet"),
    ):
        writer.add("train", odd)
