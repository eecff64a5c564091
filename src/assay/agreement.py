"""What the keys of `[tool.assay]` must agree on among each other. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.schema import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.config import Config, Dimension


def disagreements(config: Config) -> list[Problem]:
    """Every pair of keys that do not fit together, and every one that needs another."""
    return [*_model(config), *_data(config), *_search(config)]


def _model(config: Config) -> Iterator[Problem]:
    if config.model and config.train:
        yield Problem(("train",), "`model` and `train` are both given", "one of the two")
    if not config.model and not config.train:
        yield Problem(("model",), '"model" is missing', "`model`, which gives an estimator, or `train`, which fits one")
    if config.train and config.training.early_stopping:
        what = "early_stopping is for estimators that `model` gives"
        yield Problem(("training", "early_stopping"), what, next="set rows of the dataset apart in your `train`")


def _data(config: Config) -> Iterator[Problem]:
    if config.data.group and config.data.time:
        yield Problem(("data", "time"), "rows are split by group or by time", "one of the two")
    if config.data.holdout in {config.data.target, config.data.time, *config.data.aside}:
        what = f'"{config.data.holdout}" marks the holdout rows and is something else too'
        yield Problem(("data", "holdout"), what, next="the marker is no feature anyway: name it here only")


def _search(config: Config) -> Iterator[Problem]:
    for name, dimension in config.search.space.items():
        if allowed := _dimension(dimension):
            yield Problem(("search", "space", name), "these are no values to try", allowed)
    if not config.search.space and config.search.metric:
        yield Problem(("search",), "there is nothing to search for", "parameters in [tool.assay.search.space]")


def _dimension(dimension: Dimension) -> str:
    if dimension.choices:
        alone = dimension.low is None and dimension.high is None and not dimension.log
        return "" if alone else "choices alone, or low and high"
    if dimension.low is None or dimension.high is None:
        return "low and high, or choices"
    if not dimension.low < dimension.high:
        return "low below high"
    return "low above 0 where log = true" if dimension.log and dimension.low <= 0 else ""
