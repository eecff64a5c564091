"""Commands around results that are reused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import ConfigError, Exit

if TYPE_CHECKING:
    import argparse


def add_to(commands: Commands) -> None:
    """Add them."""
    parser = commands.add_parser("cache", help="look after results that machines share", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    prune = add(actions, "prune", _prune, "remove from a folder what was not used for long")
    prune.add_argument("folder", type=Path)
    prune.add_argument("--older-than", default="30d", metavar="SPAN", help="such as 12h or 30d (default)")
    key = add(actions, "key", _key, "print what a result depends on, as a receipt (for executors)")
    key.add_argument("--plan", type=Path, required=True, help="a plan of one step, as JSON")
    key.add_argument("--inputs", type=Path, required=True, help="folder with the artifacts it reads")
    key.add_argument("--facts", default="{}", help="what else it depends on, as a JSON object")
    check = add(actions, "check", _check, "print why a stored result must not be used; nothing where it may")
    check.add_argument("folder", type=Path)
    check.add_argument("--receipt", required=True, help="what `assay cache key` printed")


def _prune(arguments: argparse.Namespace) -> int:
    from assay.run_cache.folder import Folder
    from assay.values import span, to_seconds

    if wrong := span(arguments.older_than):
        raise ConfigError(f"{arguments.older_than!r} is no time span", "--older-than", wrong)
    if not arguments.folder.is_dir():
        then = "registries and buckets have rules of their own for what is old"
        raise ConfigError("there is no such folder", str(arguments.folder), next=then)
    count, size = Folder(arguments.folder).prune(to_seconds(arguments.older_than))
    sys.stdout.write(f"{count} results removed, {size / 2**20:.1f} MiB\n")
    return Exit.PASSED


def _key(arguments: argparse.Namespace) -> int:
    from assay.cache import components_of
    from assay.plan import Plan
    from assay.run_cache.entry import receipt_of

    (step,) = Plan.from_dict(json.loads(arguments.plan.read_text(encoding="utf-8"))).steps
    components = components_of(step, arguments.project, arguments.inputs, json.loads(arguments.facts))
    sys.stdout.write(receipt_of(step, components).to_json())
    return Exit.PASSED


def _check(arguments: argparse.Namespace) -> int:
    from assay.run_cache.entry import BadEntry, Receipt, check

    try:
        check(arguments.folder, Receipt.parse(arguments.receipt))
    except BadEntry as error:
        sys.stdout.write(f"{error}\n")
    return Exit.PASSED
