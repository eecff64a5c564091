"""How a column and the target go together, from sums that merge: Pearson, correlation ratio or Cramer's V.

number and number: Pearson's r, -1 to 1; a number and classes, either way round: the correlation ratio eta, 0 to 1;
classes and classes: Cramer's V, 0 to 1. Rows where either is missing are left out; with more than 50 classes on one
side nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    Cell = tuple[float, ...]

MOST_CLASSES = 50


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two, row by row.

    Attributes:
        numbers: float64 of shape (rows,), NaN where missing; None for classes.
        codes: Position in `classes` of shape (rows,), -1 where missing.
        classes: Names of the classes.
    """

    numbers: np.ndarray | None = None
    codes: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    @cached_property
    def member(self) -> np.ndarray | None:
        """1.0 where a row is of a class, float64 of shape (classes, rows); None for numbers."""
        return None if self.codes is None else (self.codes == np.arange(len(self.classes))[:, None]).astype(float)


@dataclass(frozen=True)
class Association:
    """Mergeable sums.

    Attributes:
        measure: pearson, correlation_ratio or cramers_v.
        cells: pearson: one cell, `(n, mean x, mean y, squares x, squares y, products)`; correlation_ratio: by class,
            `(n, mean, squares)`; cramers_v: by pair of classes, `(n,)`. Squares and products are of the distances
            from the means.
    """

    measure: str
    cells: Mapping[tuple[str, ...], Cell]

    @property
    def value(self) -> float | None:
        """The measure; None where one side does not vary."""
        value = {"pearson": _pearson, "correlation_ratio": _eta, "cramers_v": _cramers_v}[self.measure](self.cells)
        return round(value, 6) if np.isfinite(value) else None

    def merged(self, other: Association) -> Association | None:
        """The association in the rows of both; None where they measure differently, or see too many classes."""
        if self.measure != other.measure:
            return None
        cells = dict(self.cells)
        for key, cell in other.cells.items():
            cells[key] = _added(cells[key], cell) if key in cells else cell
        return _bounded(self.measure, cells)

    def to_json(self) -> dict[str, Any]:
        """As plain values, in a fixed order."""
        return {"measure": self.measure, "value": self.value, "cells": [[k, v] for k, v in sorted(self.cells.items())]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Association:
        """What `to_json` gave."""
        return Association(data["measure"], {tuple(key): tuple(cell) for key, cell in data["cells"]})


def associate(column: Side, target: Side) -> Association | None:
    """The association of two sides with the same rows; None where nothing can be said."""
    if max(len(column.classes), len(target.classes)) > MOST_CLASSES:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        if column.numbers is not None and target.numbers is not None:
            return _bounded("pearson", _products(column.numbers, target.numbers))
        if column.numbers is None and target.numbers is None:
            return _bounded("cramers_v", _table(column, target))
        number, classes = (column, target) if column.numbers is not None else (target, column)
        return _bounded("correlation_ratio", _by_class(number, classes))


def _bounded(measure: str, cells: Mapping[tuple[str, ...], Cell]) -> Association | None:
    """The association, unless there are too many classes, or squares so large that they have no float."""
    if not all(np.isfinite(cell).all() for cell in cells.values()):
        return None
    widest = max((len({key[side] for key in cells}) for key in list(cells)[:1] for side in range(len(key))), default=0)
    return Association(measure, cells) if widest <= MOST_CLASSES else None


def _products(x: np.ndarray, y: np.ndarray) -> dict[tuple[str, ...], Cell]:
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if not len(x):
        return {}
    mean_x, mean_y = float(x.mean()), float(y.mean())
    dx, dy = x - mean_x, y - mean_y
    return {(): (float(len(x)), mean_x, mean_y, float(dx @ dx), float(dy @ dy), float(dx @ dy))}


def _by_class(number: Side, classes: Side) -> dict[tuple[str, ...], Cell]:
    values, member = number.numbers, classes.member
    if values is None or member is None:
        return {}
    known = np.isfinite(values)
    if not known.any():
        return {}
    # distances from the mean of all lose no digits where the values are large and close together
    middle = values.mean(where=known)
    apart = np.where(known, values - middle, 0.0)
    n, total, squares = (member @ part for part in (known.astype(float), apart, apart * apart))
    return {
        (name,): (float(n[i]), float(middle + total[i] / n[i]), max(float(squares[i] - total[i] ** 2 / n[i]), 0.0))
        for i, name in enumerate(classes.classes)
        if n[i]
    }


def _table(column: Side, target: Side) -> dict[tuple[str, ...], Cell]:
    rows, columns = len(column.classes), len(target.classes)
    if column.codes is None or target.codes is None or not rows * columns:
        return {}
    known = (column.codes >= 0) & (target.codes >= 0)
    counts = np.bincount(column.codes[known] * columns + target.codes[known], minlength=rows * columns)
    return {
        (column.classes[cell // columns], target.classes[cell % columns]): (float(counts[cell]),)
        for cell in np.flatnonzero(counts)
    }


def _added(one: Cell, two: Cell) -> Cell:
    """Sums of two parts (Chan, Golub and LeVeque, 1979)."""
    n, m = one[0], two[0]
    if len(one) == 1:
        return (n + m,)
    both = n + m
    if len(one) == 3:  # noqa: PLR2004 - n, mean, squares
        apart = two[1] - one[1]
        return both, one[1] + apart * m / both, one[2] + two[2] + apart * apart * n * m / both
    x, y, weight = two[1] - one[1], two[2] - one[2], n * m / both
    sums = (one[3] + two[3] + x * x * weight, one[4] + two[4] + y * y * weight, one[5] + two[5] + x * y * weight)
    return both, one[1] + x * m / both, one[2] + y * m / both, *sums


def _pearson(cells: Mapping[tuple[str, ...], Cell]) -> float:
    if not cells:
        return np.nan
    _, _, _, xx, yy, xy = cells[()]
    return xy / np.sqrt(xx * yy) if xx > 0 and yy > 0 else np.nan


def _eta(cells: Mapping[tuple[str, ...], Cell]) -> float:
    values = np.array(list(cells.values())).reshape(-1, 3)
    n, means, within = values[:, 0], values[:, 1], values[:, 2].sum()
    if not n.sum():
        return np.nan
    between = (n * (means - (n @ means) / n.sum()) ** 2).sum()
    return float(np.sqrt(between / (between + within))) if between + within > 0 else np.nan


def _cramers_v(cells: Mapping[tuple[str, ...], Cell]) -> float:
    rows, columns = (sorted({key[side] for key in cells}) for side in (0, 1))
    if min(len(rows), len(columns)) < 2:  # noqa: PLR2004 - one class says nothing
        return np.nan
    counts = np.zeros((len(rows), len(columns)))
    for (row, column), (n,) in cells.items():
        counts[rows.index(row), columns.index(column)] = n
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    squared = ((counts - expected) ** 2 / expected).sum()
    return float(np.sqrt(squared / (counts.sum() * (min(counts.shape) - 1))))
