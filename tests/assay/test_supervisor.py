"""Whatever happens to a stage, its report tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers import context, wait_until

from assay.context import Context, Outcome
from assay.errors import ArtifactError, ConfigError, ProjectError, ServiceError
from assay.gates import Limit, Observed
from assay.reports import read_report
from assay.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.reports import StageReport


def outcome_of(folder: Path, run: Callable[[Context], Outcome], **options: Any) -> StageReport:
    report = supervise(context(folder, **{"t.v": Limit(min=0.5)}), run=run, **{"timeout": 20, **options})
    assert read_report(folder / "out") == report, "the report on disk is the one that was returned"
    return report


def test_passed(tmp_path: Path) -> None:
    def run(c: Context) -> Outcome:
        (c.output("thing") / "a.txt").write_text("hello")
        print("working")
        os.write(2, b"and warning\n")
        return Outcome(observed={"t.v": Observed(0.7)}, message="made a thing", summary={"n": 1})

    report = outcome_of(tmp_path, run)
    assert (report.status, report.exit_code, report.message) == ("passed", 0, "made a thing")
    assert [(o.name, o.bytes) for o in report.outputs] == [("thing", 5)]
    assert [(g.gate, g.status) for g in report.gates] == [("t.v", "pass")]
    assert report.peak_memory > 2**20
    assert (tmp_path / "out/stage.log").read_text() == "working\nand warning\n"


def test_numbers_of_a_library_are_numbers(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    report = outcome_of(
        tmp_path, lambda _: Outcome(observed={"t.v": Observed(np.int64(3))}, summary={"x": np.float32(0.5)})
    )
    assert (report.gates[0].observed, report.summary) == (3, {"x": 0.5})


def raiser(error: BaseException) -> Callable[[Context], Outcome]:
    def run(_: Context) -> Outcome:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "status", "code", "says"),
    [
        pytest.param(lambda _: Outcome(observed={"t.v": Observed(0.1)}), "failed", 3, "", id="gate"),
        pytest.param(lambda _: Outcome(), "failed", 3, "", id="gate-not-observed"),
        pytest.param(raiser(ProjectError("it raised", trace="  src/m.py:3")), "error", 4, "src/m.py:3", id="user"),
        pytest.param(raiser(ConfigError("no such column")), "error", 2, "no such column", id="usage"),
        pytest.param(raiser(ServiceError("registry down")), "error", 5, "registry down", id="service"),
        pytest.param(raiser(ConnectionRefusedError("refused")), "error", 5, "a connection failed", id="connection"),
        pytest.param(raiser(MemoryError()), "error", 4, "ran out of memory", id="memory-error"),
        pytest.param(raiser(OSError(28, "No space left", "/x")), "error", 2, "no space left", id="disk-full"),
        pytest.param(raiser(ZeroDivisionError("oops")), "error", 1, "a bug in Assay\nTraceback", id="bug"),
        pytest.param(lambda _: os.kill(os.getpid(), signal.SIGKILL), "error", 4, "signal 9", id="kill-9"),
        pytest.param(lambda _: os.kill(os.getpid(), signal.SIGXCPU), "error", 4, "SIGXCPU", id="cpu-limit"),
        pytest.param(lambda _: os._exit(7), "error", 4, "exit code 7", id="exit"),
    ],
)
def test_every_end_is_reported(
    tmp_path: Path, run: Callable[[Context], Outcome], status: str, code: int, says: str
) -> None:
    report = outcome_of(tmp_path, run)
    assert (report.status, report.exit_code) == (status, code)
    assert says in report.message


def test_time_limit_ends_the_stage_and_what_it_started(tmp_path: Path) -> None:
    def run(_: Context) -> Outcome:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        (tmp_path / "pid").write_text(str(child.pid))
        time.sleep(60)
        return Outcome()

    report = outcome_of(tmp_path, run, timeout=1.0)
    assert report.status == "error"
    assert "the time limit is 1 s" in report.message
    assert "[tool.assay.resources.thing-maker]" in report.message
    pid = int((tmp_path / "pid").read_text())
    assert wait_until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] not in "ZX"
    except (OSError, IndexError):
        return False


def test_memory_limit(tmp_path: Path) -> None:
    def run(_: Context) -> Outcome:
        hold = [bytearray(2**20) for _ in range(400)]
        time.sleep(30)
        return Outcome(message=str(len(hold)))

    report = outcome_of(tmp_path, run, memory=200 * 2**20)
    assert report.status == "error"
    assert "200 MiB allowed" in report.message
    assert report.peak_memory > 200 * 2**20


def test_partial_outputs_of_a_killed_stage_are_kept_and_named(tmp_path: Path) -> None:
    def run(c: Context) -> Outcome:
        (c.output("thing") / "half.txt").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome()

    assert [o.name for o in outcome_of(tmp_path, run).outputs] == ["thing"]


def test_unwritable_output_folder(tmp_path: Path) -> None:
    blocked = tmp_path / "out"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(ArtifactError) as caught:
        supervise(context(tmp_path), run=lambda _: Outcome(), timeout=5)
    assert "the output folder cannot be written" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_log_that_cannot_be_written_ends_no_stage(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/stage.log").symlink_to("/dev/full")
    report = outcome_of(tmp_path, lambda _: Outcome(observed={"t.v": Observed(0.7)}, message=str(print("working"))))
    assert report.status == "passed", report.message


def test_waits_for_late_output_without_burning_cpu(tmp_path: Path) -> None:
    def run(_: Context) -> Outcome:
        os.close(1)
        os.close(2)
        time.sleep(1.0)
        return Outcome(observed={"t.v": Observed(1.0)})

    before = time.process_time()
    assert outcome_of(tmp_path, run).status == "passed"
    assert time.process_time() - before < 0.5


AT_ONCE = """
import os, signal, time
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""


def test_a_signal_that_comes_before_anybody_watches_is_not_lost(tmp_path: Path) -> None:
    script = Path(__file__).with_name("trivial_stage.py")
    folders = ["--inputs", tmp_path, "--outputs", tmp_path / "out", "--project", tmp_path]
    environment = os.environ | {"ASSAY_RUN_ID": "r", "PYTHONPATH": "src"}
    argv = [sys.executable, *map(str, (script, "s", *folders, AT_ONCE))]
    subprocess.run(argv, env=environment, capture_output=True, timeout=30, check=False)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert (report["status"], report["exit_code"]) == ("error", 130)


SCRIPT = """
import os, time
(context.project / 'pid').write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["term", "int", "kill"])
def test_when_the_supervisor_is_ended_the_stage_ends_too(tmp_path: Path, number: signal.Signals) -> None:
    script = Path(__file__).with_name("trivial_stage.py")
    folders = ["--inputs", tmp_path, "--outputs", tmp_path / "out", "--project", tmp_path]
    environment = os.environ | {"ASSAY_RUN_ID": "r", "PYTHONPATH": "src"}
    argv = [sys.executable, *map(str, (script, "s", *folders, SCRIPT))]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE)
    pid = tmp_path / "pid"
    assert wait_until(lambda: pid.exists() and pid.read_text() != "")
    process.send_signal(number)
    process.communicate(timeout=10)
    assert wait_until(lambda: not _alive(int(pid.read_text())))
    if number != signal.SIGKILL:
        report = json.loads((tmp_path / "out/report.json").read_text())
        assert (report["status"], report["exit_code"]) == ("error", 130)
