"""The Open Inference Protocol over a real socket, with Triton's own client and without any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from assay.serving.server_process import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}
KINDS = {"age": "INT64", "hours": "FP64", "pay-rate": "FP64", "job": "BYTES", "level": "INT64", "married": "BOOL"}
MODEL = "/v2/models/tiny"


@pytest.fixture(scope="module")
def url(either_bundle: Path) -> Iterator[str]:
    with serving(either_bundle) as found:
        yield found


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as made:
        yield made


@pytest.fixture
def other(url: str) -> Iterator[Any]:
    made = triton.InferenceServerClient(url.removeprefix("http://"))
    yield made
    made.close()


def _tensors(**change: Any) -> list[dict[str, Any]]:
    tensors = {name: {"name": name, "datatype": KINDS[name], "shape": [2], "data": [OK[name]] * 2} for name in OK}
    return [tensor | change.get(name, {}) for name, tensor in tensors.items()]


def _plain(client: httpx.Client, *records: dict[str, Any]) -> Any:
    return client.post("/predict", json={"records": list(records)}).json()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2", {"name": "assay", "version": "3", "extensions": []}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (f"{MODEL}/ready", {"name": "tiny", "ready": True}),
        (f"{MODEL}/versions/3/ready", {"name": "tiny", "ready": True}),
    ],
)
def test_says_how_it_is(client: httpx.Client, path: str, expected: dict[str, Any]) -> None:
    assert client.get(path).json() == expected


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/3"])
def test_says_what_the_model_takes_and_gives(client: httpx.Client, path: str) -> None:
    found = client.get(path).json()
    assert (found["name"], found["versions"]) == ("tiny", ["3"])
    assert {each["name"]: each["datatype"] for each in found["inputs"]} == KINDS
    assert found["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
    ]


@pytest.mark.parametrize("path", [f"{MODEL}/infer", f"{MODEL}/versions/3/infer"])
def test_predicts_what_predict_predicts(client: httpx.Client, path: str) -> None:
    other = OK | {"hours": None, "job": "baker", "age": 51}
    inputs = [{"name": n, "datatype": KINDS[n], "shape": [2, 1], "data": [[OK[n]], [other[n]]]} for n in OK]
    plain = _plain(client, OK, other)
    shares = [share for row in plain["probabilities"] for share in row]
    assert client.post(path, json={"id": "q-7", "inputs": inputs}).json() == {
        "model_name": "tiny",
        "model_version": "3",
        "id": "q-7",
        "outputs": [
            {"name": "predict", "datatype": "BYTES", "shape": [2], "data": plain["predictions"]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [2, 2], "data": shares},
        ],
    }


def test_gives_only_the_outputs_asked_for(client: httpx.Client) -> None:
    body = {"inputs": _tensors(), "outputs": [{"name": "predict_proba"}]}
    found = client.post(f"{MODEL}/infer", json=body).json()
    assert [output["name"] for output in found["outputs"]] == ["predict_proba"]
    assert "id" not in found


def _ask(**change: Any) -> dict[str, Any]:
    return {"inputs": _tensors(**change)}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param({}, "inputs: Field required", id="nothing"),
        pytest.param({"inputs": [{"name": "age"}]}, "inputs.0.datatype: Field required", id="no-datatype"),
        pytest.param({"inputs": _tensors()[1:]}, "inputs.age: Field required", id="column-missing"),
        pytest.param({"inputs": [*_tensors(), *_tensors()[:1]]}, "an input is there twice", id="column-twice"),
        pytest.param(_ask(age={"name": "agee"}), 'did you mean "age"', id="misspelt"),
        pytest.param(_ask(age={"datatype": "BYTES"}), "inputs.age: datatype BYTES does not fit", id="datatype"),
        pytest.param(_ask(age={"shape": [3]}), "inputs.age: shape [3] does not fit the data", id="shape"),
        pytest.param(_ask(age={"shape": [1, 2]}), "allowed: [2] or [2, 1]", id="shape-across"),
        pytest.param(_ask(age={"shape": [-1]}), "inputs.0.shape.0", id="shape-below-zero"),
        pytest.param(_ask(age={"shape": [1], "data": [30]}), "equally long", id="lengths"),
        pytest.param(_ask(age={"data": [30, "x"]}), "inputs.age[1]: Input should be a valid number", id="value"),
        pytest.param(_ask(age={"data": None}), "inputs.age: data is required", id="no-data"),
        pytest.param(_ask(age={"parameters": {"binary_data_size": 16}}), "binary data is not", id="binary-input"),
        pytest.param(_ask() | {"parameters": {"binary_data_output": True}}, "binary data is not", id="binary-output"),
        pytest.param(_ask() | {"outputs": [{"name": "x"}]}, "allowed: predict, predict_proba", id="unknown-output"),
        pytest.param(_ask() | {"id": 7}, "id: Input should be a valid string", id="id"),
    ],
)
def test_a_bad_question_is_told_what_is_wrong_with_it(client: httpx.Client, body: object, problem: str) -> None:
    answer = client.post(f"{MODEL}/infer", json=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("GET", "/v2/models/tiny/versions/4", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/tiny/versions/4/infer", 404),
        ("GET", "/v2/nothing", 404),
        ("GET", f"{MODEL}/infer", 405),
    ],
)
def test_what_is_not_here(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"Inference-Header-Content-Length": "2"}, 415),
        (b"{}", {"Content-Type": "application/octet-stream"}, 415),
        (b"{", {}, 400),
    ],
    ids=["binary", "content-type", "no-json"],
)
def test_no_json_is_refused(client: httpx.Client, content: bytes, headers: dict[str, str], status: int) -> None:
    answer = client.post(f"{MODEL}/infer", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


def _triton_inputs(*, binary: bool) -> list[Any]:
    types = {"INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}
    made = []
    for name, kind in KINDS.items():
        tensor = triton.InferInput(name, [2], kind)
        tensor.set_data_from_numpy(np.array([OK[name]] * 2, dtype=types[kind]), binary_data=binary)
        made.append(tensor)
    return made


def test_the_client_of_triton(other: Any, client: httpx.Client) -> None:
    assert other.is_server_live()
    assert other.is_server_ready()
    assert other.is_model_ready("tiny", "3")
    assert not other.is_model_ready("tiny", "4")
    assert other.get_model_metadata("tiny")["versions"] == ["3"]
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in ("predict", "predict_proba")]
    found = other.infer("tiny", _triton_inputs(binary=False), request_id="t-1", outputs=wanted)
    plain = _plain(client, OK, OK)
    assert found.get_response()["id"] == "t-1"
    assert found.as_numpy("predict").tolist() == plain["predictions"]
    assert found.as_numpy("predict_proba").tolist() == plain["probabilities"]


@pytest.mark.parametrize("binary", [True, False], ids=["data", "outputs"])
def test_the_client_of_triton_is_told_that_nothing_is_binary(other: Any, *, binary: bool) -> None:
    with pytest.raises(triton.InferenceServerException, match="binary data is not spoken here"):
        other.infer("tiny", _triton_inputs(binary=binary))


def test_a_regressor_gives_numbers(slow_bundle: Path) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [2], "data": [0.5, 0]}
    with serving(slow_bundle) as url:
        found = httpx.post(f"{url}{MODEL}/infer", json={"inputs": [tensor]}, trust_env=False).json()
    assert found["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [2], "data": [1.0, 0.0]}]
