"""The weights of an HTTPRoute on a cluster with the Gateway API; a few lines stand in for the Gateway's own proxy."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from models import push_model
from releases import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster import Kubectl
    from rollouts import Place

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]

MODULE = "sigs.k8s.io/gateway-api@v1.3.0"
# the one-node cluster's way to this machine
HERE = "10.99.0.1"


@pytest.fixture(scope="module")
def definitions(kubectl: Kubectl) -> Iterator[None]:
    """The Gateway API's definitions, from its Go module."""
    if not shutil.which("go"):
        pytest.skip("go is needed to fetch the Gateway API's definitions")
    done = subprocess.run(["go", "mod", "download", "-json", MODULE], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{MODULE} cannot be fetched: {done.stderr.strip()[-200:]}")
    folder = Path(json.loads(done.stdout)["Dir"]) / "config" / "crd" / "standard"
    files = [f"--filename={folder / f'gateway.networking.k8s.io_{kind}.yaml'}" for kind in ("gateways", "httproutes")]
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", *files, "--timeout=30s")
    yield
    kubectl("delete", *files, "--wait=false")


@contextmanager
def proxy(kubectl: Kubectl, *, follows: bool = True) -> Iterator[int]:
    """Sends each request to one of the route's Services, by their weights if it follows them; gives the port."""
    backends: list[tuple[str, int]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            # a supervisor in this process ends every process that came to be while its stage ran, unheard by others
            with suppress(AssertionError, ValueError):
                text = kubectl("get", "httproute", "tiny", "--ignore-not-found", "--output=json")
                ends = json.loads(text)["spec"]["rules"][0]["backendRefs"] if text else []
                found = [(kubectl.get("service", end["name"])["spec"]["clusterIP"], end["weight"]) for end in ends]
                backends[:] = found

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            ends = backends if follows else backends[:1]
            (address,) = random.choices([a for a, _ in ends], [w for _, w in ends])  # noqa: S311 - no secret
            status, headers, answer = forward(f"http://{address}{self.path}", body)
            self.send_response(status if self.headers["host"] == "tiny.example" else 404)
            self.send_header("x-model-version", headers["x-model-version"])
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HERE, 0), Handler)
    server.daemon_threads = True
    threads = [threading.Thread(target=target, daemon=True) for target in (watch, server.serve_forever)]
    for thread in threads:
        thread.start()
    try:
        yield server.server_port
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join()


def forward(url: str, body: bytes) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(url, data=body)  # noqa: S310 - a Service nearby
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def gateway(kubectl: Kubectl, port: int) -> None:
    """A Gateway that says where the proxy is."""
    listener = {"name": "http", "protocol": "HTTP", "port": port}
    spec = {"gatewayClassName": "made-up", "listeners": [listener]}
    kubectl.apply(
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "front"}, "spec": spec}
    )
    status = json.dumps({"status": {"addresses": [{"type": "IPAddress", "value": HERE}]}})
    kubectl("patch", "gateway", "front", "--subresource=status", "--type=merge", f"--patch={status}")


@pytest.mark.usefixtures("definitions")
def test_the_split_is_exact_with_the_weights_of_a_route(place: Place) -> None:
    with proxy(place.kubectl) as port:
        gateway(place.kubectl, port)
        place.settings = 'gateway = "front"\nhost = "tiny.example"\n'
        place.begin()
        context = place.context(2, push_model(2))
        report = place.run(context)
        assert report.summary["status"] == "promoted", report.message
        deployment = read(context.outputs / "deployment" / "deployment.json")
        assert deployment["way"].startswith("weights of an HTTPRoute")
        observed = [step["observed_percent"] for step in deployment["steps"]]
        assert observed == [pytest.approx(10, abs=6), pytest.approx(50, abs=10), 100]
        bad = place.deploy(3, FAIL=0.2)
        assert bad.summary["status"] == "rolled-back"
        assert "deploy.canary.success_rate" in {gate.gate for gate in bad.blocking if gate.observed}
    rule = place.kubectl.get("httproute", "tiny")["spec"]["rules"][0]
    assert [(end["name"], end["weight"]) for end in rule["backendRefs"]] == [("tiny-stable", 100)]
    place.serves(2)


@pytest.mark.usefixtures("definitions")
def test_a_gateway_that_does_not_follow_sends_nothing_to_judge_by(place: Place) -> None:
    with proxy(place.kubectl, follows=False) as port:
        gateway(place.kubectl, port)
        place.settings = 'gateway = "front"\nhost = "tiny.example"\n'
        place.begin()
        before = place.aliases.read()["champion"]
        report = place.deploy(4)
    assert report.exit_code == 3
    rate = next(gate for gate in report.blocking if gate.gate == "deploy.canary.success_rate")
    assert rate.status == "inconclusive"
    assert f"version 4 answered 0 of 20 requests, others: {before}" in rate.message
    place.serves(before)
