"""The dataset that data-validate made, as the stages behind it read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.callables import Dataset
from assay.errors import ArtifactError, did_you_mean
from assay.reports import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.config import Data


def read_side(path: Path, data: Data) -> Dataset:
    """The rows in `train.parquet` or `holdout.parquet`, features apart from everything else.

    Args:
        path: The file.
        data: `[tool.assay.data]`: target, weight, group, time and what the model does not get.

    Raises:
        ArtifactError: The file is missing or damaged, empty, or has no such column or gaps in the target.
    """
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"the {path.stem} rows cannot be read: {error}", where=str(path)) from None
    names = [str(name) for name in frame.columns]
    for name in filter(None, (data.target, data.time, *data.aside)):
        if name not in names:
            near = did_you_mean(name, names)
            raise ArtifactError(f'the {path.stem} rows have no column "{name}"', str(path), ", ".join(names), near)
    if frame.empty:
        raise ArtifactError(f"there are no {path.stem} rows", where=str(path), next="look at tool.assay.data.holdout")
    if nothing := int(frame[data.target].isna().sum()):
        what = f'{nothing} of {len(frame)} {path.stem} rows have no value in the target "{data.target}"'
        raise ArtifactError(what, where=str(path), next="leave them out in `load`")
    return Dataset(
        x=frame.drop(columns=[data.target, *data.aside]),
        y=frame[data.target],
        weights=frame[data.weight] if data.weight else None,
        groups=frame[data.group] if data.group else None,
        times=frame[data.time] if data.time else None,
        aside=frame[list(data.aside)],
    )


def facts(folder: Path) -> dict[str, Any]:
    """What dataset.json says: fingerprint, rows, columns, target.

    Raises:
        ArtifactError: It is missing or damaged.
    """
    path = folder / "dataset.json"
    found = read_json(path)
    if "fingerprint" not in found:
        raise ArtifactError("the dataset has no fingerprint", where=str(path))
    return found
