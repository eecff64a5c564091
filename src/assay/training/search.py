"""The search for parameters: Optuna proposes, cross-validation decides; what is found survives a killed process."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from assay.errors import ProjectError
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import optuna

    from assay.config import Dimension, Search

    Score = Callable[[Mapping[str, Any]], float]


_WHY = "why"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters that was tried.

    Attributes:
        number: From 0.
        params: The parameters that were searched for.
        value: The mean of the metric over the folds; None where the project's code raised.
        why: What it raised.
    """

    number: int
    params: Mapping[str, Any]
    value: float | None
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        failed = {"state": "failed", "why": self.why} if self.value is None else {"state": "complete"}
        return {"number": self.number, "params": dict(self.params), "value": self.value, **failed}


def search(
    settings: Search, score: Score, *, maximize: bool, seed: int, journal: Path, told: Callable[[Trial], None]
) -> list[Trial]:
    """Try parameters until `trials` were tried or the time is up; those of an earlier process count.

    Args:
        settings: `[tool.assay.search]`.
        score: The metric's mean for some parameters; a ProjectError makes a failed trial.
        maximize: True where more is better.
        seed: With the same seed the same parameters are tried, however often the search was interrupted.
        journal: File of the trials so far; it must be of this very search.
        told: Called after each trial.

    Returns:
        All trials, in the order they were started.

    Raises:
        ProjectError: No trial succeeded; the error of the last one.
    """
    study = _study(journal, maximize=maximize)
    until = time.monotonic() + to_seconds(settings.timeout) if settings.timeout else float("inf")
    failure: ProjectError | None = None
    while len(_trials(study)) < settings.trials and (time.monotonic() < until or not _trials(study)):
        trial, failure = _try(study, settings.space, score, seed)
        told(trial)
    done = _trials(study)
    if all(trial.value is None for trial in done):
        raise failure or ProjectError("no trial of the search succeeded", str(journal), next="delete the file")
    return done


def best(trials: list[Trial], *, maximize: bool) -> Trial:
    """The best trial, the earliest of equal ones."""
    scored = [(trial.value, trial) for trial in trials if trial.value is not None]
    pick = max if maximize else min
    return pick(scored, key=lambda pair: pair[0])[1]


def _study(journal: Path, *, maximize: bool) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(logging.ERROR)
    journal.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
    return optuna.create_study(storage=storage, study_name="search", direction=direction, load_if_exists=True)


def _try(
    study: optuna.Study, space: Mapping[str, Dimension], score: Score, seed: int
) -> tuple[Trial, ProjectError | None]:
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    number = len(_trials(study))
    # a sampler of its own for each trial: a search that goes on after a kill proposes what it would have proposed
    study.sampler = TPESampler(seed=seed + number)
    asked = study.ask()
    params = {name: _suggest(asked, name, dimension) for name, dimension in space.items()}
    try:
        value = score(params)
    except ProjectError as error:
        asked.set_user_attr(_WHY, error.what)
        study.tell(asked, state=TrialState.FAIL)
        return Trial(number=number, params=params, value=None, why=error.what), error
    study.tell(asked, value)
    return Trial(number=number, params=params, value=value), None


def _suggest(trial: optuna.Trial, name: str, dimension: Dimension) -> Any:  # noqa: ANN401 - a parameter
    if dimension.choices:
        return trial.suggest_categorical(name, dimension.choices)
    low, high = dimension.low, dimension.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, log=dimension.log)
    return trial.suggest_float(name, float(low or 0), float(high or 0), log=dimension.log)


def _trials(study: optuna.Study) -> list[Trial]:
    """Those that ended; one that was killed in the middle is tried again."""
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    return [
        Trial(number=n, params=trial.params, value=trial.value, why=trial.user_attrs.get(_WHY, ""))
        for n, trial in enumerate(ended)
    ]
