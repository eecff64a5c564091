"""Commands that run stages, or tell what a run would do or did."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import Exit

if TYPE_CHECKING:
    import argparse

    from assay.plan import Selection
    from assay.progress import Progress
    from assay.reports import RunReport


def add_to(commands: Commands) -> None:
    """Add them."""
    plan = add(commands, "plan", _plan, "show what a run will do, without doing it")
    plan.add_argument("--format", choices=("table", "json"), default="table")
    run = add(commands, "run", _run, "run the stages on this machine")
    run.add_argument("--fresh", action="store_true", help="reuse no earlier result")
    shared = "folder or address (oci://, s3://, ...) of results that machines share; default: ASSAY_RUN_CACHE"
    run.add_argument("--run-cache", default="", metavar="ADDRESS", help=shared)
    run.add_argument("--quiet", action="store_true", help="print only the result")
    run.add_argument("--verbose", action="store_true", help="print what each stage prints")
    run.add_argument("--json", action="store_true", help="print one JSON object a line: events, then the run")
    for command in (plan, run):
        _add_selection(command)
    _add_single(commands)
    report = add(commands, "report", _report, "put a run's reports together")
    report.add_argument("folder", type=Path, help="folder with one folder a stage")
    report.add_argument("--plan", type=Path, required=True, help="the plan as JSON")
    report.add_argument("--exit-code", action="store_true", help="end with the run's exit code")


def _add_single(commands: Commands) -> None:
    stage = add(commands, "stage", _stage, "run one stage on given inputs")
    stage.add_argument("name", metavar="NAME")
    stage.add_argument("--timeout", type=float, default=3600, help="seconds")
    stage.add_argument("--memory", type=int, default=0, help="bytes, 0 for no limit")
    stage.add_argument("--gpu", action="store_true", help="fail where no GPU can be used")
    bundle = add(commands, "bundle", _bundle, "write what the model's image is built from")
    kinds = "the model just registered, or the one that serves now (empty where that is the same, or none)"
    bundle.add_argument("--kind", choices=("candidate", "stable"), default="candidate", help=kinds)
    for command in (stage, bundle):
        command.add_argument("--inputs", type=Path, required=True, help="folder with the artifacts it reads")
        command.add_argument("--outputs", type=Path, required=True, help="folder for the artifacts it writes")
    gpu = add(commands, "gpu", _gpu, "tell whether a GPU can be used here, and why not")
    gpu.add_argument("--stage", default="train", help="the stage that asks for it")


def _plan(arguments: argparse.Namespace) -> int:
    from assay.plan import make_plan
    from assay.project import load_project
    from assay.render.text import plan_table

    plan = make_plan(load_project(arguments.project), _selection(arguments))
    sys.stdout.write(plan.to_json() if arguments.format == "json" else plan_table(plan) + "\n")
    return Exit.PASSED


def _run(arguments: argparse.Namespace) -> int:
    from assay.cli.interrupts import interrupted_once

    with interrupted_once():
        return _run_and_tell(arguments)


def _run_and_tell(arguments: argparse.Namespace) -> int:
    from assay.local import leave_reports, run_local
    from assay.progress import Events
    from assay.render.text import run_table
    from assay.rollout.half_done import put_right_first

    people = _people(arguments)
    events = Events(people, verbose=arguments.verbose, quiet=arguments.quiet)
    progress = events if arguments.json else people
    told = put_right_first(arguments.project.resolve())
    sys.stderr.write(f"{told}\n" if told else "")
    run, folder = run_local(
        arguments.project,
        _selection(arguments),
        fresh=arguments.fresh,
        progress=progress,
        run_cache=arguments.run_cache,
    )
    if not arguments.json:
        _say(f"\n{run_table(run)}\n")
    report = leave_reports(run, folder)
    if arguments.json:
        events.tell("result", report=str(report), run=run.to_dict())
    else:
        _say(f"report: {report}\n{'' if arguments.quiet else _what_next(run, arguments.project)}")
    return run.exit_code


def _what_next(run: RunReport, project: Path) -> str:
    """The command that tells more of the stage that a gate stopped; empty where none did."""
    import shlex

    stopped = [entry.report.stage for entry in run.entries if entry.report.blocking]
    where = "" if project == Path() else f" --project {shlex.quote(str(project))}"
    return f"next: assay explain {stopped[0]}{where}\n" if stopped else ""


def _say(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # the run's exit code stands, whether or not somebody reads its table
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _people(arguments: argparse.Namespace) -> Progress:
    """How people are told: by nothing, a table that is alive, or lines; results alone go to standard output."""
    from assay.progress import Progress
    from assay.render.lines import Lines
    from assay.render.live import Live, possible

    if arguments.quiet:
        return Progress()
    return Live(verbose=arguments.verbose) if possible(sys.stderr) else Lines(verbose=arguments.verbose)


def _stage(arguments: argparse.Namespace) -> int:
    from assay.single import run_stage

    if arguments.gpu:
        from assay.gpu import require

        require([arguments.name])
    report = run_stage(
        arguments.name, arguments.project, arguments.inputs, arguments.outputs, arguments.timeout, arguments.memory
    )
    for gate in report.blocking:
        sys.stderr.write(f"{gate.gate} {gate.status}: observed {gate.observed}, limit {gate.operator} {gate.limit}\n")
    if report.exit_code and not report.blocking:
        sys.stderr.write(f"{report.stage}: {report.message}\n")
    return report.exit_code


def _bundle(arguments: argparse.Namespace) -> int:
    from assay.rollout.release import make_stable_bundle
    from assay.serving.bundle import make_bundle
    from assay.single import stage_context

    stage, make = ("package", make_bundle) if arguments.kind == "candidate" else ("deploy", make_stable_bundle)
    made = make(stage_context(stage, arguments.project, arguments.inputs, arguments.outputs))
    sys.stdout.write(f"{made or 'nothing else serves'}\n")
    return Exit.PASSED


def _report(arguments: argparse.Namespace) -> int:
    from assay.local import report_on
    from assay.render.text import run_table

    run = report_on(arguments.folder, arguments.plan)
    sys.stdout.write(f"{run_table(run)}\n")
    return run.exit_code if arguments.exit_code else Exit.PASSED


def _gpu(arguments: argparse.Namespace) -> int:
    from assay.gpu import require

    require([arguments.stage])
    sys.stdout.write("a GPU can be used\n")
    return Exit.PASSED


def _selection(arguments: argparse.Namespace) -> Selection:
    from assay.plan import Selection

    only = tuple(arguments.only)
    return Selection(trigger=arguments.trigger, only=only, start=arguments.start, until=arguments.until)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trigger", default="", help="push, pull_request, data, schedule, or one of [tool.assay.triggers]"
    )
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="just this stage; may be repeated")
    parser.add_argument("--from", dest="start", default="", metavar="STAGE", help="this stage and all that follow")
    parser.add_argument("--until", default="", metavar="STAGE", help="this stage and all before it")
