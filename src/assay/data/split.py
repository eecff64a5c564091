"""Train and holdout rows: by a share, seeded and stratified, or by a column that marks the holdout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from assay.errors import ProjectError

if TYPE_CHECKING:
    from assay.config import Data

_WHERE = "pyproject.toml tool.assay.data.holdout"


@dataclass(frozen=True)
class Split:
    """Two frames with the same columns, each with a fresh index, rows in their original order."""

    train: pd.DataFrame
    holdout: pd.DataFrame


def split(frame: pd.DataFrame, data: Data) -> Split:
    """Split `frame` as `[tool.assay.data] holdout` says; a marker column is removed.

    Raises:
        ProjectError: The marker is not true/false throughout, a side would be empty, or train lacks a class.
    """
    if isinstance(data.holdout, str):
        marked = _marked(frame[data.holdout])
        frame = frame.drop(columns=data.holdout)
    else:
        marked = _drawn(frame[data.target], data.holdout, data.seed, stratified=data.task == "classification")
    train, holdout = frame[~marked].reset_index(drop=True), frame[marked].reset_index(drop=True)
    for name, side in (("train", train), ("holdout", holdout)):
        if side.empty:
            raise ProjectError(f"{name} is left without rows ({len(frame)} in all)", _WHERE, "rows on both sides")
    if data.task == "classification":
        _check_classes(train[data.target], holdout[data.target])
    return Split(train, holdout)


def _marked(marker: pd.Series[bool]) -> np.ndarray:
    if not pd.api.types.is_bool_dtype(marker) or marker.isna().any():
        missing = int(marker.isna().sum())
        what = f'the marker column "{marker.name}" is {marker.dtype} with {missing} missing values'
        raise ProjectError(what, _WHERE, "true or false in every row")
    return marker.to_numpy(dtype=bool)


def _drawn(target: pd.Series[str], share: float, seed: int, *, stratified: bool) -> np.ndarray:
    random = np.random.default_rng(seed)
    groups = pd.factorize(target, sort=True)[0] if stratified else np.zeros(len(target), dtype=int)
    marked = np.zeros(len(target), dtype=bool)
    for group in range(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        marked[random.permutation(rows)[: round(share * len(rows))]] = True
    return marked


def _check_classes(train: pd.Series[str], holdout: pd.Series[str]) -> None:
    unseen = sorted(set(map(str, holdout.unique())) - set(map(str, train.unique())))
    if unseen:
        raise ProjectError(f"classes only in the holdout rows: {', '.join(unseen[:5])}", _WHERE, "each class in train")
