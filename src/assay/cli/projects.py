"""Commands that help to set up a project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import ConfigError, Exit

if TYPE_CHECKING:
    import argparse

    from assay.scaffold.project import Made


def add_to(commands: Commands) -> None:
    """Add them."""
    text = "make a project from a data file: configuration, model, tests, workflow"
    init = add(commands, "init", _init, text)
    init.add_argument("data", metavar="DATA", help="CSV, JSON Lines or Parquet: a file, a folder or an address")
    init.add_argument("--target", metavar="COLUMN", help="the column to predict (default: guessed)")
    init.add_argument("--task", choices=("classification", "regression"), help="what is predicted (default: guessed)")
    init.add_argument("--name", help="name of the model (default: that of the folder)")
    init.add_argument("--model", choices=("boosting", "linear"), default="boosting", help="kind (default: boosting)")
    init.add_argument("--force", action="store_true", help="move files that are in the way aside, to NAME.before")
    add(commands, "schema", _schema, "propose [tool.assay.data.schema] from the project's data")


def _schema(arguments: argparse.Namespace) -> int:
    from contextlib import redirect_stdout

    from assay.local import newest
    from assay.project import load_project

    project = load_project(arguments.project)
    fetched = newest(arguments.project, "fetched") if project.config.data.fetched else None
    try:
        from assay.data.rules.propose import proposed_toml
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed"
        raise ConfigError(what, next="install requirements/data.lock, what the stage data-validate needs") from None
    # what the project's `load` prints must not get into the table
    with redirect_stdout(sys.stderr):
        text, notes = proposed_toml(project.config, arguments.project, fetched)
    sys.stdout.write(text)
    sys.stderr.write("".join(f"review: {note}\n" for note in notes))
    return Exit.PASSED


def _init(arguments: argparse.Namespace) -> int:
    try:
        from assay.scaffold.project import Wanted, make_project
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed, which the stages data-validate and model-validate need too"
        raise ConfigError(what, next="pip install -r requirements/evaluate.lock, or: make .venv/ready") from None
    wanted = Wanted(
        data=arguments.data,
        target=arguments.target,
        task=arguments.task,
        name=arguments.name,
        kind=arguments.model,
        force=arguments.force,
    )
    sys.stdout.write(_told(make_project(arguments.project, wanted, _tell)))
    return Exit.PASSED


def _tell(text: str) -> None:
    sys.stderr.write(f"{text} ...\n")


def _told(made: Made) -> str:
    from assay.render.text import table

    parts = [table(("guessed", "value", "how"), made.guesses)]
    parts += ["\n".join(f"review: {note}" for note in made.notes)] if made.notes else []
    parts += ["\n".join([f"written to {made.root.resolve()}:", *(f"  {path}" for path in made.files)])]
    parts += [f"left as they were: {', '.join(made.kept)}"] if made.kept else []
    root = made.root.resolve()
    here = "" if root == made.root.cwd() else f" --project {made.root}"
    tracked = any((folder / ".git").exists() for folder in (root, *root.parents))
    parts += [f"next: look at pyproject.toml, then: assay run{here}"]
    parts += [] if tracked else ["no git repository here: after `git init` each version tells the commit it comes from"]
    return "\n\n".join(parts) + "\n"
