"""Calls the project's `load` and holds its result to the contract; every breach says what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.callables import resolve, user_code
from assay.errors import ConfigError, ProjectError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from assay.config import Config, Data

_WHERE = "pyproject.toml tool.assay.data."


def load(config: Config, project: Path) -> pd.DataFrame:
    """The project's data, checked, with a fresh index.

    Returns:
        At least one row; columns with unique string names; a target without missing values.

    Raises:
        ConfigError: The data's path does not exist.
        ProjectError: `load` raised or its result breaks the contract.
    """
    path = project / config.data.path
    if not path.exists():
        raise ConfigError(f'there is no "{config.data.path}"', f"{_WHERE}path", "a file or folder in the project")
    function = resolve(config.load, project, "load")
    with user_code("load", project):
        loaded = function(path)
    frame = _checked_frame(loaded, config.load)
    _check_columns(frame, config)
    _check_values(frame, config.load)
    _check_target(frame[config.data.target], config.data)
    return frame.reset_index(drop=True)


def _checked_frame(frame: object, load: str) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise ProjectError(f"load returned {kind}", load, "a pandas.DataFrame", "did it forget to return?")
    if frame.empty:
        raise ProjectError(f"load returned {len(frame)} rows and {frame.shape[1]} columns", load, "at least one row")
    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise ProjectError(f"column names that are no strings: {_listed(odd)}", load, "strings")
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise ProjectError(f"more than one column is called {_listed(twice)}", load, "each name once")
    return frame


def _check_columns(frame: pd.DataFrame, config: Config) -> None:
    data = config.data
    wanted = {"target": [data.target], "sensitive": data.sensitive}
    wanted |= {"holdout": [data.holdout]} if isinstance(data.holdout, str) else {}
    for key, names in wanted.items():
        for name in names:
            if name not in frame.columns:
                near = did_you_mean(name, frame.columns)
                raise ProjectError(f'the data has no column "{name}"', _WHERE + key, ", ".join(frame.columns), near)
    if not set(frame.columns) - {data.target, data.holdout}:
        raise ProjectError("the data has no features", config.load, "at least one column beside the target")


def _check_values(frame: pd.DataFrame, load: str) -> None:
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            odd = [value for value in column.cat.categories if not isinstance(value, str)]
            if odd:
                what = f'column "{name}" is categorical with categories that are no strings: {_listed(odd)}'
                raise ProjectError(what, load, "categories of strings; Parquet keeps no others")
        elif column.dtype == object:
            kinds = sorted({type(value).__name__ for value in column[column.notna()]})
            if len(kinds) > 1 or {"list", "dict", "set", "ndarray"}.intersection(kinds):
                raise ProjectError(f'column "{name}" holds {_listed(kinds)}', load, "single values of one type")


def _check_target(target: pd.Series[Any], data: Data) -> None:
    missing = int(target.isna().sum())
    if missing:
        rows = _listed(target.index[target.isna()])
        what = f'the target "{data.target}" is missing in {missing} of {len(target)} rows (index {rows})'
        raise ProjectError(what, _WHERE + "target", next="leave these rows out in load")
    labels = target.unique().tolist()
    if data.task == "regression":
        if not pd.api.types.is_numeric_dtype(target):
            raise ProjectError(f'the target "{data.target}" is {target.dtype}', _WHERE + "task", "numbers to regress")
        return
    if len(labels) < 2:  # noqa: PLR2004 - one class is no classification
        raise ProjectError(
            f'the target "{data.target}" is always {labels[0]!r}', _WHERE + "target", "two classes or more"
        )
    if data.positive is not None and data.positive not in labels:
        near = did_you_mean(str(data.positive), map(str, labels))
        raise ProjectError(f"no row has the label {data.positive!r}", _WHERE + "positive", _listed(labels), near)


def _listed(values: Any, most: int = 5) -> str:  # noqa: ANN401 - any sequence
    shown = ", ".join(str(value) for value in list(values)[:most])
    return f"{shown}, ..." if len(values) > most else shown
