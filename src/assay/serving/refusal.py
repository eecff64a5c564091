"""Requests that cannot be answered: raised where that is seen, told in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Refused(Exception):
    """A request that cannot be answered.

    Attributes:
        status: HTTP status.
        problems: One {"field", "problem"} each; the field is empty where the whole body is at fault.
    """

    def __init__(self, status: int, problems: Sequence[Mapping[str, str]]) -> None:
        super().__init__(status, problems)
        self.status = status
        self.problems = list(problems)

    def __str__(self) -> str:
        """All problems in one line."""
        return "; ".join(": ".join(filter(None, (each["field"], each["problem"]))) for each in self.problems)


def refused(status: int, problem: str, field: str = "") -> Refused:
    """A refusal for one reason."""
    return Refused(status, [{"field": field, "problem": problem}])
