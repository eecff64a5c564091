"""The `assay` command. The only place that prints results and errors, and the only one that decides on exit codes."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError, ConfigError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assay.plan import Selection


def main(argv: Sequence[str]) -> int:
    """Run one command and give its exit code; expected failures are rendered here, bugs keep their traceback."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return int(command(arguments))
    except AssayError as error:
        sys.stderr.write(f"assay: {error}\n")
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        return int(Exit.PASSED)
    except Exception:  # noqa: BLE001 - a bug: the traceback is what its report needs
        sys.stderr.write(f"assay: a bug in Assay, please report it\n{traceback.format_exc()}")
        return int(Exit.BUG)


def _plan(arguments: argparse.Namespace) -> int:
    from assay.plan import make_plan
    from assay.project import load_project
    from assay.render.text import plan_table

    plan = make_plan(load_project(arguments.project), _selection(arguments))
    sys.stdout.write(plan.to_json() if arguments.format == "json" else plan_table(plan) + "\n")
    return Exit.PASSED


def _run(arguments: argparse.Namespace) -> int:
    from assay.local import leave_reports, run_local
    from assay.progress import Progress
    from assay.render.text import run_table

    progress = Progress(quiet=arguments.quiet, verbose=arguments.verbose)
    run, folder = run_local(arguments.project, _selection(arguments), fresh=arguments.fresh, progress=progress)
    sys.stdout.write(f"\n{run_table(run)}\n")
    sys.stdout.write(f"report: {leave_reports(run, folder)}\n")
    return run.exit_code


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


def _attest(arguments: argparse.Namespace) -> int:
    from assay.supply.attest import attest

    sys.stdout.write(f"{attest(arguments.folder, arguments.image)}\n")
    return Exit.PASSED


def _freeze(arguments: argparse.Namespace) -> int:
    from assay.supply.freeze import freeze

    sys.stdout.write(f"{freeze(arguments.image)}\n")
    return Exit.PASSED


def _serve(arguments: argparse.Namespace) -> int:
    from assay.serving.logfiles import LogSettings
    from assay.serving.server import serve

    bundle = arguments.bundle
    if bundle is None:
        # not in a model's image, which holds only what serving needs
        from assay.local import newest

        bundle = newest(arguments.project, "bundle")
    folder, sample, keep = arguments.log, arguments.log_sample, arguments.log_keep
    log = LogSettings(folder=folder, sample=sample, max_megabytes=arguments.log_max_mb, keep=keep) if folder else None
    serve(bundle, arguments.host, arguments.port, log, arguments.timeout, arguments.fd)
    return Exit.PASSED


def _rollback(arguments: argparse.Namespace) -> int:
    from assay.project import load_project
    from assay.rollout.rollback import roll_back
    from assay.tracking.registry import Registry, store_of

    project = load_project(arguments.project)
    sys.stdout.write(f"{roll_back(project.config, arguments.project, Registry(store_of(arguments.project)))}\n")
    return Exit.PASSED


def _down(arguments: argparse.Namespace) -> int:
    from assay.rollout.local_serving import down

    sys.stdout.write(f"{down(arguments.project.resolve())}\n")
    return Exit.PASSED


def _deploy(arguments: argparse.Namespace) -> int:
    from assay.rollout.preview import preview

    if not arguments.dry_run:
        then = "assay run --only deploy, or assay deploy --dry-run to see what would be applied"
        raise ConfigError("a deploy is a stage of a run", where="assay deploy", next=then)
    sys.stdout.write(preview(arguments.project))
    return Exit.PASSED


def _history(arguments: argparse.Namespace) -> int:
    import json

    from assay.project import load_project
    from assay.render.history import history_table
    from assay.tracking.history import history
    from assay.tracking.registry import store_of

    project = load_project(arguments.project)
    found = history(store_of(arguments.project), project.config.name)
    as_json = json.dumps([past.to_dict() for past in found], indent=1)
    sys.stdout.write(f"{as_json if arguments.format == 'json' else history_table(project, found)}\n")
    return Exit.PASSED


def _schema(arguments: argparse.Namespace) -> int:
    from contextlib import redirect_stdout

    from assay.local import newest
    from assay.project import load_project

    project = load_project(arguments.project)
    fetched = newest(arguments.project, "fetched") if project.config.data.fetched else None
    try:
        from assay.data.rules.propose import proposed_toml
    except ModuleNotFoundError as error:
        what = f"{error.name} is not installed"
        raise ConfigError(what, next="install requirements/data.lock, what the stage data-validate needs") from None
    # what the project's `load` prints must not get into the table
    with redirect_stdout(sys.stderr):
        text, notes = proposed_toml(project.config, arguments.project, fetched)
    sys.stdout.write(text)
    sys.stderr.write("".join(f"review: {note}\n" for note in notes))
    return Exit.PASSED


def _gpu(arguments: argparse.Namespace) -> int:
    from assay.gpu import require

    require([arguments.stage])
    sys.stdout.write("a GPU can be used\n")
    return Exit.PASSED


