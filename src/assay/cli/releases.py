"""Commands for versions of the model: which there are, which serves, what its image is made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import ConfigError, Exit

if TYPE_CHECKING:
    import argparse


def add_to(commands: Commands) -> None:
    """Add them."""
    attached = add(commands, "attest", _attest, "attach bill of materials and provenance to a published image")
    attached.add_argument("folder", type=Path, help="the run's folder")
    attached.add_argument("--image", required=True, help="host/repository@sha256:..., as it was published")
    frozen = add(commands, "freeze", _freeze, "give a published image the date 0, so that equal images are one")
    frozen.add_argument("--image", required=True, help="host/repository[:tag]@sha256:..., as it was published")
    deploy = add(commands, "deploy", _deploy, "show what the target kubernetes would apply, as YAML")
    deploy.add_argument("--dry-run", action="store_true", help="only print it; needs no cluster")
    add(commands, "rollback", _rollback, "make the previous version the champion again")
    add(commands, "down", _down, "stop what serves at the address of [tool.assay.deploy]")
    past = add(commands, "history", _history, "list the versions of the model: who, from what, how good, which alias")
    past.add_argument("--format", choices=("table", "json"), default="table")


def _attest(arguments: argparse.Namespace) -> int:
    from assay.supply.attest import attest

    sys.stdout.write(f"{attest(arguments.folder, arguments.image)}\n")
    return Exit.PASSED


def _freeze(arguments: argparse.Namespace) -> int:
    from assay.supply.freeze import freeze

    sys.stdout.write(f"{freeze(arguments.image)}\n")
    return Exit.PASSED


def _deploy(arguments: argparse.Namespace) -> int:
    from assay.rollout.preview import preview

    if not arguments.dry_run:
        then = "assay run --only deploy, or assay deploy --dry-run to see what would be applied"
        raise ConfigError("a deploy is a stage of a run", where="assay deploy", next=then)
    sys.stdout.write(preview(arguments.project))
    return Exit.PASSED


def _rollback(arguments: argparse.Namespace) -> int:
    from assay.project import load_project
    from assay.rollout.rollback import roll_back
    from assay.tracking.registry import Registry, store_of

    project = load_project(arguments.project)
    sys.stdout.write(f"{roll_back(project.config, arguments.project, Registry(store_of(arguments.project)))}\n")
    return Exit.PASSED


def _down(arguments: argparse.Namespace) -> int:
    from assay.rollout.local_serving import down

    sys.stdout.write(f"{down(arguments.project.resolve())}\n")
    return Exit.PASSED


def _history(arguments: argparse.Namespace) -> int:
    import json

    from assay.project import load_project
    from assay.render.history import history_table
    from assay.tracking.history import history
    from assay.tracking.registry import store_of

    project = load_project(arguments.project)
    found = history(store_of(arguments.project), project.config.name)
    as_json = json.dumps([past.to_dict() for past in found], indent=1)
    sys.stdout.write(f"{as_json if arguments.format == 'json' else history_table(project, found)}\n")
    return Exit.PASSED
