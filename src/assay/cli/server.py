"""The command that serves a model; of all commands it alone works in a model's image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.parsing import Commands, add
from assay.errors import Exit

if TYPE_CHECKING:
    import argparse


def add_to(commands: Commands) -> None:
    """Add it."""
    from assay.serving.limits import PREDICT_SECONDS
    from assay.serving.logfiles import KEEP, MAX_MEGABYTES

    serve = add(commands, "serve", _serve, "serve a model until interrupted")
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
