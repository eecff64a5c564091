"""Writes the scaffolded project's pyproject.toml: each guess with its reason, each limit with where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.data.rules.schema_text import string, to_toml
from assay.evaluate.champion import FEWEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.config import Config
    from assay.data.rules.propose import Proposal
    from assay.scaffold.roles import Roles
    from assay.scaffold.trial import Limit, Trial

_FEW_ROWS = 125
_HEAD = (
    "# Made by `assay init` from the looks of the data: correct what it got wrong, and tighten the limits with time.\n"
)
_SCHEMA = ("rules that all rows keep today, with some room for the next ones; `assay schema` proposes them anew",)
_TOOLS = """
# ---- tools that code-test runs ----

[tool.pytest.ini_options]
testpaths = ["tests/unit"]
pythonpath = ["src"]
addopts = "--import-mode=importlib"

[tool.mypy]
mypy_path = "src"
ignore_missing_imports = true

[tool.ruff]
line-length = 120
extend-exclude = [".assay"]

[tool.ruff.lint]
extend-select = ["ANN", "B", "I", "UP"]
ignore = ["ANN401"]    # a model is Any: scikit-learn has no types
"""


def pyproject(config: Config, roles: Roles, proposal: Proposal, trial: Trial) -> str:
    """The text of pyproject.toml."""
    lines = [
        "[tool.assay]",
        f"name = {string(config.name)}",
        f"model = {string(str(config.model))}",
        "",
        *_data(config, roles),
        "",
        to_toml(proposal.schema, _SCHEMA).rstrip(),
        *_drift(trial),
        "",
        "[tool.assay.params]    # handed to the model as they are",
        *(f"{name} = {_value(value)}" for name, value in config.params.items()),
        *_gates(proposal.rows, trial),
        *_small(trial),
        *_card(config),
    ]
    return "\n".join([_HEAD, *lines]) + "\n" + _TOOLS


def _data(config: Config, roles: Roles) -> Iterator[str]:
    data = config.data
    yield "[tool.assay.data]"
    yield f"path = {string(data.path)}"
    written = {"delimiter": (data.csv.delimiter, ","), "encoding": (data.csv.encoding, "utf-8")}
    written |= {"decimal": (data.csv.decimal, ".")}
    given = [f"{name} = {string(value)}" for name, (value, usual) in written.items() if value != usual]
    if given:
        yield f"csv = {{ {', '.join(given)} }}"
    if data.missing != ("",):
        yield f"missing = [{', '.join(map(string, data.missing))}]"
    if data.times:
        yield f"times = [{', '.join(map(string, data.times))}]"
    yield f"target = {string(data.target)}"
    yield f'task = "{data.task}"'
    if data.positive is not None:
        yield f"positive = {_value(data.positive)}"
    if data.group:
        yield f"group = {string(data.group)}    # all rows of one on one side of every split; not a feature"
    if data.time:
        yield f"time = {string(data.time)}    # the newest rows are held out"
    yield f"holdout = {data.holdout}    # share of the rows that judges the model"
    if roles.excluded:
        yield "exclude = [    # columns that the model does not get"
        yield from (f"  {string(name)},  # {_plain(why)}" for name, why in roles.excluded.items())
        yield "]"


def _drift(trial: Trial) -> Iterator[str]:
    if trial.rows[0] < _FEW_ROWS:
        yield "\n[tool.assay.data.drift]"
        yield f"min_rows = {trial.rows[0] // 2}    # there are few rows to compare"


def _gates(rows: int, trial: Trial) -> Iterator[str]:
    yield "\n# ---- gates: what stops a run ----"
    yield "\n[tool.assay.gates.code-test]"
    yield "coverage = { min = 90 }"
    yield "\n[tool.assay.gates.data-validate]"
    yield f"quality = {{ rows = {{ min = {rows // 2} }} }}    # half of today's {rows}: less is a broken export"
    yield "\n[tool.assay.gates.model-validate]"
    learnt, held = trial.rows
    if trial.limits:
        yield f"# what a first training on {learnt} rows reached on {held} others, less what chance may do"
    yield from (_gate(limit, compared=held >= FEWEST) for limit in trial.limits)
    if held < FEWEST:
        yield f"# with {FEWEST} holdout rows two models can be compared: add vs_champion = {{ max_drop = ... }} then"
    yield "latency_ms = { p95 = { max = 500 } }    # one row; CI shares its cores"
    yield "size_mb = { max = 100 }"


def _gate(limit: Limit, *, compared: bool) -> str:
    bound = "max_rise_percent" if limit.bound == "max" else "max_drop"
    against = f", vs_champion = {{ {bound} = {limit.worse:g} }}" if compared else ""
    return f"{limit.metric} = {{ {limit.bound} = {limit.value!r}{against} }}    # {limit.reached:.4g} reached"


def _small(trial: Trial) -> Iterator[str]:
    held = trial.rows[1]
    if held < _FEW_ROWS:
        yield "\n[tool.assay.monitor]"
        yield f"min_rows = {max(1, held // 2)}    # {held} holdout rows are all the traffic of a first run"


def _card(config: Config) -> Iterator[str]:
    yield "\n[tool.assay.card]    # what only you know; each stands in the model card"
    yield f"# intended_use = {string(f'Predicts {config.data.target}; for whom, and what is done with it?')}"
    yield '# limitations = ""'
    yield '# owners = [""]'


def _value(value: Any) -> str:  # noqa: ANN401 - what TOML can write
    return string(value) if isinstance(value, str) else json.dumps(value)


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
