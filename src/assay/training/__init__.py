"""How a model comes about: seeds, weights, early stopping, cross-validation and the search for parameters."""
