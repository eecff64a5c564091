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
    ("promised", "rich", "lift"),
    [
        pytest.param([*range(20)], [18, 19], 10.0, id="the surest are all rich"),
        pytest.param([*range(20)], [0, 1], 0.0, id="the surest are all poor"),
        pytest.param([*range(20)], [0, 5, 10, 19], 2.5, id="half of the surest are rich"),
        pytest.param([3, 2, 1], [0, 1, 2], 1.0, id="everybody is rich, and a tenth of three rows is one"),
    ],
)
def test_lift(promised: list[float], rich: list[int], lift: float) -> None:
    labels = np.isin(np.arange(len(promised)), rich).astype(int)
    found = compute(Promises(), pd.DataFrame({"p": np.array(promised) / 20}), pd.Series(Promises.classes_[labels]))
    assert found == {"lift_top_tenth": pytest.approx(lift)}
