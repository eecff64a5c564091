"""The cluster that tests run on: a given one, or the one-node cluster of this folder, started and stopped for them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("CLUSTER_DIR") or Path.home() / ".cache" / "assay-cluster")
_TOOLS = ("kubectl", "runc", "ip", "iptables", "nsenter", "unshare", "openssl", "docker-registry")
_OURS = FOLDER / "run" / "started-by-tests"


@dataclass(frozen=True)
class Kubectl:
    """The kubectl command in one namespace."""

    kubeconfig: Path
    namespace: str

    def __call__(self, *arguments: str, given: str = "", seconds: int = 60) -> str:
        """Run it; gives what it prints, and raises with what it complains about."""
        command = ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        """Make or change `objects`."""
        self("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, *what: str) -> dict[str, Any]:
        """An object, or a list of them."""
        found: dict[str, Any] = json.loads(self("get", *what, "--output=json"))
        return found


@contextlib.contextmanager
def running() -> Iterator[tuple[Path | None, str]]:
    """The kubeconfig of a cluster that answers; without one None and the reason."""
    given = os.environ.get("KUBECONFIG", "")
    if given and shutil.which("kubectl") and _answers(Path(given)):
        yield Path(given), ""
        return
    reason = _missing()
    if reason:
        yield None, f"{f'no cluster answers at {given}, and ' if given else ''}{reason}"
        return
    with _one_node() as found:
        yield found


def _missing() -> str:
    """Why the one-node cluster cannot be started here; empty where it can."""
    if os.geteuid() != 0:
        return "the one-node cluster needs root"
    if not (FOLDER / "bin" / "pause").exists() or not (FOLDER / "bin" / "kubedns").exists():
        return "the one-node cluster is not built: tests/cluster/build.sh does that, once"
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    return f"the one-node cluster needs {', '.join(missing)}" if missing else ""


@contextlib.contextmanager
def _one_node() -> Iterator[tuple[Path | None, str]]:
    """Started by the first test process that needs it, stopped by the last one; one that ran before goes on."""
    with (FOLDER / "users.lock").open("w") as users:
        with _starting():
            found = _up()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield found
        finally:
            with _starting(), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _OURS.exists():
                    subprocess.run([HERE / "down.sh"], check=False, timeout=60)


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    with (FOLDER / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _up() -> tuple[Path | None, str]:
    kubeconfig = FOLDER / "certs" / "admin.kubeconfig"
    # an API server alone may be what is left of a start that was interrupted
    if _succeeds(kubeconfig, "wait", "--for=condition=Ready", "node", "--all", "--timeout=5s"):
        return kubeconfig, ""
    log, up = FOLDER / "up.log", False
    try:
        with log.open("w") as file:
            # its daemons keep what they inherit: a pipe would never end
            up = subprocess.run([HERE / "up.sh"], stdout=file, stderr=file, timeout=180, check=False).returncode == 0
    finally:
        # interrupted or failed: what is up already is of no use to anybody
        if not up:
            subprocess.run([HERE / "down.sh"], check=False, timeout=60)
    if up:
        _OURS.touch()
        return kubeconfig, ""
    return None, f"the one-node cluster did not start: {' | '.join(log.read_text().splitlines()[-3:])}"


def _answers(kubeconfig: Path) -> bool:
    return _succeeds(kubeconfig, "get", "--raw", "/readyz")


def _succeeds(kubeconfig: Path, *arguments: str) -> bool:
    command = ["kubectl", f"--kubeconfig={kubeconfig}", "--request-timeout=5s", *arguments]
    return subprocess.run(command, capture_output=True, timeout=15, check=False).returncode == 0
