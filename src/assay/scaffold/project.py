"""Makes a project from a data file: looks, guesses, trains once, and writes all files or none."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay import values
from assay.config import Config
from assay.data.fetching.credentials import shown
from assay.data.reading.sources import open_source
from assay.data.rules.propose import propose
from assay.errors import ArtifactError, ConfigError
from assay.scaffold import code, placing
from assay.scaffold.looking import look
from assay.scaffold.roles import roles_of
from assay.scaffold.settings import pyproject
from assay.scaffold.target import goal_of
from assay.scaffold.trial import first_training, splits

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from assay.config import Data
    from assay.data.rules.propose import Proposal
    from assay.scaffold.roles import Roles
    from assay.scaffold.target import Task
    from assay.scaffold.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asks for; None where it is to be guessed.

    Attributes:
        data: A file, a folder or an address.
        target: Column to predict.
        task: classification or regression.
        name: Name of the model.
        kind: Kind of the model.
        force: Files that are there are moved aside.
    """

    data: str
    target: str | None = None
    task: Task | None = None
    name: str | None = None
    kind: str = "boosting"
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made.

    Attributes:
        root: The project's folder.
        files: The files, relative to it.
        kept: Those that were there and were left as they are.
        guesses: What was found out: fact, value and how.
        notes: What a person should look at.
    """

    root: Path
    files: tuple[str, ...]
    kept: tuple[str, ...]
    guesses: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


def make_project(root: Path, wanted: Wanted, tell: Callable[[str], None]) -> Made:
    """Scaffold a project in `root`.

    Args:
        root: The project's folder; made if missing.
        wanted: What the user asks for.
        tell: Told what goes on, as it takes some seconds.

    Raises:
        AssayError: The data cannot be used, something cannot be guessed, or files are in the way.
    """
    name = wanted.name or _name_of(root)
    package = _package_of(name)
    if not wanted.force:
        placing.check(root, _paths(package))
    try:
        return _make(root, wanted, name, package, tell)
    except OSError as error:
        what = f"{error.filename or wanted.data} cannot be read or written: {error.strerror or error}"
        raise ArtifactError(what, where=str(root.resolve()), next="nothing was left; mend it and try again") from None


def _make(root: Path, wanted: Wanted, name: str, package: str, tell: Callable[[str], None]) -> Made:
    with tempfile.TemporaryDirectory(prefix="assay-init-") as scratch:
        tell(f"looking at {shown(wanted.data)}")
        found = placing.find_data(root, wanted.data, Path(scratch))
        looked = look(found.local, wanted.data)
        goal = goal_of(looked.frame, wanted.data, wanted.target, wanted.task)
        data = replace(looked.data, path=found.path, target=goal.target, task=goal.task, positive=goal.positive)
        config = Config(name=name, model=f"{package}.model:build", data=data)
        tell(f"training once to set the limits, on {len(looked.frame):,} rows of {looked.frame.shape[1]} columns")
        filled = _filled(config, found.local, looked.frame, wanted.kind, Path(scratch))
        files = {path: filled.texts[path] for path in _paths(package)}
        written, kept = placing.place(root, files, found.copied)
    notes = (*looked.notes, *filled.notes, *found.notes)
    return Made(root=root, files=written, kept=kept, guesses=(*goal.why, *filled.guesses), notes=notes)


@dataclass(frozen=True)
class _Filled:
    texts: dict[str, str]
    guesses: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


def _filled(config: Config, local: Path, frame: pd.DataFrame, kind: str, scratch: Path) -> _Filled:
    """All files of the project, as texts."""
    proposal = _proposal(config, local)
    roles = roles_of(frame, config.data.target, proposal, regression=config.data.task == "regression")
    roles, split = _splitting(frame, config.data, roles)
    _check_features(roles)
    data = replace(config.data, time=roles.time, group=roles.group, exclude=tuple(roles.excluded))
    params = code.params_of(kind, data.task, round(proposal.rows * (1 - float(data.holdout))))
    config = replace(config, data=data, params=params)
    model = scratch / "model.py"
    model.write_text(code.model_py(kind, data.task, roles), encoding="utf-8")
    trial = first_training(frame, config, roles, model, scratch)
    package = str(config.model).partition(".")[0]
    texts = {f"src/{package}/model.py": model.read_text(encoding="utf-8"), **code.other(config, package)}
    texts |= {**code.tests(package, config, roles, frame), "pyproject.toml": pyproject(config, roles, proposal, trial)}
    return _Filled(texts, _guesses(roles, trial, split, kind), _notes(roles, trial))


def _check_features(roles: Roles) -> None:
    if not roles.features:
        told = "; ".join(f"{name}: {why}" for name, why in roles.excluded.items())
        then = "name another column with --target, or add features to the data"
        raise ConfigError("no column is left that the model could learn from", where=told, next=then)


def _guesses(roles: Roles, trial: Trial, split: str, kind: str) -> tuple[tuple[str, str, str], ...]:
    reached = ", ".join(f"{limit.metric} {limit.reached:.4g}" for limit in trial.limits)
    count = f"{len(roles.numbers)} numbers, {len(roles.categories)} categories"
    return (
        ("features", count, f"{len(roles.excluded)} left out"),
        ("holdout", f"{trial.rows[1]} of {sum(trial.rows)} rows", split),
        ("model", kind, f"a first training reached {reached}" if reached else "as asked for"),
    )


def _notes(roles: Roles, trial: Trial) -> tuple[str, ...]:
    weak = (f"the first training reached {trial.weak}; the gate model.skill will say no",) if trial.weak else ()
    return (*(f"{name} is left out: {why}" for name, why in roles.excluded.items()), *weak)


def _proposal(config: Config, local: Path) -> Proposal:
    # the same rules for the whole of the data, of which the guesses saw the first rows
    source = open_source(replace(config, data=replace(config.data, path=str(local.resolve()))), local, None)
    return propose(source.chunks())


def _splitting(frame: pd.DataFrame, data: Data, roles: Roles) -> tuple[Roles, str]:
    """How rows are held out: by time or by group where the data has such a column and it can be done."""
    chosen = roles.time or roles.group
    if chosen is None:
        return roles, "by chance"
    why = splits(frame, replace(data, time=roles.time, group=roles.group))
    if not why:
        return roles, f"the newest, by {roles.time}" if roles.time else f"whole groups, by {roles.group}"
    told = roles.excluded | ({roles.group: f"names whom a row is about; as group, {why}"} if roles.group else {})
    return replace(roles, time=None, group=None, excluded=told), f"by chance; by {chosen}, {why}"


def _paths(package: str) -> tuple[str, ...]:
    tests = ("tests/unit/test_model.py", "tests/model/test_model.py", "tests/smoke/test_endpoint.py")
    source = (f"src/{package}/__init__.py", f"src/{package}/model.py")
    return ("pyproject.toml", *source, *tests, ".github/workflows/assay.yml", ".gitignore", "README.md")


def _name_of(root: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-").lstrip("0123456789-")[:60]
    return name or "model"


def _package_of(name: str) -> str:
    if allowed := values.name(name):
        raise ConfigError(f'"{name}" is no name for a model', where="--name", allowed=allowed)
    package = name.replace("-", "_").rstrip("_")
    taken = keyword.iskeyword(package) or package in sys.stdlib_module_names or _installed(package)
    return f"{package}_model" if taken else package


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
