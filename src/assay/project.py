"""A project: a folder with a `[tool.assay]` table in its pyproject.toml, read and checked. Standard library only."""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.agreement import disagreements
from assay.config import Config
from assay.errors import ConfigError, ConfigErrors, did_you_mean
from assay.limits import limits_of, parse_limits
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER
from assay.pipeline import GRAPH, TRIGGERS
from assay.schema import Problem, build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.gates import Limit
    from assay.graph import Stage

CONFIG_VARIABLE = "ASSAY_CONFIG"
_FILE = "pyproject.toml"


@dataclass(frozen=True)
class Project:
    """A project as its pyproject.toml describes it.

    Attributes:
        root: Its folder.
        config: `[tool.assay]`, checked.
        raw: The same as plain JSON values, to cut slices from.
        limits: Gate limits by stage and gate name, defaults included.
    """

    root: Path
    config: Config
    raw: Mapping[str, Any]
    limits: Mapping[str, Mapping[str, Limit]]

    def slice(self, stage: Stage) -> dict[str, Any]:
        """The part of `[tool.assay]` that `stage` reads, as it goes into its cache key and its environment."""
        cut: dict[str, Any] = {}
        for dotted in stage.config:
            _copy(self.raw, cut, dotted.split("."))
        if stage.name in self.raw.get("gates", {}):
            cut["gates"] = {stage.name: self.raw["gates"][stage.name]}
        gates = [gate.name for gate in stage.gates]
        waivers = [w for w in self.raw.get("waivers", []) if any(fnmatch.fnmatchcase(w["gate"], g) for g in gates)]
        return cut | ({"waivers": waivers} if waivers else {})


def _copy(source: Mapping[str, Any], target: dict[str, Any], keys: list[str]) -> None:
    key, *rest = keys
    if key in source and not rest:
        target[key] = source[key]
    elif key in source:
        inner = dict(target.get(key, {}))
        _copy(source[key], inner, rest)
        target |= {key: inner} if inner else {}


def load_project(root: Path, today: dt.date | None = None) -> Project:
    """Read and check the project in `root`.

    Raises:
        ConfigErrors: Everything that is wrong, each with file, line and key.
        ConfigError: No pyproject.toml, not TOML, or no `[tool.assay]`.
    """
    text = _read(root / _FILE)
    raw = _plain(_tool_assay(text))
    problems: list[Problem] = []
    project = _check(root, raw, problems, today or dt.datetime.now(dt.UTC).date(), partial=False)
    problems += disagreements(project.config) if not problems else []
    if problems:
        raise ConfigErrors([_error(problem, text) for problem in _in_file_order(problems, text)])
    return project


def sliced_project(root: Path) -> Project:
    """The project as a stage sees it: its slice where the plan handed one over, else the whole file."""
    text = os.environ.get(CONFIG_VARIABLE)
    if text is None:
        return load_project(root)
    return project_of_slice(root, text)


def project_of_slice(root: Path, text: str) -> Project:
    """The project as a stage sees it that was handed the slice `text`."""
    return _check(root, json.loads(text), [], dt.date.min, partial=True)


def _check(root: Path, raw: dict[str, Any], problems: list[Problem], today: dt.date, *, partial: bool) -> Project:
    config = build(Config, raw, (), problems, partial=partial)
    limits = {
        stage.name: limits_of(stage) | parse_limits(stage, config.gates.get(stage.name, {}), problems)
        for stage in GRAPH.stages
    }
    _check_metrics(config, problems)
    for section in ("gates", "resources"):
        for name in raw.get(section, {}):
            _known(name, (section, name), GRAPH.by_stage, problems)
    for trigger, stages in config.triggers.items():
        for number, name in enumerate(stages):
            _known(name, ("triggers", trigger, str(number)), GRAPH.by_stage, problems)
    for number, waiver in enumerate(config.waivers):
        _check_waiver(waiver.expires, waiver.gate, ("waivers", str(number)), problems, today)
    return Project(root, config, raw, limits)


def _check_metrics(config: Config, problems: list[Problem]) -> None:
    """A misspelt metric is told before anything is trained, where no function of the project could measure it."""
    stage = GRAPH.stage("model-validate")
    known = sorted(LOWER_IS_BETTER | HIGHER_IS_BETTER | {gate.name.split(".")[1] for gate in stage.gates} - {"*"})
    for name in config.gates.get(stage.name, {}):
        if not config.metrics and name not in {*known, "*"}:
            then = did_you_mean(name, known) or 'name a function that measures it: metrics = "package:function"'
            problems.append(Problem(("gates", stage.name, name), f'unknown metric "{name}"', ", ".join(known), then))


def _known(name: str, path: tuple[str, ...], known: Mapping[str, object], problems: list[Problem]) -> None:
    if name not in known:
        problems.append(Problem(path, f'unknown stage "{name}"', ", ".join(known), did_you_mean(name, known)))


def _check_waiver(expires: str, gate: str, path: tuple[str, ...], problems: list[Problem], today: dt.date) -> None:
    try:
        last = dt.date.fromisoformat(expires)
    except (TypeError, ValueError):
        problems.append(Problem((*path, "expires"), f"{expires!r} is not a date", "an ISO date such as 2026-12-31"))
        return
    if last < today:
        what = f'the waiver for "{gate}" expired on {expires}'
        problems.append(Problem((*path, "expires"), what, next="mend the model or have the waiver approved anew"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "there is no pyproject.toml here" if isinstance(error, FileNotFoundError) else str(error)
        raise ConfigError(reason, where=str(path), next="name the project's folder with --project") from None


def _tool_assay(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=_FILE) from None
    tool = document.get("tool", {})
    if "assay" not in tool:
        near = [name for name in tool if did_you_mean(name, ["assay"])]
        then = f"rename [tool.{near[0]}] to [tool.assay]" if near else "see Assay's docs/own-model.md"
        raise ConfigError("no [tool.assay] table", where=_FILE, next=then)
    table: dict[str, Any] = tool["assay"]
    return table


def _plain(value: Any) -> Any:  # noqa: ANN401 - TOML to JSON
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else value


def _line(problem: Problem, text: str) -> int:
    from assay.lines import locate

    return locate(text, ("tool", "assay", *problem.path))


def _in_file_order(problems: list[Problem], text: str) -> list[Problem]:
    return sorted(problems, key=lambda problem: _line(problem, text))


def _error(problem: Problem, text: str) -> ConfigError:
    where = f"{_FILE}:{_line(problem, text)} tool.assay.{'.'.join(problem.path)}"
    return ConfigError(problem.what, where=where, allowed=problem.allowed, next=problem.next)


def triggers(project: Project) -> dict[str, tuple[str, ...]]:
    """Stages by trigger, the project's own in place of the defaults."""
    return TRIGGERS | project.config.triggers
