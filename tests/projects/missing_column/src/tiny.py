import pandas as pd


def load(data_dir):
    return pd.read_csv(data_dir / "rows.csv")


def build(params):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**params)
