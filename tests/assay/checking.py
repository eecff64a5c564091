"""Runs the rules of `[tool.assay.data]` on chunks, for the tests."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.config import Column, Data
from assay.data.rules.checks import Checked, Checks

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC)


def rules(schema: dict[str, Column] | None = None, **settings: Any) -> Data:
    """`[tool.assay.data]` with these rules."""
    return Data(target="t", schema=schema or {}, **settings)


def check(path: Path, data: Data, *chunks: pd.DataFrame, now: dt.datetime | None = NOW) -> Checked:
    """Hold `chunks`, numbered on, against `data`; the failures lie in the folder `path`."""
    checks, start = Checks(data, path / "failures.parquet", now), 0
    for chunk in chunks:
        checks.add(chunk.set_axis(pd.RangeIndex(start, start + len(chunk)), axis=0))
        start += len(chunk)
    return checks.result()


def found(path: Path, values: Any, rule: Column) -> dict[str, int]:
    """Failures by code where the only column is `values`."""
    checked = check(path, rules({"x": rule}), pd.DataFrame({"x": values}))
    return {finding.code: finding.count for finding in checked.findings}


def failures(path: Path) -> list[tuple[Any, ...]]:
    """The rows of failures.parquet, None where null."""
    frame = pd.read_parquet(path / "failures.parquet").astype(object)
    return [tuple(row) for row in frame.where(frame.notna(), None).itertuples(index=False)]
