"""One stage by itself: its context from a project and two folders. Imports little, because every stage pays for it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from assay.context import Context
from assay.pipeline import GRAPH
from assay.project import sliced_project
from assay.supervisor import RUN_VARIABLE, supervise

if TYPE_CHECKING:
    from pathlib import Path

    from assay.reports import StageReport


def run_stage(name: str, project: Path, inputs: Path, outputs: Path, timeout: float, memory: int) -> StageReport:
    """Run one stage under its supervisor."""
    context = stage_context(name, project, inputs, outputs)
    with _keeper(context):
        return supervise(context, timeout=timeout, memory=memory)


def _keeper(context: Context) -> AbstractContextManager[None]:
    if context.stage.name != "deploy":
        return nullcontext()
    # here, because a stage's own processes end with it
    from assay.rollout.local_serving import keeper_for

    return keeper_for(context.project, context.config.deploy)


def stage_context(name: str, project: Path, inputs: Path, outputs: Path) -> Context:
    """What stage `name` is given when its artifacts lie in `inputs` and `outputs`."""
    stage = GRAPH.stage(name)
    sliced = sliced_project(project.resolve())
    return Context(
        stage=stage,
        config=sliced.config,
        project=sliced.root,
        inputs=inputs.resolve(),
        outputs=outputs.resolve(),
        run_id=os.environ.get(RUN_VARIABLE, "by-hand"),
        limits=sliced.limits[name],
    )
