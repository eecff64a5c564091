from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from helpers import wait_until

from assay.serving.logfiles import sampled
from assay.serving.server_process import serving

if TYPE_CHECKING:
    from pathlib import Path


def _start(bundle: Path, log: Path, output: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    argv = [sys.executable, "-m", "assay", "serve", "--bundle", str(bundle), "--port", "0", "--log", str(log), *options]
    with output.open("wb") as file:
        process = subprocess.Popen(argv, env=os.environ | {"PYTHONPATH": str(bundle)}, stdout=file, stderr=file)
    until = time.monotonic() + 30
    while not (found := re.search(r"running on (http://\S+)", output.read_text())):
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < until, output.read_text()
        time.sleep(0.05)
    return process, found[1]


def _wait_for_the_model(output: Path, before: str) -> None:
    """Until it is asked once more; the server asks it too, before it is ready."""
    assert wait_until(lambda: output.read_text().count("asked") > before.count("asked"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_what_is_in_flight_is_finished(slow_bundle: Path, tmp_path: Path, number: int) -> None:
    process, url = _start(slow_bundle, tmp_path / "log", tmp_path / "output")
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.post(f"{url}/predict", json={"records": [{"x": 10.0}]}, timeout=20, trust_env=False))

    before = (tmp_path / "output").read_text()
    thread = threading.Thread(target=ask)
    thread.start()
    _wait_for_the_model(tmp_path / "output", before)
    process.send_signal(number)
    thread.join()
    assert process.wait(10) == 0, (tmp_path / "output").read_text()
    assert answers[0].json() == {"predictions": [20.0], "probabilities": None, "version": 3}
    lines = [line for file in (tmp_path / "log").iterdir() for line in file.read_text().splitlines()]
    assert [json.loads(line)["prediction"] for line in lines] == [20.0]
    assert "Traceback" not in (tmp_path / "output").read_text()


def test_what_waits_is_finished_and_one_bad_row_spoils_no_other(slow_bundle: Path, tmp_path: Path) -> None:
    process, url = _start(slow_bundle, tmp_path / "log", tmp_path / "output")
    numbers = [20.0, 1.0, 13.0, 2.0, 3.0, 4.0]
    answers: dict[float, httpx.Response] = {}

    def ask(number: float) -> None:
        body, given = {"records": [{"x": number}]}, {"x-request-id": f"r{number:g}"}
        answers[number] = httpx.post(f"{url}/predict", json=body, headers=given, timeout=20, trust_env=False)

    before = (tmp_path / "output").read_text()
    threads = [threading.Thread(target=ask, args=(number,)) for number in numbers]
    threads[0].start()
    _wait_for_the_model(tmp_path / "output", before)
    # the first is in the model for two seconds, so these wait together
    for thread in threads[1:]:
        thread.start()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert process.wait(10) == 0, (tmp_path / "output").read_text()
    assert {number: answer.status_code for number, answer in answers.items() if answer.status_code != 200} == {
        13.0: 500
    }
    assert {n: a.json()["predictions"] for n, a in answers.items() if n != 13} == {
        n: [2 * n] for n in numbers if n != 13
    }
    assert all(a.headers["x-request-id"] == f"r{n:g}" for n, a in answers.items())
    lines = [json.loads(line) for file in (tmp_path / "log").iterdir() for line in file.read_text().splitlines()]
    assert {line["id"]: line["prediction"] for line in lines} == {
        f"r{n:g}": None if n == 13 else 2 * n for n in numbers
    }


def test_a_model_that_never_answers_keeps_no_server_alive(slow_bundle: Path, tmp_path: Path) -> None:
    process, url = _start(slow_bundle, tmp_path / "log", tmp_path / "output", "--timeout", "0.5")

    def seen(path: str) -> tuple[int, str]:
        answer = httpx.get(f"{url}{path}", timeout=20, trust_env=False)
        return answer.status_code, answer.text

    assert seen("/readyz") == (200, '{"status":"ready"}')
    late = httpx.post(f"{url}/predict", json={"records": [{"x": 6000.0}]}, timeout=20, trust_env=False)
    assert late.status_code == 504
    assert seen("/readyz") == (503, '{"status":"stuck"}')
    assert seen("/v2/health/ready") == (503, '{"ready":false}')
    assert wait_until(lambda: seen("/livez") == (503, '{"status":"stuck"}'))
    assert seen("/v2/health/live") == (503, '{"live":false}')
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, (tmp_path / "output").read_text()
    lines = [json.loads(line) for file in (tmp_path / "log").iterdir() for line in file.read_text().splitlines()]
    assert [line["status"] for line in lines] == [504]


@pytest.mark.parametrize("port", ["taken", "99999"])
def test_an_address_that_cannot_be_listened_on(slow_bundle: Path, port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1]) if port == "taken" else port
        argv = [sys.executable, "-m", "assay", "serve", "--bundle", str(slow_bundle), "--port", number]
        environment = os.environ | {"PYTHONPATH": str(slow_bundle)}
        run = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr.startswith("assay: cannot listen")
    assert f"--port {number}" in run.stderr


def test_a_descriptor_that_is_no_socket(slow_bundle: Path) -> None:
    argv = [sys.executable, "-m", "assay", "serve", "--bundle", str(slow_bundle), "--fd", "0"]
    environment = os.environ | {"PYTHONPATH": str(slow_bundle)}
    run = subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )
    assert run.returncode == 2
    assert run.stderr.startswith("assay: no inherited socket")
    assert "--fd 0" in run.stderr


def test_a_model_that_raises(slow_bundle: Path, tmp_path: Path) -> None:
    process, url = _start(slow_bundle, tmp_path / "log", tmp_path / "output")
    try:
        with httpx.Client(base_url=url, trust_env=False) as client:
            answer = client.post("/predict", json={"records": [{"x": 13.0}]}, headers={"x-request-id": "bad"})
            assert answer.status_code == 500
            assert answer.json()["id"] == "bad"
            assert "secret" not in answer.text
            assert client.post("/predict", json={"records": [{"x": 0.0}]}).status_code == 200
    finally:
        process.terminate()
        process.wait()
    lines = [json.loads(line) for file in (tmp_path / "log").iterdir() for line in file.read_text().splitlines()]
    assert next((line["id"], line["status"]) for line in lines) == ("bad", 500)
    assert "RuntimeError: secret of the model" in (tmp_path / "output").read_text()


@pytest.mark.parametrize(
    ("option", "value"), [("--log-sample", "2"), ("--log-max-mb", "-1"), ("--log-keep", "0"), ("--timeout", "nan")]
)
def test_options_that_make_no_sense(slow_bundle: Path, tmp_path: Path, option: str, value: str) -> None:
    argv = [sys.executable, "-m", "assay", "serve", "--bundle", str(slow_bundle), "--log", str(tmp_path), option, value]
    environment = os.environ | {"PYTHONPATH": str(slow_bundle)}
    run = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert option in run.stderr
    assert "allowed" in run.stderr


def test_the_log_is_a_sample_by_request_id(slow_bundle: Path, tmp_path: Path) -> None:
    ids = [f"r{number}" for number in range(60)]
    with serving(slow_bundle, log=tmp_path, options=["--log-sample", "0.3"]) as url, httpx.Client() as client:
        for request_id in ids:
            client.post(f"{url}/predict", json={"records": [{"x": 0.0}]}, headers={"x-request-id": request_id})
    lines = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert [line["id"] for line in lines] == [request_id for request_id in ids if sampled(request_id, 0.3)]
