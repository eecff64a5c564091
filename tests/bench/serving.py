"""How fast a model is served: our server and `mlflow models serve`, the same model and machine; the last line is JSON.

`--bundle FOLDER` takes a bundle that is there; without it this repository's project is run until package first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# by server and number of connections: rps, p50, p99 of each repetition
Measured = dict[str, dict[int, list[dict[str, float]]]]
ROOT = Path(__file__).parents[2]
CONNECTIONS = (1, 8, 32)
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_bundle(folder: Path) -> Path:
    """The bundle of this repository's own project."""
    argv = [sys.executable, "-m", "assay", "run", "--until", "package", "--project", str(ROOT)]
    subprocess.run(argv, env=environment(), check=True, stdout=sys.stderr, cwd=folder)
    return max((ROOT / ".assay" / "runs").glob("*/package/bundle"), key=lambda found: found.stat().st_mtime)


def environment() -> dict[str, str]:
    """Ours, with this source tree in front, and uvicorn, which MLflow starts by name, on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PATH": path}


@contextlib.contextmanager
def serving(argv: list[str], port: int) -> Iterator[None]:
    """A server on `port`, from its first answer until the end of the block."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, env=environment(), stdout=output, stderr=output, start_new_session=True)
        try:
            wait(process, port)
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(40)


def wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until something answers on `port`."""
    for _ in range(600):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        with contextlib.suppress(OSError), DIRECT.open(f"http://127.0.0.1:{port}/openapi.json", timeout=2):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def client(port: int, requests: list[bytes], until: float) -> list[tuple[float, float]]:
    """When each answer came and how long it took, in seconds, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    for number in range(sys.maxsize):
        started = time.perf_counter()
        if started > until:
            break
        writer.write(requests[number % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        found.append((time.perf_counter(), time.perf_counter() - started))
    writer.close()
    return found


async def load(port: int, requests: list[bytes], connections: int, seconds: float, warm_up: float) -> dict[str, float]:
    """Requests a second, and milliseconds at the median and the 99th percentile, after the warm-up."""
    start = time.perf_counter() + warm_up
    # each connection begins elsewhere, so that one batch never holds a row many times
    turned = [requests[n * 7 % len(requests) :] + requests[: n * 7 % len(requests)] for n in range(connections)]
    found = await asyncio.gather(*(client(port, part, start + seconds) for part in turned))
    took = sorted(duration for part in found for end, duration in part if end - duration >= start)
    return {
        "rps": len(took) / seconds,
        "p50": took[len(took) // 2] * 1e3,
        "p99": took[min(len(took) - 1, int(len(took) * 0.99))] * 1e3,
    }


def requests_of(bundle: Path, key: str, path: str) -> list[bytes]:
    """A request for each row of the bundle's samples."""
    samples = json.loads((bundle / "samples.json").read_text(encoding="utf-8"))
    made = []
    for row in samples["records"]:
        body = json.dumps({key: [dict(zip(samples["columns"], row, strict=True))]}).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def servers(bundle: Path, log: Path) -> dict[str, tuple[list[str], int, list[bytes]]]:
    """By name: the command, its port, and the requests."""
    ours, theirs = free_port(), free_port()
    assay = [sys.executable, "-m", "assay", "serve", "--bundle", str(bundle), "--port", str(ours), "--log", str(log)]
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(bundle / "model"), "--env-manager", "local"]
    return {
        "mlflow": (
            [*mlflow, "-h", "127.0.0.1", "-p", str(theirs)],
            theirs,
            requests_of(bundle, "dataframe_records", "/invocations"),
        ),
        "assay": (assay, ours, requests_of(bundle, "records", "/predict")),
    }


def measure(bundle: Path, arguments: argparse.Namespace) -> Measured:
    """By server and number of connections, one entry a repetition.

    The servers take turns, a few seconds each, so that what else the machine does slows both.
    """
    found: Measured = {}
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as scratch, contextlib.ExitStack() as running:
        both = servers(bundle, Path(scratch, "log"))
        for argv, port, requests in both.values():
            running.enter_context(serving(argv, port))
            # several at once: on a busy machine MLflow's OpenMP threads spin for each other, up to seconds a request,
            # until there are more of them than processors
            asyncio.run(load(port, requests, 8, 3, 0))
        for connections in CONNECTIONS * arguments.repeat:
            for name, (_, port, requests) in both.items():
                one = asyncio.run(load(port, requests, connections, arguments.seconds, arguments.warm_up))
                print(name, connections, {key: round(value, 1) for key, value in one.items()}, flush=True)
                found.setdefault(name, {}).setdefault(connections, []).append(one)
    return found


def ratios(found: Measured) -> dict[str, Any]:
    """Ours over MLflow's, the median of the pairs: requests a second (more is better), p99 at 32 (less is better)."""

    def ratio(connections: int, key: str) -> float:
        pairs = zip(found["assay"][connections], found["mlflow"][connections], strict=True)
        return round(statistics.median(ours[key] / theirs[key] for ours, theirs in pairs), 3)

    return {
        "ratio_rps": ratio(32, "rps"),
        "ratio_p99": ratio(32, "p99"),
        "ratio_rps_8": ratio(8, "rps"),
        "ratio_rps_1": ratio(1, "rps"),
    }


def medians(found: Measured) -> dict[str, dict[int, dict[str, float]]]:
    """By server and number of connections: the median over the repetitions."""
    return {
        name: {
            n: {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]} for n, runs in by.items()
        }
        for name, by in found.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--warm-up", type=float, default=1)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        found = measure((arguments.bundle or make_bundle(Path(folder))).resolve(), arguments)
    print(json.dumps(ratios(found) | medians(found)))


if __name__ == "__main__":
    main()
