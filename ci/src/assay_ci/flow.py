"""From a selection of stages to a result: plan in a container, execute, put the reports together in a container."""

from dataclasses import replace

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


async def one_stage(settings: Settings, name: str, *, allow_failure: bool = False) -> StageRun:
    """Run one stage and whatever makes its inputs.

    Raises:
        ExecError: A stage did not pass; carries the table of the run and its exit code. With `allow_failure` only when
            a stage failed that `name` needs.
    """
    plan = Plan.parse(await planned(settings, ["--only", name, "--format", "json"]).stdout())
    settings = await _with_image(settings)
    runs = await Execution(settings, plan).run()
    if name not in runs or not (runs[name].passed or allow_failure):
        await reported(settings, plan, runs, "--exit-code").sync()
    return runs[name]


async def whole_run(settings: Settings, trigger: str, only: str, *options: str) -> dagger.Container:
    """Run the stages of `trigger`; gives the container that wrote run.json, run.md and report.html to /results."""
    selection = ["--trigger", trigger, *(["--only", only] if only else [])]
    plan = Plan.parse(await planned(settings, [*selection, "--format", "json"]).stdout())
    settings = await _with_image(settings)
    return reported(settings, plan, await Execution(settings, plan).run(), *options)


async def _with_image(settings: Settings) -> Settings:
    """`settings` with the base image by digest: a tag of every model version."""
    return replace(settings, image=await dag.container().from_(settings.base_image).image_ref())


def reported(settings: Settings, plan: Plan, runs: dict[str, StageRun], *options: str) -> dagger.Container:
    """The container that put the stages' reports together and printed the table of the run."""
    folder = dag.directory().with_new_file("plan.json", plan.text)
    for name, run in runs.items():
        folder = folder.with_directory(name, run.folder)
    container = containers.with_run(settings, containers.toolkit(settings), pure=False)
    facts = {"ASSAY_COMMIT": settings.commit, "ASSAY_IMAGE": settings.image, "ASSAY_RUN_URL": settings.run_url}
    for name, value in facts.items():
        container = container.with_env_variable(name, value)
    container = container.with_directory("/results", folder)
    return container.with_exec(
        ["python", "-m", "assay", "report", "/results", "--plan", "/results/plan.json", *options]
    )
