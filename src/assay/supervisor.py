"""Runs one stage in a child process and always leaves a report, whatever happens to the child.

The child is forked, not started anew: a stage then costs one interpreter, and only the child pays for heavy imports.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from assay.artifacts import references
from assay.callables import trimmed
from assay.context import Context, Outcome
from assay.errors import ArtifactError, AssayError, Exit, ProjectError, ServiceError
from assay.gates import Observed, judge
from assay.reports import LOG_FILE, StageReport, Status, write_report
from assay.watch import INTERRUPTS, Death, die_with_parent, watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN_VARIABLE = "ASSAY_RUN_ID"
CLEAN_UP_LOG = "clean-up.log"
_ANSWER = ".answer"
_CLEAN_UP_SECONDS = 300.0
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}


@dataclass(frozen=True)
class Answer:
    """What the child hands to its supervisor: an outcome, or how it failed."""

    outcome: Outcome | None = None
    exit_code: Exit = Exit.PASSED
    message: str = ""


def supervise(
    context: Context, *, timeout: float, memory: int = 0, run: Callable[[Context], Outcome] | None = None
) -> StageReport:
    """Run a stage and report on it.

    Args:
        context: What the stage is given.
        timeout: Seconds after which it is killed.
        memory: Resident bytes of the stage's processes above which it is killed; 0 means no limit.
        run: The stage's function; by default `assay.stages.<module>.run`.

    Returns:
        The report, which also lies in the output folder.

    Raises:
        ArtifactError: The output folder cannot be written, so there is nowhere to leave a report.
    """
    _writable(context.outputs)
    started = time.monotonic()
    answer_file = context.outputs / _ANSWER
    work = run or _implementation
    death = _run_child(lambda: _answer(work, context, answer_file), context.outputs / LOG_FILE, timeout, memory)
    if death.signal and context.stage.clean_up:
        _clean_up(context)
    answer = _read_answer(answer_file, death, context, timeout, memory)
    answer_file.unlink(missing_ok=True)
    report = _report(context, answer, time.monotonic() - started, death.peak_memory)
    try:
        write_report(context.outputs, report)
    except OSError as error:
        raise ArtifactError(f"the report cannot be written: {error}", where=str(context.outputs)) from None
    return report


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOG_FILE).write_bytes(b"")
        (folder / _ANSWER).unlink(missing_ok=True)
    except OSError as error:
        raise ArtifactError(
            f"the output folder cannot be written: {error.strerror}",
            where=str(folder),
            next="give --outputs a folder that this user may write, on a disk with room",
        ) from None


def _implementation(context: Context) -> Outcome:
    module = importlib.import_module(f"assay.stages.{context.stage.module}")
    outcome: Outcome = module.run(context)
    return outcome


def _clean_up(context: Context) -> None:
    """Let a stage that was killed put right what it left behind in the world, in a child of its own."""

    def work() -> Exit:
        module = importlib.import_module(f"assay.stages.{context.stage.module}")
        try:
            print(module.clean_up(context))  # noqa: T201 - this is its log
        except AssayError as error:
            print(error)  # noqa: T201
            return error.exit_code
        return Exit.PASSED

    _run_child(work, context.outputs / CLEAN_UP_LOG, _CLEAN_UP_SECONDS, 0)


def _run_child(work: Callable[[], Exit], log: Path, timeout: float, memory: int) -> Death:
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # one that comes before the child is watched waits until then
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    child = os.fork()
    if child == 0:
        code = Exit.BUG
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
            os.setsid()
            die_with_parent()
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.close(reader)
            os.close(writer)
            # line by line, so that what a stage prints is seen when it prints it and not when it ends
            sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
            faulthandler.enable(sys.stderr)
            code = work()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(writer)
    try:
        return watch(child, reader, log, timeout, memory)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)


def _answer(run: Callable[[Context], Outcome], context: Context, answer_file: Path) -> Exit:
    try:
        answer = Answer(run(context))
    except AssayError as error:
        answer = Answer(None, error.exit_code, str(error))
    except MemoryError:
        answer = Answer(None, Exit.PROJECT, f"{context.stage.name} ran out of memory")
    except KeyboardInterrupt:
        answer = Answer(None, Exit.INTERRUPTED, "interrupted")
    except OSError as error:
        answer = _os_failure(error)
    except Exception:  # noqa: BLE001 - whatever it is, the report must tell
        answer = Answer(None, Exit.BUG, _bug())
    except BaseException as error:  # noqa: BLE001 - nothing of ours raises these
        what = f"{context.stage.name} was ended by {type(error).__name__}: {error}"
        answer = Answer(None, Exit.PROJECT, str(ProjectError(what, trace=trimmed(error, context.project))))
    answer_file.write_text(json.dumps(asdict(answer), default=_plain), encoding="utf-8")
    return answer.exit_code


def _plain(value: Any) -> Any:  # noqa: ANN401 - a number of a library (numpy), or something to be told as text
    return value.item() if hasattr(value, "item") else str(value)


def _bug() -> str:
    import traceback

    return f"a bug in Assay\n{traceback.format_exc()}"


def _os_failure(error: OSError) -> Answer:
    # a full disk or a refused connection is nobody's bug; everything else that the system says no to is ours to handle
    import errno

    if error.errno == errno.ENOSPC:
        return Answer(
            None, Exit.USAGE, str(ArtifactError("no space left on the disk", where=str(error.filename or "")))
        )
    if isinstance(error, (ConnectionError, TimeoutError)):
        return Answer(None, Exit.SERVICE, str(ServiceError(f"a connection failed: {error}")))
    return Answer(None, Exit.BUG, _bug())


def _read_answer(file: Path, death: Death, context: Context, timeout: float, memory: int) -> Answer:
    key = f"[tool.assay.resources.{context.stage.name}]"
    after = f"killed after {death.seconds:.1f} s"
    if death.why == "timeout":
        return Answer(
            None, Exit.PROJECT, f"{after}: the time limit is {timeout:g} s\n  next:    raise timeout in {key}"
        )
    if death.why == "memory":
        limit = f"{death.peak_memory / 2**20:.0f} MiB used, {memory / 2**20:.0f} MiB allowed"
        return Answer(None, Exit.PROJECT, f"{after}: {limit}\n  next:    raise memory in {key}")
    if death.why == "interrupted":
        return Answer(None, Exit.INTERRUPTED, f"{after}: the run was interrupted")
    with contextlib.suppress(OSError, ValueError, KeyError):
        return _parse(json.loads(file.read_text(encoding="utf-8")))
    return _no_answer(death, after)


def _parse(data: dict[str, Any]) -> Answer:
    outcome = data["outcome"]
    if outcome:
        observed = {name: Observed(**value) for name, value in outcome["observed"].items()}
        outcome = Outcome(observed=observed, message=outcome["message"], summary=outcome["summary"])
    return Answer(outcome, Exit(data["exit_code"]), data["message"])


def _no_answer(death: Death, after: str) -> Answer:
    if death.signal == signal.SIGKILL:
        hint = "most often the system ran out of memory; give the machine more or the stage less to do"
        return Answer(None, Exit.PROJECT, f"{after} by signal 9 (SIGKILL)\n  next:    {hint}")
    if death.signal:
        told = f"{after} by signal {death.signal} ({signal.Signals(death.signal).name})"
        crashed = f"\n  next:    a compiled library crashed: the end of {LOG_FILE} tells which line called it"
        return Answer(None, Exit.PROJECT, told + (crashed if death.signal in _CRASHES else ""))
    ended = f"the stage's process ended with exit code {death.code} without an answer"
    return Answer(None, Exit.PROJECT, f"{ended}\n  next:    look for what ends a process, such as os._exit")


def _report(context: Context, answer: Answer, seconds: float, peak: int) -> StageReport:
    stage, outcome = context.stage, answer.outcome or Outcome()
    gates = judge(context.limits, outcome.observed, context.config.waivers) if answer.outcome else ()
    blocked = any(gate.status.blocks for gate in gates)
    code = Exit.GATE if blocked else answer.exit_code
    status = Status.FAILED if code is Exit.GATE else Status.ERROR if code else Status.PASSED
    facts: dict[str, Any] = {"summary": outcome.summary, "seconds": round(seconds, 3), "peak_memory": peak}
    paths = _paths(context)
    return StageReport(
        stage=stage.name,
        status=status,
        exit_code=int(code),
        gates=gates,
        inputs=references(paths["reads"], context.inputs),
        outputs=references(paths["writes"], context.outputs),
        message=answer.message or outcome.message,
        run_id=context.run_id,
        **facts,
    )


def _paths(context: Context) -> dict[str, list[tuple[str, str]]]:
    known, stage = context.artifacts, context.stage
    named = {"reads": (*stage.reads, *stage.optional), "writes": stage.writes}
    return {key: [(n, known[n].path) for n in names if not known[n].external] for key, names in named.items()}
