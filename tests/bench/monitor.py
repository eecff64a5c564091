"""How fast monitor is: a million logged predictions of the example's model as JSON Lines; the last line is JSON.

The stage is a process of its own, from its start to its end, imports and report included, as a run starts it. Half of
the labels come later, in a CSV file, so that joining and intervals are measured too; `--labels 0` leaves them out.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
GATE_SAID_NO = 3
PER_FILE = 250_000
PROJECT = """
[tool.assay]
name = "bench"
model = "bench:build"
[tool.assay.data]
target = "income"
positive = ">50K"
[tool.assay.monitor]
path = "logs/"
labels = "labels/*.csv"
"""


def make(folder: Path, rows: int, labelled: float) -> None:
    """Logs, labels, the champion's profile, and a project around them."""
    draw = np.random.default_rng(0)
    frame = pd.read_parquet(ROOT / "data/train.parquet").drop(columns=["income", "is_test"], errors="ignore")
    for name in ("logs", "labels", "inputs/champion"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    profile = (ROOT / "data/baseline.json").read_text()
    (folder / "inputs/champion/profile.json").write_text(profile)
    (folder / "inputs/champion/champion.json").write_text(json.dumps({"version": 3, "metrics": {}}))
    for start in range(0, rows, PER_FILE):
        count = min(PER_FILE, rows - start)
        part = frame.sample(count, replace=True, random_state=start).to_json(orient="records", lines=True)
        _write(folder, part.splitlines(), start, draw, labelled)


def _write(folder: Path, records: list[str], start: int, draw: np.random.Generator, labelled: float) -> None:
    first = dt.datetime.now(dt.UTC) - dt.timedelta(hours=6)
    shares, truth, waits = (draw.random(len(records)) for _ in range(3))
    with (
        (folder / f"logs/predictions-{start}.jsonl").open("w") as log,
        (folder / f"labels/{start}.csv").open("w") as late,
    ):
        late.write("id,label\n")
        for row, (record, p) in enumerate(zip(records, shares.tolist(), strict=True)):
            stamp = (first + dt.timedelta(milliseconds=10 * (start + row))).isoformat(timespec="milliseconds")
            said, real = (">50K" if chance > 0.5 else "<=50K" for chance in (p, truth[row]))
            log.write(
                f'{{"ts":"{stamp}","id":"{start + row:032x}","version":3,"features":{record},"prediction":"{said}",'
                f'"probabilities":[{1 - p},{p}],"ms":{-5 * np.log1p(-waits[row]):.3f},"status":200}}\n'
            )
            if row < labelled * len(records):
                late.write(f"{start + row:032x},{real}\n")


def measure(folder: Path) -> dict[str, float]:
    """The stage on what `make` left."""
    folders = ("--inputs", str(folder / "inputs"), "--outputs", str(folder / "out"), "--project", str(folder))
    command = [sys.executable, "-m", "assay", "stage", "monitor", *folders]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "ASSAY_MONITOR_STATE": str(folder / "state")}
    started = time.perf_counter()
    before = os.times()
    done = subprocess.run(command, env=environment, check=False)
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode not in {0, GATE_SAID_NO}:
        sys.exit(f"exit code {done.returncode}")
    report = json.loads((folder / "out/report.json").read_text())
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    megabytes = sum(path.stat().st_size for path in (folder / "logs").iterdir()) / 1e6
    # the stage is a child of the process that was watched
    return {"seconds": seconds, "cpu_seconds": spent, "peak_mb": report["peak_memory"] / 2**20, "log_mb": megabytes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labels", type=float, default=0.5, help="share of the requests whose label came")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        make(Path(folder), arguments.rows, arguments.labels)
        found = measure(Path(folder))
        print(json.dumps({"rows": arguments.rows} | {name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
