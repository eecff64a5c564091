import numpy as np
import torch
from torch import nn


class Net:
    """A network with what its input has to be scaled by, as anything that takes a frame."""

    def __init__(self, network, mean, scale):
        self.network = network
        self.mean = mean
        self.scale = scale
        self.classes_ = np.array(["no", "yes"], dtype=object)

    def inputs(self, x):
        return torch.tensor(np.nan_to_num((x.to_numpy(dtype=float) - self.mean) / self.scale), dtype=torch.float32)

    def predict_proba(self, x):
        with torch.inference_mode():
            p = torch.sigmoid(self.network(self.inputs(x))[:, 0]).double().numpy()
        return np.column_stack([1 - p, p])

    def predict(self, x):
        return self.classes_[self.predict_proba(x).argmax(axis=1)]


def train(dataset, params):
    torch.set_num_threads(1)
    values = dataset.x.to_numpy(dtype=float)
    network = nn.Sequential(nn.Linear(values.shape[1], params["hidden"]), nn.Tanh(), nn.Linear(params["hidden"], 1))
    model = Net(network, np.nanmean(values, axis=0), np.nanstd(values, axis=0))
    x = model.inputs(dataset.x)
    y = torch.tensor((dataset.y == "yes").to_numpy(), dtype=torch.float32)
    weights = torch.tensor(dataset.weights.to_numpy(), dtype=torch.float32)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(params["epochs"]):
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(x)[:, 0], y, weights).backward()
        optimizer.step()
    return model
