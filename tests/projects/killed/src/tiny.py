import os
import signal

import pandas as pd


def load(data_dir):
    return pd.read_csv(data_dir / "rows.csv")


class Greedy:
    def fit(self, x, y):
        os.kill(os.getpid(), signal.SIGKILL)

    def predict(self, x):
        return ["no"] * len(x)


def build(params):
    return Greedy()
