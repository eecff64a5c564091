"""Commands that help to set up a project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import ConfigError, Exit

if TYPE_CHECKING:
    import argparse


def add_to(commands: Commands) -> None:
    """Add them."""
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
