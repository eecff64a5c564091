import os
from pathlib import Path

import pandas as pd
import pytest
from assay.models.modelfolder import load


@pytest.fixture(scope="session")
def model():
    return load(Path(os.environ["ASSAY_MODEL"]))


@pytest.fixture(scope="session")
def held():
    return pd.read_parquet(Path(os.environ["ASSAY_DATASET"]) / "holdout.parquet").drop(columns="price")


def test_area_pays(model, held):
    small, large = model.predict(held.assign(area=50.0)), model.predict(held.assign(area=150.0))
    assert (large > small).mean() > 0.95


def test_a_missing_area_is_taken(model, held):
    assert (model.predict(held.assign(area=float("nan"))) > 0).all()
