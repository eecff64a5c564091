"""Clients that people have: MLflow's own, requests with CSV; and what Prometheus reads after them."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from assay.serving.server_process import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = {"age": 30, "hours": 41.5, "pay-rate": 80.0, "job": "smith", "level": 2, "married": True}
FRAME = pd.DataFrame([OK, OK | {"job": None, "pay-rate": None, "hours": 20.0, "age": 61}])


@pytest.fixture(scope="module")
def url(either_bundle: Path) -> Iterator[str]:
    with serving(either_bundle) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def mlflow_client(url: str) -> Any:
    with warnings.catch_warnings():
        # MLflow's own types are not specific enough for MLflow
        warnings.simplefilter("ignore", UserWarning)
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient
    return ScoringServerClient("127.0.0.1", url.rpartition(":")[2])


def _predictions(url: str) -> list[str]:
    records: Any = FRAME.astype(object).where(FRAME.notna(), None).to_dict("records")
    found: list[str] = requests.post(f"{url}/predict", json={"records": records}, timeout=20).json()["predictions"]
    return found


def test_the_client_of_mlflow(url: str, mlflow_client: Any) -> None:
    mlflow_client.ping()
    found = mlflow_client.invoke(FRAME.iloc[:1]).get_predictions()
    assert found[0].tolist() == _predictions(url)[:1]


def test_the_client_of_mlflow_is_told_what_is_wrong(mlflow_client: Any) -> None:
    with pytest.raises(Exception, match=r"422.*dataframe_split\[0\].hours.*required"):
        mlflow_client.invoke(pd.DataFrame([{"age": 1}]))


def test_columns_are_rows_turned(url: str) -> None:
    columns: Any = {name: [None if pd.isna(value) else value for value in FRAME[name].tolist()] for name in FRAME}
    answer = requests.post(f"{url}/predict", json={"columns": columns}, timeout=20).json()
    assert answer["predictions"] == _predictions(url)


def _csv(url: str, body: str | bytes) -> requests.Response:
    content = body.encode() if isinstance(body, str) else body
    return requests.post(f"{url}/invocations", data=content, headers={"content-type": "text/csv"}, timeout=20)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with-a-byte-order-mark"])
def test_csv_as_pandas_writes_it(url: str, mark: str) -> None:
    assert _csv(url, mark + FRAME.to_csv(index=False)).json() == {"predictions": _predictions(url)}


HEAD = ",".join(OK)


@pytest.mark.parametrize(
    ("body", "status", "field", "problem"),
    [
        pytest.param("", 422, "row", "at least 1", id="empty"),
        pytest.param(f"{HEAD}\n", 422, "row", "at least 1", id="no-rows"),
        pytest.param(f"{HEAD}\n1,2\n", 422, "", "a row has 2 fields, the header 6", id="ragged"),
        pytest.param(f"{HEAD},age\n", 422, "", "names a column twice", id="column-twice"),
        pytest.param("age\n1\n", 422, "row[0].hours", "required", id="column-missing"),
        pytest.param(f"{HEAD}\n1.5,2,3,smith,2,true\n", 422, "row[0].age", "whole", id="fraction"),
        pytest.param(f"{HEAD}\nx,2,3,smith,2,true\n", 422, "row[0].age", "number", id="text-for-number"),
        pytest.param(f"{HEAD}\n1,nan,3,smith,2,true\n", 422, "row[0].hours", "finite", id="nan"),
        pytest.param(f"{HEAD}\n1,2,3,smith,2,maybe\n", 422, "row[0].married", "boolean", id="text-for-truth"),
        pytest.param(f'{HEAD}\n1,2,3,"smith', 422, "", "Invalid CSV: unexpected end", id="quote-not-closed"),
        pytest.param(f"{HEAD}\n1,2,3,{'x' * 200_000}", 422, "", "field larger than", id="huge-field"),
        pytest.param(b"age\n\xff", 422, "", "Invalid CSV", id="no-text"),
        pytest.param(f"{HEAD}\n" + "1,2,3,smith,2,true\n" * 10_001, 413, "row", "at most", id="too-many-rows"),
    ],
)
def test_bad_csv_is_told_what_is_wrong_with_it(
    url: str, body: str | bytes, status: int, field: str, problem: str
) -> None:
    answer = _csv(url, body)
    assert answer.status_code == status, answer.text
    assert problem in next(fault["problem"] for fault in answer.json()["detail"] if fault["field"] == field)


def _metrics(url: str) -> dict[tuple[str, ...], float]:
    """Values by name and labels; parsed as Prometheus does it, so that text it cannot read is an error."""
    answer = httpx.get(f"{url}/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_prometheus_reads_what_was_asked(bundle: Path, tmp_path: Path) -> None:
    with serving(bundle, log=tmp_path) as url, httpx.Client(base_url=url, trust_env=False) as client:
        predictions = client.post("/predict", json={"records": [OK] * 3}).json()["predictions"]
        client.post("/predict", json={"records": []})
        client.get("/anything")
        found = _metrics(url)
    assert found["assay_http_requests_total", "predict", "200"] == 1
    assert found["assay_http_requests_total", "predict", "422"] == 1
    assert found["assay_http_requests_total", "other", "404"] == 1
    assert found["assay_http_request_duration_seconds_count", "predict"] == 2
    assert found["assay_predicted_rows_total",] == found["assay_batch_rows_sum",] == 3
    assert found["assay_predictions_total", predictions[0]] == 3
    assert found["assay_log_dropped_lines_total",] == 0
    assert any({"assay_model_info", "tiny", "3"} < set(key) for key in found)
    assert found["process_resident_memory_bytes",] > 0


def test_prometheus_reads_the_values_of_a_regressor(slow_bundle: Path) -> None:
    with serving(slow_bundle) as url:
        httpx.post(f"{url}/predict", json={"records": [{"x": 0.05}, {"x": 1.0}]}, trust_env=False)
        found = _metrics(url)
    assert found["assay_prediction_value_sum",] == pytest.approx(2.1)
    assert (found["assay_prediction_value_bucket", "0.1"], found["assay_prediction_value_bucket", "+Inf"]) == (1, 2)


def test_a_prediction_that_takes_too_long_is_given_up(slow_bundle: Path, tmp_path: Path) -> None:
    with serving(slow_bundle, log=tmp_path, options=["--timeout", "0.7"]) as url:
        late = httpx.post(f"{url}/predict", json={"records": [{"x": 10.0}]}, timeout=20, trust_env=False)
        good = httpx.post(f"{url}/predict", json={"records": [{"x": 0.0}]}, timeout=20, trust_env=False)
    assert (late.status_code, late.json()["detail"][0]["problem"]) == (504, "the model did not answer within 0.7 s")
    assert good.json()["predictions"] == [0.0]
    lines = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert [line["status"] for line in lines] == [504, 200]
