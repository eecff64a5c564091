# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow==25.0.1"]
# ///
"""Makes train.parquet and test.parquet from the original UCI Adult files: `python data/convert.py FOLDER [TARGET]`."""

from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
)
FILES = {"adult.data": "train.parquet", "adult.test": "test.parquet"}


def read(path: Path) -> pa.Table:
    """The rows of an original file: 15 typed columns, `?` as null, labels without the full stop of adult.test."""
    with path.open(encoding="ascii", newline="") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if len(row) == len(COLUMNS)]
    columns = {
        name: pa.array(_values(name, cells)) for name, cells in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }
    return pa.table(columns)


def _values(name: str, cells: tuple[str, ...]) -> list[int | str | None]:
    if name in NUMBERS:
        return [int(cell) for cell in cells]
    return [None if cell == "?" else cell.removesuffix(".") if name == "income" else cell for cell in cells]


def main(source: Path, target: Path) -> None:
    """Convert both files and print the digest of each original and of what was made from it."""
    for old, new in FILES.items():
        table = read(source / old)
        pq.write_table(table, target / new, compression="zstd", compression_level=19)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (source / old, target / new)]
        sys.stdout.write(f"{old} {digests[0]}\n{new} {digests[1]} ({table.num_rows} rows)\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent)  # noqa: PLR2004 - optional
