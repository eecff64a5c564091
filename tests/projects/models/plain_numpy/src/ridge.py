import numpy as np


class Ridge:
    def __init__(self, fill, coefficients):
        self.fill = fill
        self.coefficients = coefficients

    def predict(self, x):
        return design(x, self.fill) @ self.coefficients


def design(x, fill):
    values = x.to_numpy(dtype=float)
    return np.column_stack([np.ones(len(x)), np.where(np.isnan(values), fill, values)])


def train(dataset, params):
    fill = np.nanmean(dataset.x.to_numpy(dtype=float), axis=0)
    a = design(dataset.x, fill)
    weighted = a * dataset.weights.to_numpy()[:, None]
    penalty = params["penalty"] * np.eye(a.shape[1])
    return Ridge(fill, np.linalg.solve(weighted.T @ a + penalty, weighted.T @ dataset.y.to_numpy()))
