"""Turns graph, project and selection into ordered steps. Validates everything, runs nothing. Standard library only.

The local runner, the Dagger module and CI execute this plan and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from assay.config import Resources
from assay.errors import ConfigError, did_you_mean
from assay.graph import World
from assay.pipeline import GRAPH
from assay.project import CONFIG_VARIABLE, triggers
from assay.values import to_bytes, to_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.project import Project

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Slot:
    """An artifact as one step sees it.

    Attributes:
        name: The artifact.
        path: Where it lies below the input or output folder.
        maker: The step that makes it.
    """

    name: str
    path: str
    maker: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One stage, ready to be executed anywhere.

    Attributes:
        stage: Its name.
        argv: The command; `{inputs}`, `{outputs}` and `{project}` stand for the executor's folders.
        needs: Steps of this plan that come first.
        inputs: Artifacts to lay into the input folder; only those that this plan makes.
        outputs: Artifacts found in the output folder afterwards.
        environment: Variables that the result depends on.
        world: none, reads or changes; only `none` may be served from a cache.
        gates: Names of the gates that have a limit.
        requirements: Lock in `requirements/` that its environment is made from.
        project_requirements: The project's own requirements file, installed on top; may be empty.
        source: Globs of the project's files it reads.
        data: The project's data path where it reads the data, else empty.
        timeout: Longest time in seconds.
        memory: Most memory in bytes; 0 means no limit.
        gpu: It gets the host's GPUs.
        services: The versions that it takes live run beside it as servers: no cluster starts them.
        supporting: It was not asked for; it runs because another step needs what it makes.
    """

    stage: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    world: World = World.NONE
    gates: tuple[str, ...] = ()
    requirements: str = ""
    project_requirements: str = ""
    source: tuple[str, ...] = ()
    data: str = ""
    timeout: int = 3600
    memory: int = 0
    gpu: bool = False
    services: bool = False
    supporting: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do.

    Attributes:
        project: Name of the project.
        trigger: What starts it.
        steps: In an order in which every maker comes before its readers.
    """

    project: str
    trigger: str
    steps: tuple[Step, ...]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """The plan for programs, a line a step: logs show it."""
        facts = asdict(self)
        steps = ",\n".join(map(json.dumps, facts.pop("steps")))
        return f'{json.dumps(facts)[:-1]}, "steps": [\n{steps}\n]}}\n'

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        return Plan(**{**data, "steps": tuple(_step(step) for step in data["steps"])})


def _step(data: dict[str, Any]) -> Step:
    slots = {name: tuple(Slot(**slot) for slot in data[name]) for name in ("inputs", "outputs")}
    lists = {name: tuple(data[name]) for name in ("argv", "needs", "gates", "source")}
    return Step(**{**data, **lists, **slots, "world": World(data["world"])})


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which stages a run is asked for.

    Attributes:
        trigger: Name of a trigger; empty means every stage.
        only: Just these.
        start: This one and all that follow from it.
        until: This one and all before it.
    """

    trigger: str = ""
    only: tuple[str, ...] = ()
    start: str = ""
    until: str = ""


def make_plan(project: Project, selection: Selection | None = None) -> Plan:
    """The plan for `selection`.

    Raises:
        ConfigError: Unknown trigger or stage, or a selection that leaves nothing.
    """
    selection = selection or Selection()
    selected = select(project, selection)
    names = [name for name in GRAPH.order(GRAPH.suppliers(selected)) if _has_work(project, name)]
    steps = tuple(_make_step(project, name, names, supporting=name not in selected) for name in names)
    return Plan(project=project.config.name, trigger=selection.trigger or "manual", steps=steps)


def select(project: Project, selection: Selection) -> set[str]:
    """Names of the stages that `selection` asks for."""
    known = triggers(project)
    if selection.trigger and selection.trigger not in known:
        near = did_you_mean(selection.trigger, known)
        raise ConfigError(f'unknown trigger "{selection.trigger}"', "--trigger", ", ".join(known), near)
    chosen = set(known[selection.trigger or "push"])
    for name in filter(None, (*selection.only, selection.start, selection.until)):
        GRAPH.stage(name)
    if selection.only:
        chosen = set(selection.only)
    if selection.start:
        chosen &= GRAPH.followers(selection.start)
    if selection.until:
        order = GRAPH.order(GRAPH.by_stage)
        chosen &= set(order[: order.index(selection.until) + 1])
    if not chosen:
        raise ConfigError("this selection leaves no stage to run", "--trigger, --only, --from, --until")
    return chosen


def _has_work(project: Project, name: str) -> bool:
    key = GRAPH.stage(name).only_with
    return not key or bool(attrgetter(key)(project.config))


def _make_step(project: Project, name: str, names: Iterable[str], *, supporting: bool) -> Step:
    stage = GRAPH.stage(name)
    config = project.config
    limits = config.resources.get(name, Resources())
    makers = {artifact: maker for artifact, maker in GRAPH.makers.items() if maker in names}
    wanted = [artifact for artifact in (*stage.reads, *stage.optional) if artifact in makers]
    folders = ("--inputs", "{inputs}", "--outputs", "{outputs}", "--project", "{project}")
    memory = to_bytes(limits.memory) or 0
    caps = ("--timeout", str(to_seconds(limits.timeout)), *(("--memory", str(memory)) if memory else ()))
    caps += ("--gpu",) if limits.gpu else ()
    own = config.requirements if config.requirements and any(glob.startswith("src/") for glob in stage.source) else ""
    named = (
        ("data.baseline", config.data.baseline),
        ("data.suite", config.data.suite),
        ("requirements", config.requirements),
        ("signing", config.signing.public_key),
        ("monitor", _all_below(config.monitor.path)),
        ("monitor", _in_project(config.monitor.labels)),
        ("deploy", _all_below(config.deploy.templates)),
    )
    return Step(
        stage=name,
        argv=("python", "-m", "assay", "stage", name, *folders, *caps),
        needs=tuple(need for need in GRAPH.needs(name) if need in names),
        inputs=tuple(Slot(a, GRAPH.by_artifact[a].path, makers[a]) for a in wanted),
        outputs=tuple(Slot(a, GRAPH.by_artifact[a].path, name) for a in stage.writes),
        environment={CONFIG_VARIABLE: json.dumps(project.slice(stage), sort_keys=True, separators=(",", ":"))},
        world=stage.world,
        gates=tuple(project.limits[name]),
        requirements=stage.requirements,
        project_requirements=own or "",
        source=(*stage.source, *(path for key, path in named if path and key in stage.config)),
        data=config.data.path if "data" in stage.reads and not config.data.fetched else "",
        timeout=to_seconds(limits.timeout),
        memory=memory,
        gpu=limits.gpu,
        services=stage.name == "deploy" and config.deploy.target == "local",
        supporting=supporting,
    )


def _all_below(folder: str | None) -> str:
    return f"{folder.rstrip('/')}/**" if _in_project(folder) and folder else ""


def _in_project(path: str | None) -> str:
    return path if path and "://" not in path else ""
