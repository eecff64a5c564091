from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.rollout.smoke import smoke_tests

if TYPE_CHECKING:
    from pathlib import Path

HERE = """
import os

def test_knows_where():
    assert os.environ["ASSAY_ENDPOINT"] == "http://model"
    assert "ASSAY_CONFIG" not in os.environ
"""


def run(project: Path, text: str, seconds: float = 120) -> tuple[float | None, str]:
    folder = project / "tests" / "smoke"
    folder.mkdir(parents=True)
    (folder / "test_smoke.py").write_text(text, encoding="utf-8")
    seen = smoke_tests(project, "http://model", project / "smoke.xml", seconds)
    assert not list(project.rglob("__pycache__"))
    assert not list(project.rglob(".pytest_cache"))
    return seen.value, seen.message


@pytest.mark.parametrize(
    ("text", "bad", "message"),
    [
        (HERE, 0, "0 of 1 smoke tests failed"),
        (HERE + "\ndef test_no():\n    assert 1 == 2\n", 1, "1 of 2 smoke tests failed"),
        ("import no_such_module\n", 1, "1 of 1 smoke tests failed"),
        ("", 0, "no tests in tests/smoke"),
        ("import os\ndef test_dies():\n    os.kill(os.getpid(), 9)\n", None, "exit code -9 and left no result"),
        ("import os\ndef test_leaves():\n    os._exit(0)\n", None, "exit code 0 and left no result"),
        ("import pytest\npytest.skip(allow_module_level=True)\n", None, "all 1 smoke tests were skipped"),
        ("import pytest\ndef test_a():\n    pytest.exit('enough', 7)\n", None, "exit code 7"),
    ],
    ids=["passes", "fails", "breaks", "none", "kills pytest", "leaves", "skips", "stops pytest"],
)
def test_smoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, bad: int | None, message: str) -> None:
    monkeypatch.setenv("ASSAY_CONFIG", "{}")
    value, said = run(tmp_path, text)
    assert value == bad
    assert message in said


def test_takes_too_long(tmp_path: Path) -> None:
    value, said = run(tmp_path, "import time\ndef test_sleeps():\n    time.sleep(30)\n", seconds=1)
    assert (value, said) == (None, "the smoke tests took longer than 1 s")


def test_no_folder(tmp_path: Path) -> None:
    seen = smoke_tests(tmp_path, "http://model", tmp_path / "smoke.xml")
    assert (seen.value, seen.message) == (0, "the project has no tests/smoke")
