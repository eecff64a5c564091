"""Calls the project's `load`, and holds data to the contract; every breach says what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.callables import resolve, user_code
from assay.data.reading.arrow import EXACT
from assay.errors import ProjectError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assay.config import Config, Data

_WHERE = "pyproject.toml tool.assay.data."


def load(config: Config, project: Path, path: Path) -> pd.DataFrame:
    """What the project's `load` gives for `path`, checked.

    Objects become what they are: texts, truth values, numbers (Decimal becomes float64) or dates, so that the dtype of
    a column does not depend on which of its rows one looks at.

    Returns:
        At least one row; columns with unique string names, single values of one type in each; a fresh index.

    Raises:
        ProjectError: `load` raised or its result breaks the contract.
    """
    name = str(config.load)
    function = resolve(name, project, "load")
    with user_code("load", project):
        loaded = function(path)
    if not isinstance(loaded, pd.DataFrame):
        kind = type(loaded).__name__
        raise ProjectError(f"load returned {kind}", name, "a pandas.DataFrame", "did it forget to return?")
    _check_frame(loaded, name)
    objects = {str(label): _settled(column) for label, column in loaded.items() if column.dtype == object}
    return loaded.reset_index(drop=True).assign(**{label: column.array for label, column in objects.items()})


def _check_frame(frame: pd.DataFrame, where: str) -> None:
    if frame.empty:
        what = f"load returned {len(frame)} rows and {frame.shape[1]} columns"
        raise ProjectError(what, where, "at least one row and one column")
    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise ProjectError(f"column names that are no strings: {_listed(odd)}", where, "strings")
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise ProjectError(f"more than one column is called {_listed(twice)}", where, "each name once")
    _check_values(frame, where)


def _settled(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of objects with the dtype that its values call for; as it is where they call for none."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    gaps = bool(column.isna().any())
    match kind:
        case "string":
            return column.astype("str")
        case "boolean":
            return column.astype("boolean" if gaps else bool)
        case "integer":
            return _whole(column, gaps=gaps)
        case "floating" | "decimal" | "empty":
            return column.astype(float)
        case "date":
            return pd.to_datetime(column).dt.as_unit("us")
    return column


def _whole(column: pd.Series[Any], *, gaps: bool) -> pd.Series[Any]:
    largest = max(abs(value) for value in column.dropna())
    if largest >= 2**63:
        return column
    return column.astype("int64" if not gaps else "Int64" if largest > EXACT else "float64")


def check_columns(names: Sequence[str], config: Config, where: str) -> None:
    """Refuse data without the columns that `[tool.assay.data]` names, or without any feature.

    Raises:
        ProjectError: One is missing.
    """
    data = config.data
    single = {"target": data.target, "group": data.group, "time": data.time, "weight": data.weight}
    wanted: dict[str, Sequence[str]] = {key: [name] for key, name in single.items() if name}
    wanted |= {"sensitive": data.sensitive, "exclude": data.exclude}
    wanted |= {"holdout": [data.holdout]} if isinstance(data.holdout, str) else {}
    wanted |= {"times": data.times} if config.load is None else {}
    for key, named in wanted.items():
        for name in named:
            if name not in names:
                near = did_you_mean(name, names)
                raise ProjectError(f'the data has no column "{name}"', _WHERE + key, ", ".join(names), near)
    if data.target in data.aside:
        raise ProjectError(f'the target "{data.target}" is left out', _WHERE + "exclude", "columns beside the target")
    if not set(names) - {data.target, data.holdout, *data.aside}:
        raise ProjectError("the data has no features", where, "at least one column beside the target")


def _check_values(frame: pd.DataFrame, where: str) -> None:
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            odd = [value for value in column.cat.categories if not isinstance(value, str)]
            if odd:
                what = f'column "{name}" is categorical with categories that are no strings: {_listed(odd)}'
                raise ProjectError(what, where, "categories of strings; Parquet keeps no others")
        elif column.dtype == object:
            kinds = sorted({type(value).__name__ for value in column[column.notna()]})
            if len(kinds) > 1 or {"list", "dict", "set", "ndarray"}.intersection(kinds):
                raise ProjectError(f'column "{name}" holds {_listed(kinds)}', where, "single values of one type")


def check_target(target: pd.Series[Any], data: Data) -> None:
    """Refuse a target with gaps, of another type than the task needs, or of a single class.

    Raises:
        ProjectError: It breaks the contract.
    """
    missing = int(target.isna().sum())
    if missing:
        rows = _listed(target.index[target.isna()])
        what = f'the target "{data.target}" is missing in {missing} of {len(target)} rows (index {rows})'
        raise ProjectError(what, _WHERE + "target", next="leave these rows out")
    labels = target.unique().tolist()
    if data.task == "regression":
        if not pd.api.types.is_numeric_dtype(target):
            kind = "text" if isinstance(target.dtype, pd.CategoricalDtype) else target.dtype
            raise ProjectError(f'the target "{data.target}" is {kind}', _WHERE + "task", "numbers to regress")
        return
    if len(labels) < 2:  # noqa: PLR2004 - one class is no classification
        raise ProjectError(
            f'the target "{data.target}" is always {labels[0]!r}', _WHERE + "target", "two classes or more"
        )
    if data.positive is not None and data.positive not in labels:
        near = did_you_mean(str(data.positive), map(str, labels))
        raise ProjectError(f"no row has the label {data.positive!r}", _WHERE + "positive", _listed(labels), near)


def check_weights(weights: pd.Series[Any]) -> None:
    """Refuse weights that are missing, negative, infinite or no numbers.

    Raises:
        ProjectError: Some are.
    """
    allowed = "finite numbers from 0 on, not all of them 0"
    if not pd.api.types.is_numeric_dtype(weights):
        raise ProjectError(f'the weights "{weights.name}" are no numbers', _WHERE + "weight", allowed)
    values = weights.astype(float)
    wrong = ~(values.ge(0) & values.lt(float("inf")))
    if wrong.any() or not values.any():
        what = f'{int(wrong.sum())} of {len(values)} weights in "{weights.name}" cannot be used'
        raise ProjectError(what, _WHERE + "weight", allowed)


def _listed(values: Any, most: int = 5) -> str:  # noqa: ANN401 - any sequence
    shown = ", ".join(str(value) for value in list(values)[:most])
    return f"{shown}, ..." if len(values) > most else shown
