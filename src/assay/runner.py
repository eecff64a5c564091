"""Executes a plan on this machine: independent steps side by side, pure ones from the cache. Standard library only."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay import artifacts
from assay.cache import Cache, components_of, stamps_of
from assay.environment import SERVER, TRACKED
from assay.errors import Exit
from assay.graph import World
from assay.progress import Progress
from assay.reports import Entry, StageReport, Status, read_report, skipped, write_report
from assay.run_cache.client import VARIABLES
from assay.run_cache.entry import Receipt, receipt_of
from assay.starting import Started, start
from assay.supervisor import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.plan import Plan, Step
    from assay.run_cache.client import RunCache
_PATIENCE = 2.0


@dataclass
class Execution:
    """One run of a plan.

    Attributes:
        plan: What to do.
        project: The project's folder.
        folder: `.assay/runs/<id>`, where every step gets a folder of its own.
        cache: Where results of pure stages are kept.
        run_id: Identifies the run.
        environment: Variables for steps that touch the world: store, commit.
        fresh: True to reuse nothing.
        progress: Tells people what happens.
        run_cache: Where results are looked for that this machine does not have.
    """

    plan: Plan
    project: Path
    folder: Path
    cache: Cache
    run_id: str
    environment: dict[str, str] = field(default_factory=dict)
    fresh: bool = False
    progress: Progress = field(default_factory=Progress)
    run_cache: RunCache | None = None
    _entries: dict[str, Entry] = field(default_factory=dict, init=False)
    _running: list[Started] = field(default_factory=list, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self) -> tuple[Entry, ...]:
        """Execute every step; a step whose supplier did not pass is skipped, with that reason."""
        waiting = {step.stage: step for step in self.plan.steps}
        done: queue.SimpleQueue[tuple[str, Entry]] = queue.SimpleQueue()
        busy = 0
        try:
            while waiting or busy:
                for step in [step for step in waiting.values() if self._ready(step)]:
                    del waiting[step.stage]
                    threading.Thread(target=self._work, args=(step, done), daemon=True).start()
                    busy += 1
                name, entry = done.get()
                self._entries[name] = entry
                busy -= 1
        except KeyboardInterrupt:
            self._stop()
            self._entries |= _answers(done, busy)
            told = any(entry.report.exit_code == Exit.INTERRUPTED for entry in self._entries.values())
            for name in {step.stage for step in self.plan.steps} - set(self._entries):
                begun = name not in waiting or not told
                self._entries[name] = Entry(report=_interrupted(name, self.run_id, begun=begun))
        return tuple(self._entries[step.stage] for step in self.plan.steps)

    def _ready(self, step: Step) -> bool:
        return all(need in self._entries for need in step.needs)

    def _work(self, step: Step, done: queue.SimpleQueue[tuple[str, Entry]]) -> None:
        try:
            entry = self._execute(step)
        except Exception as error:  # noqa: BLE001 - a thread must always answer, or the run would wait for ever
            entry = Entry(report=_broken(step.stage, error, self.run_id))
        self.progress.ended(entry)
        done.put((step.stage, entry))

    def _execute(self, step: Step) -> Entry:
        outputs = self.folder / step.stage
        outputs.mkdir(parents=True, exist_ok=True)
        blocked = [need for need in step.needs if not self._entries[need].report.passed]
        if blocked:
            report = skipped(step.stage, f"{', '.join(blocked)} did not pass", self.run_id)
            write_report(outputs, report)
            return Entry(report=report, why=report.message)
        self.progress.checking(step.stage)
        inputs = self._lay_inputs(step)
        if step.world is not World.NONE:
            return Entry(report=self._spawn(step, inputs, outputs), why=f"{step.world} the world")
        return self._reuse_or_run(step, inputs, outputs)

    def _reuse_or_run(self, step: Step, inputs: Path, outputs: Path) -> Entry:
        stamps = stamps_of(step, self.project)
        components = components_of(step, self.project, inputs)
        receipt = receipt_of(step, components)
        entry, note = (None, "") if self.fresh else self._reused(receipt, outputs)
        if entry:
            self.cache.remember(step.stage, components)
            return entry
        why = "asked for" if self.fresh else self.cache.explain(step.stage, components)
        report = self._spawn(step, inputs, outputs)
        self.cache.remember(step.stage, components)
        # what was changed while the stage ran may or may not be in its result, which then belongs to no key
        if report.passed and stamps_of(step, self.project) == stamps:
            note = "; ".join(filter(None, (note, self._kept(receipt, outputs, report))))
        return Entry(report=report, why=why, note=note)

    def _reused(self, receipt: Receipt, outputs: Path) -> tuple[Entry | None, str]:
        """The result from this machine, else from the run cache, laid out in `outputs`; and what people should know."""
        hit = self.cache.find(receipt.stage, receipt.key)
        if hit:
            _lay_out(hit.report, hit.folder, outputs)
            return Entry(report=hit.report, cached=True, why="nothing changed"), ""
        if not self.run_cache:
            return None, ""
        folder = self._scratch(receipt.stage)
        report, note = self.run_cache.find(receipt, folder)
        entry = None
        if report:
            _lay_out(report, folder, outputs)
            self.cache.store(receipt.stage, receipt.key, outputs, report)
            entry = Entry(report=report, cached=True, why="nothing changed", source=self.run_cache.store.kind)
        shutil.rmtree(folder, ignore_errors=True)
        return entry, note

    def _kept(self, receipt: Receipt, outputs: Path, report: StageReport) -> str:
        self.cache.store(receipt.stage, receipt.key, outputs, report)
        return self.run_cache.keep(receipt, outputs, self._scratch(receipt.stage)) if self.run_cache else ""

    def _scratch(self, stage: str) -> Path:
        return self.folder / ".run-cache" / stage

    def _lay_inputs(self, step: Step) -> Path:
        inputs = self.folder / ".inputs" / step.stage
        inputs.mkdir(parents=True, exist_ok=True)
        lay_inputs(step, inputs, {slot.maker: self.folder / slot.maker for slot in step.inputs})
        return inputs

    def _spawn(self, step: Step, inputs: Path, outputs: Path) -> StageReport:
        if self._stopped.is_set():
            return _interrupted(step.stage, self.run_id, begun=True)
        self.progress.started(step.stage)
        folders = {"{inputs}": inputs, "{outputs}": outputs, "{project}": self.project}
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment |= step.environment | {RUN_VARIABLE: self.run_id}
        # a server that the training is logged to wants to know the commit; a pure result must not depend on it
        tracked = step.stage == TRACKED and SERVER in os.environ
        environment |= self.environment if step.world is not World.NONE or tracked else {}
        clock = time.monotonic()
        process = start([str(folders.get(word, word)) for word in step.argv], environment)
        self._running.append(process)
        if self._stopped.is_set():
            process.terminate()
        said: list[str] = []
        with process.output as lines:
            for line in lines:
                said = [*said[-3:], line.decode(errors="replace").rstrip("\n")]
                self.progress.line(step.stage, said[-1])
        code = process.wait()
        report = read_report(outputs)
        if report is None or report.run_id != self.run_id:
            return _lost(step.stage, code, said, time.monotonic() - clock, self.run_id)
        return report

    def _stop(self) -> None:
        self._stopped.set()
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()


def lay_inputs(step: Step, inputs: Path, outputs: Mapping[str, Path]) -> None:
    """Lay what `step` reads into the folder `inputs`, as far as it is there; `outputs` has its makers' folders."""
    for slot in step.inputs:
        source = outputs[slot.maker] / slot.path if slot.maker in outputs else None
        if source and source.exists():
            (inputs / slot.path.rstrip("/")).symlink_to(source)


