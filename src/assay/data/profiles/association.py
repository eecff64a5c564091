"""How a column and the target go together, from sums that merge: Pearson, correlation ratio or Cramer's V.

number and number: Pearson's r, -1 to 1; a number and classes, either way round: the correlation ratio eta, 0 to 1;
classes and classes: Cramer's V, 0 to 1. Times count as numbers; so does a target of numbers, few as they may be.
Rows where either is missing or infinite are left out; with more than 50 classes on one side nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.data.profiles.moments import centred, merged_mean, products

if TYPE_CHECKING:
    from collections.abc import Mapping

    Cell = tuple[float, ...]
    Cells = Mapping[tuple[str, ...], Cell]

MOST_CLASSES = 50


@dataclass(frozen=True)
class Numbers:
    """A side of numbers: float64 of shape (rows,), NaN where missing."""

    values: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """True where there is a finite number, shape (rows,)."""
        return np.asarray(np.isfinite(self.values))


@dataclass(frozen=True)
class Classes:
    """A side of classes.

    Attributes:
        codes: Position in `names` of shape (rows,), -1 where missing.
        names: The classes, str of shape (classes,).
    """

    codes: np.ndarray
    names: np.ndarray

    @cached_property
    def known(self) -> np.ndarray:
        """True where there is a class, shape (rows,)."""
        return self.codes >= 0


Side = Numbers | Classes


@dataclass(frozen=True)
class Association:
    """Mergeable sums.

    Attributes:
        measure: pearson, correlation_ratio or cramers_v; "nothing" without any row where both are known.
        cells: pearson: one cell, `(n, mean x, mean y, squares x, squares y, products)`; correlation_ratio: by class,
            `(n, mean, squares)`; cramers_v: by pair of classes, `(n,)`. Squares and products are of the distances
            from the means.
    """

    measure: str
    cells: Cells

    @property
    def value(self) -> float | None:
        """The measure; None where one side does not vary."""
        if not self.cells:
            return None
        with np.errstate(all="ignore"):
            value = {"pearson": _pearson, "correlation_ratio": _eta, "cramers_v": _cramers_v}[self.measure](self.cells)
        return float(np.clip(value, -1.0, 1.0)) if np.isfinite(value) else None

    def merged(self, other: Association) -> Association | None:
        """The association in the rows of both; None where that takes too many classes, or they measure differently."""
        if not (self.cells and other.cells):
            return self if self.cells else other
        if self.measure != other.measure:
            return None
        cells = dict(self.cells)
        for key, cell in other.cells.items():
            cells[key] = _added(cells[key], cell) if key in cells else cell
        return _bounded(self.measure, cells)

    def to_json(self) -> dict[str, Any]:
        """As plain values, in a fixed order; counts of pairs as a table, a line for each class of the column."""
        value = self.value
        found: dict[str, Any] = {"measure": self.measure, "value": None if value is None else round(value, 6)}
        if self.measure != "cramers_v":
            return found | {"cells": [[list(key), list(cell)] for key, cell in sorted(self.cells.items())]}
        rows, columns = _names(self.cells, 0), _names(self.cells, 1)
        lines = [" ".join(f"{self.cells.get((row, column), (0,))[0]:.0f}" for column in columns) for row in rows]
        return found | {"classes": [rows, columns], "counts": lines}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Association:
        """What `to_json` gave."""
        if "cells" in data:
            return Association(data["measure"], {tuple(key): tuple(cell) for key, cell in data["cells"]})
        rows, columns = data["classes"]
        cells: Cells = {
            (row, column): (int(count),)
            for row, line in zip(rows, data["counts"], strict=True)
            for column, count in zip(columns, line.split(), strict=True)
            if count != "0"
        }
        return Association(data["measure"], cells)


NOTHING = Association("nothing", {})


def associate(column: Side, target: Side) -> Association | None:
    """The association of two sides with the same rows; None where there are too many classes, or too large numbers."""
    known = column.known & target.known
    if not known.any():
        return NOTHING
    one, two = (_kept(side, slice(None) if known.all() else known) for side in (column, target))
    if one is None or two is None:
        return None
    if isinstance(one, Numbers):
        if isinstance(two, Numbers):
            return _bounded("pearson", {(): _comoments(one.values, two.values)})
        return _bounded("correlation_ratio", _by_class(one.values, two))
    if isinstance(two, Numbers):
        return _bounded("correlation_ratio", _by_class(two.values, one))
    return _bounded("cramers_v", _table(one, two))


def _kept(side: Side, rows: slice | np.ndarray) -> Side | None:
    """Some rows of a side, with no class but those in them; None where those are too many."""
    if isinstance(side, Numbers):
        return Numbers(side.values[rows])
    codes = side.codes[rows]
    if len(side.names) <= MOST_CLASSES:
        return Classes(codes, side.names)
    used = np.flatnonzero(np.bincount(codes)).tolist()
    if len(used) > MOST_CLASSES:
        return None
    return Classes(np.searchsorted(used, codes), side.names[used])


def _bounded(measure: str, cells: Cells) -> Association | None:
    """The association, unless there are too many classes, or squares so large that they have no float."""
    sides = range(len(next(iter(cells))))
    few = all(len(_names(cells, side)) <= MOST_CLASSES for side in sides)
    return Association(measure, cells) if few and all(np.isfinite(cell).all() for cell in cells.values()) else None


def _names(cells: Cells, side: int) -> list[str]:
    return sorted({key[side] for key in cells})


def _comoments(x: np.ndarray, y: np.ndarray) -> Cell:
    (mean_x, dx), (mean_y, dy) = centred(x), centred(y)
    return len(x), mean_x, mean_y, products(dx, dx), products(dy, dy), products(dx, dy)


def _by_class(values: np.ndarray, classes: Classes) -> Cells:
    size, (mean, apart) = len(classes.names), centred(values)
    n = np.bincount(classes.codes, minlength=size)
    with np.errstate(over="ignore", invalid="ignore"):
        # the mean of a class from distances, its squares from distances to its own mean: no digits are lost
        means = np.bincount(classes.codes, weights=apart, minlength=size) / np.maximum(n, 1)
        apart = apart - means[classes.codes]
        squares = np.bincount(classes.codes, weights=apart * apart, minlength=size)
    used = np.flatnonzero(n).tolist()
    return {(classes.names[i],): (int(n[i]), float(mean + means[i]), float(squares[i])) for i in used}


def _table(one: Classes, two: Classes) -> Cells:
    columns = len(two.names)
    counts = np.bincount(one.codes * columns + two.codes)
    used = np.flatnonzero(counts).tolist()
    return {(one.names[i // columns], two.names[i % columns]): (int(counts[i]),) for i in used}


def _added(one: Cell, two: Cell) -> Cell:
    """Sums of two parts (Chan, Golub and LeVeque, 1979)."""
    n, m = one[0], two[0]
    if len(one) == 1:
        return (n + m,)
    weight = n * m / (n + m)
    x = two[1] - one[1]
    mean = merged_mean((n, one[1]), (m, two[1]))
    if len(one) == 3:  # noqa: PLR2004 - n, mean, squares
        return n + m, mean, one[2] + two[2] + x * x * weight
    y = two[2] - one[2]
    sums = (one[3] + two[3] + x * x * weight, one[4] + two[4] + y * y * weight, one[5] + two[5] + x * y * weight)
    return n + m, mean, merged_mean((n, one[2]), (m, two[2])), *sums


def _pearson(cells: Cells) -> float:
    _, _, _, xx, yy, xy = cells[()]
    return float(xy / (np.sqrt(xx) * np.sqrt(yy)))


def _eta(cells: Cells) -> float:
    n, means, squares = np.array(list(cells.values()), dtype=float).T
    # from the mean of one class, so that classes with the very same mean are exactly 0 apart
    apart = means - means[0]
    between = (n * (apart - (n @ apart) / n.sum()) ** 2).sum()
    return float(np.sqrt(between / (between + squares.sum())))


def _cramers_v(cells: Cells) -> float:
    rows, columns = _names(cells, 0), _names(cells, 1)
    counts = np.zeros((len(rows), len(columns)))
    for (row, column), (n,) in cells.items():
        counts[rows.index(row), columns.index(column)] = n
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    squared = ((counts - expected) ** 2 / expected).sum()
    return float(np.sqrt(squared / (counts.sum() * (min(counts.shape) - 1))))
