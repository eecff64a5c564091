import math

import numpy as np
import pandas as pd
import pytest

from income.metrics import compute


class Promises:
    """A model that promises what column `p` says."""

    classes_ = np.array(["<=50K", ">50K"])

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        return np.column_stack([1 - x["p"], x["p"]])


@pytest.mark.parametrize(
    ("promised", "labels", "loss", "gap"),
    [
        pytest.param([1.0, 0.0], [1, 0], 0.0, 0.0, id="always right and sure"),
        pytest.param([0.5, 0.5], [1, 0], math.log(2), 0.0, id="undecided but honest"),
        pytest.param([0.9, 0.9], [1, 0], -math.log(0.9 * 0.1) / 2, 0.4, id="too sure"),
        pytest.param([0.0, 1.0], [1, 0], -math.log(1e-15), 1.0, id="always wrong and sure: finite"),
    ],
)
def test_compute(promised: list[float], labels: list[int], loss: float, gap: float) -> None:
    y = pd.Series(Promises.classes_[labels])
    found = compute(Promises(), pd.DataFrame({"p": promised}), y)
    assert found == {"log_loss": pytest.approx(loss), "calibration_error": pytest.approx(gap)}
