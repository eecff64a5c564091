"""What is told while a run lasts: alive on a terminal, plain lines elsewhere, objects for programs, never silence."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import wait_until
from reportkit import failed, run
from terminal import Terminal

from assay.cli import main
from assay.gates import GateResult, Verdict
from assay.progress import Events, Progress
from assay.render.board import clock_text, plain
from assay.render.lines import Lines
from assay.render.live import possible
from assay.reports import Entry, RunReport, StageReport, Status

TOML = '[tool.assay]\nname = "tiny"\nmodel = "tiny:build"\n[tool.assay.data]\ntarget = "y"\npath = "data/"\n'
ROOT = Path(__file__).parents[2]
# three stages that end when they are told to; `b` prints what a terminal would obey
RUN = """
import sys, time
from pathlib import Path
from assay.cache import Cache
from assay.cli.runs import _people
from assay.runner import Execution
from argparse import Namespace
from helpers import plan, step
folder = Path(sys.argv[1])
wait = "\\nimport time\\nwhile not (context.project / 'go').exists(): time.sleep(0.02)"
talk = "print('\\x1b[2Jtrial 1 of 3\\\\rtrial 2 of 3 [red]' + ' and so on' * 30)"
steps = [step("a", "write('x')"), step("b", talk + wait), step("c-long-name", "write('x')", needs=("b",))]
(folder / "run").mkdir()
progress = _people(Namespace(quiet=False, verbose="--verbose" in sys.argv))
with progress:
    progress.begin("r1", [s.stage for s in steps])
    Execution(plan(*steps), folder, folder / "run", Cache(folder / "cache"), "r1", {}, False, progress).run()
