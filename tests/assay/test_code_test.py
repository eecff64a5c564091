import json
from pathlib import Path

import pytest
from frames import stage_context

from assay.context import Outcome
from assay.errors import ConfigError
from assay.stages import code_test

CONFIG = """
[tool.assay]
name = "tiny"
load = "tiny:load"
model = "tiny:build"
[tool.assay.data]
target = "y"
[tool.pytest.ini_options]
addopts = "--strict-config --strict-markers"
[tool.mypy]
strict = true
"""
GOOD = "def double(x: int) -> int:\n    return 2 * x\n"
TEST = "from tiny import double\n\n\ndef test_double() -> None:\n    assert double(2) == 4\n"


def _project(folder: Path, code: str = GOOD, tests: str | None = TEST, config: str = CONFIG) -> Path:
    project = folder / "project"
    files = {"pyproject.toml": config, "src/tiny.py": code} | ({"tests/unit/test_tiny.py": tests} if tests else {})
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    return project


def _run(folder: Path, code: str = GOOD, tests: str | None = TEST, config: str = CONFIG) -> Outcome:
    project = _project(folder, code, tests, config)
    before = sorted(project.rglob("*"))
    project.chmod(0o555)
    outcome = code_test.run(stage_context("code-test", project, folder, folder / "out"))
    assert sorted(project.rglob("*")) == before, "something was written into the project"
    return outcome


def _tools(folder: Path, project: Path) -> code_test.Tools:
    return code_test.Tools(project=project, scratch=folder, report=folder, paths=("src",))


def _values(outcome: Outcome) -> dict[str, float | None]:
    return {name.removeprefix("code."): seen.value for name, seen in outcome.observed.items()}


def test_a_clean_project(tmp_path: Path) -> None:
    outcome = _run(tmp_path)
    assert _values(outcome) == {"tests": 0, "coverage": 100, "lint": 0, "types": 0}
    assert outcome.message == "0 failed tests, 100 % covered, 0 lint findings, 0 type errors"
    report = tmp_path / "out/test-report"
    assert sorted(path.name for path in report.iterdir()) == ["coverage.json", "junit.xml", "lint.json", "types.txt"]
    texts = [path.read_text(encoding="utf-8") for path in report.iterdir()]
    assert not any(word in text for text in texts for word in ("timestamp", "hostname", str(tmp_path)))


def test_findings_are_counted(tmp_path: Path) -> None:
    code = "import os\nimport sys\n\n\ndef double(x: int) -> int:\n    return str(x)\n\n\ndef lost():\n    return 1\n"
    outcome = _run(tmp_path, code, f"{TEST}\n\ndef test_more() -> None:\n    raise KeyError\n")
    assert _values(outcome) == {"tests": 2, "coverage": pytest.approx(83.33), "lint": 2, "types": 2}
    assert outcome.observed["code.tests"].message == "of 2 tests, 0 skipped: test_double, test_more"
    assert outcome.observed["code.lint"].message.startswith("src/tiny.py:1 F401")
    found = json.loads((tmp_path / "out/test-report/lint.json").read_text(encoding="utf-8"))
    assert {finding["filename"] for finding in found} == {"src/tiny.py"}


SKIP = "import pytest\n\npytestmark = pytest.mark.skip\n\n\n"


@pytest.mark.parametrize(
    ("tests", "value", "says"),
    [
        pytest.param(None, None, "has no tests", id="no folder"),
        pytest.param("X = 1\n", None, "found no tests", id="no test in the file"),
        pytest.param(f"{SKIP}{TEST}", None, "none of 1 tests ran", id="all skipped"),
        pytest.param("import nothing_like_this\n", 1, "of 1 tests", id="import error"),
        pytest.param("def test_x(:\n", 1, "of 1 tests", id="syntax error"),
        pytest.param("import os\n\nos._exit(0)\n", None, "left no results", id="pytest dies with exit code 0"),
        pytest.param("import os\n\nos.kill(os.getpid(), 9)\n", None, "exit code -9", id="killed"),
        pytest.param("raise KeyboardInterrupt\n", None, "exit code 2", id="interrupted"),
    ],
)
def test_tests_that_did_not_run_are_never_zero_failures(
    tmp_path: Path, tests: str | None, value: float | None, says: str
) -> None:
    seen = code_test._tests(_tools(tmp_path, _project(tmp_path, tests=tests)))["code.tests"]
    assert seen.value == value
    assert says in seen.message


def test_a_broken_pytest_configuration_is_no_pass(tmp_path: Path) -> None:
    outcome = _run(tmp_path, config=CONFIG.replace("--strict-config", "--no-such-option"))
    assert _values(outcome)["tests"] is None
    assert _values(outcome)["coverage"] is None


def test_code_that_cannot_be_parsed_is_an_error_of_mypy_not_a_count(tmp_path: Path) -> None:
    seen = _run(tmp_path, "def double(:\n").observed
    assert seen["code.types"].value is None
    assert seen["code.types"].message.startswith("mypy ended with exit code 2")
    assert seen["code.lint"].value


def test_a_broken_ruff_configuration_is_no_pass(tmp_path: Path) -> None:
    seen = _run(tmp_path, config=f"{CONFIG}[tool.ruff]\nline-lenght = 100\n").observed["code.lint"]
    assert (seen.value, seen.message) == (None, "ruff ended with exit code 2, see the log")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='there is no "lib"'):
        _run(tmp_path, config=f'{CONFIG}[tool.assay.code]\npaths = ["lib"]\n')


def test_code_without_statements_has_no_coverage(tmp_path: Path) -> None:
    seen = _run(tmp_path, "", "def test_nothing() -> None:\n    pass\n").observed["code.coverage"]
    assert seen.value is None
