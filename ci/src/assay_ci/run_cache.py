"""Results of pure stages in a registry, so that an engine which has none yet runs none of those stages.

What a result depends on, and whether an entry may be used, is said by the toolkit in a container; the engine brings and
sends images of one folder. A registry that fails is told once, and is never the reason for a red run.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
import dagger
from dagger import dag

from assay_ci import containers
from assay_ci.plan import Step
from assay_ci.settings import Settings
from assay_ci.stage_run import StageRun

PROTOCOL = "oci://"
_ENTRY, _RECEIPT, _ORIGIN = "/entry", "entry.json", "origin.json"
_SECONDS, _TRANSFER_SECONDS = 10, 600
_ABSENT = re.compile(r"not found|NAME_UNKNOWN|MANIFEST_UNKNOWN")
_REFUSED = re.compile(r"\b(401|403)\b|unauthorized|denied|forbidden|authorization failed", re.IGNORECASE)
_LONGEST = 200


@dataclass
class RunCache:
    """The run cache of one run; without an address it finds and keeps nothing."""

    settings: Settings
    _reads: bool = True
    _writes: bool = True
    _new: list[tuple[str, StageRun]] = field(default_factory=list)
    _notes: dict[str, list[str]] = field(default_factory=dict)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def reuse_or(
        self,
        step: Step,
        inputs: dagger.Directory,
        facts: dict[str, str],
        work: Callable[[], Awaitable[StageRun]],
        holds: Callable[[StageRun], Awaitable[bool]] | None = None,
    ) -> StageRun:
        """The stored result of `step`, else what `work` makes of it, to be stored with the next `keep`.

        Args:
            step: What is to be done.
            inputs: The artifacts that it reads.
            facts: What the result depends on and the plan does not know, by name.
            work: Does it.
            holds: Whether a stored result is still true of the world; absent: it always is.
        """
        if not self.settings.run_cache or not step.pure or not (self._reads or self._writes):
            return await work()
        receipt, found = "", None
        try:
            receipt = await _receipt(self.settings, step, inputs, facts)
            found = await self._found(step, receipt)
        except (dagger.QueryError, TimeoutError) as error:
            self._give_up(step.stage, error)
        if found and (holds is None or await holds(found)):
            return found
        run = await work()
        if run.passed and self._writes:
            self._new.append((receipt, run))
        return run

    async def keep(self, run: StageRun) -> StageRun:
        """Store what is new of the stage of `run`; gives the run with what people should know about all this."""
        for receipt, made in [(receipt, made) for receipt, made in self._new if made.stage == run.stage]:
            if self._writes:
                await self._store(receipt, made)
        notes = "; ".join(self._notes.get(run.stage, ()))
        return run.with_file(_ORIGIN, json.dumps({"source": "", "note": notes})) if notes else run

    async def _found(self, step: Step, receipt: str) -> StageRun | None:
        image = await self._image(json.loads(receipt)["name"])
        if not image:
            return None
        try:
            with anyio.fail_after(_TRANSFER_SECONDS):
                entry = await image.directory(_ENTRY).sync()
            wrong = await _wrong(self.settings, entry, receipt)
        except dagger.QueryError as error:
            wrong = f"cannot be brought here: {_first_line(error)}"
        if wrong:
            self._note(step.stage, f"the entry in {self.settings.run_cache} {wrong}; it was not used")
            return None
        report = json.loads(await entry.file("report.json").contents())
        said = f"nothing ran: what run {report['run_id']} made lies in {self.settings.run_cache}\n"
        run = StageRun.of(step, entry.with_new_file("stage.log", said), passed=True, message=report["message"])
        return run.with_file(_ORIGIN, json.dumps({"source": "registry", "note": ""}))

    async def _image(self, name: str) -> dagger.Container | None:
        """The image of the entry `name`; None where there is none, or may be none for us."""
        try:
            # one question at a time: the second need not wait for a registry that the first waited for in vain
            async with self._lock:
                if not self._reads:
                    return None
                with anyio.fail_after(_SECONDS):
                    image = self._with_login(dag.container()).from_(f"{self._repository}:{name}")
                    await image.image_ref()
                    return image
        except dagger.QueryError as error:
            said = str(error).replace(self._repository, "")
            if _ABSENT.search(said):
                return None
            if _REFUSED.search(said):
                # some registries say no to who asks for a repository that they do not have yet
                self._reads = False
                return None
            raise

    async def _store(self, receipt: str, run: StageRun) -> None:
        entry = run.output().with_file("report.json", run.report).with_new_file(_RECEIPT, receipt)
        container = self._with_login(dag.container().with_directory(_ENTRY, entry))
        address = f"{self._repository}:{json.loads(receipt)['name']}"
        try:
            with anyio.fail_after(_TRANSFER_SECONDS):
                # as it is, so that nobody has to unpack what may become larger than it says
                plain = dagger.ImageLayerCompression.Uncompressed
                await container.publish(address, forced_compression=plain)
        except (dagger.QueryError, TimeoutError) as error:
            if self._writes:
                self._note(run.stage, f"nothing more is kept in {self.settings.run_cache}: {_first_line(error)}")
            self._writes = False

    @property
    def _repository(self) -> str:
        return self.settings.run_cache.removeprefix(PROTOCOL)

    def _with_login(self, container: dagger.Container) -> dagger.Container:
        user, password = self.settings.run_cache_username, self.settings.run_cache_password
        return containers.with_login(container, self._repository, user, password)

    def _give_up(self, stage: str, error: Exception) -> None:
        if self._reads:
            self._note(stage, f"the run goes on without {self.settings.run_cache}: {_first_line(error)}")
        self._reads = self._writes = False

    def _note(self, stage: str, text: str) -> None:
        self._notes.setdefault(stage, []).append(text)


async def _receipt(settings: Settings, step: Step, inputs: dagger.Directory, facts: dict[str, str]) -> str:
    """What the result of `step` depends on, as the toolkit says."""
    container = containers.toolkit(settings).with_mounted_directory("/project", containers.project(settings, step))
    container = container.with_mounted_directory("/in", inputs).with_new_file("/plan.json", step.alone)
    folders = ["--plan", "/plan.json", "--inputs", "/in", "--project", "/project"]
    return await _asked(container, ["key", *folders, "--facts", json.dumps(facts)])


async def _wrong(settings: Settings, entry: dagger.Directory, receipt: str) -> str:
    """Why `entry` must not be used, as the toolkit says; empty where it may."""
    container = containers.toolkit(settings).with_mounted_directory(_ENTRY, entry)
    return (await _asked(container, ["check", _ENTRY, "--receipt", receipt])).strip()


async def _asked(container: dagger.Container, words: list[str]) -> str:
    return await container.with_exec(["python", "-m", "assay", "cache", *words]).stdout()


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [f"no answer within {_SECONDS} s"]
    return lines[0][:_LONGEST]
