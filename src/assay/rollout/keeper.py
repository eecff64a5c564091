"""The process that keeps a listening socket and hands it from version to version, so that no connection is lost.

It is asked over a Unix socket, one conversation after the other, in lines of JSON. Who asks for another version has
to say "keep" in the end: where that is not said, because the asking process was killed, the version before serves
again, and whoever comes next asks the registry which of them it should be. `asking.py` is the other side.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from assay.errors import ArtifactError, AssayError
from assay.rollout.asking import CONTROL, KEEP, tell
from assay.rollout.shelf import Shelf, State
from assay.rollout.turns import Server, bound, url_of
from assay.serving.server_process import stop

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    # says something to who asked, and gives what is said to it
    _Ask = Callable[[dict[str, Any]], str]

PID = "keeper.pid"
_TICK_SECONDS = 1.0
_AGAIN_SECONDS = 5.0
# for the registry to move the alias
_PATIENCE_SECONDS = 300.0


class Keeper:
    """What is kept: a listening socket, the server whose turn it is, those that finish, and what is to serve."""

    def __init__(self, folder: Path) -> None:
        """Serve on with what `folder` says; nothing is started yet."""
        self._shelf = Shelf(folder)
        self._state = self._shelf.state()
        self._gone = bool(self._state.current)
        self._address, self._listening = "", socket.socket()
        self._server: Server | None = None
        self._finishing: list[subprocess.Popen[bytes]] = []
        self._next_try = 0.0
        self._stopped = False

    def run(self, control: socket.socket) -> None:
        """Answer at `control` and look after the server, until told to stop or the folder is removed."""
        try:
            # whoever removes the folder can ask for nothing any more, and should get the address back
            while not self._stopped and self._shelf.exists():
                self._look_after()
                watched = [control, self._server.channel] if self._server else [control]
                ready = select.select(watched, [], [], _TICK_SECONDS)[0]
                if self._server and self._server.channel in ready:
                    _say(f"the server of {self._state.current} ended by itself")
                    self._finish()
                elif ready:
                    self._converse(control.accept()[0])
        finally:
            self._end()

    def interrupt(self, *_: object) -> None:
        """Stop whatever is at work; once that swallows the exception, as closing a connection may, the loop ends."""
        self._stopped = True
        sys.exit()

    def _look_after(self) -> None:
        """Start what should serve and does not: after a crash, or because the keeper is new."""
        self._finishing = [process for process in self._finishing if process.poll() is None]
        if self._server or not self._state.current or time.monotonic() < self._next_try:
            return
        try:
            self._switch(self._state)
        except AssayError as error:
            _say(f"{self._state.current} cannot serve, tried again in {_AGAIN_SECONDS:g} s: {error}")
            self._next_try = time.monotonic() + _AGAIN_SECONDS

    def _converse(self, client: socket.socket) -> None:
        client.settimeout(_PATIENCE_SECONDS)
        with contextlib.suppress(OSError, ValueError), client, client.makefile(encoding="utf-8") as lines:
            request = json.loads(lines.readline())
            try:
                answer = getattr(self, f"_do_{request.pop('do')}")(partial(_said, client, lines), **request)
            except AssayError as error:
                answer = _error(error)
            except OSError as error:
                answer = _error(ArtifactError(f"the keeper cannot go on: {error.strerror}", str(error.filename or "")))
            tell(client, answer)

    def _do_hold(self, _ask: _Ask, address: str) -> dict[str, Any]:
        """Find out whether `address` can be had."""
        if address != self._address:
            bound(address).close()
        return {}

    def _do_serve(self, ask: _Ask, address: str, version: int, bundle: str | None, seconds: float) -> dict[str, Any]:
        before = self._state
        after = before.moved(address, self._shelf.copied(version, Path(bundle) if bundle else None), seconds)
        if after != before:
            self._shelf.want(after)
        if after != before or self._server is None:
            self._switch_or_forget(before, after)
        was = {"was": before.version, "changed": after.current != before.current, "gone": self._gone}
        said = ask({"url": url_of(address)} | was)
        if said == KEEP:
            self._gone = False
            self._shelf.keep(after)
        elif after != before:
            _say(f"{after.current} is not kept")
            self._go_back(before)
            # without a word the alias may or may not have been moved
            if said:
                self._shelf.keep(before)
        return {}

    def _do_settle(self, ask: _Ask) -> dict[str, Any]:
        """Serve what a killed deploy wanted, or forget it, as the other side says once it has asked the registry."""
        before, wanted = self._state, self._shelf.wanted()
        if wanted.version is None or wanted == before:
            return {"wanted": None}
        said = ask({"wanted": wanted.version, "back": wanted.current == before.previous})
        if said == KEEP:
            self._switch(wanted)
        if said:
            self._shelf.keep(self._state)
        return {"url": url_of(self._state.address) if self._server else ""}

    def _do_stop(self, _ask: _Ask) -> dict[str, Any]:
        self._stopped = True
        self._end()
        self._shelf.keep(State())
        return {}

    def _switch_or_forget(self, before: State, after: State) -> None:
        try:
            self._switch(after)
        except AssayError:
            self._shelf.keep(before)
            raise

    def _go_back(self, before: State) -> None:
        if before.current:
            self._switch(before)
        else:
            self._end()
            self._state = before

    def _switch(self, after: State) -> None:
        """Let `after` serve in place of what serves now, which serves on where the new server cannot be loaded."""
        with contextlib.ExitStack() as failed:
            same = after.address == self._address
            listening = self._listening if same else failed.enter_context(bound(after.address))
            server = Server.load(self._shelf.bundle(after.current), self._shelf.log, after.seconds)
            self._finish()
            server.begin(listening, url_of(after.address))
            failed.pop_all()
        if not same:
            self._listening.close()
        self._address, self._listening, self._server, self._state = after.address, listening, server, after
        _say(f"{after.current} serves at {after.address}")

    def _finish(self) -> None:
        if self._server:
            self._server.finish()
            self._finishing.append(self._server.process)
            self._server = None

    def _end(self) -> None:
        # closed here first, so that the server that ends can take in all who queue
        self._listening.close()
        self._address = ""
        self._finish()
        for process in self._finishing:
            stop(process)


def _said(client: socket.socket, lines: TextIO, answer: dict[str, Any]) -> str:
    """What the other side says to `answer`; empty where it is gone."""
    with contextlib.suppress(OSError):
        tell(client, answer)
        return lines.readline().strip()
    return ""


def _error(error: AssayError) -> dict[str, Any]:
    return {"error": type(error).__name__, "facts": asdict(error)}


def _say(text: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, flush=True)


def main(folder: Path) -> None:
    """Become the keeper of `folder`, in a process of its own, unless there is one; back once it can be asked."""
    pid = (folder / PID).open("a+", encoding="utf-8")
    try:
        fcntl.flock(pid, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    os.chdir(folder)
    Path(CONTROL).unlink(missing_ok=True)
    control = socket.socket(socket.AF_UNIX)
    # by its name alone: the path of a Unix socket must not be longer than 107 bytes
    control.bind(CONTROL)
    control.listen()
    if os.fork():
        return
    os.setsid()
    keeper = Keeper(folder)
    signal.signal(signal.SIGTERM, keeper.interrupt)
    pid.truncate(0)
    pid.write(f"{os.getpid()}\n")
    pid.flush()
    with control:
        keeper.run(control)


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]))
