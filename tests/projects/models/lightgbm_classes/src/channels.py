import pandas as pd
from lightgbm import LGBMClassifier


def load(data_dir):
    return pd.read_csv(data_dir / "orders.csv").astype({"region": "category"})


def build(params):
    return LGBMClassifier(**params, subsample=0.8, subsample_freq=1, n_jobs=1, verbose=-1)
