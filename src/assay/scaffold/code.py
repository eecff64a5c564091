"""Fills the templates of the scaffolded project's code and tests."""

from __future__ import annotations

import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.models.rows import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assay.config import Config
    from assay.scaffold.roles import Roles

KINDS = ("boosting", "linear")
_TREES = {"classification": "HistGradientBoostingClassifier", "regression": "HistGradientBoostingRegressor"}
_LINES = {"classification": "LogisticRegression", "regression": "Ridge"}


def params_of(kind: str, task: str, rows: int) -> dict[str, Any]:
    """Parameters that suit `rows` train rows."""
    if kind == "linear":
        return {"C": 1.0, "max_iter": 1000} if task == "classification" else {"alpha": 1.0}
    return {"learning_rate": 0.1, "max_iter": 100, "min_samples_leaf": max(3, min(20, rows // 20))}


def model_py(kind: str, task: str, roles: Roles) -> str:
    """The module with `build`."""
    columns = f"{_columns('NUMBERS', roles.numbers)}\n{_columns('CATEGORIES', roles.categories)}"
    return _filled(f"{kind}.txt", columns=columns, trees=_TREES[task], line=_LINES[task])


def tests(package: str, config: Config, roles: Roles, frame: pd.DataFrame) -> dict[str, str]:
    """The tests by path."""
    row = _python(_typical(frame, roles.features))
    regression = config.data.task == "regression"
    labels = list(frame[config.data.target].unique().tolist())
    facts = {
        "package": package,
        "row": row,
        # few rows are learnt quickly
        "params": _python({**config.params, **({"max_iter": 20} if "learning_rate" in config.params else {})}),
        **_signal(roles, frame),
        "yes": "1.0" if regression else '"yes"',
        "no": "0.0" if regression else '"no"',
        "right": "np.abs(found - y).max() < 0.2" if regression else "(found == y).all()",
        "says": "model.predict(held)" if regression else "model.predict_proba(held)[:, 0]",
        "known": "all(isinstance(value, float) for value in predictions)"
        if regression
        else f"set(predictions) <= {_set(labels)}",
    }
    names = {"unit": "unit/test_model.py", "model": "model/test_model.py", "smoke": "smoke/test_endpoint.py"}
    return {f"tests/{path}": _filled(f"test_{name}.txt", **facts) for name, path in names.items()}


def other(config: Config, package: str) -> dict[str, str]:
    """What is neither code nor test, by path."""
    data = config.data
    about = {"name": config.name, "target": data.target, "task": data.task, "data": data.path, "package": package}
    return {
        ".gitignore": _text("gitignore.txt"),
        ".github/workflows/assay.yml": _text("workflow.yml"),
        "README.md": _filled("readme.txt", **about),
        f"src/{package}/__init__.py": f'"""The model {config.name}."""\n',
    }


def _text(name: str) -> str:
    return (files("assay.scaffold") / "template" / name).read_text(encoding="utf-8")


def _filled(name: str, /, **facts: str) -> str:
    return Template(_text(name)).substitute(facts)


def _columns(name: str, columns: Sequence[str]) -> str:
    inner = "".join(f"    {_quoted(column)},\n" for column in columns)
    return f"{name}: tuple[str, ...] = (\n{inner})" if columns else f"{name}: tuple[str, ...] = ()"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _python(values: Mapping[str, Any]) -> str:
    inner = "".join(f"    {_quoted(name)}: {_literal(value)},\n" for name, value in values.items())
    return f"{{\n{inner}}}"


def _literal(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    return _quoted(value) if isinstance(value, str) else repr(value)


def _set(labels: Sequence[Any]) -> str:
    return "{" + ", ".join(_literal(label) for label in sorted(labels, key=str)) + "}"


def _typical(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """No row of the data, which may be about a person: the most frequent value of each column, or the median."""
    return {str(name): to_json(_middle(frame[name].dropna())) for name in frame.columns if name in names}


def _middle(known: pd.Series[Any]) -> Any:  # noqa: ANN401 - a value of the column
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known):
        middle = known.sort_values().iloc[len(known) // 2]
        return int(middle) if pd.api.types.is_integer_dtype(known) else float(middle)
    return known.mode().iloc[0]


def _signal(roles: Roles, frame: pd.DataFrame) -> dict[str, str]:
    """The column that decides in the unit test, and its two values."""
    numbers = [name for name in roles.numbers if not pd.api.types.is_bool_dtype(frame[name])]
    if numbers:
        return {"signal": _quoted(numbers[0]), "high": "1.0", "low": "0.0"}
    name = roles.features[0]
    if name in roles.numbers:
        return {"signal": _quoted(name), "high": "True", "low": "False"}
    return {"signal": _quoted(name), "high": '"high"', "low": '"low"'}
