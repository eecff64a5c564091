"""Executes a plan: independent steps side by side, each in its container, and a report for whatever happens."""

import json
from dataclasses import dataclass, field
from functools import partial

import anyio
import dagger
from dagger import dag
from opentelemetry import trace

from assay_ci import containers, image, supply
from assay_ci.plan import Plan, Step
from assay_ci.run_cache import RunCache
from assay_ci.settings import Settings
from assay_ci.stage_run import StageRun

_KILLED = 137
_tracer = trace.get_tracer(__name__)


@dataclass
class Execution:
    """One run of a plan in containers."""

    settings: Settings
    plan: Plan
    runs: dict[str, StageRun] = field(default_factory=dict)
    images: dict[str, dagger.Container] = field(default_factory=dict)
    cache: RunCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = RunCache(self.settings)

    async def run(self) -> dict[str, StageRun]:
        """Execute every step as soon as its suppliers are done; a step whose supplier did not pass is left out."""
        if await self._lacks_gpu():
            return self.runs
        done = {step.stage: anyio.Event() for step in self.plan.steps}
        try:
            async with anyio.create_task_group() as group:
                for step in self.plan.steps:
                    group.start_soon(self._when_ready, step, done)
        except ExceptionGroup as errors:
            # a task group hides the exec's own error and exit code from the person who called
            raise errors.exceptions[0] from None
        return self.runs

    async def _lacks_gpu(self) -> bool:
        """Look for the GPU that a step asks for before anything runs; without one that step failed, the rest waits."""
        run_id = self.settings.run_id
        for step in self.plan.steps:
            if step.gpu:
                try:
                    await containers.gpu_probe(self.settings, step.stage).sync()
                except dagger.QueryError as error:
                    why = f"there is no GPU for {step.stage}"
                    others = {s.stage: _made(s, "skipped", 0, why, run_id) for s in self.plan.steps}
                    self.runs |= others | {step.stage: _without_gpu(step, error, run_id)}
                    return True
        return False

    async def _when_ready(self, step: Step, done: dict[str, anyio.Event]) -> None:
        for need in step.needs:
            await done[need].wait()
        if all(need in self.runs and self.runs[need].passed for need in step.needs):
            # one line a stage in Dagger's own view, red where the stage is
            with _tracer.start_as_current_span(step.stage) as span:
                run = self.runs[step.stage] = await self._execute(step)
                if not run.passed:
                    span.set_status(trace.StatusCode.ERROR, run.message)
        done[step.stage].set()
        # what comes after need not wait until the result is stored
        if step.stage in self.runs:
            self.runs[step.stage] = await self.cache.keep(self.runs[step.stage])

    async def _execute(self, step: Step) -> StageRun:
        inputs = await self._inputs(step)
        if step.stage == "package":
            return await self._package(step, inputs)

        async def work() -> StageRun:
            container = containers.stage(self.settings, step, inputs)
            return await self._exec(
                step, await self._with_versions(step, inputs, container) if step.services else container
            )

        # a training names its run on the server that it is logged to
        tracked = step.stage == "train" and self.settings.tracking_uri
        facts = {"tracking server": self.settings.tracking_uri} if tracked else {}
        return await self.cache.reuse_or(step, inputs, facts, work)

    async def _exec(self, step: Step, container: dagger.Container) -> StageRun:
        result = await self._try(step, container)
        if result.stale:
            # the engine remembers what was red too; an outage may be over, a busy machine idle: it is never reused
            result = await self._try(step, containers.with_run(self.settings, container, pure=False))
        return result.run

    async def _try(self, step: Step, container: dagger.Container) -> "_Result":
        done = container.with_exec(containers.command(step), expect=dagger.ReturnType.ANY)
        try:
            folder = await done.directory("/out").sync()
            report = json.loads(await folder.file("report.json").contents())
        except dagger.QueryError as error:
            return _Result(_lost(step, error, self.settings.run_id), stale=False)
        run = StageRun.of(step, folder, passed=report["status"] == "passed", message=report["message"])
        stale = report["status"] != "passed" and report["run_id"] != self.settings.run_id
        return _Result(run, stale=stale)

    async def _package(self, step: Step, inputs: dagger.Directory) -> StageRun:
        """Build the image, have the stage judge it as a running server, and only then publish it."""
        facts = {"base image": self.settings.image}

        async def judge() -> StageRun:
            bundle = await image.bundle(self.settings, step, inputs)
            built = self.images["candidate"] = image.build(self.settings, bundle)
            return await self._judge(step, inputs, built, {})

        async def publish() -> StageRun:
            return await self._publish(step, inputs, run) if (run := await judged()).passed else run

        judged = partial(self.cache.reuse_or, step, inputs, facts, judge)
        place = {"registry": self.settings.registry, "platforms": self.settings.platforms}
        again = partial(self.cache.reuse_or, step, inputs, facts | place, publish, self._is_published)
        run = await (again() if self.settings.registry else judged())
        self.images.setdefault("candidate", image.build(self.settings, run.folder.directory("bundle")))
        return run

    async def _publish(self, step: Step, inputs: dagger.Directory, run: StageRun) -> StageRun:
        bundle = run.folder.directory("bundle")
        built = self.images.get("candidate") or image.build(self.settings, bundle)
        try:
            pushed = await image.publish(self.settings, bundle, built)
        except dagger.QueryError as error:
            return _made(step, "error", 5, _unpublished(self.settings, error), self.settings.run_id)
        reference, note = await supply.frozen(self.settings, pushed)
        told = {"REFERENCE": reference, "NOTE": note, "PLATFORMS": ",".join(await image.platforms(self.settings))}
        return await self._judge(step, inputs, built, told)

    async def _is_published(self, run: StageRun) -> bool:
        """True where the registry still has that run's image under the name that it is published as."""
        reference = str(json.loads(await run.folder.file("image.json").contents())["reference"])
        return reference.rpartition("@")[2] == await image.published(self.settings)

    async def _judge(
        self, step: Step, inputs: dagger.Directory, built: dagger.Container, told: dict[str, str]
    ) -> StageRun:
        container = await image.shown(containers.stage(self.settings, step, inputs), built)
        for name, value in told.items():
            container = container.with_env_variable(f"ASSAY_IMAGE_{name}", value)
        return await self._exec(step, container)

    async def _with_versions(self, step: Step, inputs: dagger.Directory, on: dagger.Container) -> dagger.Container:
        """The deploy container with the judged image, and the stable version's if one serves, as services."""
        stable = await image.bundle(self.settings, step, inputs, "stable")
        if await stable.entries():
            self.images["stable"] = image.build(self.settings, stable)
        for name, built in self.images.items():
            on = on.with_service_binding(name, image.service(built))
            on = on.with_env_variable(f"ASSAY_{name.upper()}_URL", f"http://{name}:{image.PORT}")
        return on

    async def _inputs(self, step: Step) -> dagger.Directory:
        """The artifacts that the step reads: by file, which the engine knows by content; a folder is known by its exec.

        What images are made of comes in whole folders: the engine spells out the origin of an image's context once for
        each file, and each file of theirs; that of a stable version, eighty files of package's, took all memory.
        """
        inputs, by_file = dag.directory(), step.pure and step.stage != "package"
        for slot in step.inputs:
            folder, is_folder = self.runs[slot.maker].folder, slot.path.endswith("/")
            if is_folder:
                # the engine's default would keep everyone but root out of the model's image
                inputs = inputs.with_new_directory(slot.path, permissions=0o755)
            if is_folder and not by_file and any(s.pure for s in self.plan.steps if s.stage == slot.maker):
                inputs = inputs.with_directory(slot.path, folder.directory(slot.path))
                continue
            found = await folder.glob(f"{slot.path}**" if is_folder else slot.path)
            for path in sorted(path for path in found if not path.endswith("/")):
                inputs = inputs.with_file(path, folder.file(path))
        return await inputs.sync()


