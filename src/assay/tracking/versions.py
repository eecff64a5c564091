"""What the registry holds, and what becomes a version of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.tracking.runs import Training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.tracking.entities import Dataset


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version in the registry.

    Attributes:
        name: The model's name.
        version: Its number, from 1.
        model_digest: Digest of its model folder.
        run_id: The MLflow run that holds its artifacts.
        image: image.json of what was deployed; None before that.
        created: True where this call of `register` made it.
        commit: Of the project when it was made; empty where that is not known.
    """

    name: str
    version: int
    model_digest: str
    run_id: str
    image: Mapping[str, Any] | None = None
    created: bool = False
    commit: str = ""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial of a search, which becomes a run below the training's.

    Attributes:
        number: Its number, from 0.
        params: What was tried.
        metrics: What came of it.
        failed: True where it came to nothing.
    """

    number: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    failed: bool


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to become a version.

    Attributes:
        name: The model's name.
        model_digest: Digest of the model folder.
        artifacts: Files and folders by their path in the version; `FETCHED` must be among them.
        params: Parameters of the training.
        metrics: Metrics by name; those that are no finite numbers are left out.
        tags: Commit, digests, run id, waivers.
        curves: Metrics of the training by step.
        trials: The trials of its search.
        dataset: The rows it learned from.
    """

    name: str
    model_digest: str
    artifacts: Mapping[str, Path]
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    dataset: Dataset | None = None

    @property
    def training(self) -> Training:
        """What was known when it was trained."""
        return Training(name=self.name, params=self.params, tags=self.tags, dataset=self.dataset)