def _selection(arguments: argparse.Namespace) -> Selection:
    from assay.plan import Selection

    only = tuple(arguments.only)
    return Selection(trigger=arguments.trigger, only=only, start=arguments.start, until=arguments.until)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay", description="ML CI/CD: eight gated stages, the same everywhere.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = _add(commands, "plan", _plan, "show what a run will do, without doing it")
    plan.add_argument("--format", choices=("table", "json"), default="table")
    run = _add(commands, "run", _run, "run the stages on this machine")
    run.add_argument("--fresh", action="store_true", help="reuse no earlier result")
    run.add_argument("--quiet", action="store_true", help="print only the result")
    run.add_argument("--verbose", action="store_true", help="print what each stage prints")
    for command in (plan, run):
        _add_selection(command)
    stage = _add(commands, "stage", _stage, "run one stage on given inputs")
    stage.add_argument("name", metavar="NAME")
    stage.add_argument("--timeout", type=float, default=3600, help="seconds")
    stage.add_argument("--memory", type=int, default=0, help="bytes, 0 for no limit")
    stage.add_argument("--gpu", action="store_true", help="fail where no GPU can be used")
    bundle = _add(commands, "bundle", _bundle, "write what the model's image is built from")
    kinds = "the model just registered, or the one that serves now (empty where that is the same, or none)"
    bundle.add_argument("--kind", choices=("candidate", "stable"), default="candidate", help=kinds)
    for command in (stage, bundle):
        command.add_argument("--inputs", type=Path, required=True, help="folder with the artifacts it reads")
        command.add_argument("--outputs", type=Path, required=True, help="folder for the artifacts it writes")
    report = _add(commands, "report", _report, "put a run's reports together")
    report.add_argument("folder", type=Path, help="folder with one folder a stage")
    report.add_argument("--plan", type=Path, required=True, help="the plan as JSON")
    report.add_argument("--exit-code", action="store_true", help="end with the run's exit code")
    attached = _add(commands, "attest", _attest, "attach bill of materials and provenance to a published image")
    attached.add_argument("folder", type=Path, help="the run's folder")
    attached.add_argument("--image", required=True, help="host/repository@sha256:..., as it was published")
    frozen = _add(commands, "freeze", _freeze, "give a published image the date 0, so that equal images are one")
    frozen.add_argument("--image", required=True, help="host/repository[:tag]@sha256:..., as it was published")
    _add_serve(commands)
    gpu = _add(commands, "gpu", _gpu, "tell whether a GPU can be used here, and why not")
    gpu.add_argument("--stage", default="train", help="the stage that asks for it")
    _add(commands, "schema", _schema, "propose [tool.assay.data.schema] from the project's data")
    deploy = _add(commands, "deploy", _deploy, "show what the target kubernetes would apply, as YAML")
    deploy.add_argument("--dry-run", action="store_true", help="only print it; needs no cluster")
    _add(commands, "rollback", _rollback, "make the previous version the champion again")
    _add(commands, "down", _down, "stop what serves at the address of [tool.assay.deploy]")
    past = _add(commands, "history", _history, "list the versions of the model: who, from what, how good, which alias")
    past.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def _add(
    commands: object, name: str, command: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)  # type: ignore[attr-defined]
    parser.set_defaults(command=command)
    parser.add_argument("--project", type=Path, default=Path(), help="the project's folder (default: here)")
    return parser


def _add_serve(commands: object) -> None:
    from assay.serving.limits import PREDICT_SECONDS
    from assay.serving.logfiles import KEEP, MAX_MEGABYTES

    serve = _add(commands, "serve", _serve, "serve a model until interrupted")
    serve.add_argument("--bundle", type=Path, help="folder that package made; absent: the newest run's")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8080)
    inherited = "inherited Unix socket over which the listening socket comes, in place of --host and --port"
    serve.add_argument("--fd", type=int, help=inherited)
    wait = f"seconds that a request waits for its prediction at most (default: {PREDICT_SECONDS:g})"
    serve.add_argument("--timeout", type=float, default=PREDICT_SECONDS, help=wait)
    serve.add_argument("--log", type=Path, help="folder for prediction logs")
    serve.add_argument("--log-sample", type=float, default=1.0, help="share of the requests to log (default: all)")
    size = f"begin another file after so many MB (default: {MAX_MEGABYTES:g})"
    serve.add_argument("--log-max-mb", type=float, default=MAX_MEGABYTES, help=size)
    serve.add_argument("--log-keep", type=int, default=KEEP, help=f"so many files, the newest (default: {KEEP})")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trigger", default="", help="push, data, schedule, or one of [tool.assay.triggers]")
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="just this stage; may be repeated")
    parser.add_argument("--from", dest="start", default="", metavar="STAGE", help="this stage and all that follow")
    parser.add_argument("--until", default="", metavar="STAGE", help="this stage and all before it")
