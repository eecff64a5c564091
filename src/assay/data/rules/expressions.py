"""`[tool.assay.data.expressions]`: rules over several columns, true or false for each row.

pandas evaluates them, without any variable but the columns: the same rows give the same answer in every run and however
the data is cut into chunks, which is why nothing that looks at other rows is allowed.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.data.rules.rules import times
from assay.errors import ConfigError, ProjectError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

_WHERE = "pyproject.toml tool.assay.data.expressions."
_TEXT_OR_NAME = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`([^`]+)`")
_OF_MISSING = {"fillna", "isna", "isnull", "notna", "notnull"}
_METHODS = {"abs", "astype", "between", "clip", "isin", "round", *_OF_MISSING}
_ACCESSORS = {"dt", "str"}
_ALLOWED = "comparisons, arithmetic, and, or, not, in; " + ", ".join(f".{n}" for n in sorted(_METHODS | _ACCESSORS))


@dataclass(frozen=True)
class RowRule:
    """A rule that was read.

    Attributes:
        name: Its name in the table.
        rule: Its text.
        columns: The columns that it names.
        all_rows: It says itself what missing values mean. Every other rule judges only rows where none of its columns
            is missing: how much may be missing is a rule of its own.
    """

    name: str
    rule: str
    columns: tuple[str, ...]
    all_rows: bool

    def judge(self, frame: pd.DataFrame) -> np.ndarray:
        """Which rows meet it: booleans of shape (rows,); a row that gives neither true nor false does.

        Raises:
            ProjectError: A column is not there, or the rule does not go with its values.
        """
        present(self.columns, frame.columns, f"{_WHERE}{self.name}.rule")
        part = frame[list(self.columns)]
        judged = np.full(len(part), self.all_rows) | part.notna().all(axis=1).to_numpy()
        met = np.ones(len(part), dtype=bool)
        if judged.any():
            met[judged] = self._evaluate(part[judged])
        return met

    def _evaluate(self, part: pd.DataFrame) -> np.ndarray:
        part = pd.DataFrame({name: _comparable(column) for name, column in part.items()})
        try:
            with np.errstate(all="ignore"):
                result: Any = part.eval(self.rule, engine="python", parser="pandas", local_dict={}, global_dict={})
        except Exception as error:
            raise self._impossible(f"cannot be evaluated: {type(error).__name__}: {error}", part) from error
        each = isinstance(result, pd.Series) and len(result) == len(part)
        if not each or not pd.api.types.is_bool_dtype(result):
            kind = str(result.dtype) if each else type(result).__name__
            raise self._impossible(f"gives {kind}, not true or false for each row", part)
        met: np.ndarray = result.to_numpy(dtype=bool, na_value=True)
        return met

    def _impossible(self, what: str, part: pd.DataFrame) -> ProjectError:
        kinds = ", ".join(f"{name} ({column.dtype})" for name, column in part.items())
        return ProjectError(f'the rule "{self.rule}" {what}', f"{_WHERE}{self.name}.rule", next=f"its columns: {kinds}")


def read_rule(name: str, rule: str) -> RowRule:
    """The rule `name`.

    Raises:
        ConfigError: It is no expression, names no column or looks at other rows.
    """
    where = f"{_WHERE}{name}.rule"
    quoted: dict[str, str] = {}
    tree = _parsed(rule, where, quoted)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in ast.walk(tree):
        if isinstance(node, (ast.Subscript, ast.Lambda)) or (isinstance(node, ast.Attribute) and not _of_row(node)):
            raise ConfigError(f'"{ast.unparse(node)}" may look at other rows', where, _ALLOWED)
    found = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in calls]
    if not found:
        raise ConfigError(f'the rule "{rule}" names no column', where, next="write text in quotes, columns without")
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    columns = tuple(dict.fromkeys(quoted.get(word, word) for word in found))
    return RowRule(name, rule, columns, bool(used & _OF_MISSING))


def present(names: Iterable[str], columns: pd.Index[Any], where: str) -> None:
    """Make sure that the data has the columns `names`.

    Raises:
        ProjectError: It has not.
    """
    for name in names:
        if name not in columns:
            near = did_you_mean(name, columns)
            raise ProjectError(f'the data has no column "{name}"', where, ", ".join(columns), near)


def _parsed(rule: str, where: str, quoted: dict[str, str]) -> ast.Expression:
    """The syntax tree of `rule`; names in backticks are replaced, and `quoted` gets them."""

    def plain(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "''"
        word = f"_quoted_{len(quoted)}"
        quoted[word] = match.group(1)
        return word

    text = _TEXT_OR_NAME.sub(plain, rule)
    if "@" in text:
        raise ConfigError(f'the rule "{rule}" refers to a variable with "@"', where, "columns and values")
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        what = f'the rule "{rule}" is no expression: {error.args[0]}'
        raise ConfigError(what, where, _ALLOWED, "write names that are no plain words in `backticks`") from None


def _of_row(node: ast.Attribute) -> bool:
    below = isinstance(node.value, ast.Attribute) and node.value.attr in _ACCESSORS
    return below or node.attr in _METHODS | _ACCESSORS


def _comparable(column: pd.Series[Any]) -> pd.Series[Any]:
    """Categories as the values they stand for, times as UTC: pandas refuses to compare others with constants."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype(column.cat.categories.dtype)
    return times(column).dt.tz_localize(None) if isinstance(column.dtype, pd.DatetimeTZDtype) else column
