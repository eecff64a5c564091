"""Holds data against its rules, chunk by chunk: all rules at once (pandera, lazy), every value that breaks one.

The codes:

columns      the schema's columns are there, and no others where `strict`; a failure is a column
order        they stand in the schema's order (`ordered`); a failure is a column where another one should be
types        `type`; a failure is a value, as for the next three
ranges       `min`, `max`: numbers, or dates
categories   `allowed`
patterns     `pattern`, matched in full
unique       `unique`; a failure is a value that came before, missing ones may repeat
missing      `max_missing`, over all rows; a failure is a missing value where there are too many
freshness    `max_age` of the newest value against the time of the run; a failure is a column, also one without any time
identity     `identity`: columns that together are unique; a failure is a row whose values came before, missing is one
expressions  `[tool.assay.data.expressions]`; a failure is a row, see `expressions.RowRule` for missing values

Rules of severity warn are told apart in the findings. Codes never change their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pa
from pandera.config import ValidationDepth, config_context

from assay.data.rules.across import Gaps, Newest, Seen
from assay.data.rules.expressions import present, read_rule
from assay.data.rules.failures import Broken, Failures, Finding, joined
from assay.data.rules.rules import age_of, rules_of
from assay.errors import AssayError, ConfigError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np

    from assay.config import Column, Data

    Judge = Callable[[Any], np.ndarray | None]

__all__ = ["Checked", "Checks", "Finding"]
_DATA = "pyproject.toml tool.assay.data"
_OF_VALUES = ("types", "ranges", "categories", "patterns", "unique", "missing", "freshness")
_CODES = ("columns", "order", *_OF_VALUES, "identity", "expressions")
_PRESENCE = {
    "column_in_dataframe": ("columns", "column is missing"),
    "column_in_schema": ("columns", "column is not in the schema"),
    "column_ordered": ("order", "column is out of order"),
}


@dataclass(frozen=True)
class Checked:
    """What came out.

    Attributes:
        codes: Kinds of rule that there are, whether broken or not.
        findings: The broken rules, by code and column.
    """

    codes: tuple[str, ...]
    findings: tuple[Finding, ...]


class Checks:
    """The rules of `[tool.assay.data]` and what is known so far; memory grows by some bytes a row, not with failures.

    pandera runs the rules. Each gives it one verdict a chunk and hands the failing rows over by itself: pandera's own
    lists of them take minutes and gigabytes where a million values fail.
    """

    def __init__(self, data: Data, failures: Path, now: dt.datetime | None) -> None:
        """Read the rules.

        Args:
            data: `[tool.assay.data]`.
            failures: The Parquet file for all failures, written as chunks come.
            now: Time of the run, that `max_age` is held against.

        Raises:
            ConfigError: A rule makes no sense, or the time is not known and a rule needs it.
        """
        self._now = None if now is None else pd.Timestamp(now).tz_convert("UTC")
        self._severity = {name: rule.severity for name, rule in data.schema.items()}
        self._gaps: dict[str, Gaps] = {}
        self._newest: dict[str, Newest] = {}
        self._indexes: list[pd.Index[Any]] = []
        self._codes = {"columns"} if data.schema or data.strict else set()
        self._codes |= {"order"} if data.ordered else set()
        self._ran = 0
        self._crashed: list[Exception] = []
        columns = {name: pa.Column(checks=self._of_column(name, c), nullable=True) for name, c in data.schema.items()}
        self._schema = pa.DataFrameSchema(columns, checks=self._of_rows(data), strict=data.strict, ordered=data.ordered)
        self._failures = Failures(failures)

    def add(self, chunk: pd.DataFrame) -> None:
        """Check the next chunk, of the same columns each time; its index is the position in the whole data.

        Raises:
            ProjectError: An expression or the identity does not go with the data.
        """
        self._indexes.append(chunk.index)
        self._ran, self._crashed = 0, []
        errors = self._validate(chunk)
        for crash in self._crashed:
            raise crash
        there = [len(column.checks) for name, column in self._schema.columns.items() if name in chunk.columns]
        if self._ran != sum(there, len(self._schema.checks)):
            raise RuntimeError(f"pandera ran {self._ran} of {sum(there, len(self._schema.checks))} checks")
        for error in errors:
            if error.check in _PRESENCE:
                code, what = _PRESENCE[error.check]
                name = str(error.failure_cases)
                severity = self._severity.get(name, "fail") if code == "columns" else "fail"
                self._failures.add_whole(Broken(code, name, severity), what)

    def result(self) -> Checked:
        """What all chunks together gave; failures.parquet is complete then."""
        rows = sum(map(len, self._indexes))
        for name, gaps in self._gaps.items():
            if gaps.count / max(rows, 1) > gaps.most:
                for places in gaps.rows(self._indexes):
                    self._failures.add(self._broken("missing", name), places, pd.Series(index=places, dtype="str"))
        for name, newest in self._newest.items():
            if what := newest.breach():
                self._failures.add_whole(self._broken("freshness", name), what)
        self._failures.close()
        return Checked(tuple(code for code in _CODES if code in self._codes), self._failures.findings(rows))

    def _validate(self, chunk: pd.DataFrame) -> Sequence[Any]:
        # an environment variable could switch pandera off, as a whole or in part
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            try:
                # not `schema.validate`, which takes a frame with a column named "dask" for one of dask's
                self._schema.get_backend(chunk).validate(chunk.copy(deep=False), self._schema, lazy=True, inplace=True)
            except pa.errors.SchemaErrors as errors:
                return tuple(errors.schema_errors)
        return ()

    def _broken(self, code: str, column: str) -> Broken:
        return Broken(code, column, self._severity[column])

    def _of_column(self, name: str, rule: Column) -> list[pa.Check]:
        where = f"{_DATA}.schema.{name}"
        judges: dict[str, Judge] = dict(rules_of(rule, where))
        if rule.unique:
            judges["unique"] = Seen().first_values
        if rule.max_missing < 1:
            self._gaps[name] = Gaps(rule.max_missing)
            judges["missing"] = self._gaps[name].add
        age = age_of(rule, where)
        if age is not None:
            if self._now is None:
                raise ConfigError("no clock: the time of the run is not known", f"{where}.max_age", next="run resolve")
            self._newest[name] = Newest(age, self._now)
            judges["freshness"] = self._newest[name].add
        return [self._check(self._broken(code, name), judge) for code, judge in judges.items()]

    def _of_rows(self, data: Data) -> list[pa.Check]:
        checks = []
        for name, expression in data.expressions.items():
            rule = read_rule(name, expression.rule)
            broken = Broken("expressions", name, expression.severity)
            checks.append(self._check(broken, rule.judge, rule.columns))
        if data.identity:
            broken = Broken("identity", ", ".join(data.identity), "fail")
            checks.append(self._check(broken, partial(_first_rows, Seen(), data.identity), data.identity))
        return checks

    def _check(self, broken: Broken, judge: Judge, shown: Sequence[str] = ()) -> pa.Check:
        """One check of a column, or of whole rows, of which the columns `shown` are told where they fail."""

        def run(checked: Any) -> bool:  # noqa: ANN401 - a series or a frame
            self._ran += 1
            try:
                met = judge(checked)
                if met is None or met.all():
                    return True
                failed = checked[~met]
                values = joined(failed[list(shown)]) if shown else failed
                self._failures.add(broken, failed.index.to_numpy(), values)
            except AssayError as error:
                self._crashed.append(error)
            except Exception as error:  # noqa: BLE001 - pandera would take it for one more failure
                crash = RuntimeError(f"the check {broken.code} of {broken.column} crashed: {error!r}")
                crash.__cause__ = error
                self._crashed.append(crash)
            return False

        self._codes.add(broken.code)
        return pa.Check(run, name=broken.code, ignore_na=False)


def _first_rows(seen: Seen, names: tuple[str, ...], frame: pd.DataFrame) -> np.ndarray:
    present(names, frame.columns, f"{_DATA}.identity")
    return seen.first_rows(frame[list(names)])
