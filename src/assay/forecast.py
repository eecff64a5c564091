"""Tells what the next run would do with a stage, by what the runner asks the cache. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assay.cache import components_of, key_of
from assay.graph import World
from assay.runner import lay_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.cache import Cache, Hit
    from assay.plan import Plan, Step


@dataclass(frozen=True)
class Forecast:
    """What lies ahead of a stage.

    Attributes:
        components: What its result depends on now, by name; artifacts that are made anew first are left out.
        hit: The stored result that belongs to them.
        first: Stages that run before it, so that nobody knows yet what they make.
    """

    components: Mapping[str, str]
    hit: Hit | None
    first: tuple[str, ...]

    @property
    def reused(self) -> Hit | None:
        """The result that will be reused; None where it runs, or where that depends on what runs first."""
        return None if self.first else self.hit


def forecast(root: Path, plan: Plan, name: str, cache: Cache, newest: Path) -> Forecast:
    """What the next run would do with the pure stage `name`.

    Args:
        root: The project's folder.
        plan: The stage and all its suppliers.
        name: The stage.
        cache: Where results are kept.
        newest: Folder of the newest run: stages that touch the world mostly bring what they brought there.
    """
    folders: dict[str, Path] = {}
    first: list[str] = []
    for step in plan.steps:
        folders[step.stage] = newest / step.stage
        if step.world is not World.NONE:
            continue
        components = _components(step, root, folders, first)
        hit = cache.look(step.stage, key_of(components))
        if step.stage == name:
            return Forecast(components, hit, tuple(first))
        if hit:
            folders[step.stage] = hit.folder
        else:
            first.append(step.stage)
    return Forecast({}, None, tuple(first))


def _components(step: Step, root: Path, folders: Mapping[str, Path], first: list[str]) -> dict[str, str]:
    known = {maker: folder for maker, folder in folders.items() if maker not in first}
    with TemporaryDirectory() as inputs:
        lay_inputs(step, Path(inputs), known)
        return components_of(step, root, Path(inputs))
