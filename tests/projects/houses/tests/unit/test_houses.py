import numpy as np
import pandas as pd

from houses.data import CATEGORIES, load
from houses.metrics import compute
from houses.model import build


def test_load(tmp_path):
    (tmp_path / "houses.csv").write_text("area,district,price\n70,hill,1\n80,,2\n")
    frame = load(tmp_path / "houses.csv")
    assert frame["district"].cat.categories.tolist() == CATEGORIES
    assert frame["district"].isna().tolist() == [False, True]


def test_a_larger_house_costs_more():
    x = pd.DataFrame({"area": np.linspace(40, 200, 100)})
    model = build({"n_estimators": 20}).fit(x, x["area"] * 3000)
    small, large = model.predict(pd.DataFrame({"area": [50.0, 180.0]}))
    assert large > 2 * small


def test_within_tenth():
    class Ten:
        def predict(self, x):
            return np.full(len(x), 10.0)

    assert compute(Ten(), pd.DataFrame({"a": [1, 2]}), pd.Series([10.5, 20.0])) == {"within_tenth": 0.5}
