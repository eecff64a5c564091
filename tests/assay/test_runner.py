"""The local runner: order, side by side, skipping, reuse, and ends that are told."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers import plan, step

from assay.cache import Cache
from assay.graph import World
from assay.progress import Progress
from assay.runner import Execution, prune

if TYPE_CHECKING:
    from assay.plan import Plan
    from assay.reports import Entry

ROOT = Path(__file__).parents[2]


def execute(
    folder: Path, what: Plan, run_id: str = "", *, fresh: bool = False, **environment: str
) -> tuple[Entry, ...]:
    """Run a plan in `folder`; every run gets a folder of its own."""
    run_id = run_id or f"r{time.monotonic_ns()}"
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    run_folder = folder / "runs" / run_id
    run_folder.mkdir(parents=True)
    cache = Cache(folder / "cache")
    return Execution(what, folder, run_folder, cache, run_id, environment, fresh, Progress()).run()


def statuses(entries: tuple[Entry, ...]) -> dict[str, str]:
    return {e.report.stage: "cached" if e.cached else str(e.report.status) for e in entries}


def test_outputs_pass_on_and_are_reused(tmp_path: Path) -> None:
    two = plan(step("a", "write('1')"), step("b", "write((context.inputs/'a.txt').read_text() + '2')", needs=("a",)))
    entries = execute(tmp_path, two, "r1")
    assert statuses(entries) == {"a": "passed", "b": "passed"}
    assert [e.why for e in entries] == ["first run", "first run"]
    assert (tmp_path / "runs/r1/b/b.txt").read_text() == "12"
    again = execute(tmp_path, two, "r2")
    assert statuses(again) == {"a": "cached", "b": "cached"}
    assert (tmp_path / "runs/r2/b/b.txt").read_text() == "12"
    assert again[0].report.run_id == "r1"


def test_why_names_what_changed(tmp_path: Path) -> None:
    def config(rate: int) -> Plan:
        return plan(step("a", "write('1')", environment={"ASSAY_CONFIG": f'{{"params": {{"rate": {rate}}}}}'}))

    execute(tmp_path, config(1))
    (entry,) = execute(tmp_path, config(2))
    assert entry.why == "changed: config params.rate"


def test_early_cutoff(tmp_path: Path) -> None:
    """A stage that runs again and makes the same does not make its readers run again."""
    reader = step("b", "write('2')", needs=("a",))
    execute(tmp_path, plan(step("a", "write('1')", environment={"ASSAY_CONFIG": '{"x":1}'}), reader))
    entries = execute(tmp_path, plan(step("a", "write('1')", environment={"ASSAY_CONFIG": '{"x":2}'}), reader))
    assert statuses(entries) == {"a": "passed", "b": "cached"}


def test_fresh_reuses_nothing(tmp_path: Path) -> None:
    one = plan(step("a", "write('1')"))
    execute(tmp_path, one)
    (entry,) = execute(tmp_path, one, fresh=True)
    assert (entry.cached, entry.why) == (False, "asked for")


@pytest.mark.parametrize("world", [World.READS, World.CHANGES])
def test_the_world_is_never_served_from_the_cache(tmp_path: Path, world: World) -> None:
    one = plan(step("a", "write('1')", world=world))
    for _ in range(2):
        (entry,) = execute(tmp_path, one)
        assert (entry.cached, entry.why) == (False, f"{world} the world")


def test_only_the_world_is_told_the_commit(tmp_path: Path) -> None:
    code = "import os; write(os.environ.get('ASSAY_COMMIT', 'not told'))"
    execute(tmp_path, plan(step("a", code), step("b", code, world=World.CHANGES)), "r", ASSAY_COMMIT="abc")
    assert (tmp_path / "runs/r/a/a.txt").read_text() == "not told"
    assert (tmp_path / "runs/r/b/b.txt").read_text() == "abc"


def test_failures_skip_readers_with_the_reason_and_are_not_kept(tmp_path: Path) -> None:
    chain = (step("b", "write('2')", needs=("a",)), step("c", "write('3')", needs=("b",)))
    what = plan(step("a", "value = 0.1"), *chain, step("d", "write('4')"))
    for _ in range(2):
        entries = {e.report.stage: e for e in execute(tmp_path, what)}
        assert entries["a"].report.status == "failed"
        assert not entries["a"].cached
        assert entries["b"].report.message == "a did not pass"
        assert entries["c"].report.message == "b did not pass"
        assert entries["d"].report.passed


def test_independent_stages_run_side_by_side(tmp_path: Path) -> None:
    meet = """
import time
(context.project / context.stage.name).touch()
until = time.monotonic() + 10
while not all((context.project / other).exists() for other in 'ab'):
    assert time.monotonic() < until, 'the other stage never came'
    time.sleep(0.01)
write('met')
"""
    assert statuses(execute(tmp_path, plan(step("a", meet), step("b", meet)))) == {"a": "passed", "b": "passed"}


def test_a_killed_supervisor_is_an_error_not_a_hang(tmp_path: Path) -> None:
    (entry,) = execute(tmp_path, plan(step("a", "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")))
    assert entry.report.status == "error"
    assert entry.report.exit_code == 4
    assert "left no report" in entry.report.message


def test_a_command_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    from dataclasses import replace

    (entry,) = execute(tmp_path, plan(replace(step("a", ""), argv=("no-such-command-anywhere",))))
    assert (entry.report.status, entry.report.exit_code) == ("error", 2)
    assert "no-such-command-anywhere" in entry.report.message


def test_prune_keeps_the_newest(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
    (tmp_path / "latest").symlink_to("d")
    prune(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "d", "latest"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs/r1").mkdir(parents=True)
    (tmp_path / "runs/r1/a").write_text("a file where the stage's folder should be")
    cache = Cache(tmp_path / "cache")
    run = Execution(plan(step("a", "write('1')")), tmp_path, tmp_path / "runs/r1", cache, "r1", {}, False, Progress())
    (entry,) = run.run()
    assert (entry.report.status, entry.report.exit_code) == ("error", 2)
    assert "FileExistsError" in entry.report.message


def test_a_result_is_not_kept_when_a_file_changed_while_the_stage_ran(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("old")
    code = (
        "p = context.project / 'in.csv'; write(p.read_text()); p.write_text('changed') if p.read_text() == 'old' else 0"
    )
    what = plan(step("a", code, data="in.csv"))
    assert statuses(execute(tmp_path, what)) == {"a": "passed"}
    assert statuses(execute(tmp_path, what)) == {"a": "passed"}, "the first result belongs to no content"
    assert statuses(execute(tmp_path, what)) == {"a": "cached"}
    (tmp_path / "in.csv").write_text("old")
    assert statuses(execute(tmp_path, what)) == {"a": "passed"}
