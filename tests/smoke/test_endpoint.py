"""Whether a served income model answers; ASSAY_ENDPOINT is its address, http://host:port."""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

PERSON: dict[str, Any] = {
    "age": 38,
    "workclass": "Private",
    "fnlwgt": 178_000,
    "education": "HS-grad",
    "education_num": 9,
    "marital_status": "Married-civ-spouse",
    "occupation": "Sales",
    "relationship": "Husband",
    "race": "White",
    "sex": "Male",
    "capital_gain": 0,
    "capital_loss": 0,
    "hours_per_week": 40,
    "native_country": "United-States",
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=os.environ["ASSAY_ENDPOINT"], timeout=10, trust_env=False) as client:
        yield client


def test_it_is_ready(client: httpx.Client) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([PERSON], id="one person"),
        pytest.param([PERSON, PERSON | {"age": 20}], id="two people"),
        pytest.param([PERSON | {"workclass": None, "occupation": None}], id="missing values"),
        pytest.param([PERSON | {"occupation": "Astronaut"}], id="a category never seen"),
    ],
)
def test_it_predicts(client: httpx.Client, records: list[dict[str, Any]]) -> None:
    answer = client.post("/predict", json={"records": records})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["predictions"]) <= {"<=50K", ">50K"}
    assert [sum(row) for row in answer.json()["probabilities"]] == [pytest.approx(1)] * len(records)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no records"),
        pytest.param({"records": "all"}, id="records that are no list"),
        pytest.param({"records": [PERSON | {"age": "old"}]}, id="an age that is no number"),
        pytest.param({"records": [{"age": 38}]}, id="columns missing"),
    ],
)
def test_a_bad_request_is_told_so(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/predict", json=body).status_code == 422
