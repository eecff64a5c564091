"""Commands that look: at this machine, at a stage, at the newest report."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import ArtifactError, ConfigError, Exit, did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from assay.doctor.examination import Finding


def add_to(commands: Commands) -> None:
    """Add them."""
    doctor = add(commands, "doctor", _doctor, "look at this machine and the project, and tell what to do")
    doctor.add_argument("--registry", default="", metavar="HOST/REPOSITORY", help="look at this registry too")
    explain = add(commands, "explain", _explain, "tell what a stage depends on, what changed, where its limits are set")
    explain.add_argument("stage", metavar="STAGE")
    for command in (doctor, explain):
        command.add_argument("--format", choices=("table", "json"), default="table")
    opened = add(commands, "open", _open, "open the newest report in the browser")
    opened.add_argument("--run", default="latest", metavar="ID", help="the report of this run")


def _doctor(arguments: argparse.Namespace) -> int:
    from assay.doctor.examination import exit_code
    from assay.doctor.setup import doctor

    found = doctor(arguments.project.resolve(), arguments.registry)
    code = exit_code(found)
    text = _as_json(found, code) if arguments.format == "json" else _as_table(found)
    sys.stdout.write(text)
    return code


def _as_json(found: Sequence[Finding], code: int) -> str:
    from dataclasses import asdict

    return json.dumps({"exit_code": code, "findings": [asdict(one) for one in found]}, indent=1) + "\n"


def _as_table(found: Sequence[Finding]) -> str:
    from assay.render.text import table

    rows = [(one.health, one.check, one.found, one.next or "-") for one in found]
    counts = [f"{sum(one.health == health for one in found)} {health}" for health in ("ok", "warn", "fail")]
    return f"{table(('', 'check', 'found', 'what to do'), rows)}\n\n{', '.join(counts)}\n"


def _explain(arguments: argparse.Namespace) -> int:
    from assay.explain import explain
    from assay.render.explanation import explanation

    told = explain(arguments.project.resolve(), arguments.stage)
    as_json = json.dumps(told.to_dict(), indent=1) + "\n"
    sys.stdout.write(as_json if arguments.format == "json" else explanation(told))
    return Exit.PASSED


def _open(arguments: argparse.Namespace) -> int:
    page = _page(arguments.project.resolve() / ".assay/runs", arguments.run)
    shown = _show(page)
    sys.stderr.write("" if shown else f"no browser found, open this file: {page}\n")
    sys.stdout.write(f"{'opened ' if shown else ''}{page}\n")
    return Exit.PASSED


def _page(runs: Path, run: str) -> Path:
    there = sorted(path.parent.name for path in runs.glob("*/report.html") if not path.parent.is_symlink())
    if not there:
        raise ArtifactError("there is no report yet", where=str(runs), next="assay run")
    if run != "latest" and run not in there:
        raise ConfigError(f'there is no run "{run}"', "--run", ", ".join(there[-5:]), did_you_mean(run, there))
    # `latest` may be a run that goes on, and has no report yet
    return (runs / (there[-1] if run == "latest" else run) / "report.html").resolve()


def _show(page: Path) -> bool:
    """Open `page`; False where there is no browser, or no display to show it on."""
    import os
    import webbrowser

    screen = sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    # without a screen webbrowser falls back to one that takes the terminal over, and waits for it
    if not screen and not os.environ.get("BROWSER"):
        return False
    try:
        return webbrowser.open(page.as_uri())
    except webbrowser.Error:
        return False
