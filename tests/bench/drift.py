"""How fast the data stage is: a million rows of 40 numbers and 10 categories; the last line is JSON.

Each measurement is a process of its own, from its start to its end, imports and reading included; medians of `--repeat`
processes. Drift is measured against Evidently's preset where `--evidently PYTHON` names an interpreter that has it (it
takes minutes and runs once), rules against pandera alone and against Great Expectations, from this interpreter or from
`--expectations PYTHON`. `--big` puts ten million rows in ten files through the whole stage. What was not asked for is
null.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SIZES = {"before": (1_000_000, 0), "now": (1_000_000, 1)}
PARTS = 10
GATE_SAID_NO = 3
NAMES = ("assay", "evidently", "checks", "pandera", "expectations", "stage", "big")
HEAD = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
rules = json.loads((folder / "rules.json").read_text())
numbers = [name for name in rules if name.startswith("n")]
"""
MAKE = """
import json, sys
from pathlib import Path
import numpy as np, pandas as pd
path, rows, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
draw, moved = np.random.default_rng(seed), seed % 2
rules = {}
def number(i):
    shift = 0.5 * moved * (i % 5 == 0)
    values = (draw.normal(50 + 10 * shift, 10, rows), draw.exponential(1 + shift, rows),
        draw.integers(0, 100, rows) + int(20 * shift), draw.normal(1000 + 50 * shift, 50, rows).round(2))[i % 4]
    rules[f"n{i}"] = {"type": "float", "min": 25 if i == 0 else -1e6, "max": 1e6, "max_missing": 0.05}
    return np.where(draw.random(rows) < 0.02, np.nan, values) if i % 4 == 3 else values
def category(i):
    names = ["yes", "no"] if i == 0 else [f"{i}-{j}" for j in range((5, 20, 200)[i % 3])]
    shares = np.arange(len(names), 0, -1) ** (1.5 if moved and i == 1 else 1.0)
    rules[f"c{i}"] = {"type": "str", "allowed": list(names), "max_missing": 0}
    if moved and i == 2:
        names[0] = "renamed"
    return np.array(names, dtype=object)[draw.choice(len(names), rows, p=shares / shares.sum())]
frame = pd.DataFrame({f"n{i}": number(i) for i in range(40)} | {f"c{i}": category(i) for i in range(10)})
frame.to_parquet(path)
(Path(sys.argv[4]) / "rules.json").write_text(json.dumps(rules))
"""
ASSAY = f"""{HEAD}
import pyarrow.parquet as pq
from assay.config import Drift
from assay.data.drift.drift import drift
from assay.data.profiles.profile import profile_of
def profile(path):
    whole = None
    for batch in pq.ParquetFile(path).iter_batches(250_000):
        part = profile_of(batch.to_pandas(), "c0")
        whole = part if whole is None else whole.merged(part)
    return whole
before = profile(folder / "before.parquet")
moved = drift(before, profile(folder / "now.parquet"), Drift())
(folder / "profile.json").write_text(json.dumps(before.to_json()))
print(sum(bool(change.drifted) for change in moved.values()))
"""
EVIDENTLY = f"""{HEAD}
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
texts = [name for name in rules if name not in numbers]
kinds = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
before, now = (Dataset.from_pandas(pd.read_parquet(folder / f"{{n}}.parquet"), kinds) for n in ("before", "now"))
print(Report([DataDriftPreset()]).run(now, before).dict()["metrics"][0]["value"]["count"])
"""
CHECKS = f"""{HEAD}
import pyarrow.parquet as pq
from assay.config import Column, Data
from assay.data.rules.checks import Checks
schema = {{name: Column(**{{**rule, "allowed": tuple(rule.get("allowed", ()))}}) for name, rule in rules.items()}}
checks, start = Checks(Data(target="c0", schema=schema), folder / "failures.parquet", None), 0
for batch in pq.ParquetFile(folder / "now.parquet").iter_batches(250_000):
    chunk = batch.to_pandas()
    chunk.index += start
    start += len(chunk)
    checks.add(chunk)
print(sum(finding.count for finding in checks.result().findings))
"""
PANDERA = f"""{HEAD}
import pandas as pd, pandera.pandas as pa
def column(rule):
    values = pa.Check.isin(rule["allowed"]) if "allowed" in rule else pa.Check.in_range(rule["min"], rule["max"])
    missing = pa.Check(lambda s: s.isna().mean() <= rule["max_missing"], ignore_na=False)
    return pa.Column(None, [values, missing], nullable=True)
rows = pd.read_parquet(folder / "now.parquet")
schema = pa.DataFrameSchema({{name: column(rule) for name, rule in rules.items()}})
for name, kind in rows.dtypes.items():
    schema.columns[name].dtype = kind
try:
    schema.validate(rows, lazy=True)
    print(0)
except pa.errors.SchemaErrors as error:
    print(len(error.failure_cases))
"""
EXPECTATIONS = f"""{HEAD}
import os
os.environ["GX_ANALYTICS_ENABLED"] = "false"
import great_expectations as gx, pandas as pd
import great_expectations.expectations as gxe
wanted = []
for name, rule in rules.items():
    wanted.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=rule["allowed"]) if "allowed" in rule
        else gxe.ExpectColumnValuesToBeBetween(column=name, min_value=rule["min"], max_value=rule["max"]))
    wanted.append(gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=1 - rule["max_missing"]))
    wanted.append(gxe.ExpectColumnValuesToBeInTypeList(column=name, type_list=["float64", "int64", "object", "str"]))
rows = pd.read_parquet(folder / "now.parquet")
asset = gx.get_context(mode="ephemeral").data_sources.add_pandas("p").add_dataframe_asset("a")
batch = asset.add_batch_definition_whole_dataframe("b").get_batch({{"dataframe": rows}})
told = batch.validate(gx.ExpectationSuite(name="s", expectations=wanted))
print(sum(one.result.get("unexpected_count", 0) for one in told.results if not one.success))
"""
PROJECT = """
[tool.assay]
name = "bench"
model = "bench:build"
[tool.assay.data]
path = "data/"
target = "c0"
positive = "yes"
[tool.assay.data.schema]
"""


