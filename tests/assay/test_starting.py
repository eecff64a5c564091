"""Commands started by a fork and by an interpreter of their own: the same to see from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# in a process of its own: what is forked imports the main module again, and pytest's takes a second
SCRIPT = """
import json, os, sys
from assay.starting import start
if __name__ == "__main__":
    started = start(sys.argv[1:], os.environ | {"TOLD": "yes"})
    if os.environ.get("STOP"):
        started.output.readline()
        started.terminate()
    print(json.dumps([started.output.read().decode(), started.wait()]))
"""
MODULE = """
import os, sys
print("at work", flush=True)
assert os.getpgid(0) == os.getpid() and sys.stdin.read() == ""
print(__name__, sys.argv[1:], os.environ["TOLD"], "SECRET" in os.environ)
print("to stderr", file=sys.stderr)
{}
"""


def outcome(folder: Path, *argv: str, end: str = "", stop: str = "") -> tuple[str, int]:
    import json

    (folder / "at_work.py").write_text(MODULE.format(end))
    script = folder / "script.py"
    if not script.exists():
        script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{folder}", "STOP": stop}
    command = [sys.executable, "script.py", *argv]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    text, code = json.loads(done.stdout)
    return text, code


WAYS = [("python", "-m", "at_work", "a", "b c"), ("python", "at_work.py", "a", "b c")]


@pytest.mark.parametrize("argv", WAYS)
@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("1/0", 1)])
def test_output_and_end(tmp_path: Path, argv: tuple[str, ...], end: str, code: int) -> None:
    text, ended = outcome(tmp_path, *argv, end=f"sys.stdout.flush(); {end}")
    assert ended == code
    assert "__main__ ['a', 'b c'] yes False\n" in text
    assert "to stderr" in text
    assert ("ZeroDivisionError" in text) == (end == "1/0")


@pytest.mark.parametrize("argv", WAYS)
def test_it_can_be_ended(tmp_path: Path, argv: tuple[str, ...]) -> None:
    _, ended = outcome(tmp_path, *argv, end="import time; time.sleep(60)", stop="yes")
    assert ended == -signal.SIGTERM


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        outcome(tmp_path, "no-such-command-anywhere")
    assert "FileNotFoundError" in raised.value.stderr


def test_the_command_starts_itself_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(f"from assay.__main__ import run\n{SCRIPT}")
    assert outcome(tmp_path, "python", "-m", "assay", "stage", "--help")[0].startswith("usage: assay stage")
