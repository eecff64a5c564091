"""Every expected failure, as data: what was wrong, where, what is allowed, what to do next.

`cli.py` is the only place that prints them; anything that is not an `AssayError` is a bug in Assay and keeps its
traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Exit(IntEnum):
    """Exit codes of every `assay` command and of every stage."""

    PASSED = 0
    BUG = 1
    USAGE = 2
    GATE = 3
    PROJECT = 4
    SERVICE = 5
    INTERRUPTED = 130


@dataclass
class AssayError(Exception):
    """Root of all expected failures.

    Attributes:
        what: One sentence, what was wrong.
        where: File, line and key, or the stage and artifact.
        allowed: What would have been accepted.
        next: What to do now.
        trace: The user's own frames, already trimmed; empty for everything but `ProjectError`.
    """

    what: str
    where: str = ""
    allowed: str = ""
    next: str = ""
    trace: str = ""
    exit_code: ClassVar[Exit] = Exit.USAGE

    def __str__(self) -> str:
        """The error as the user reads it, one fact a line."""
        facts = (("where", self.where), ("allowed", self.allowed), ("next", self.next))
        lines = [self.what, *(f"  {label + ':':<9}{text}" for label, text in facts if text)]
        return "\n".join([*lines, self.trace.rstrip()] if self.trace else lines)


class ConfigError(AssayError):
    """`[tool.assay]` or the command line is wrong."""


class ArtifactError(AssayError):
    """An input is missing or damaged, or an output cannot be written."""


class GateFailed(AssayError):
    """A gate said no."""

    exit_code = Exit.GATE


class ProjectError(AssayError):
    """The user's code raised, could not be imported or broke its contract."""

    exit_code = Exit.PROJECT


class ServiceError(AssayError):
    """A service outside failed: registry, cluster, tracking server."""

    exit_code = Exit.SERVICE


class Refused(ServiceError):
    """A service outside answers, and does not let us do this."""


class ConfigErrors(ConfigError):
    """All configuration errors at once."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        """Keep `errors` in the order in which they stand in the file."""
        count = f"{len(errors)} configuration error" + ("s" if len(errors) != 1 else "")
        super().__init__(what=count)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        """Each error in full, one after the other."""
        return "\n".join([f"{self.what}:", *(f"{number}. {error}" for number, error in enumerate(self.errors, 1))])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "target"?` for a near miss, else an empty string."""
    # difflib costs 4 ms to import and is needed only once something is wrong
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else ""
