"""The `assay` command. The only place that prints results and errors, and the only one that decides on exit codes."""

from __future__ import annotations

import argparse
import sys
import traceback
from typing import TYPE_CHECKING

from assay.cli import caching, looking, projects, releases, runs, server
from assay.errors import AssayError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_GROUPS = (projects, runs, looking, server, releases, caching)


def main(argv: Sequence[str]) -> int:
    """Run one command and give its exit code; expected failures are rendered here, bugs keep their traceback."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return int(command(arguments))
    except AssayError as error:
        sys.stderr.write(f"assay: {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        return int(Exit.PASSED)
    except Exception:  # noqa: BLE001 - a bug: the traceback is what its report needs
        sys.stderr.write(f"assay: a bug in Assay, please report it\n{traceback.format_exc()}")
        return int(Exit.BUG)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay", description="ML CI/CD: eight gated stages, the same everywhere.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in _GROUPS:
        group.add_to(commands)
    return parser
