"""Metrics, parameters, tags and datasets as MLflow's servers take them: only some characters, only so long."""

from __future__ import annotations

import json
import math
import posixpath
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlflow.entities import DatasetInput, Metric, Param

DIGEST, RUN_ID = "model_digest", "assay.run_id"
# MLflow's own name
COMMIT = "mlflow.source.git.commit"
_NAME, _PARAM, _TAG = 250, 6000, 5000
_DATASET_NAME, _DATASET_DIGEST = 500, 36


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The rows that a model learned from.

    Attributes:
        name: What people call the data.
        digest: Its fingerprint; MLflow keeps the first 36 characters.
        rows: How many rows there are, if known.
        source: Where they came from, as it may be shown.
    """

    name: str
    digest: str
    rows: int | None
    source: str


def tagged(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags` as MLflow takes them."""
    return {key(name): value[:_TAG] for name, value in tags.items()}


def key(name: str) -> str:
    """`name` as MLflow takes it, for metrics, parameters and tags: it must also do as a relative path."""
    plain = re.sub(r"[^\w\-. /]", "_", name)[:_NAME]
    fine = posixpath.normpath(plain) == plain != "." and not plain.startswith(("/", ".."))
    return plain if fine else re.sub("[/.]", "_", plain) or "_"


def points(curves: Mapping[str, Sequence[float]], first: int) -> list[Metric]:
    """`curves` as MLflow's metrics, the first value at step `first`; what is no finite number is left out."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    named = {key(name): values for name, values in curves.items()}
    return [
        Metric(name, float(value), now, step)
        for name, values in named.items()
        for step, value in enumerate(values, first)
        if value is not None and math.isfinite(value)
    ]


def used(dataset: Dataset) -> DatasetInput:
    """`dataset` as an input of a training."""
    from mlflow.entities import Dataset as Known
    from mlflow.entities import DatasetInput, InputTag

    known = Known(
        name=dataset.name[:_DATASET_NAME],
        digest=dataset.digest[:_DATASET_DIGEST],
        source_type="local",
        source=json.dumps({"uri": dataset.source}),
        profile=None if dataset.rows is None else json.dumps({"num_rows": dataset.rows}),
    )
    return DatasetInput(known, [InputTag("mlflow.data.context", "training")])


def parameters(params: Mapping[str, Any]) -> list[Param]:
    """`params` as MLflow's parameters, which are texts."""
    from mlflow.entities import Param

    return [Param(name, value) for name, value in {key(n): str(v)[:_PARAM] for n, v in params.items()}.items()]
