import pandas as pd
from xgboost import XGBRegressor


def load(data_dir):
    return pd.read_csv(data_dir / "orders.csv", parse_dates=["day"]).astype({"region": "category"})


def build(params):
    return XGBRegressor(**params, subsample=0.8, enable_categorical=True, n_jobs=1)