class Taken(NamedTuple):
    """Seconds, the largest resident set in MB, and the last line that was printed."""

    seconds: float
    peak: float
    said: str


def process(*command: str) -> Taken:
    """Run a command to its end. A child's peak is never below its parent's, so this process imports nothing heavy."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=environment, stdout=told, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        text = told.read().strip()
    if child.returncode not in {0, GATE_SAID_NO}:
        sys.exit(f"exit code {child.returncode} of {' '.join(command)}\n{text}")
    return Taken(seconds, usage.ru_maxrss / 1024, text.splitlines()[-1] if text else "")


def median(name: str, repeat: int, *command: str) -> Taken:
    """The median of some runs, printed."""
    runs = [process(*command) for _ in range(repeat)]
    found = Taken(statistics.median(r.seconds for r in runs), statistics.median(r.peak for r in runs), runs[0].said)
    print(f"{name:12} {found.seconds:7.2f} s {found.peak:7.0f} MB  {found.said}", flush=True)
    return found


def make(folder: Path) -> None:
    """The two files, the rules for both, and a project around the second one."""
    (folder / "project/data").mkdir(parents=True)
    for name, (rows, seed) in SIZES.items():
        process(sys.executable, "-c", MAKE, str(folder / f"{name}.parquet"), str(rows), str(seed), str(folder))
    os.link(folder / "now.parquet", folder / "project/data/now.parquet")
    rules = json.loads((folder / "rules.json").read_text())
    lines = [
        f"{name} = {{ {', '.join(f'{k} = {json.dumps(v)}' for k, v in rule.items())} }}" for name, rule in rules.items()
    ]
    (folder / "project/pyproject.toml").write_text(PROJECT + "\n".join(lines) + "\n")


def stage(name: str, repeat: int, folder: Path) -> Taken:
    """data-validate on the project in `folder`, against the profile that the drift measurement left."""
    inputs, outputs = folder / "inputs", folder / "outputs"
    (inputs / "baseline").mkdir(parents=True, exist_ok=True)
    (inputs / "baseline/profile.json").write_bytes((folder / "profile.json").read_bytes())
    folders = ("--inputs", str(inputs), "--outputs", str(outputs), "--project", str(folder / "project"))
    taken = median(name, repeat, sys.executable, "-m", "assay", "stage", "data-validate", *folders)
    # the stage is a child of the process that was watched
    return taken._replace(peak=json.loads((outputs / "report.json").read_text())["peak_memory"] / 2**20)


def big(folder: Path) -> Taken:
    """The same with ten times the rows, in as many files."""
    (folder / "project/data/now.parquet").unlink()
    for part in range(PARTS):
        path = folder / f"project/data/part-{part}.parquet"
        process(sys.executable, "-c", MAKE, str(path), "1000000", str(2 * part + 3), str(folder))
    return stage("stage, big", 1, folder)


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, float | None]:
    """All that was asked for."""
    run = {"assay": ASSAY, "checks": CHECKS, "pandera": PANDERA}
    make(folder)
    found = {
        name: median(name, arguments.repeat, sys.executable, "-c", code, str(folder)) for name, code in run.items()
    }
    found["stage"] = stage("stage", arguments.repeat, folder)
    if arguments.expectations:
        python = arguments.expectations
        found["expectations"] = median("expectations", arguments.repeat, python, "-c", EXPECTATIONS, str(folder))
    if arguments.evidently:
        found["evidently"] = median("evidently", 1, arguments.evidently, "-c", EVIDENTLY, str(folder))
    if arguments.big:
        found["big"] = big(folder)
    result = {f"{name}_s": found[name].seconds if name in found else None for name in NAMES}
    result |= {f"{name}_peak_mb": found[name].peak if name in found else None for name in NAMES}
    result["peak_mb"] = result.pop("assay_peak_mb")
    result["ratio"] = found["evidently"].seconds / found["assay"].seconds if "evidently" in found else None
    return {name: None if value is None else round(value, 2) for name, value in result.items()}


def main() -> None:
    """Measure and print."""
    here = sys.executable if importlib.util.find_spec("great_expectations") else ""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evidently", metavar="PYTHON", default="")
    parser.add_argument("--expectations", metavar="PYTHON", default=here)
    parser.add_argument("--big", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    why = {
        "evidently": "no --evidently PYTHON given",
        "expectations": "great_expectations is not installed here, and no --expectations PYTHON given",
        "big": "no --big given",
    }
    for name, reason in why.items():
        if not getattr(arguments, name):
            print(f"{name:12} not measured: {reason}")
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        print(json.dumps(measure(Path(folder), arguments)))


if __name__ == "__main__":
    main()
