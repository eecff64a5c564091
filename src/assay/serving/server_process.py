"""Runs a bundle's server as a child process for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import ArtifactError
from assay.watch import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ADDRESS = re.compile(r"running on (http://[0-9.]+:[0-9]+)")
# a proxy that the environment names has no way to this machine's loopback interface
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_PACKAGE = Path(__file__).parents[1]
_TAIL = 20
_POLL_SECONDS = 0.05
_STOP_SECONDS = 35.0


@contextlib.contextmanager
def serving(
    bundle: Path, *, log: Path | None = None, timeout: float = 60.0, options: Sequence[str] = ()
) -> Iterator[str]:
    """Serve `bundle` on a free port of the loopback interface.

    Args:
        bundle: Folder that the package stage made; its own copy of the toolkit runs, where it has one.
        log: Folder for its prediction logs.
        timeout: Seconds it may take to get ready.
        options: More for `assay serve`.

    Yields:
        The server's URL, `http://127.0.0.1:<port>`; it answers /readyz with 200. At the end it is told to
        stop, finishes what is in flight and writes its log.

    Raises:
        ArtifactError: It ended or did not get ready in time; its last lines are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="assay-server-") as scratch:
        output = Path(scratch, "server.log")
        process = start(bundle, ["--port", "0", *log_option(log), *options], output)
        try:
            yield _wait(process, output, bundle, timeout)
        finally:
            stop(process)


def log_option(log: Path | None) -> list[str]:
    """The option of `assay serve` that keeps prediction logs in the folder `log`."""
    return ["--log", str(log.resolve())] if log else []


def start(bundle: Path, options: Sequence[str], output: Path, inherited: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start `assay serve` on `bundle`; it prints to the file `output`, inherits the descriptors, and dies with us."""
    argv = [sys.executable, "-m", "assay", "serve", "--bundle", str(bundle.resolve()), *options]
    # nothing but the bundle's own code is importable, as in the image
    toolkit = bundle.resolve() if (bundle / "assay").is_dir() else _PACKAGE.parent
    environment = os.environ | {"PYTHONPATH": str(toolkit), "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as file:
        return subprocess.Popen(
            argv,
            cwd=output.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            # a supervisor that is killed itself can end nobody
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )


def _wait(process: subprocess.Popen[bytes], output: Path, bundle: Path, timeout: float) -> str:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if process.poll() is not None:
            raise failure(f"the server ended with exit code {process.returncode}", output, bundle)
        found = _ADDRESS.search(_text(output))
        if found and is_ready(found[1]):
            return found[1]
        time.sleep(_POLL_SECONDS)
    raise failure(f"the server was not ready after {timeout:g} s", output, bundle)


def is_ready(url: str) -> bool:
    """True where the server at `url` answers /readyz with 200 within a second."""
    try:
        with _DIRECT.open(f"{url}/readyz", timeout=1):
            return True
    except OSError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server in order: what is in flight is finished."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def failure(what: str, output: Path, bundle: Path) -> ArtifactError:
    """What to raise about a server that printed to `output`: its last lines are in the message."""
    lines = _text(output).strip().splitlines()[-_TAIL:]
    said = "\n".join(f"    {line}" for line in lines) or "    (nothing)"
    return ArtifactError(
        f"{what}; its last lines:\n{said}", where=str(bundle), next="assay serve --bundle <that folder>"
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
