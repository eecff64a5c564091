"""A bundle whose own toolkit is a few lines that serve nothing but their version: it is ready at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import assay
from assay.reports import write_json

_TOOLKIT = Path(assay.__file__).parent
_MAIN = """
import json, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from assay.serving.handover import Turn

bundle = Path(sys.argv[sys.argv.index("--bundle") + 1])
about = json.loads((bundle / "bundle.json").read_text())
if "broken" in about:
    sys.exit(about["broken"])

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(about).encode()
        self.send_response(200)
        self.send_header("x-model-version", str(about["version"]))
        self.send_header("connection", "close")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

turn = Turn(int(sys.argv[sys.argv.index("--fd") + 1]))
ThreadingHTTPServer.request_queue_size = 1024
ThreadingHTTPServer.daemon_threads = False
server = ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
server.socket = turn.wait()
if "dies" in about:
    sys.exit(about["dies"])

def end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Timer(about.get("lingers", 0), server.shutdown).start()

signal.signal(signal.SIGTERM, end)
server.server_activate()
server.serve_forever(0.01)
server.server_close()
turn.end()
"""


def fake_bundle(folder: Path, version: int, **about: object) -> Path:
    """A bundle that serves `version` at once.

    Args:
        folder: Where to write it.
        version: The version.
        about: `broken`: what it ends with instead; `dies`: the same, when it is its turn; `lingers`: seconds from
            SIGTERM until it takes no connection in any more.
    """
    package = folder / "assay"
    (package / "serving").mkdir(parents=True)
    for name in ("errors.py", "serving/handover.py"):
        shutil.copy(_TOOLKIT / name, package / name)
    for name in ("__init__.py", "serving/__init__.py"):
        (package / name).touch()
    (package / "__main__.py").write_text(_MAIN, encoding="utf-8")
    write_json(folder / "bundle.json", {"version": version, **about})
    return folder
