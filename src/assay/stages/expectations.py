"""Stage expectations: the Great Expectations suite that a project already has, on all rows of the dataset.

A gate has the name of its expectation, `expectations.expect_column_values_to_be_between.age`; one whose severity is
not critical only warns, `expectations.warning.expect_...`; a second one of the same name ends in `#2`. Great
Expectations needs the whole dataset in memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.context import Context, Outcome
from assay.data.rules.suite import ask, read_suite
from assay.gates import Observed
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.data.rules.suite import Told

_COLUMNS = ("column", "column_A", "column_B", "column_list")
_SHOWN = 3
_LONGEST = 100


def run(context: Context) -> Outcome:
    """Hold the dataset against the suite and write expectations.json; a gate for each expectation."""
    name = context.config.data.suite or ""
    where = f'pyproject.toml tool.assay.data.suite = "{name}"'
    suite = read_suite(context.project / name, where)
    sides = context.input("dataset") / "train.parquet", context.input("holdout") / "holdout.parquet"
    rows = pd.concat([pd.read_parquet(side) for side in sides], ignore_index=True)
    told = _named(ask(suite, rows, where))
    counts = {"met": True, "not met": False, "broken": None}
    facts = {word: sum(one.met is met for one in told.values()) for word, met in counts.items()}
    results = [{"gate": name, **asdict(one)} for name, one in sorted(told.items())]
    write_json(context.output("expectations") / "expectations.json", {"rows": len(rows), **facts, "results": results})
    message = f"{len(told)} expectations on {len(rows)} rows: " + ", ".join(f"{n} {word}" for word, n in facts.items())
    print(message)
    return Outcome(observed={name: _observed(one) for name, one in told.items()}, message=message, summary=facts)


def _named(told: Iterable[Told]) -> dict[str, Told]:
    """By the name of their gates."""
    named: dict[str, Told] = {}
    for one in told:
        level = [] if one.severity == "critical" else ["warning"]
        name = ".".join(["expectations", *level, one.type, *_columns(one)])
        again = (f"{name}#{number}" for number in range(2, len(named) + 3))
        named[name if name not in named else next(other for other in again if other not in named)] = one
    return named


def _columns(one: Told) -> list[str]:
    if one.type.startswith("expect_table_"):
        return []
    found = [one.kwargs[key] for key in _COLUMNS if key in one.kwargs]
    names = [str(name) for value in found for name in (value if isinstance(value, list) else [value])]
    return [",".join(names)] if names else []


def _observed(one: Told) -> Observed:
    if one.met is None:
        return Observed(None, message=_cut(one.error, 3 * _LONGEST) or "it raised without a word")
    said = [_said(one.result)] if not one.met or "observed_value" in one.result else []
    asked = {key: value for key, value in one.kwargs.items() if key not in _COLUMNS and value is not None}
    said += [f"asked for {_cut(_listed(asked))}"] if asked and not one.met else []
    said += [f"severity {one.severity}"] if one.severity != "critical" else []
    return Observed(0 if one.met else 1, message="; ".join(filter(None, said)))


def _said(result: Mapping[str, Any]) -> str:
    """Great Expectations' own numbers."""
    if "unexpected_count" not in result:
        return (
            f"observed {_cut(json.dumps(result['observed_value'], ensure_ascii=False))}"
            if "observed_value" in result
            else ""
        )
    values = [value for value in result.get("partial_unexpected_list", ()) if value is not None]
    examples = dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in values)
    shown = f", such as {_cut(', '.join(list(examples)[:_SHOWN]))}" if examples else ""
    share = f"{result['unexpected_percent'] or 0:.3g} %"
    return f"{result['unexpected_count']} of {result['element_count']} unexpected ({share}){shown}"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())


def _cut(text: str, most: int = _LONGEST) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[: most - 1]}…"
