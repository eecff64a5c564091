"""Figures that are the same bytes for the same numbers, drawn without a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

INK = "#24292f"
BLUE = "#0969da"
GREY = "#8c959f"


def figure(title: str, x: str, y: str, size: tuple[float, float] = (5.2, 3.8)) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes, `size` in inches."""
    made = Figure(figsize=size, dpi=110, layout="constrained")
    FigureCanvasAgg(made)
    axes = made.add_subplot()
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return made, axes


def save(made: Figure, path: Path) -> None:
    """Write a PNG that names neither the program nor the time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.savefig(path, metadata={"Software": None})
