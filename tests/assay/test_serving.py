from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import small

from assay.errors import ArtifactError
from assay.models import modelfolder
from assay.serving.app import make_app
from assay.serving.estimator import Estimator
from assay.serving.limits import MAX_BYTES, MAX_ROWS
from assay.serving.model import load
from assay.serving.server_process import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}


@pytest.fixture(scope="module")
def log(either_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"log-{either_bundle.parents[1].name}")


@pytest.fixture(scope="module")
def client(either_bundle: Path, log: Path) -> Iterator[httpx.Client]:
    with serving(either_bundle, log=log) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as made:
        yield made


def _samples(bundle: Path) -> dict[str, Any]:
    samples: dict[str, Any] = json.loads((bundle / "samples.json").read_text())
    return samples


def _records(samples: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(samples["columns"], row, strict=True)) for row in samples["records"]]


def test_says_what_it_is(client: httpx.Client, either_bundle: Path) -> None:
    about = json.loads((either_bundle / "bundle.json").read_text())
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    found = client.get("/metadata").json()
    assert found == {key: about[key] for key in ("name", "version", "model_digest", "columns")} | {
        "labels": ["poor", "rich"],
        "runtime": "onnxruntime" if about["onnx"] else "python",
    }


def test_predicts_exactly_what_the_model_predicted(client: httpx.Client, bundle: Path) -> None:
    samples = _samples(bundle)
    answer = client.post("/predict", json={"records": _records(samples)}).json()
    assert (answer["predictions"], answer["version"]) == (samples["predictions"], 3)
    assert np.abs(np.array(answer["probabilities"]) - samples["probabilities"]).max() < 1e-12


def test_the_models_own_library_predicts_the_same_bit_for_bit(bundle: Path) -> None:
    samples = _samples(bundle)
    answer = load(bundle).predictor.predict(_records(samples))
    assert answer == {key: samples[key] for key in ("predictions", "probabilities")}


def test_rows_one_by_one_are_predicted_like_many(client: httpx.Client, bundle: Path) -> None:
    samples = _samples(bundle)
    records = _records(samples)[:20]
    single = [client.post("/predict", json={"records": [record]}).json()["probabilities"][0] for record in records]
    assert single == client.post("/predict", json={"records": records}).json()["probabilities"]


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        pytest.param(b"{", "", "Invalid JSON", id="no-json"),
        pytest.param(b"\xff\xfe", "", "Invalid JSON", id="no-text"),
        pytest.param(b"", "", "Invalid JSON", id="empty"),
        pytest.param([], "", "object", id="list"),
        pytest.param({"rows": [OK]}, "records", "required", id="no-records"),
        pytest.param({"records": []}, "records", "at least 1", id="no-rows"),
        pytest.param({"records": [3]}, "records[0]", "object", id="row-is-no-object"),
        pytest.param({"records": [OK, OK | {"agee": 1}]}, "records[1].agee", 'did you mean "age"?', id="misspelt"),
        pytest.param({"records": [OK | {"zzz": 1}]}, "records[0].zzz", "allowed: age, hours", id="unknown-column"),
        pytest.param({"records": [{"age": 1}]}, "records[0].hours", "required", id="missing-column"),
        pytest.param({"records": [OK | {"age": "30"}]}, "records[0].age", "number", id="text-for-number"),
        pytest.param({"records": [OK | {"age": True}]}, "records[0].age", "number", id="truth-for-number"),
        pytest.param({"records": [OK | {"age": 30.5}]}, "records[0].age", "whole", id="fraction-for-whole"),
        pytest.param({"records": [OK | {"hours": float("nan")}]}, "records[0].hours", "finite", id="nan"),
        pytest.param({"records": [OK | {"hours": float("inf")}]}, "records[0].hours", "finite", id="infinity"),
        pytest.param({"records": [OK | {"age": 1e30}]}, "records", "int", id="out-of-range"),
        pytest.param({"records": [OK | {"job": 3}]}, "records[0].job", "string", id="number-for-text"),
        pytest.param({"records": [OK | {"married": 1}]}, "records[0].married", "boolean", id="number-for-truth"),
        pytest.param({"records": [OK | {"pay-rate": [1]}]}, "records[0].pay-rate", "number", id="list-for-number"),
    ],
)
def test_a_bad_request_is_told_which_field_is_at_fault(
    client: httpx.Client, body: object, field: str, problem: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post("/predict", content=content)
    assert answer.status_code == 422
    found = [fault["problem"] for fault in answer.json()["detail"] if fault["field"] == field]
    assert found, answer.text
    assert problem in found[0]
    assert answer.headers["x-model-version"] == "3"


@pytest.mark.parametrize("column", OK)
def test_any_value_may_be_missing(client: httpx.Client, column: str) -> None:
    answer = client.post("/predict", json={"records": [OK | {column: None}, OK]})
    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == 2


def test_a_category_that_training_never_saw_counts_as_missing(client: httpx.Client) -> None:
    records = [OK | {"job": job} for job in ("astronaut", None)]
    unseen, missing = client.post("/predict", json={"records": records}).json()["probabilities"]
    assert unseen == missing


def test_too_many_rows(client: httpx.Client) -> None:
    assert client.post("/predict", json={"records": [OK] * MAX_ROWS}).status_code == 200
    answer = client.post("/predict", json={"records": [OK] * (MAX_ROWS + 1)})
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (413, "records")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_too_many_bytes(client: httpx.Client, *, chunked: bool) -> None:
    content = (b"x" * 1_000_000 for _ in range(11)) if chunked else b"x" * (MAX_BYTES + 1)
    assert client.post("/predict", content=content).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [OK, OK]},
        {"dataframe_split": {"columns": list(OK)[::-1], "data": [list(OK.values())[::-1]] * 2}},
        {"dataframe_split": {"index": [7, 8], "columns": list(OK), "data": [list(OK.values())] * 2}},
        {"instances": [OK, OK]},
        {"inputs": [OK, OK], "params": {"ignored": 1}},
        {"inputs": {name: [value] * 2 for name, value in OK.items()}},
    ],
    ids=["records", "split-in-another-order", "split-with-index", "instances", "inputs-of-rows", "inputs-of-columns"],
)
def test_answers_clients_of_mlflow(client: httpx.Client, body: object) -> None:
    answer = client.post("/invocations", json=body).json()
    assert answer == {"predictions": client.post("/predict", json={"records": [OK, OK]}).json()["predictions"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "dataframe_records"),
        ({"inputs": [OK], "instances": [OK]}, "dataframe_records"),
        ({"inputs": [[1]]}, "inputs[0]"),
        ({"inputs": {**{name: [1] for name in OK}, "age": [1, 2.5]}}, "inputs.age[1]"),
        ({"dataframe_split": {"columns": ["age"], "data": [[1]]}}, "dataframe_split[0].hours"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 1]]}}, "dataframe_split.columns"),
        ({"dataframe_split": {"columns": ["age", "hours"], "data": [[1]]}}, "dataframe_split.data"),
        ({"dataframe_split": 3}, "dataframe_split"),
    ],
    ids=["nothing", "two-forms", "no-rows", "bad-value", "columns-missing", "column-twice", "ragged", "no-split"],
)
def test_refuses_what_mlflow_clients_get_wrong(client: httpx.Client, body: object, field: str) -> None:
    answer = client.post("/invocations", json=body)
    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["detail"]]


