"""Tells what a stage depends on, what changed since it ran, where its result lies and where its limits are set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.artifacts import size
from assay.cache import INPUT, Cache
from assay.forecast import forecast
from assay.graph import World
from assay.pipeline import GRAPH
from assay.plan import Plan, Selection, make_plan
from assay.project import CONFIG_VARIABLE, load_project, project_of_slice
from assay.reports import RunReport, read_json
from assay.rulebook import Rule, rules_of
from assay.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from assay.forecast import Forecast
    from assay.plan import Step
    from assay.project import Project
    from assay.reports import Entry

_KINDS = (("config ", "config"), (INPUT, "input"), ("data ", "data"))


@dataclass(frozen=True)
class Part:
    """One thing that a result depends on.

    Attributes:
        kind: environment, config, source, data or input.
        name: Which one: a key, a file, an artifact.
        now: Value or digest now; None where it is gone.
        before: The same when the stage ran last; None where it was not there.
    """

    kind: str
    name: str
    now: str | None
    before: str | None

    @property
    def change(self) -> str:
        """same, changed, new or gone."""
        if self.now == self.before:
            return "same"
        return "gone" if self.now is None else "new" if self.before is None else "changed"


@dataclass(frozen=True, kw_only=True)
class Explained:
    """All that is known of a stage.

    Attributes:
        stage: Name.
        doc: What it does.
        world: none, reads or changes.
        last: What happened in the newest run that had it; empty where there was none.
        next: What the next run would do, and why.
        parts: What its result depends on; empty where it is never reused.
        results: Where its artifacts lie, with bytes.
        rules: Its gates, with what the result that is reused, else the newest run, measured.
    """

    stage: str
    doc: str
    world: str
    last: str = ""
    next: str = ""
    parts: tuple[Part, ...] = ()
    results: tuple[tuple[str, int], ...] = ()
    rules: tuple[Rule, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        changes = [{**asdict(part), "change": part.change} for part in self.parts]
        return {**asdict(self), "parts": changes}


def explain(root: Path, name: str) -> Explained:
    """What is known of the stage `name` of the project in `root`.

    Raises:
        ConfigError: There is no such stage, or the project is not in order.
    """
    stage = GRAPH.stage(name)
    project = load_project(root)
    plan = make_plan(project, Selection(only=(name,)))
    step = next((step for step in plan.steps if step.stage == name), None)
    folder, entry = _newest(root, name)
    told = Explained(
        stage=name,
        doc=stage.doc,
        world=str(stage.world),
        last=_last(folder, entry),
        results=tuple((str(path), size(path)) for path in _artifacts(folder, name)),
        rules=rules_of(project, name, entry.report.gates if entry else (), _judged_by(root, folder, name)),
    )
    if step is None:
        return replace(told, next=f"nothing: it has work only with {stage.only_with}")
    if step.world is not World.NONE:
        return replace(told, next=f"it runs: it {step.world} the world, so no result is reused")
    cache = Cache(root / ".assay/cache")
    ahead = forecast(root, plan, name, cache, folder or root / ".assay/runs/none")
    parts = _parts(step, ahead, cache.last(name))
    # what was judged by the limits as they are now tells more than what was judged last
    rules = rules_of(project, name, ahead.reused.report.gates, project) if ahead.reused else told.rules
    return replace(told, next=_next(ahead, parts), parts=parts, rules=rules)


def _newest(root: Path, name: str) -> tuple[Path | None, Entry | None]:
    """Folder of the newest run that had the stage, and its entry there."""
    for file in sorted((root / ".assay/runs").glob("*/run.json"), reverse=True):
        if file.parent.is_symlink():
            continue
        try:
            run = RunReport.from_dict(read_json(file))
        except Exception:  # noqa: BLE001, S112 - written by another version, or damaged: an older run may tell
            continue
        entry = next((entry for entry in run.entries if entry.report.stage == name), None)
        if entry:
            return file.parent, entry
    return None, None


def _last(folder: Path | None, entry: Entry | None) -> str:
    if folder is None or entry is None:
        return ""
    how = "reused" if entry.cached else str(entry.report.status)
    why = f", {entry.why}" if entry.why else ""
    return f"{how} in run {folder.name}{why}" + ("" if entry.cached else f" ({entry.report.seconds:.1f} s)")


def _artifacts(folder: Path | None, name: str) -> Iterable[Path]:
    paths = (GRAPH.by_artifact[artifact].path for artifact in GRAPH.stage(name).writes)
    return [folder / name / path for path in paths if (folder / name / path).exists()] if folder else []


def _judged_by(root: Path, folder: Path | None, name: str) -> Project | None:
    """The project as the stage saw it in the run in `folder`; None where that is not known."""
    try:
        plan = Plan.from_dict(read_json(folder / "plan.json")) if folder else None
        step = next((step for step in plan.steps if step.stage == name), None) if plan else None
        return project_of_slice(root, step.environment[CONFIG_VARIABLE]) if step else None
    except Exception:  # noqa: BLE001 - written by another version, or damaged: then nobody knows
        return None


def _parts(step: Step, ahead: Forecast, before: Mapping[str, str]) -> tuple[Part, ...]:
    unknown = {f"{INPUT}{slot.name}" for slot in step.inputs if slot.maker in ahead.first}
    now = ahead.components
    names = [name for name in {**now, **before} if name not in unknown]
    return tuple(Part(*_kind(name, step), now.get(name), before.get(name)) for name in names)


def _kind(component: str, step: Step) -> tuple[str, str]:
    for prefix, kind in _KINDS:
        if component.startswith(prefix):
            return kind, component.removeprefix(prefix)
    # files of the project are named by their paths, everything else by words
    return ("source" if "/" in component or component in step.source else "environment"), component


def _next(ahead: Forecast, parts: tuple[Part, ...]) -> str:
    changed = [part for part in parts if part.change != "same"]
    if ahead.reused:
        run = f", from run {ahead.reused.report.run_id}" if ahead.reused.report.run_id else ""
        put_back = f", which had {listed([part.name for part in changed])} as now" if run and changed else ""
        return f"its result is reused{run}{put_back}" + ("" if changed else ": nothing changed")
    if not any(part.before is not None for part in parts):
        return "it runs: it never did"
    if changed and not ahead.hit:
        return f"it runs: {listed([f'{part.name} {part.change}' for part in changed])}"
    if ahead.first:
        return f"it depends: {', '.join(ahead.first)} runs first, and what comes out of it may be new"
    return "it runs: nothing changed, but no good result is stored"
