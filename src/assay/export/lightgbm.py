"""LightGBM's models, from what its `dump_model` tells of the trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.export.columns import looked_up
from assay.export.graph import Graph, Part, UnsupportedError
from assay.export.results import shares
from assay.export.trees import Tree, summed

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET = "=="
_SAME = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
_LOGARITHM = {"poisson", "gamma", "tweedie"}


def boosted(graph: Graph, model: Any, parts: Sequence[Part]) -> str:  # noqa: ANN401
    """What an `LGBMClassifier` or `LGBMRegressor` says of `parts`.

    Raises:
        UnsupportedError: It has an objective, a kind of leaves or a treatment of missing values that is not known here.
    """
    dumped, targets = model.booster_.dump_model(), model.booster_.num_model_per_iteration()
    found = [_Nodes.of(one["tree_structure"]) for one in dumped["tree_info"]]
    columns = _coded(graph, parts, model.booster_.pandas_categorical)
    for place in sorted(set().union(*(one.looks_at_sets() for one in found))):
        columns[place] = _whole(graph, columns[place])
    trees = [one.tree(number % targets) for number, one in enumerate(found)]
    raw = summed(graph, graph.together(columns).name, trees, targets)
    if dumped["average_output"]:
        raw = graph.node("Div", raw, graph.constant([[len(trees) / targets]]))
    return _said(graph, raw, str(dumped["objective"]).split(), targets)


def _said(graph: Graph, raw: str, objective: list[str], targets: int) -> str:
    name, settings = objective[0], objective[1:]
    if name in {"binary", "multiclass"}:
        slope = next((float(one.partition(":")[2]) for one in settings if one.startswith("sigmoid:")), 1.0)
        return shares(graph, graph.node("Mul", raw, graph.constant([[slope]])), targets)
    if name in _SAME and not settings:
        return raw
    if name in _LOGARITHM:
        return graph.node("Exp", raw)
    raise UnsupportedError(f'LightGBM with the objective "{" ".join(objective)}"')


def _coded(graph: Graph, parts: Sequence[Part], categories: list[list[Any]] | None) -> list[Part]:
    """Columns of numbers: a column of categories has their places, and nothing for one that training never saw."""
    columns = graph.one_by_one(parts)
    texts = [place for place, column in enumerate(columns) if column.text]
    if len(texts) != len(categories or ()):
        raise UnsupportedError("LightGBM with categories that are not texts")
    for place, known in zip(texts, categories or (), strict=True):
        values = np.array([*range(len(known)), np.nan])
        columns[place] = Part(looked_up(graph, columns[place], np.array(known, dtype=object), values))
    return columns


def _whole(graph: Graph, column: Part) -> Part:
    """Without what follows the point, as LightGBM looks for a number in a set."""
    floor = graph.node("Floor", graph.node("Abs", column.name))
    return Part(graph.node("Mul", graph.node("Sign", column.name), floor))


@dataclass(eq=False)
class _Nodes:
    """A tree in the making: the node with the number 0 is its root."""

    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    members: dict[int, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: dict[str, Any]) -> _Nodes:
        nodes, waiting = cls(), [root]
        for number, node in enumerate(waiting):
            if "leaf_const" in node:
                raise UnsupportedError("LightGBM with lines in its leaves")
            if "leaf_value" in node:
                nodes._add(node["leaf_value"], number, number)
                continue
            nodes._add(0.0, len(waiting), len(waiting) + 1)
            nodes._split(number, node)
            waiting += [node["left_child"], node["right_child"]]
        return nodes

    def _add(self, value: float, left: int, right: int) -> None:
        self.features.append(0)
        self.thresholds.append(0.0)
        self.missing_left.append(False)
        self.values.append(value)
        self.left.append(left)
        self.right.append(right)

    def _split(self, number: int, node: dict[str, Any]) -> None:
        self.features[number] = node["split_feature"]
        if node["decision_type"] == _SET:
            self.members[number] = [float(one) for one in str(node["threshold"]).split("||")]
            return
        if node["missing_type"] == "Zero":
            raise UnsupportedError("LightGBM with zero_as_missing")
        self.thresholds[number] = node["threshold"]
        # where training saw no missing value, one counts as 0
        known = node["missing_type"] == "NaN"
        self.missing_left[number] = node["default_left"] if known else node["threshold"] >= 0

    def looks_at_sets(self) -> set[int]:
        return {self.features[number] for number in self.members}

    def tree(self, target: int) -> Tree:
        names = ("features", "thresholds", "left", "right", "missing_left", "values")
        arrays = {name: np.array(getattr(self, name)) for name in names}
        return Tree(target=target, members=self.members, **arrays)
