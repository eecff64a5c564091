"""From a selection of stages to a result: plan in a container, execute, put the reports together in a container."""

import dagger
from dagger import dag

from assay_ci import containers
from assay_ci.execution import Execution
from assay_ci.plan import Plan
from assay_ci.settings import Settings
from assay_ci.stage_run import StageRun


def planned(settings: Settings, options: list[str]) -> dagger.Container:
    """The container that printed the plan for `options`; it needs the project's pyproject.toml and nothing else."""
    project = settings.source.filter(include=["pyproject.toml"])
    container = containers.toolkit(settings).with_mounted_directory("/project", project)
    return container.with_exec(["python", "-m", "assay", "plan", "--project", "/project", *options])


async def one_stage(settings: Settings, name: str) -> StageRun:
    """Run one stage and whatever makes its inputs.

    Raises:
        ValueError: A stage that it needs did not pass; tells which and why.
    """
    plan = Plan.parse(await planned(settings, ["--only", name, "--format", "json"]).stdout())
    runs = await Execution(settings, plan).run()
    if name not in runs:
        why = "\n".join(f"{run.stage} did not pass: {run.message}" for run in runs.values() if not run.passed)
        msg = f"{name} was not run\n{why}"
        raise ValueError(msg)
    return runs[name]


async def whole_run(settings: Settings, trigger: str, *options: str) -> dagger.Container:
    """Run the stages of `trigger`; gives the container that wrote run.json, run.md and report.html to /run."""
    plan = Plan.parse(await planned(settings, ["--trigger", trigger, "--format", "json"]).stdout())
    runs = await Execution(settings, plan).run()
    folder = dag.directory().with_new_file("plan.json", plan.text)
    for name, run in runs.items():
        folder = folder.with_directory(name, run.folder)
    container = containers.with_run(settings, containers.toolkit(settings), pure=False)
    container = container.with_env_variable("ASSAY_COMMIT", settings.commit).with_directory("/run", folder)
    command = ["python", "-m", "assay", "report", "/run", "--plan", "/run/plan.json", *options]
    return container.with_exec(command)
