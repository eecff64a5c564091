"""What several tests need: small projects, stages and plans."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from assay.context import Context
from assay.graph import Artifact, Stage, World
from assay.plan import Plan, Slot, Step
from assay.project import Project, load_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.gates import Limit

MINIMAL = """
[tool.assay]
name = "tiny"
load = "tiny:load"
model = "tiny:build"

[tool.assay.data]
target = "y"
"""


def project(folder: Path, text: str = MINIMAL) -> Project:
    """A project with this pyproject.toml."""
    (folder / "pyproject.toml").write_text(textwrap.dedent(text), encoding="utf-8")
    return load_project(folder)


def context(folder: Path, **limits: Limit) -> Context:
    """A context for a made-up stage that writes the artifact `thing`."""
    stage = Stage(name="thing-maker", doc="", writes=("thing",))
    tiny = project(folder)
    inputs, outputs = folder / "in", folder / "out"
    inputs.mkdir(exist_ok=True)
    return Context(
        stage=stage,
        config=tiny.config,
        project=folder,
        inputs=inputs,
        outputs=outputs,
        run_id="run-1",
        limits=limits,
        artifacts={"thing": Artifact("thing", "thing/", ""), "other": Artifact("other", "other/", "")},
    )


def step(name: str, code: str, *, needs: tuple[str, ...] = (), world: World = World.NONE, **fields: object) -> Step:
    """A step that runs `code` under `trivial_stage.py`, reads the artifacts of `needs` and writes `<name>.txt`."""
    script = str(Path(__file__).with_name("trivial_stage.py"))
    argv = ("python", script, name, "--inputs", "{inputs}", "--outputs", "{outputs}", "--project", "{project}", code)
    values = {
        "needs": needs,
        "world": world,
        "inputs": tuple(Slot(need, f"{need}.txt", need) for need in needs),
        "outputs": (Slot(name, f"{name}.txt", name),),
        **fields,
    }
    return Step(stage=name, argv=argv, **values)  # type: ignore[arg-type]


def plan(*steps: Step) -> Plan:
    """A plan of these steps."""
    return Plan(project="tiny", trigger="manual", steps=steps)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """True as soon as `condition` holds; False when it does not within `seconds`."""
    import time

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


PYTHON = sys.executable
