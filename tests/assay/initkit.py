"""A table of flowers, and what `assay init` makes of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.project import load_project
from assay.scaffold.project import Wanted, make_project

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 240


@cache
def flowers() -> pd.DataFrame:
    """Numbers, a category, and a target that follows from them."""
    random = np.random.default_rng(3)
    length, width = random.normal(size=COUNT).round(3), random.normal(size=COUNT).round(3)
    kind = random.choice(["rot", "grün", "blau"], COUNT)
    frame = pd.DataFrame({"Länge in cm": length, "width": width, "kind": kind})
    bought = length + (kind == "rot") + random.normal(0, 0.3, COUNT) > 0.3
    return frame.assign(bought=np.where(bought, "yes", "no"))


def write(frame: pd.DataFrame, folder: Path, name: str = "flowers.csv", **how: Any) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    frame.to_csv(folder / name, index=False, **how)
    return folder / name


@dataclass(frozen=True)
class Done:
    """A project that was made."""

    root: Path
    table: dict[str, Any]
    notes: tuple[str, ...]
    guesses: dict[str, str]


def make(tmp_path: Path, data: Path | str, **wanted: Any) -> Done:
    root = tmp_path / "shop"
    made = make_project(root, Wanted(data=str(data), **wanted), lambda _: None)
    load_project(root)
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["assay"]
    return Done(root, table, made.notes, {fact: value for fact, value, _ in made.guesses})


def excluded(done: Done) -> set[str]:
    return set(done.table["data"].get("exclude", ()))
