"""Models that answer in a way of their own, as anything with `predict(x)` of shape (rows,)."""

from __future__ import annotations

import inspect
from typing import Any


class Pyfunc:
    """An MLflow PythonModel that is called like an estimator.

    Attributes:
        model: The PythonModel; the project's requirements must name MLflow, which its class comes from.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - its class is not imported here
        """Wrap `model`."""
        self.model = model

    def predict(self, x: Any) -> Any:  # noqa: ANN401 - a pandas.DataFrame, which the server must not need here
        """Its predictions for features of shape (rows, columns)."""
        # since MLflow 2.20 the context, which only its own loader makes, may be left out of the signature
        names = list(inspect.signature(self.model.predict).parameters)
        return self.model.predict(None, x) if names[0] == "context" else self.model.predict(x)


class Flat:
    """A classifier of CatBoost, whose `predict` gives a column of shape (rows, 1) for three classes or more.

    Attributes:
        steps: The classifier, as the only step of what looks like a pipeline.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        """Wrap `model`, which is fitted."""
        self.steps = [(type(model).__name__.lower(), model)]

    @property
    def classes_(self) -> Any:  # noqa: ANN401
        """The labels, in the order of the probabilities."""
        return self.steps[0][1].classes_

    def predict(self, x: Any) -> Any:  # noqa: ANN401
        """Labels of shape (rows,)."""
        return self.steps[0][1].predict(x).ravel()

    def predict_proba(self, x: Any) -> Any:  # noqa: ANN401
        """Probabilities of shape (rows, classes)."""
        return self.steps[0][1].predict_proba(x)


def last_step(model: Any) -> Any:  # noqa: ANN401 - any estimator
    """The last step of a pipeline, and what is no pipeline itself."""
    steps = getattr(model, "steps", None)
    return steps[-1][1] if steps else model


def adapted(model: Any) -> Any:  # noqa: ANN401
    """`model`, wrapped where it does not answer as estimators do."""
    if "mlflow.pyfunc.model.PythonModel" in _ancestors(model):
        return Pyfunc(model)
    column = "catboost.core.CatBoostClassifier" in _ancestors(last_step(model))
    return Flat(model) if column and len(model.classes_) > 2 else model  # noqa: PLR2004 - two classes are flat


def _ancestors(model: object) -> set[str]:
    return {f"{kind.__module__}.{kind.__name__}" for kind in type(model).__mro__}
