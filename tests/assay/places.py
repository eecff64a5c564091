"""Data files in a temporary folder, and the source that they are."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from assay.config import Column, Config, Csv, Data
from assay.data.reading.sources import Source, open_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Content = Any  # str, bytes, pandas.DataFrame or pyarrow.Table


def write(folder: Path, files: Mapping[str, Content]) -> None:
    """Write each file below `folder`: texts, bytes, or tables as Parquet; what ends in .gz is packed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        raw = raw if isinstance(raw, bytes) else parquet(raw)
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)


def parquet(content: pd.DataFrame | pa.Table, **how: Any) -> bytes:
    """A Parquet file with this content."""
    table = pa.Table.from_pandas(content) if isinstance(content, pd.DataFrame) else content
    file = io.BytesIO()
    pq.write_table(table, file, **how)
    return file.getvalue()


def config(path: str = "data", csv: Mapping[str, str] | None = None, **data: Any) -> Config:
    """The configuration of a project without `load`; `schema` gives types by column."""
    schema = {name: Column(type=kind) for name, kind in data.pop("schema", {}).items()}
    settings = {"target": "y", **data, "path": path, "csv": Csv(**csv or {}), "schema": schema}
    return Config(name="tiny", model="tiny:build", data=Data(**settings))


def source(folder: Path, files: Mapping[str, Content], path: str = "data", **data: Any) -> Source:
    """The source that `files` below `folder`/data are."""
    write(folder / "data", files)
    return open_source(config(path, **data), folder, None)


def frame(folder: Path, files: Mapping[str, Content], path: str = "data", **data: Any) -> pd.DataFrame:
    """All its rows."""
    return pd.concat(list(source(folder, files, path, **data).chunks()))
