"""Eight trivial steps with the Dagger module's own executor, each in its container: `assay_dagger.py FOLDER COUNT`.

The first run makes the containers ready and is not timed. Needs an engine and dagger-io.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path

import dagger
from assay_ci.execution import Execution
from assay_ci.plan import Plan
from assay_ci.settings import Settings
from dagger import dag
from helpers import plan, step

ROOT = Path(__file__).parents[3]
TOOLKIT = ["src/assay/**", "tests/assay/trivial_stage.py"]
_EMPTY = dict.fromkeys(Settings.__dataclass_fields__, "")


async def once(toolkit: dagger.Directory, count: int) -> tuple[float, float]:
    """Seconds of one run, and those that the steps themselves took; nothing of it may come from the cache."""
    run_id = uuid.uuid4().hex
    names = [f"s{number}" for number in range(count)]
    steps = [
        step(n, "write('x')", needs=tuple(names[i - 1 : i]) if i else (), environment={"RUN": run_id})
        for i, n in enumerate(names)
    ]
    planned = plan(*steps).to_json().replace(str(ROOT / "tests" / "assay"), "/opt/assay/tests/assay")
    given = {"package": toolkit, "source": dag.directory(), "base_image": "python:3.13-slim", "run_id": run_id}
    started = time.perf_counter()
    runs = await Execution(Settings(**(_EMPTY | given)), Plan.parse(planned)).run()  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    reports = [json.loads(await runs[name].report.contents()) for name in names]
    assert all(report["status"] == "passed" and report["run_id"] == run_id for report in reports), reports
    return seconds, sum(report["seconds"] for report in reports)


async def main(count: int) -> None:
    """Once to make all ready, once to measure."""
    async with dagger.connection():
        toolkit = dag.host().directory(str(ROOT), include=TOOLKIT)
        await once(toolkit, count)
        wall, own = await once(toolkit, count)
    print(json.dumps({"wall": wall, "steps": own}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[2])))
