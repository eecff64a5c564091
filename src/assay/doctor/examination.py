"""Runs all looks at once and gives their findings; one that does not come back in time is a finding too."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from assay.data.fetching.credentials import shown
from assay.errors import AssayError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    Look: TypeAlias = "Callable[[], Sequence[Finding]]"

SECONDS = 5.0
_ANSWER_SECONDS = 4.0


class Health(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What one look found.

    Attributes:
        check: What was looked at.
        health: ok, warn (something will not work, or not well) or fail (a run will not pass).
        found: What is there.
        next: What to do; empty where all is well.
        code: Exit code that a run would end with; 0 unless `health` is fail.
    """

    check: str
    health: Health
    found: str
    next: str = ""
    code: int = 0


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Health.OK, found)


def warn(check: str, found: str, then: str) -> Finding:
    """Something will not work, or not well."""
    return Finding(check, Health.WARN, found, then)


def fail(check: str, found: str, then: str, code: int = Exit.USAGE) -> Finding:
    """A run will not pass."""
    return Finding(check, Health.FAIL, found, then, int(code))


def failed(check: str, error: AssayError) -> Finding:
    """What an error tells: what was wrong, and what to do."""
    first, *rest = str(error).splitlines()
    then = error.next or error.allowed or " ".join(" ".join(rest).split())
    return fail(check, f"{first} ({error.where})" if error.where else first, then, error.exit_code)


def asked(*command: str) -> subprocess.CompletedProcess[str]:
    """What a program answers within 4 s; it is told nothing."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False, stdin=subprocess.DEVNULL
    )


def examine(looks: Mapping[str, Look], seconds: float = SECONDS, needed: Container[str] = ()) -> list[Finding]:
    """All findings, in the order of `looks`, after `seconds` at the latest.

    Args:
        looks: By name.
        seconds: How long they have.
        needed: Those without whose answer no run passes.
    """
    done: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
    for name, look in looks.items():
        # a thread that never comes back must not keep the process alive
        threading.Thread(target=_work, args=(name, look, done), daemon=True).start()
    found: dict[str, list[Finding]] = {}
    until = time.monotonic() + seconds
    while len(found) < len(looks):
        try:
            name, findings = done.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            break
        found[name] = findings
    late = f"no answer within {seconds:g} s"
    return [one for name in looks for one in found.get(name, [_silent(name, late, needed=name in needed)])]


def _silent(name: str, late: str, *, needed: bool) -> Finding:
    if needed:
        return fail(name, late, "see whether it is up, and the way to it (firewall, proxy)", Exit.SERVICE)
    return warn(name, late, "try again, or look by hand")


def _work(name: str, look: Look, done: queue.SimpleQueue[tuple[str, list[Finding]]]) -> None:
    try:
        found = list(look())
    except AssayError as error:
        found = [failed(name, error)]
    except subprocess.TimeoutExpired as error:
        found = [_silent(name, f"no answer within {error.timeout:g} s", needed=False)]
    except Exception as error:  # noqa: BLE001 - a look that breaks must not hide what the others found
        found = [warn(name, f"could not be looked at: {type(error).__name__}: {error}", "look by hand")]
    # addresses may hold passwords
    done.put((name, [replace(one, found=shown(one.found), next=shown(one.next)) for one in found]))


def exit_code(findings: Sequence[Finding]) -> int:
    """0, or the code of the first finding that is a failure."""
    return next((finding.code for finding in findings if finding.health is Health.FAIL), int(Exit.PASSED))
