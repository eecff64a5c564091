"""Which parameters the model is fitted with, and what cross-validation says about them."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts
from assay.errors import ProjectError
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER
from assay.training.folds import cross_validate, folds_of, summary
from assay.training.search import Trial, best, search

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.callables import Dataset
    from assay.config import Config
    from assay.evaluate.metrics import Task
    from assay.training.fitting import Recipe

FOLDER_VARIABLE = "ASSAY_SEARCH"
_WHERE = "pyproject.toml tool.assay.search.metric"
_FEWEST_FOLDS = 3


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was decided before the final fit.

    Attributes:
        params: Parameters of the final fit.
        validated: Mean, std and folds by metric; empty where no cross-validation was asked for.
        metric: What the search went by; empty where there was none.
        trials: What the search tried.
    """

    params: Mapping[str, Any]
    validated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metric: str = ""
    trials: tuple[Trial, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The keys of training.json that tell of it."""
        found: dict[str, Any] = {"params": dict(self.params)}
        if self.validated:
            found["cross_validation"] = self.validated
        if self.trials:
            tried = [trial.to_dict() for trial in self.trials]
            found["search"] = {"metric": self.metric, "best": dict(self.params), "trials": tried}
        return found


def choose(recipe: Recipe, dataset: Dataset, task: Task, key: str, told: Callable[[Trial], None]) -> Chosen:
    """Search, where there is a space, then validate, where folds are asked for.

    Args:
        recipe: How a model is fitted.
        dataset: The train rows.
        task: What is predicted.
        key: What the search depends on beside the configuration: a digest of data and code.
        told: Called after each trial.

    Raises:
        ProjectError: The folds cannot be made, the metric is unknown, or the project's code raised in every trial.
    """
    config, labels = recipe.config, bool(task.labels)
    count, seed = config.training.cross_validation, config.training.seed
    if not config.search.space:
        folds = folds_of(dataset, count, labels=labels, seed=seed) if count else []
        scores = cross_validate(recipe, dataset, config.params, task, folds) if folds else {}
        return Chosen(params=config.params, validated=summary(scores))
    metric = metric_of(config)
    maximize = _maximize(config, metric)
    folds = folds_of(dataset, count or _FEWEST_FOLDS, labels=labels, seed=seed)

    def score(params: Mapping[str, Any]) -> float:
        return _mean(cross_validate(recipe, dataset, {**config.params, **params}, task, folds), metric)

    journal = _journal(recipe, key)
    trials = search(config.search, score, maximize=maximize, seed=seed, journal=journal, told=told)
    params = {**config.params, **best(trials, maximize=maximize).params}
    validated = summary(cross_validate(recipe, dataset, params, task, folds)) if count else {}
    return Chosen(params=params, validated=validated, metric=metric, trials=tuple(trials))


def metric_of(config: Config) -> str:
    """What the search goes by."""
    return config.search.metric or ("accuracy" if config.data.task == "classification" else "rmse")


def _maximize(config: Config, metric: str) -> bool:
    if config.search.direction:
        return config.search.direction == "maximize"
    if metric not in HIGHER_IS_BETTER | LOWER_IS_BETTER:
        raise ProjectError(f'nothing tells which way "{metric}" is better', _WHERE, next="set `direction` beside it")
    return metric in HIGHER_IS_BETTER


def _mean(scores: Mapping[str, list[float]], metric: str) -> float:
    if metric not in scores:
        raise ProjectError(f'the models have no metric "{metric}"', _WHERE, ", ".join(scores))
    value = float(np.mean(scores[metric]))
    if not math.isfinite(value):
        raise ProjectError(f"{metric} is {value}", _WHERE, "a finite number")
    return value


def _journal(recipe: Recipe, key: str) -> Path:
    """The file of this very search: other rows, columns, code, space or metric is another one; more trials are not."""
    config = recipe.config
    space = {name: repr(dimension) for name, dimension in config.search.space.items()}
    settings, search = config.data, config.search
    seen = [settings.target, settings.task, settings.positive, settings.weight, settings.group, settings.time]
    parts: list[Any] = [key, config.model, config.train, config.metrics, config.params, repr(config.training)]
    parts += [*seen, sorted(settings.exclude), space, search.metric, search.direction]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
    folder = os.environ.get(FOLDER_VARIABLE) or recipe.project / ".assay" / "search"
    return Path(folder) / f"{digest[:32]}.journal"


def source_digest(project: Path) -> str:
    """Digest of the project's code."""
    return artifacts.digest(project / "src") if (project / "src").is_dir() else ""
