"""What orchestration costs: the same eight trivial steps, one after the other, with Assay and with others.

The last line is JSON, seconds a step (a whole run with nothing cached, divided by eight; median). Each of the others
gets an environment of its own, made once in `--cache`; where one cannot be made or run, its value is null.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent / "overhead"
COUNT = 8
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "assay-bench"


@dataclass(frozen=True)
class Peer:
    """Another tool: what to install, and the commands of one run; those before the last prepare and are not timed."""

    packages: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]


PEERS = {
    "dvc": Peer(("dvc",), (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "repro", "-q"))),
    "kedro": Peer(("kedro",), (("python", "kedro_steps.py"),)),
    "metaflow": Peer(("metaflow",), (("python", "metaflow_steps.py", "--quiet", "run"),)),
    "zenml": Peer(("zenml[local]",), (("zenml", "init"), ("python", "zenml_steps.py"))),
}
QUIET = {"DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1", "ZENML_ANALYTICS_OPT_IN": "0"}


def timed(command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds and last line of a command that must end well."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return seconds, done.stdout.strip().rpartition("\n")[2]


def environment_of(name: str, peer: Peer, cache: Path) -> Path:
    """The folder of the environment's programs, made where it is not there yet."""
    folder = cache / name
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
        subprocess.run([folder / "bin" / "python", *install], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def of_peer(name: str, peer: Peer, cache: Path, folder: Path) -> float:
    """Seconds of a whole run with another tool; a run in the same place came before it, as in daily use."""
    programs = environment_of(name, peer, cache)
    place = {"HOME": str(folder), "ZENML_CONFIG_PATH": str(folder / "zen"), "USER": "bench"}
    environment = os.environ | QUIET | place | {"PATH": f"{programs}:{os.environ['PATH']}"}
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    for command in peer.commands[:-1]:
        timed(command, folder, environment)
    if name == "zenml":
        timed(peer.commands[-1], folder, environment)  # its first run makes a database
    return timed(peer.commands[-1], folder, environment)[0]


def of_assay(folder: Path, script: str) -> tuple[float, float]:
    """Seconds of a whole run, and those of them that the steps themselves took."""
    paths = os.pathsep.join(map(str, (ROOT / "src", ROOT / "ci" / "src", ROOT / "tests" / "assay")))
    command = (sys.executable, str(HERE / script), str(folder), str(COUNT))
    seconds, last = timed(command, folder, os.environ | {"PYTHONPATH": paths, "DO_NOT_TRACK": "1"})
    told = json.loads(last)
    return told.get("wall", seconds), told["steps"]


def measured(name: str, repeat: int, once: Callable[[Path], tuple[float, float]]) -> float | None:
    """Seconds a step; None, with the reason on standard error, where it cannot be run."""
    times = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="assay-bench-", ignore_cleanup_errors=True) as folder:
            try:
                times.append(once(Path(folder)))
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                print(f"{name}: not measured: {error}", file=sys.stderr)
                return None
    whole, own = (statistics.median(values) for values in zip(*times, strict=True))
    beside = f", {(whole - own) / COUNT:.3f} s a step beside the steps' own work" if own else ""
    print(f"{name}: {whole:.2f} s for {COUNT} steps{beside}", file=sys.stderr)
    return round(whole / COUNT, 3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"for the others' environments (default: {CACHE})")
    parser.add_argument("--only", action="append", default=[], help="measure just this one; may be repeated")
    arguments = parser.parse_args()
    kinds: dict[str, Callable[[Path], tuple[float, float]]] = {
        "assay_local": lambda folder: of_assay(folder, "assay_local.py"),
        "assay_dagger": lambda folder: of_assay(folder, "assay_dagger.py"),
    }
    for name, peer in PEERS.items():
        kinds[name] = lambda folder, name=name, peer=peer: (of_peer(name, peer, arguments.cache, folder), 0.0)  # type: ignore[misc]
    wanted = {name: once for name, once in kinds.items() if not arguments.only or name in arguments.only}
    print(json.dumps({name: measured(name, arguments.repeat, once) for name, once in wanted.items()}))


if __name__ == "__main__":
    main()
