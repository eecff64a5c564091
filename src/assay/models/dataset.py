"""The dataset that data-validate made, as the stages behind it read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.errors import ArtifactError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path


def read_side(folder: Path, side: str, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features of shape (rows, columns) and target of shape (rows,).

    Args:
        folder: The artifact `dataset`.
        side: `train` or `holdout`.
        target: Column to predict.

    Raises:
        ArtifactError: The file is missing or damaged, empty, or has no such column or gaps in it.
    """
    path = folder / f"{side}.parquet"
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"the {side} rows cannot be read: {error}", where=str(path)) from None
    if target not in frame.columns:
        names = [str(name) for name in frame.columns]
        raise ArtifactError(
            f'the {side} rows have no column "{target}"', str(path), ", ".join(names), did_you_mean(target, names)
        )
    if frame.empty:
        raise ArtifactError(f"there are no {side} rows", where=str(path), next="look at tool.assay.data.holdout")
    if nothing := int(frame[target].isna().sum()):
        what = f'{nothing} of {len(frame)} {side} rows have no value in the target "{target}"'
        raise ArtifactError(what, where=str(path), next="leave them out in `load`")
    return frame.drop(columns=target), frame[target]


def facts(folder: Path) -> dict[str, Any]:
    """What dataset.json says: fingerprint, rows, columns, target.

    Raises:
        ArtifactError: It is missing or damaged.
    """
    path = folder / "dataset.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"the dataset's facts cannot be read: {error}", where=str(path)) from None
    if not isinstance(found, dict) or "fingerprint" not in found:
        raise ArtifactError("the dataset has no fingerprint", where=str(path))
    return found
