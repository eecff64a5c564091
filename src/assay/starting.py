"""Starts stages: forked from a process that has imported what they need, once for a run. Standard library only.

A new interpreter, with all that a supervisor imports, costs a tenth of a second; a fork costs a hundredth of that.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection

_MODULE = ["python", "-m"]


@dataclass(frozen=True)
class Started:
    """A running command.

    Attributes:
        output: All that it prints.
        terminate: Ends it in order.
        wait: Gives its exit code, the negative number of the signal that ended it.
    """

    output: IO[bytes]
    terminate: Callable[[], None]
    wait: Callable[[], int]


def start(argv: Sequence[str], environment: Mapping[str, str]) -> Started:
    """Start `argv` with `environment` and no input, in a process group of its own.

    Ctrl-C on a terminal would reach a stage twice otherwise, and the second time break off what puts the world right.
    `python` is the interpreter that runs this; `python -m module` is what gets by with a fork.

    Raises:
        OSError: The system refused.
    """
    return _forked(list(argv), environment) if list(argv[:2]) == _MODULE else _executed(argv, environment)


def _executed(argv: Sequence[str], environment: Mapping[str, str]) -> Started:
    command = [sys.executable if word == "python" else word for word in argv]
    streams = (subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT)
    process = subprocess.Popen(command, -1, None, *streams, env=environment, process_group=0)
    assert process.stdout is not None  # noqa: S101 - PIPE above
    return Started(process.stdout, process.terminate, process.wait)


def _forked(argv: list[str], environment: Mapping[str, str]) -> Started:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["assay.cli", "assay.single"])
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_become, args=(argv[2:], dict(environment), writer))
    process.start()
    writer.close()

    def wait() -> int:
        process.join()
        return process.exitcode or 0

    with reader:
        output = os.fdopen(os.dup(reader.fileno()), "rb")
    return Started(output, process.terminate, wait)


def _become(argv: list[str], environment: dict[str, str], output: Connection) -> None:
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in enumerate((nothing, output.fileno(), output.fileno())):
        os.dup2(theirs, ours)
    output.close()
    os.close(nothing)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = argv
    # a fork imports its parent's main module; where that is the `assay` command, the program is imported already, and
    # Python warns of running what is imported
    sys.modules.pop(f"{argv[0]}.__main__", None)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
