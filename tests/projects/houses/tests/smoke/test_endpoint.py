import os

import httpx

HOUSE = {"area": 90.0, "rooms": 4, "built": 1978, "district": "hill"}


def test_it_predicts():
    url = f"{os.environ['ASSAY_ENDPOINT']}/predict"
    answer = httpx.post(url, json={"records": [HOUSE, HOUSE | {"area": None, "district": None}]}, timeout=10, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert all(price > 0 for price in answer.json()["predictions"])


def test_a_bad_request_is_told_so():
    url = f"{os.environ['ASSAY_ENDPOINT']}/predict"
    assert httpx.post(url, json={"records": [{"area": "big"}]}, timeout=10, trust_env=False).status_code == 422
