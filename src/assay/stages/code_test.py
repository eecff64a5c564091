"""Stage code-test: the project's own tests, ruff and mypy, each in a process of its own; their findings are counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import junit
from assay.context import Context, Outcome
from assay.errors import ConfigError
from assay.gates import Observed
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_TESTS = ("tests/unit", "tests/integration")
_NO_TESTS = 5


@dataclass(frozen=True)
class Tools:
    """Starts tools in the project's folder, so that they find their settings in its pyproject.toml.

    Attributes:
        project: The project's folder; nothing is written there.
        scratch: Folder for the tools' caches.
        report: The stage's output folder.
        paths: `[tool.assay.code] paths`.
    """

    project: Path
    scratch: Path
    report: Path
    paths: tuple[str, ...]

    def start(self, module: str, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `python -m module`; what it prints goes to the stage's log, or is captured and printed then."""
        print(f"$ {module} {' '.join(arguments)}", flush=True)
        search = [str(self.project / "src"), str(self.project), os.environ.get("PYTHONPATH", "")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join(filter(None, search)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COVERAGE_FILE": str(self.scratch / "coverage"),
        }
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if capture:
            print(done.stdout, end="", flush=True)
        return done


def run(context: Context) -> Outcome:
    """Count failed tests, covered lines, ruff findings and mypy errors."""
    paths = context.config.code.paths
    for path in paths:
        if not (context.project / path).exists():
            where = "pyproject.toml tool.assay.code.paths"
            raise ConfigError(f'there is no "{path}"', where, "folders or files in the project")
    with tempfile.TemporaryDirectory(prefix="assay-code-") as scratch:
        tools = Tools(context.project, Path(scratch), context.output("test-report"), paths)
        observed = _tests(tools) | {"code.lint": _lint(tools), "code.types": _types(tools)}
    summary = {name.removeprefix("code."): seen.value for name, seen in observed.items()}
    return Outcome(observed=observed, message=_message(observed), summary=summary)


def _tests(tools: Tools) -> dict[str, Observed]:
    folders = [folder for folder in _TESTS if (tools.project / folder).is_dir()]
    if not folders:
        missing = Observed(None, message=f"the project has no tests: neither {' nor '.join(_TESTS)}")
        return {"code.tests": missing, "code.coverage": missing}
    results, coverage = tools.report / "junit.xml", tools.report / "coverage.json"
    sources = [f"--cov={path}" for path in tools.paths]
    reports = [f"--junit-xml={results}", "--cov-report=", f"--cov-report=json:{coverage}"]
    code = tools.start("pytest", *folders, "-p", "no:cacheprovider", *sources, *reports).returncode
    return {"code.tests": _failed(results, code), "code.coverage": _covered(coverage)}


def _failed(file: Path, code: int) -> Observed:
    if code == _NO_TESTS:
        return Observed(None, message=f"pytest found no tests in {' or '.join(_TESTS)}")
    junit.without_clocks(file)
    tests = junit.read(file)
    if tests is None:
        return Observed(None, message=f"pytest ended with exit code {code} and left no results")
    if code not in {0, 1} and not tests.bad:
        return Observed(None, message=f"pytest ended with exit code {code}")
    if tests.total == tests.skipped:
        return Observed(None, message=f"none of {tests.total} tests ran, {tests.skipped} were skipped")
    listed = f": {', '.join(tests.bad[:3])}" if tests.bad else ""
    return Observed(len(tests.bad), message=f"of {tests.total} tests, {tests.skipped} skipped{listed}")


def _covered(report: Path) -> Observed:
    try:
        data: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Observed(None, message="pytest left no coverage")
    data["meta"].pop("timestamp", None)
    write_json(report, data)
    totals = data["totals"]
    if not totals["num_statements"]:
        return Observed(None, message="there is no code to cover in [tool.assay.code] paths")
    files = sorted((item["summary"]["percent_covered"], name) for name, item in data["files"].items())
    return Observed(round(totals["percent_covered"], 2), message=f"lowest: {files[0][1]} {files[0][0]:.0f} %")


def _lint(tools: Tools) -> Observed:
    file = tools.report / "lint.json"
    options = ("--no-cache", "--output-format=json", f"--output-file={file}")
    code = tools.start("ruff", "check", *options, *tools.paths).returncode
    try:
        findings = json.loads(file.read_text(encoding="utf-8")) if code in {0, 1} else None
    except (OSError, ValueError):
        findings = None
    if findings is None:
        return Observed(None, message=f"ruff ended with exit code {code}, see the log")
    for finding in findings:
        finding["filename"] = os.path.relpath(finding["filename"], tools.project)
    write_json(file, findings)
    texts = [f"{f['filename']}:{f['location']['row']} {f['code']} {f['message']}" for f in findings]
    print("\n".join([*texts, f"{len(findings)} findings"]))
    return Observed(len(findings), message="; ".join(texts[:2]))


def _types(tools: Tools) -> Observed:
    done = tools.start("mypy", f"--cache-dir={tools.scratch / 'mypy'}", *tools.paths, capture=True)
    (tools.report / "types.txt").write_text(done.stdout, encoding="utf-8")
    # 2 is a crash or a file that mypy could not read: whatever it counted until then is not all
    if done.returncode not in {0, 1}:
        last = (done.stdout.strip().splitlines() or [""])[-1]
        return Observed(None, message=f"mypy ended with exit code {done.returncode}: {last}")
    errors = _errors(done.stdout.splitlines())
    return Observed(len(errors), message="; ".join(errors[:2]))


def _errors(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if ": error:" in line]


def _message(observed: dict[str, Observed]) -> str:
    units = {"tests": "failed tests", "coverage": "% covered", "lint": "lint findings", "types": "type errors"}
    known = {name: observed[f"code.{name}"].value for name in units}
    return ", ".join(f"{'no' if value is None else f'{value:g}'} {units[name]}" for name, value in known.items())
