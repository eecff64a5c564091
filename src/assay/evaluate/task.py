"""What is predicted: all that the metrics must know about it. Imports nothing, so that light stages can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_TWO = 2


@dataclass(frozen=True)
class Task:
    """What is predicted, and with which labels.

    Attributes:
        project: The project's folder.
        own: `[tool.assay] metrics`, or None.
        labels: Every label in the data, sorted; empty for regression.
        positive: The positive label of two; None for more than two and no choice, and for regression.
    """

    project: Path
    own: str | None
    labels: tuple[Any, ...] = ()
    positive: Any = None

    @property
    def binary(self) -> bool:
        """True for two classes."""
        return len(self.labels) == _TWO