def _lay_out(report: StageReport, folder: Path, outputs: Path) -> None:
    for ref in report.outputs:
        artifacts.link_tree(folder / ref.path, outputs / ref.path)
    write_report(outputs, report)


def _lost(stage: str, code: int, said: list[str], seconds: float, run_id: str) -> StageReport:
    """The report of a stage whose supervisor left none: it was killed, or could not write."""
    message = "\n".join([f"the supervisor ended with exit code {code} and left no report", *said])
    ended = code if code > 0 else int(Exit.PROJECT)
    clock = round(seconds, 3)
    return StageReport(stage=stage, status=Status.ERROR, exit_code=ended, message=message, seconds=clock, run_id=run_id)


def _broken(stage: str, error: Exception, run_id: str) -> StageReport:
    """The report of a stage that could not even be started: the system refused (disk, rights), or a bug of ours."""
    told = f"{type(error).__name__}: {error}"
    refused = isinstance(error, OSError)
    message, code = (told, Exit.USAGE) if refused else (f"a bug in Assay's runner: {told}", Exit.BUG)
    return StageReport(stage=stage, status=Status.ERROR, exit_code=int(code), message=message, run_id=run_id)


def _interrupted(stage: str, run_id: str, *, begun: bool) -> StageReport:
    if not begun:
        return skipped(stage, "the run was interrupted", run_id)
    code = int(Exit.INTERRUPTED)
    return StageReport(stage=stage, status=Status.ERROR, exit_code=code, message="interrupted", run_id=run_id)


def _answers(done: queue.SimpleQueue[tuple[str, Entry]], busy: int) -> dict[str, Entry]:
    """What the stages that were stopped have to say; some may have nothing."""
    found: dict[str, Entry] = {}
    with contextlib.suppress(queue.Empty):
        for _ in range(busy):
            name, entry = done.get(timeout=_PATIENCE)
            found[name] = entry
    return found


def prune(runs: Path, keep: int = 30) -> None:
    """Remove all but the newest `keep` runs; their names sort by time."""
    folders = sorted(path for path in runs.iterdir() if path.is_dir() and not path.is_symlink())
    for folder in folders[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)
