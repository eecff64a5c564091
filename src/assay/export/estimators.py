"""The model proper: from columns to predictions, and to probabilities where it gives any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper
from sklearn import ensemble, linear_model, tree
from sklearn.pipeline import Pipeline

from assay.export import lightgbm
from assay.export.columns import transformed
from assay.export.graph import Graph, Part, UnsupportedError
from assay.export.results import added, both, shares
from assay.export.trees import Tree, known_categories, summed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TWO = 2


def write(graph: Graph, model: Any) -> None:  # noqa: ANN401 - any estimator
    """Add `model` and its outputs: `label` and `probabilities` of a classifier, `prediction` of a regression.

    Raises:
        UnsupportedError: It, or a step before it, is of a kind or has a setting that is not known here.
    """
    parts: Sequence[Part] = graph.columns
    if type(model) is Pipeline:
        for _, step in model.steps[:-1]:
            parts = transformed(graph, step, parts)
        model = model.steps[-1][1]
    known = _KINDS.get(type(model)) or _ELSEWHERE.get(f"{type(model).__module__}.{type(model).__name__}")
    if known is None:
        raise UnsupportedError(type(model).__name__)
    if getattr(model, "n_outputs_", 1) != 1:
        raise UnsupportedError(f"{type(model).__name__} with several targets")
    found = known(graph, model, parts)
    if not hasattr(model, "classes_"):
        graph.output("prediction", _flat(graph, found), TensorProto.DOUBLE)
        return
    labels = np.array(model.classes_.tolist())
    best = graph.node("ArgMax", found, axis=1, keepdims=0)
    kind = helper.np_dtype_to_tensor_dtype(labels.dtype) if labels.dtype.kind != "U" else TensorProto.STRING
    graph.output("label", graph.node("Gather", graph.constant(labels), best, axis=0), kind)
    graph.output("probabilities", found, TensorProto.DOUBLE, len(model.classes_))


def _boosting(graph: Graph, model: Any, parts: Sequence[Part]) -> str:  # noqa: ANN401
    if model._preprocessor is not None:  # noqa: SLF001 - what it does to categories is in no other place
        parts = transformed(graph, model._preprocessor, parts)  # noqa: SLF001
    known, targets = known_categories(model), model.n_trees_per_iteration_
    trees = [Tree.of_boosting(one, known, at) for by_target in model._predictors for at, one in enumerate(by_target)]  # noqa: SLF001
    raw = added(graph, summed(graph, graph.together(parts).name, trees, targets), model._baseline_prediction)  # noqa: SLF001
    if hasattr(model, "classes_"):
        return shares(graph, raw, targets)
    link = type(model._loss.link).__name__  # noqa: SLF001
    return {"IdentityLink": lambda: raw, "LogLink": lambda: graph.node("Exp", raw)}[link]()


def _gradient_boosting(graph: Graph, model: Any, parts: Sequence[Part]) -> str:  # noqa: ANN401
    if model.init is not None or getattr(model, "loss", "") == "exponential":
        raise UnsupportedError(f"{type(model).__name__} with a start or a loss of its own")
    trees = [
        Tree.of_forest(one.tree_, one.tree_.value[:, 0, 0] * model.learning_rate, at)
        for by_target in model.estimators_
        for at, one in enumerate(by_target)
    ]
    targets = model.estimators_.shape[1]
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_)))  # noqa: SLF001 - one of several, by the loss
    raw = added(graph, summed(graph, _single(graph, parts), trees, targets), start)
    return shares(graph, raw, targets) if hasattr(model, "classes_") else raw


def _forest(graph: Graph, model: Any, parts: Sequence[Part]) -> str:  # noqa: ANN401
    members = getattr(model, "estimators_", [model])
    found = [one.tree_.value[:, 0, :] / len(members) for one in members]
    if not hasattr(model, "classes_"):
        trees = [Tree.of_forest(one.tree_, values[:, 0], 0) for one, values in zip(members, found, strict=True)]
        return summed(graph, _single(graph, parts), trees, 1)
    count = len(model.classes_)
    # of two classes one is enough
    asked = range(1, count) if count == _TWO else range(count)
    trees = [
        Tree.of_forest(one.tree_, values[:, label], at)
        for one, values in zip(members, found, strict=True)
        for at, label in enumerate(asked)
    ]
    sums = summed(graph, _single(graph, parts), trees, len(asked))
    return both(graph, sums) if count == _TWO else sums


def _line(graph: Graph, model: Any, parts: Sequence[Part]) -> str:  # noqa: ANN401
    x = graph.together(parts).name
    slopes = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    found = graph.node("MatMul", x, graph.constant(slopes))
    raw = added(graph, found, model.intercept_)
    return shares(graph, raw, slopes.shape[1]) if hasattr(model, "classes_") else raw


def _single(graph: Graph, parts: Sequence[Part]) -> str:
    """As scikit-learn's trees see it: in single precision."""
    x = graph.node("Cast", graph.together(parts).name, to=TensorProto.FLOAT)
    return graph.node("Cast", x, to=TensorProto.DOUBLE)


def _flat(graph: Graph, name: str) -> str:
    return graph.node("Reshape", name, graph.constant(np.array([-1])))


# by name: only a project that has the library imports it
_ELSEWHERE = {f"lightgbm.sklearn.{name}": lightgbm.boosted for name in ("LGBMClassifier", "LGBMRegressor")}
_KINDS: dict[type, Callable[[Graph, Any, Sequence[Part]], str]] = {
    ensemble.HistGradientBoostingClassifier: _boosting,
    ensemble.HistGradientBoostingRegressor: _boosting,
    ensemble.GradientBoostingClassifier: _gradient_boosting,
    ensemble.GradientBoostingRegressor: _gradient_boosting,
    **dict.fromkeys(
        (
            ensemble.RandomForestClassifier,
            ensemble.RandomForestRegressor,
            ensemble.ExtraTreesClassifier,
            ensemble.ExtraTreesRegressor,
            tree.DecisionTreeClassifier,
            tree.DecisionTreeRegressor,
        ),
        _forest,
    ),
    **dict.fromkeys(
        (
            linear_model.LogisticRegression,
            linear_model.LinearRegression,
            linear_model.Ridge,
            linear_model.Lasso,
            linear_model.ElasticNet,
        ),
        _line,
    ),
}
