"""Pulls an image into the engine, runs it as a service and asks it: `ask_image.py REFERENCE SCRIPT SAMPLES`."""

from __future__ import annotations

import os
import shutil
import sys

import anyio
import dagger
from conftest import HOST, SOCKET
from dagger import dag


async def main(reference: str, script: str, samples: str) -> None:
    """Print what the script printed."""
    async with dagger.connection():
        model = dag.container().from_(reference).with_exposed_port(8080).as_service(use_entrypoint=True)
        host = dag.host()
        client = dag.container().from_("python:3.13-slim").with_service_binding("model", model)
        client = client.with_file("/ask.py", host.file(script)).with_file("/samples.json", host.file(samples))
        print(await client.with_exec(["python", "/ask.py"]).stdout())


if __name__ == "__main__":
    os.environ.setdefault(HOST, f"unix://{SOCKET}")
    os.environ.setdefault("_EXPERIMENTAL_DAGGER_CLI_BIN", shutil.which("dagger") or "dagger")
    anyio.run(main, *sys.argv[1:])