def test_a_request_keeps_its_id(client: httpx.Client) -> None:
    assert client.get("/nowhere", headers={"x-request-id": "a-1.b:c"}).headers["x-request-id"] == "a-1.b:c"


@pytest.mark.parametrize("given", ["", "x" * 129, 'a"b', "a b"], ids=["empty", "long", "quote", "space"])
def test_a_hostile_id_is_replaced(client: httpx.Client, given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/livez", headers={"x-request-id": given}).headers["x-request-id"])


def test_the_api_page_knows_the_columns(client: httpx.Client) -> None:
    body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    rows_ = body["content"]["application/json"]["schema"]["properties"]["records"]
    assert list(rows_["items"]["properties"]) == list(OK)
    assert rows_["items"]["properties"]["age"]["anyOf"][0] == {"type": "integer"}


def test_requests_at_once_are_all_answered_and_logged(client: httpx.Client, log: Path) -> None:
    answers: dict[str, Any] = {}

    def ask(name: str) -> None:
        record = OK | {"age": int(name[1:])}
        answers[name] = client.post("/predict", json={"records": [record]}, headers={"x-request-id": name}).json()

    threads = [threading.Thread(target=ask, args=(f"t{number}",)) for number in range(20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.3)
    lines = [json.loads(line) for file in log.iterdir() for line in file.read_text().splitlines()]
    found = {line["id"]: line for line in lines if line["id"] in answers}
    assert len(found) == len(answers) == 20
    for name, answer in answers.items():
        assert found[name]["features"] == OK | {"age": int(name[1:])}
        assert found[name]["probabilities"] == answer["probabilities"][0]


@pytest.mark.parametrize("damage", ["changed", "removed", "added"])
def test_a_changed_model_is_never_loaded(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    file = copy / "model" / "model.skops"
    if damage == "changed":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "removed":
        file.unlink()
    else:
        (copy / "model" / "more.pkl").write_bytes(b"x")
    monkeypatch.setattr(modelfolder, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ArtifactError, match="not the one that was packaged"):
        make_app(copy)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"name": "x"}'], ids=["none", "broken", "list", "no-version"])
def test_a_folder_that_is_no_bundle(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(ArtifactError, match="this is no bundle"):
        load(tmp_path)


def test_predictions_take_one_thread_each_unless_told_otherwise(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    make_app(bundle)
    assert os.environ["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    make_app(bundle)
    assert os.environ["OMP_NUM_THREADS"] == "4"


def test_a_model_that_cannot_predict_its_samples_is_not_served(slow_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(slow_bundle, tmp_path / "bundle")
    small.change(copy / "samples.json", records=[[13.0]])
    with pytest.raises(ArtifactError, match="cannot predict the first of its samples: RuntimeError"):
        load(copy)


def test_a_model_that_forgets_rows_is_caught(slow_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = load(slow_bundle)
    assert isinstance(served.predictor, Estimator)
    monkeypatch.setattr(served.predictor.model, "predict", lambda x: x["x"].to_numpy()[1:])
    with pytest.raises(ValueError, match="1 predictions for 2 rows"):
        served.predictor.predict([{"x": 0.0}, {"x": 0.1}])
