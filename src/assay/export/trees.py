"""Trees as one node of ONNX, which adds up what the leaves of all of them say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from onnx import TensorProto, helper

from assay.export.graph import ML, Graph, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_AT_MOST, _MEMBER = 0, 6
_SUM = 1
# a file of a hundred megabytes, where a node takes fifty bytes
_MOST_NODES = 2_000_000
_BITS = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """A binary tree; a row goes left where its value is at most the threshold, or one of the categories.

    Attributes:
        features: Column that each node looks at, of shape (nodes,).
        thresholds: Of shape (nodes,).
        left: Number of the left child of each node, of shape (nodes,); its own number in a leaf.
        right: The same for the right child.
        missing_left: Whether a missing value goes left, of shape (nodes,).
        values: What each leaf says, of shape (nodes,).
        target: Which of the sums it is added to.
        members: Categories that go left, by node, for the nodes that look at categories.
    """

    features: np.ndarray
    thresholds: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    values: np.ndarray
    target: int
    members: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def of_forest(cls, tree: Any, values: np.ndarray, target: int) -> Self:  # noqa: ANN401 - a Cython class
        """From scikit-learn's `tree_`, with `values` in its leaves."""
        own = np.arange(tree.node_count)
        leaves = tree.children_left < 0
        return cls(
            features=np.where(leaves, 0, tree.feature),
            thresholds=tree.threshold,
            left=np.where(leaves, own, tree.children_left),
            right=np.where(leaves, own, tree.children_right),
            missing_left=tree.missing_go_to_left,
            values=values,
            target=target,
        )

    @classmethod
    def of_boosting(cls, tree: Any, known: dict[int, set[int]], target: int) -> Self:  # noqa: ANN401
        """From histogram boosting's `TreePredictor`.

        Args:
            tree: The predictor.
            known: Categories that training saw, by column.
            target: Which of the sums it is added to.
        """
        nodes = tree.nodes
        own, leaves = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
        left, right = (np.where(leaves, own, nodes[side].astype(np.int64)) for side in ("left", "right"))
        missing = nodes["missing_go_to_left"].astype(bool)
        members = {}
        for place in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaves).tolist():
            found = _set(tree.raw_left_cat_bitsets[nodes["bitset_idx"][place]])
            if missing[place]:
                # a category that training never saw goes where missing ones go: the set is of those that do not
                found = known[int(nodes["feature_idx"][place])] - found
                left[place], right[place] = right[place], left[place]
            missing[place] = False
            members[place] = [float(one) for one in sorted(found)]
        return cls(
            features=np.where(leaves, 0, nodes["feature_idx"]),
            thresholds=nodes["num_threshold"],
            left=left,
            right=right,
            missing_left=missing,
            values=nodes["value"],
            target=target,
            members=members,
        )


def known_categories(boosting: Any) -> dict[int, set[int]]:  # noqa: ANN401
    """The categories that a histogram boosting saw in training, by column."""
    bins = boosting._bin_mapper  # noqa: SLF001 - told nowhere else
    bitsets, places = bins.make_known_categories_bitsets()
    return {int(column): _set(bitsets[places[column]]) for column in np.flatnonzero(bins.is_categorical_)}


def summed(graph: Graph, x: str, trees: Sequence[Tree], targets: int) -> str:
    """The sums of what the trees say of the rows of `x`, of shape (rows, targets).

    Raises:
        UnsupportedError: There are too many of them.
    """
    if (count := sum(len(tree.left) for tree in trees)) > _MOST_NODES:
        raise UnsupportedError(f"{count} nodes of trees, more than {_MOST_NODES}")
    table = _Table()
    for tree in trees:
        table.add(tree)
    doubles = {"nodes_splits": table.splits, "leaf_weights": table.weights}
    doubles |= {"membership_values": table.members} if table.members else {}
    tensors = {name: helper.make_tensor(name, TensorProto.DOUBLE, [len(of)], of) for name, of in doubles.items()}
    return graph.node(
        "TreeEnsemble",
        x,
        domain=ML,
        n_targets=targets,
        aggregate_function=_SUM,
        nodes_modes=helper.make_tensor("modes", TensorProto.UINT8, [len(table.modes)], table.modes),
        nodes_featureids=table.features,
        nodes_truenodeids=table.true,
        nodes_trueleafs=table.true_is_leaf,
        nodes_falsenodeids=table.false,
        nodes_falseleafs=table.false_is_leaf,
        nodes_missing_value_tracks_true=table.missing,
        tree_roots=table.roots,
        leaf_targetids=table.targets,
        **tensors,
    )


@dataclass(eq=False)
class _Table:
    """All trees, as the attributes of the node want them: inner nodes and leaves have numbers of their own."""

    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    true_is_leaf: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    false_is_leaf: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    def add(self, tree: Tree) -> None:
        leaves = tree.left == np.arange(len(tree.left))
        # a tree that is a leaf has a node above it, which always says the same
        inner = [0] if leaves[0] else np.flatnonzero(~leaves).tolist()
        numbers = np.where(leaves, len(self.weights) + np.cumsum(leaves) - 1, len(self.splits) + np.cumsum(~leaves) - 1)
        self.roots.append(len(self.splits))
        self._add_nodes(tree, inner)
        for child, places, kinds in (
            (tree.left, self.true, self.true_is_leaf),
            (tree.right, self.false, self.false_is_leaf),
        ):
            places.extend(numbers[child[inner]].tolist())
            kinds.extend(leaves[child[inner]].astype(int).tolist())
        self.weights += tree.values[leaves].astype(float).tolist()
        self.targets += [tree.target] * int(leaves.sum())

    def _add_nodes(self, tree: Tree, inner: Iterable[int]) -> None:
        for place in inner:
            members = tree.members.get(place)
            self.modes.append(_AT_MOST if members is None else _MEMBER)
            self.splits.append(float(tree.thresholds[place]) if members is None else 0.0)
            self.features.append(int(tree.features[place]))
            self.missing.append(int(tree.missing_left[place]))
            # the end of a set
            self.members += [] if members is None else [*members, float("nan")]


def _set(bitset: np.ndarray) -> set[int]:
    return {number for number in range(len(bitset) * _BITS) if int(bitset[number // _BITS]) >> number % _BITS & 1}
