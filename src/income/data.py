"""Reads the data and names its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "income"
MARKER = "is_test"
NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
CATEGORIES = (
    "workclass",
    "education",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native_country",
)


def load(data_dir: Path) -> pd.DataFrame:
    """All rows of both original files, in their order.

    Args:
        data_dir: Folder with train.parquet and test.parquet.

    Returns:
        48,842 rows: six whole-number columns, eight categorical ones (three with missing values), the label `income`
        and the boolean `is_test`, true for the rows of the original test file.
    """
    parts = [pd.read_parquet(data_dir / f"{name}.parquet").assign(is_test=name == "test") for name in ("train", "test")]
    frame = pd.concat(parts, ignore_index=True)
    return frame.astype(dict.fromkeys(CATEGORIES, "category"))
