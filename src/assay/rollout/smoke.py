"""Runs the project's smoke tests against a served model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from assay import junit
from assay.gates import Observed

FOLDER = Path("tests", "smoke")
ENDPOINT_VARIABLE = "ASSAY_ENDPOINT"

_NO_TESTS = 5


def smoke_tests(project: Path, url: str, report: Path, seconds: float = 600.0) -> Observed:
    """Run `tests/smoke` with pytest; the tests find `url` in the variable ASSAY_ENDPOINT.

    Args:
        project: The project's folder.
        url: Where the model is served.
        report: File for the result as JUnit XML.
        seconds: How long all of them may take.

    Returns:
        Number of tests that failed or broke, 0 where the project has none; None where pytest itself broke.
    """
    if not (project / FOLDER).is_dir():
        return Observed(0, message=f"the project has no {FOLDER}")
    report.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", str(FOLDER), "-q", "--tb=short", "-p", "no:cacheprovider"]
    # what is meant for this stage is not meant for a stage that a test may start
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    environment |= {ENDPOINT_VARIABLE: url, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*argv, f"--junitxml={report}"]
    # what was printed so far stands before what pytest prints
    sys.stdout.flush()
    try:
        code = subprocess.run(command, cwd=project, env=environment, timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        return Observed(None, message=f"the smoke tests took longer than {seconds:g} s")
    return _counted(report, code)


def _counted(report: Path, code: int) -> Observed:
    tests = junit.read(report)
    if tests is None:
        return Observed(None, message=f"pytest ended with exit code {code} and left no result")
    if not tests.bad and code not in {0, _NO_TESTS}:
        return Observed(None, message=f"no test failed, yet pytest ended with exit code {code}")
    if tests.skipped and tests.skipped == tests.total:
        return Observed(None, message=f"all {tests.total} smoke tests were skipped")
    told = f"{len(tests.bad)} of {tests.total} smoke tests failed" if tests.total else f"no tests in {FOLDER}"
    return Observed(len(tests.bad), message=told)
