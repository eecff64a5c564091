"""The stage graph, defined once: artifacts, stages and what each reads and writes.

Edges are computed from the names, never written. Everything else (plan, command line, Dagger functions, docs,
workflow) is derived from `GRAPH` or compared with it by a test. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from assay.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from assay.gates import Gate


class World(StrEnum):
    """What a stage has to do with the world outside its inputs."""

    NONE = "none"
    READS = "reads"
    CHANGES = "changes"


@dataclass(frozen=True)
class Artifact:
    """A named file or folder that passes from one stage to others.

    Attributes:
        name: Its name in reports.
        path: Where it lies below its maker's output folder and its readers' input folder; a folder ends in "/".
            Empty for what comes from outside the graph (source, data, live data).
        doc: One line for people.
    """

    name: str
    path: str
    doc: str

    @property
    def external(self) -> bool:
        """True where no stage makes it."""
        return not self.path


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One unit of work: named inputs, named outputs, and what its cache key depends on.

    Attributes:
        name: The one word for it everywhere (`data-validate`).
        doc: One line for people.
        reads: Artifacts it cannot run without.
        optional: Artifacts it uses where the run makes them; they order the stages but are not required.
        writes: Artifacts it makes.
        world: Pure stages (`none`) are cached by content; the others always run.
        requirements: Name of the lock in `requirements/` whose packages it needs.
        source: Globs of the project's files that it reads.
        config: Dotted keys of `[tool.assay]` that it reads; its own gates, waivers are always part of it.
        gates: The gates it can raise, with their default limits.
        only_with: Dotted key of `[tool.assay]` without which the stage has nothing to do and is left out of the plan.
        clean_up: Its module has a `clean_up(context)`, which puts right what a killed stage left behind in the world.
    """

    name: str
    doc: str
    reads: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    world: World = World.NONE
    requirements: str = ""
    source: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = field(default=())
    only_with: str = ""
    clean_up: bool = False

    @property
    def module(self) -> str:
        """The module that implements it, `data_validate` for `data-validate`."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Graph:
    """Artifacts and stages, checked when built.

    Raises:
        ConfigError: Two makers of an artifact, an unknown artifact, an input nobody makes, a cycle; names the stage.
    """

    artifacts: tuple[Artifact, ...]
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Refuse a graph that cannot be run."""
        self._check_names()
        self._check_inputs()
        try:
            TopologicalSorter({s.name: self.needs(s.name) for s in self.stages}).prepare()
        except CycleError as error:
            raise ConfigError("the stages form a cycle", where=" -> ".join(error.args[1])) from None

    def _check_names(self) -> None:
        makers: dict[str, str] = {}
        for stage in self.stages:
            for name in stage.writes:
                if name in makers:
                    raise ConfigError(f'"{name}" has two makers', where=f"stages {makers[name]} and {stage.name}")
                makers[name] = stage.name

    def _check_inputs(self) -> None:
        made = {name for stage in self.stages for name in stage.writes}
        for stage in self.stages:
            for name in (*stage.reads, *stage.optional, *stage.writes):
                if name not in self.by_artifact:
                    raise ConfigError(f'unknown artifact "{name}"', where=f"stage {stage.name}")
                if name not in made and not self.by_artifact[name].external:
                    raise ConfigError(f'no stage makes "{name}"', where=f"stage {stage.name}")

    @cached_property
    def by_artifact(self) -> dict[str, Artifact]:
        """Artifacts by name."""
        return {artifact.name: artifact for artifact in self.artifacts}

    @cached_property
    def by_stage(self) -> dict[str, Stage]:
        """Stages by name."""
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def makers(self) -> dict[str, str]:
        """Name of the stage that makes an artifact."""
        return {name: stage.name for stage in self.stages for name in stage.writes}

    def stage(self, name: str) -> Stage:
        """The stage called `name`.

        Raises:
            ConfigError: There is none; lists what there is.
        """
        if name not in self.by_stage:
            raise ConfigError(
                f'unknown stage "{name}"', allowed=", ".join(self.by_stage), next=did_you_mean(name, self.by_stage)
            )
        return self.by_stage[name]

    def needs(self, name: str, *, optional: bool = True) -> tuple[str, ...]:
        """Stages whose artifacts `name` reads."""
        stage = self.by_stage[name]
        wanted = (*stage.reads, *stage.optional) if optional else stage.reads
        return tuple(dict.fromkeys(self.makers[artifact] for artifact in wanted if artifact in self.makers))

    def order(self, names: Collection[str]) -> tuple[str, ...]:
        """`names` with every maker before its readers, otherwise in the order of definition."""
        done: list[str] = []

        def visit(name: str) -> None:
            for need in self.needs(name):
                visit(need)
            if name in names and name not in done:
                done.append(name)

        for stage in self.stages:
            visit(stage.name)
        return tuple(done)

    def suppliers(self, names: Iterable[str]) -> set[str]:
        """Every stage without which `names` cannot run, themselves included."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.needs(name, optional=False)
        return found

    def followers(self, name: str) -> set[str]:
        """`name` and every stage that reads, directly or not, what it makes."""
        found = {name}
        for other in self.order(self.by_stage):
            if found.intersection(self.needs(other)):
                found.add(other)
        return found