@dataclass(frozen=True)
class _Result:
    run: StageRun
    stale: bool


def _without_gpu(step: Step, error: dagger.QueryError, run_id: str) -> StageRun:
    if isinstance(error, dagger.ExecError):
        return _made(step, "error", 2, _tail(error.stderr), run_id)
    key = f"[tool.assay.resources.{step.stage}] gpu = true"
    then = "start the engine with _EXPERIMENTAL_DAGGER_GPU_SUPPORT=1 on a host with an NVIDIA driver and its container"
    return _made(step, "error", 2, f"{key}, and the engine gives no GPU: {error}\n  next:    {then} toolkit", run_id)


def _lost(step: Step, error: dagger.QueryError, run_id: str) -> StageRun:
    """A run that left no report: its container could not be made ready, or was killed with its supervisor."""
    code, why = 5, f"the engine said: {error}"
    if isinstance(error, dagger.ExecError):
        itself = list(error.command) == containers.command(step)
        code = 4 if itself else 5
        what = "the stage" if itself else f"making the container ready: {' '.join(error.command)}"
        killed = " (killed)" if error.exit_code == _KILLED else ""
        why = f"{what} ended with exit code {error.exit_code}{killed}\n{_tail(error.stderr)}".rstrip()
    return _made(step, "error", code, why, run_id)


def _made(step: Step, status: str, code: int, why: str, run_id: str) -> StageRun:
    """A run with a report that the module wrote itself."""
    nothing: dict[str, list[str]] = {"gates": [], "inputs": [], "outputs": []}
    facts = {"stage": step.stage, "status": status, "exit_code": code, "message": why, "run_id": run_id}
    folder = (
        dag.directory().with_new_file("report.json", json.dumps(facts | nothing)).with_new_file("stage.log", f"{why}\n")
    )
    return StageRun.of(step, folder, passed=False, message=why)


def _unpublished(settings: Settings, error: dagger.QueryError) -> str:
    then = "look at the address, at --registry-username and --registry-password, and at the space that the registry has"
    if settings.platforms:
        then += f"; for {settings.platforms} the engine's host needs QEMU's binfmt handlers where it is another machine"
    return f"the image passed, and was not published: {error}\n  where:   {settings.registry}\n  next:    {then}"


def _tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.splitlines()[-lines:])
