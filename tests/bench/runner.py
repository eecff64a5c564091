"""How light the runner is: eight trivial chained stages, run and then cached; the last line is JSON.

`--dvc PATH` names a `dvc` command; the same eight stages then run under DVC in the same process, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGES = [f"s{number}" for number in range(8)]
RUN = """
import sys, time
from pathlib import Path
from assay.cache import Cache
from assay.progress import Progress
from assay.render.collect import write_run
from assay.reports import RunReport
from assay.runner import Execution
from helpers import plan, step
names, folder = sys.argv[2:], Path(sys.argv[1])
code = "write('x')"
steps = [step(n, code, needs=tuple(names[i - 1 : i]) if i else ()) for i, n in enumerate(names)]
run_id = str(time.monotonic_ns())
(folder / "runs" / run_id).mkdir(parents=True)
cache, out = Cache(folder / "cache"), folder / "runs" / run_id
entries = Execution(plan(*steps), folder, out, cache, run_id, {}, False, Progress()).run()
assert all(e.report.passed for e in entries), entries
write_run(RunReport(id=run_id, project="p", trigger="t", started="", seconds=0, entries=entries), out)
print(sum(e.cached for e in entries))
"""


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Seconds and output of a command."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests/assay")])}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout.strip()


def assay(folder: Path) -> tuple[float, float]:
    """Seconds for all eight, run and cached."""
    command = [sys.executable, "-c", RUN, str(folder), *STAGES]
    cold, reused = timed(command, folder)
    assert reused.endswith("0")
    warm, reused = timed(command, folder)
    assert reused.endswith("8")
    return cold, warm


def dvc(folder: Path, command: str) -> tuple[float, float]:
    """The same under DVC."""
    for words in (["git", "init", "-q"], [command, "init", "-q"]):
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
    lines = ["stages:"]
    for number, name in enumerate(STAGES):
        needs = [f"    deps: [{STAGES[number - 1]}.txt]"] if number else []
        lines += [f"  {name}:", f"    cmd: echo x > {name}.txt", *needs, f"    outs: [{name}.txt]"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    return timed([command, "repro", "-q"], folder)[0], timed([command, "repro", "-q"], folder)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dvc", default="")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    kinds = {"assay": assay} | ({"dvc": lambda folder: dvc(folder, arguments.dvc)} if arguments.dvc else {})
    result: dict[str, float] = {}
    for name, measure in kinds.items():
        times = []
        for _ in range(arguments.repeat):
            folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
            times.append(measure(folder))
            shutil.rmtree(folder)
        result[f"{name}_run_s"] = round(statistics.median(t[0] for t in times), 3)
        result[f"{name}_each_s"] = round(statistics.median(t[0] for t in times) / len(STAGES), 3)
        result[f"{name}_cached_s"] = round(statistics.median(t[1] for t in times), 3)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
