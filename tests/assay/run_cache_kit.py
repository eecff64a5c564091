"""Two small stages on machines that share a run cache."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from helpers import plan, step
from test_runner import ROOT

from assay.cache import Cache
from assay.progress import Progress
from assay.render.text import run_table, stage_word
from assay.reports import RunReport
from assay.run_cache.opening import open_run_cache
from assay.runner import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from assay.plan import Plan
    from assay.reports import Entry
    from assay.run_cache.client import RunCache

TWO = plan(step("a", "write('1')"), step("b", "write((context.inputs/'a.txt').read_text() + '2')", needs=("a",)))


def run_on(machine: Path, shared: RunCache | str | None, what: Plan = TWO, *, fresh: bool = False) -> list[Entry]:
    """A run in a folder that stands for a machine: it has a project and a cache of its own."""
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    folder = machine / f"runs/{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    cache = open_run_cache(shared) if isinstance(shared, str) else shared
    if cache and isinstance(shared, str):
        # a machine that is busy with other tests is slow, which is not what is tested
        cache.seconds = 60
    quiet = Progress()
    return list(Execution(what, machine, folder, Cache(machine / "cache"), folder.name, {}, fresh, quiet, cache).run())


def told(entries: list[Entry]) -> dict[str, str]:
    report = RunReport(id="r", project="p", trigger="", started="", seconds=0, entries=tuple(entries))
    table = run_table(report).splitlines()
    stages = [entry.report.stage for entry in entries]
    return {stage: next(line for line in table if line.startswith(f"{stage_word(stage)} ")) for stage in stages}
