"""Eight trivial steps with Assay's local runner, each under the real supervisor: `assay_local.py FOLDER COUNT`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from helpers import plan, step

from assay.cache import Cache
from assay.progress import Progress
from assay.render.collect import write_run
from assay.reports import RunReport
from assay.runner import Execution


def main(folder: Path, count: int) -> None:
    """Run them, leave the reports, tell how long the steps themselves took."""
    names = [f"s{number}" for number in range(count)]
    steps = [step(n, "write('x')", needs=tuple(names[i - 1 : i]) if i else ()) for i, n in enumerate(names)]
    steps = [replace(one, argv=("python", "-m", "trivial_stage", *one.argv[2:])) for one in steps]
    run_id = str(time.monotonic_ns())
    out = folder / "runs" / run_id
    out.mkdir(parents=True)
    entries = Execution(plan(*steps), folder, out, Cache(folder / "cache"), run_id, {}, False, Progress()).run()
    assert all(entry.report.passed and not entry.cached for entry in entries), entries
    write_run(RunReport(id=run_id, project="p", trigger="t", started="", seconds=0, entries=entries), out)
    print(json.dumps({"steps": sum(entry.report.seconds for entry in entries)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
