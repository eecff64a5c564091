"""The plan as `assay plan --format json` prints it: the only thing that the module knows about stages."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Slot:
    """An artifact: its name, its path below the input or output folder, and the step that makes it."""

    name: str
    path: str
    maker: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One stage of the plan; see `assay.plan.Step` for what each field means. `alone` is a plan of this step only."""

    stage: str
    argv: tuple[str, ...]
    needs: tuple[str, ...]
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    environment: dict[str, str]
    world: str
    requirements: str
    project_requirements: str
    source: tuple[str, ...]
    data: str
    gpu: bool
    services: bool
    alone: str = ""

    @property
    def pure(self) -> bool:
        """True where the engine may serve an earlier result."""
        return self.world == "none"


@dataclass(frozen=True)
class Plan:
    """Steps in order, and the JSON they came from."""

    steps: tuple[Step, ...]
    text: str = field(repr=False)

    @staticmethod
    def parse(text: str) -> "Plan":
        """Read the plan's JSON; fields that the module has no use for are left out."""
        plan = json.loads(text)
        return Plan(tuple(_step(step, json.dumps(plan | {"steps": [step]})) for step in plan["steps"]), text)


def _step(data: dict[str, Any], alone: str) -> Step:
    known = {name: data[name] for name in Step.__dataclass_fields__ if name != "alone"} | {"alone": alone}
    slots = {name: tuple(Slot(**slot) for slot in data[name]) for name in ("inputs", "outputs")}
    lists = {name: tuple(data[name]) for name in ("argv", "needs", "source")}
    return Step(**{**known, **lists, **slots})
