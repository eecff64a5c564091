import pandas as pd


def load(data_dir):
    return pd.read_csv(data_dir / "rows.csv")


def build(params):
    from sklearn.linear_model import LogisticRegression

    # with hardly any freedom it knows a little, and says the same for all
    return LogisticRegression() if params["good"] else LogisticRegression(C=1e-9)
