"""Writes the artifacts `dataset` and `holdout` chunk by chunk, and counts what only all rows together tell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from assay.errors import ProjectError
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from assay.config import Data

SIDES = ("train", "holdout")


@dataclass
class DatasetWriter:
    """Train and holdout rows on their way to Parquet; a context manager.

    Attributes:
        folder: Where train.parquet and dataset.json are written.
        holdout: Where holdout.parquet is written: apart, so that what learns cannot read it.
        data: Target, task and positive label, noted in dataset.json.
    """

    folder: Path
    holdout: Path
    data: Data
    _writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)
    _hashes: dict[str, list[np.ndarray]] = field(default_factory=lambda: {side: [] for side in SIDES})
    _columns: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, side: str, rows: pd.DataFrame) -> None:
        """Append `rows` (of the same columns and dtypes each time) to train or holdout.

        Raises:
            ProjectError: A column holds what Parquet has no type for.
        """
        self._columns = {str(name): str(kind) for name, kind in rows.dtypes.items()}
        self._hashes[side].append(row_hashes(rows))
        writer = self._writers.get(side)
        try:
            table = pa.Table.from_pandas(rows, schema=writer.schema if writer else None, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
            reason = str(error.args[0]) if error.args else str(error)
            raise ProjectError(
                f"the data cannot be written as Parquet: {reason}", "load", "values of one type a column"
            ) from error
        if writer is None:
            folder = self.holdout if side == "holdout" else self.folder
            writer = pq.ParquetWriter(folder / f"{side}.parquet", table.schema, compression="zstd")
            self._writers[side] = writer
        writer.write_table(table)

    def finish(self) -> Counted:
        """Write dataset.json; what the rows as a whole are."""
        hashes = {side: np.concatenate(self._hashes[side]) for side in SIDES}
        counted = Counted(
            rows={side: len(values) for side, values in hashes.items()},
            fingerprint=self._fingerprint(hashes),
            duplicates=_repeated(np.concatenate(list(hashes.values()))),
            overlap=float(np.isin(hashes["holdout"], hashes["train"]).mean()),
        )
        facts: dict[str, Any] = {name: getattr(self.data, name) for name in ("target", "task", "positive")}
        facts["aside"] = [name for name in self.data.aside if name in self._columns]
        known = {"fingerprint": counted.fingerprint, "rows": counted.rows, "columns": self._columns}
        write_json(self.folder / "dataset.json", known | facts)
        return counted

    def _fingerprint(self, hashes: dict[str, np.ndarray]) -> str:
        total = hashlib.sha256()
        for side, values in hashes.items():
            total.update(f"{side} {list(self._columns.items())}\n".encode())
            total.update(values.astype("<u8").tobytes())
        return total.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What only all rows together tell.

    Attributes:
        rows: Number of rows by side.
        fingerprint: sha256 of columns, types and values, in their order.
        duplicates: Share of rows that repeat an earlier one, 0 to 1.
        overlap: Share of holdout rows that also stand in train, 0 to 1.
    """

    rows: dict[str, int]
    fingerprint: str
    duplicates: float
    overlap: float


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """One 64-bit hash a row, the same for the same values in any chunk; shape (rows,)."""
    hashed: pd.Series[Any] = pd.util.hash_pandas_object(frame, index=False)
    return hashed.to_numpy()


def _repeated(hashes: np.ndarray) -> float:
    return (len(hashes) - len(np.unique(hashes))) / len(hashes)
