"""Holds a frame against `[tool.assay.data.schema]`: all rules at once (pandera, lazy), every value that breaks one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from assay.data.profile import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.config import Column

_EXAMPLES = 10
_PRESENCE = {"column_in_dataframe": "column is missing", "column_in_schema": "column is not in the schema"}
_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int, np.integer),
    "float": (int, float, np.number),
    "str": (str,),
    "bool": (bool, np.bool_),
    "datetime": (dt.date,),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule of one column.

    Attributes:
        code: types, ranges, categories, missing, patterns, unique or columns.
        column: The column.
        count: Values that break the rule; 1 for a column that is missing or not expected.
        share: `count` divided by the number of rows.
        examples: Up to ten different values, as JSON.
    """

    code: str
    column: str
    count: int
    share: float
    examples: tuple[Any, ...]


@dataclass(frozen=True)
class Checked:
    """What came out.

    Attributes:
        codes: Kinds of rule that the schema has, whether broken or not.
        findings: The broken rules.
        failures: One row a value: `code`, `column`, `row` (position in the frame, null for a whole column), `value`.
    """

    codes: tuple[str, ...]
    findings: tuple[Finding, ...]
    failures: pd.DataFrame


def check(frame: pd.DataFrame, rules: Mapping[str, Column], *, strict: bool) -> Checked:
    """Check `frame` (index 0, 1, ...) against `rules` by column.

    Args:
        frame: The data.
        rules: What the columns must look like; every column named here has to be there.
        strict: Other columns are failures too.
    """
    checks = {name: _checks(rule) for name, rule in rules.items()}
    present = ["columns"] if rules or strict else []
    codes = tuple(dict.fromkeys([*present, *(c.name for column in checks.values() for c in column)]))
    columns = {name: pa.Column(checks=column, nullable=True) for name, column in checks.items()}
    try:
        pa.DataFrameSchema(columns, strict=strict).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        failures = _tidy(error.failure_cases)
    else:
        failures = _tidy(pd.DataFrame(columns=["column", "check", "failure_case", "index"]))
    return Checked(codes, _findings(failures, len(frame)), failures.assign(value=failures["value"].map(_text)))


def _checks(rule: Column) -> list[pa.Check]:
    """The pandera checks of one column; each gives true or false for every value."""
    found: dict[str, Callable[[pd.Series[Any]], pd.Series[bool]]] = {}
    if rule.type != "any":
        found["types"] = lambda column: _is_kind(column, rule.type)
    if rule.min is not None or rule.max is not None:
        found["ranges"] = lambda column: _in_range(column, rule.min, rule.max)
    if rule.allowed:
        found["categories"] = lambda column: column.isin(rule.allowed)
    if rule.pattern is not None:
        pattern = rule.pattern
        found["patterns"] = lambda column: column.astype(object).astype(str).str.fullmatch(pattern)
    if rule.unique:
        found["unique"] = lambda column: ~column.duplicated()
    if rule.max_missing < 1:
        found["missing"] = lambda column: column.notna() | (column.isna().mean() <= rule.max_missing)
    return [pa.Check(function, name=code, ignore_na=code != "missing") for code, function in found.items()]


def _is_kind(column: pd.Series[Any], kind: str) -> pd.Series[bool]:
    everywhere: dict[str, Callable[[Any], bool]] = {
        "int": pd.api.types.is_integer_dtype,
        "float": lambda c: pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c),
        "str": lambda c: isinstance(c.dtype, pd.StringDtype),
        "bool": pd.api.types.is_bool_dtype,
        "datetime": pd.api.types.is_datetime64_any_dtype,
    }
    if everywhere[kind](column):
        return pd.Series(data=True, index=column.index)
    if kind == "int" and pd.api.types.is_float_dtype(column):
        return column % 1 == 0  # whole numbers become floats as soon as one is missing
    if isinstance(column.dtype, pd.CategoricalDtype):
        each = _is_kind(pd.Series(column.cat.categories), kind).to_numpy()
        return pd.Series(np.append(each, True)[column.cat.codes], index=column.index)  # code -1: missing
    refused = () if kind == "bool" else (bool, np.bool_)
    return column.astype(object).map(lambda v: isinstance(v, _KINDS[kind]) and not isinstance(v, refused)).astype(bool)


def _in_range(column: pd.Series[Any], low: float | None, high: float | None) -> pd.Series[bool]:
    # what is no number is a matter of types, not of ranges
    values = pd.Series(numbers(column), index=column.index)
    below = values < (-np.inf if low is None else low)
    return ~(below | (values > (np.inf if high is None else high)))


def _tidy(cases: pd.DataFrame) -> pd.DataFrame:
    whole = cases["check"].isin(list(_PRESENCE))
    crashed = cases[cases["index"].isna() & ~whole]
    if not crashed.empty:
        first = crashed.iloc[0]
        raise RuntimeError(f"the check {first['check']} of {first['column']} crashed: {first['failure_case']}")
    tidy = pd.DataFrame(
        {
            "code": cases["check"].where(~whole, "columns"),
            "column": cases["column"].where(~whole, cases["failure_case"]),
            "row": cases["index"].astype("Int64"),
            "value": cases["failure_case"].astype(object).where(~whole, cases["check"].map(_PRESENCE)),
        }
    )
    return tidy.sort_values(["code", "column", "row"], kind="stable", ignore_index=True)


def _findings(failures: pd.DataFrame, rows: int) -> tuple[Finding, ...]:
    return tuple(
        Finding(str(code), str(column), len(group), round(len(group) / rows, 6), _examples(group["value"]))
        for (code, column), group in failures.groupby(["code", "column"], sort=True)
    )


def _examples(values: pd.Series[Any]) -> tuple[Any, ...]:
    different = list(dict.fromkeys(_plain(value) for value in values.drop_duplicates().head(_EXAMPLES)))
    return tuple(different)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell of a frame
    if pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    finite = not isinstance(value, float) or np.isfinite(value)
    return value if isinstance(value, (str, int, float, bool)) and finite else str(value)


def _text(value: Any) -> str | None:  # noqa: ANN401 - any cell of a frame
    plain = _plain(value)
    return None if plain is None else str(plain)