print("the end")
"""


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR"}}
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests/assay"), *sys.path])
    return kept | {"PYTHONPATH": paths, "TERM": "xterm-256color", "PYTHONUTF8": "1"} | changes


def on_terminal(
    folder: Path, columns: int, *arguments: str, lines: int = 24, changes: dict[str, str] | None = None
) -> Terminal:
    command = [sys.executable, "-c", RUN, str(folder), *arguments]
    return Terminal(command, environment(**(changes or {})), columns, lines)


@pytest.mark.parametrize("columns", [40, 120])
def test_a_table_that_is_alive_and_leaves_nothing_behind(tmp_path: Path, columns: int) -> None:
    terminal = on_terminal(tmp_path, columns)
    long = "trial 2 of 3 [red] and so on"
    said = long if columns == 120 else "running"
    seen = terminal.until(
        lambda lines: lines[0].split()[:2] == ["a", "passed"] and said in lines[1] and lines[3].startswith("1 ")
    )
    rows = [line for line in seen if line]
    assert [row.split()[0] for row in rows] == ["a", "b", "c-long-name", "1"], "one line a stage, however long its text"
    assert (long in rows[1]) == (columns == 120)
    assert "waiting" in rows[2]
    assert terminal.screen.cursor.hidden
    (tmp_path / "go").touch()
    assert terminal.end() == 0
    assert [line for line in terminal.lines if line] == ["the end"]
    assert not terminal.screen.cursor.hidden


def test_on_a_terminal_with_few_lines_only_what_runs_is_shown(tmp_path: Path) -> None:
    terminal = on_terminal(tmp_path, 80, lines=4)
    terminal.until(lambda lines: "trial" in lines[0] and [line.split()[0] for line in lines if line] == ["b", "1"])
    (tmp_path / "go").touch()
    assert terminal.end() == 0


def test_no_color_means_no_colour(tmp_path: Path) -> None:
    for changes, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        (tmp_path / str(coloured)).mkdir()
        (tmp_path / str(coloured) / "go").touch()
        terminal = on_terminal(tmp_path / str(coloured), 80, changes=changes)
        assert terminal.end() == 0
        assert (b"\x1b[32m" in terminal.raw) == coloured


def test_with_verbose_the_lines_stay_above_the_table(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    terminal = on_terminal(tmp_path, 120, "--verbose")
    assert terminal.end() == 0
    assert any(line.startswith("b               | trial 2 of 3 [red] and so on") for line in terminal.lines)


@pytest.mark.parametrize(
    "changes", [{"TERM": "dumb"}, {"TERM": ""}, {"CI": "true"}, {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}]
)
def test_a_terminal_that_can_do_less_gets_lines(tmp_path: Path, changes: dict[str, str]) -> None:
    (tmp_path / "go").touch()
    terminal = on_terminal(tmp_path, 120, changes=changes)
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.raw
    assert any("b               passed" in line for line in terminal.lines)


def test_ctrl_c_leaves_a_clean_terminal_and_a_report(tmp_path: Path) -> None:
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/tiny.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(TOML)
    (tmp_path / "tests/unit/test_wait.py").write_text("import time\ndef test_wait():\n    time.sleep(60)\n")
    command = [sys.executable, "-m", "assay", "run", "--only", "code-test", "--project", str(tmp_path)]
    terminal = Terminal(command, environment(), 100)
    terminal.until(lambda lines: any("code-test" in line and "running" in line for line in lines))
    terminal.until(lambda lines: any("$ pytest" in line or "collected" in line for line in lines))
    terminal.press("\x03")
    assert terminal.end() == 130
    assert not terminal.screen.cursor.hidden
    assert any("exit 130: interrupted" in line for line in terminal.lines), terminal.lines
    run = json.loads((tmp_path / ".assay/runs/latest/run.json").read_text())
    assert run["exit_code"] == 130
    assert "interrupted" in run["entries"][0]["report"]["message"]
    assert (tmp_path / ".assay/runs/latest/report.html").is_file()


def entry(status: Status = Status.PASSED, *, cached: bool = False) -> Entry:
    report = StageReport(stage="train", status=status, seconds=65, message="fitted\nin detail")
    return Entry(report=report, cached=cached, why="nothing changed")


def test_signs_of_life_come_soon_then_less_often() -> None:
    to = io.StringIO()
    with Lines(to=to, patience=0.05) as lines:
        lines.begin("r1", ["train"])
        lines.started("train")
        lines.line("train", "trial 3 of 50\n")
        assert wait_until(lambda: to.getvalue().count("still running") == 2)
        assert lines._silence == pytest.approx(0.2)
        lines.ended(entry())
        assert lines._silence == 0.05
    said = [line[9:] for line in to.getvalue().splitlines()]
    assert said[:2] == ["run r1: 1 stages", "train           running"]
    assert said[2] == "train           still running, 0.1 s: trial 3 of 50"
    assert "train           passed    1 min 05 s  fitted" in said


def test_the_line_of_a_stage_that_a_gate_stopped_begins_with_the_gate() -> None:
    to = io.StringIO()
    gates = (GateResult("model.accuracy", 0.68741, ">=", 0.99, Verdict.FAIL),)
    report = StageReport(stage="model-validate", status=Status.FAILED, gates=gates, message="on 803 rows", seconds=1)
    Lines(to=to).ended(Entry(report=report))
    said = to.getvalue()[9:]
    assert said == "model-validate  failed    1.0 s  model.accuracy 0.6874, limit >= 0.99; on 803 rows\n"


def test_a_run_that_a_gate_stopped_tells_what_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_local(*_: object, **__: object) -> tuple[RunReport, Path]:
        return run(failed()), tmp_path / "runs/r1"

    monkeypatch.setattr("assay.local.run_local", run_local)
    (tmp_path / "runs/r1").mkdir(parents=True)
    told = {}
    for option in ("--verbose", "--quiet", "--json"):
        assert main(["run", option, "--project", str(tmp_path)]) == 3
        told[option] = capsys.readouterr().out
    command = f"next: assay explain model-validate --project {tmp_path}\n"
    assert told["--verbose"].endswith(f"/report.html\n{command}")
    assert "next:" not in told["--quiet"] + told["--json"]
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 3
    assert capsys.readouterr().out.endswith("next: assay explain model-validate\n")
    monkeypatch.setattr("assay.local.run_local", lambda *_, **__: (run(entry()), tmp_path / "runs/r1"))
    assert main(["run"]) == 0
    assert "next:" not in capsys.readouterr().out


def test_a_run_that_is_still_prepared_says_so() -> None:
    to = io.StringIO()
    with Lines(to=to, patience=0.01):
        assert wait_until(lambda: "still preparing" in to.getvalue())


def test_two_seconds_are_the_longest_silence_at_first() -> None:
    assert Lines().patience == 2


class Closed(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("progress", [Lines(to=Closed()), Events(to=Closed(), verbose=True), Progress()])
def test_a_reader_that_left_is_no_reason_to_fail(progress: Progress) -> None:
    with progress:
        progress.begin("r1", ["train"])
        progress.checking("train")
        progress.started("train")
        progress.line("train", "x")
        progress.ended(entry())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("10 %\r20 %\r30 %\r\n", "30 %"),
        ("\x1b]0;title\x07x", "x"),
        ("a\tb\x00c\x9b", "a b c"),
        ("\x1b", ""),
    ],
)
def test_what_a_terminal_would_obey_is_left_out(text: str, left: str) -> None:
    assert plain(text) == left


@pytest.mark.parametrize(("seconds", "text"), [(0, ""), (4.21, "4.2 s"), (59.9, "59.9 s"), (65.2, "1 min 05 s")])
def test_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_no_terminal_no_table() -> None:
    assert not possible(io.StringIO())


def test_the_exit_code_stands_when_nobody_reads_the_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TOML)
    command = f"{sys.executable} -m assay run --only data-validate --project {tmp_path}"
    shell = f"({command}; echo $? > {tmp_path}/code) 2>&1 | head -c 1"
    subprocess.run(["sh", "-c", shell], env=environment(), check=True, capture_output=True)
    assert wait_until((tmp_path / "code").is_file)
    assert (tmp_path / "code").read_text() == "2\n"
    assert (tmp_path / ".assay/runs/latest/report.html").is_file()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_all_that_there_is_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(TOML)
    command = [sys.executable, "-m", "assay", "run", "--json", "--only", "data-validate", "--project", str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    told = events(done.stdout)
    assert [e["event"] for e in told][:2] == ["begin", "started"]
    assert told[-1]["event"] == "result"
    assert told[-1]["run"]["exit_code"] == done.returncode == 2
    assert Path(told[-1]["report"]).is_file()
    assert "data-validate   error" in done.stderr
    quiet = subprocess.run([*command, "--quiet"], env=environment(), capture_output=True, text=True, check=False)
    assert [e["event"] for e in events(quiet.stdout)] == ["result"]
    assert not quiet.stderr
