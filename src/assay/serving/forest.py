"""Asks scikit-learn's histogram boosting once for all its trees, which for a single row is most of the work.

scikit-learn walks tree by tree, and each call costs 15 µs, however few rows there are. Here the trees are the branches
of one tree, whose upper part chooses by the number of the tree: scikit-learn's own code walks it, and the sums are in
its order, so that the predictions are the same bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.models.pyfunc import last_step

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})
# beyond that the work in the trees is what costs, and each row is copied once for each tree
_FEW_ROWS = 64
_FIELDS = ("feature_idx", "num_threshold", "left", "right")


def quicken(model: Any, frame: Any) -> bool:  # noqa: ANN401 - any estimator
    """Make predictions of few rows quick in place, where that is known to change none of them.

    Args:
        model: Any fitted model.
        frame: Features of shape (rows, columns), for which both ways are compared bit for bit.

    Returns:
        Whether the model is asked the quick way from now on.
    """
    trees = last_step(model)
    if type(trees).__name__ not in _KINDS or not type(trees).__module__.startswith("sklearn."):
        return False
    ask = getattr(model, "predict_proba", model.predict)
    before = ask(frame)
    try:
        # scikit-learn does not promise these parts: another version may have none of them, or others
        trees._predict_iterations = _OneTree(trees).add  # noqa: SLF001
        same = all(np.array_equal(ask(part), before[start : start + _FEW_ROWS]) for start, part in _parts(frame))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        same = False
    if not same:
        vars(trees).pop("_predict_iterations", None)
    return same


def _parts(frame: Any) -> list[tuple[int, Any]]:  # noqa: ANN401
    return [(start, frame.iloc[start : start + _FEW_ROWS]) for start in range(0, len(frame), _FEW_ROWS)]


class _OneTree:
    """All trees as one, whose last feature is the number of the tree."""

    def __init__(self, trees: Any) -> None:  # noqa: ANN401
        rounds: Sequence[Sequence[Any]] = trees._predictors  # noqa: SLF001
        self._shape = len(rounds), len(rounds[0])
        self._by_tree = type(trees)._predict_iterations.__get__(trees)  # noqa: SLF001
        known, places = trees._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001
        self._known, self._places = known, np.append(places, np.zeros(1, places.dtype))
        together = [tree for one in rounds for tree in one]
        self._numbers = np.arange(len(together), dtype=np.float64)
        nodes, bitsets = _joined(together, feature=len(places))
        self._tree = type(together[0])(nodes, None, bitsets)

    def add(self, x: np.ndarray, rounds: Any, totals: np.ndarray, is_binned: Any, threads: int) -> None:  # noqa: ANN401
        """What scikit-learn's own method does: add every tree's values for `x`, (rows, columns), to `totals`."""
        if is_binned or len(x) > _FEW_ROWS:
            self._by_tree(x, rounds, totals, is_binned, threads)
            return
        trees = len(self._numbers)
        wide = np.column_stack([np.repeat(x, trees, axis=0), np.tile(self._numbers, len(x))])
        values = self._tree.predict(wide, self._known, self._places, threads)
        # one after the other, as trees are added: other orders differ in the last bit
        steps = np.concatenate([totals[:, None, :], values.reshape(len(x), *self._shape)], axis=1)
        totals[:] = np.add.accumulate(steps, axis=1)[:, -1]


def _joined(trees: Sequence[Any], feature: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of `trees` below those that choose among them by `feature`, and their sets of categories."""
    upper = len(trees) - 1
    starts = upper + np.cumsum([0, *(len(tree.nodes) for tree in trees)])
    sets = np.cumsum([0, *(len(tree.raw_left_cat_bitsets) for tree in trees)])
    parts = [np.zeros(upper, trees[0].nodes.dtype)]
    _choose(parts[0], feature, starts)
    for tree, start, first in zip(trees, starts, sets, strict=False):
        nodes = tree.nodes.copy()
        nodes["left"] += np.uint32(start)
        nodes["right"] += np.uint32(start)
        nodes["bitset_idx"] += np.uint32(first)
        parts.append(nodes)
    return np.concatenate(parts), np.concatenate([tree.raw_left_cat_bitsets for tree in trees])


def _choose(nodes: np.ndarray, feature: int, starts: np.ndarray) -> None:
    """Fill `nodes` with a balanced search for the trees that begin at `starts`."""
    made = 0

    def between(low: int, high: int) -> int:
        nonlocal made
        if high - low == 1:
            return int(starts[low])
        place, middle = made, (low + high) // 2
        made += 1
        left, right = between(low, middle), between(middle, high)
        for name, value in zip(_FIELDS, (feature, middle - 0.5, left, right), strict=True):
            nodes[name][place] = value
        return place

    between(0, len(nodes) + 1)
