"""Labels that came later: files with a request id and what turned out to be true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assay.config import Monitor

_READERS: dict[str, Callable[..., pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".jsonl": pd.read_json,
    ".parquet": pd.read_parquet,
}


@dataclass(frozen=True)
class Labels:
    """What turned out to be true.

    Attributes:
        ids: Request ids, each once.
        values: The label of each, of shape (ids,).
    """

    ids: pd.Index[Any]
    values: np.ndarray

    def of(self, ids: pd.Series[Any]) -> tuple[pd.Series[Any], np.ndarray]:
        """The label of each request, missing where it is not known, and the places of those that were found."""
        places = self.ids.get_indexer(pd.Index(ids, dtype=object))
        found = pd.Series([None] * len(ids), index=ids.index, dtype=object)
        found[places >= 0] = self.values[places[places >= 0]]
        return found, places[places >= 0]


NO_LABELS = Labels(pd.Index([], dtype=object), np.zeros(0, dtype=object))


def read_labels(files: Sequence[Path], settings: Monitor) -> Labels:
    """The labels in `files`, in the order of their names; of several for one request the last one counts.

    Raises:
        ArtifactError: A file cannot be read, or lacks a column.
    """
    if not files:
        return NO_LABELS
    frames = [_read(file, settings) for file in files]
    frame = pd.concat(frames).dropna().drop_duplicates("id", keep="last")
    return Labels(pd.Index(frame["id"], dtype=object), frame["label"].to_numpy(dtype=object))


def _read(file: Path, settings: Monitor) -> pd.DataFrame:
    where, wanted = f"labels {file.name}", [settings.label_id, settings.label]
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise ArtifactError(f'"{file.suffix}" files hold no labels', where, ", ".join(_READERS))
    # an id such as 007 is no number
    options: dict[str, Any] = {"lines": True, "dtype": False} if file.suffix == ".jsonl" else {}
    options |= {"dtype": {settings.label_id: str}} if file.suffix == ".csv" else {}
    try:
        frame = reader(file, **options)
    except (ValueError, OSError, UnicodeError) as error:
        raise ArtifactError(f"the labels cannot be read: {error}", where) from None
    if missing := [name for name in wanted if name not in frame]:
        told = ", ".join(map(str, frame.columns))
        then = "name the columns with label_id and label in [tool.assay.monitor]"
        raise ArtifactError(f'the labels have no column "{missing[0]}"', where, told, then)
    return pd.DataFrame({"id": frame[wanted[0]].astype(object).map(_text), "label": frame[wanted[1]].astype(object)})


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]
