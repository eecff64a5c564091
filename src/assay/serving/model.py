"""The model behind the server: checked, loaded once, asked with records."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay import artifacts, callables
from assay.errors import ArtifactError
from assay.models import modelfolder, rows
from assay.models.pyfunc import last_step
from assay.serving import forest
from assay.serving.batching import split
from assay.serving.frames import Frames
from assay.serving.refusal import refused
from assay.serving.schema import Requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

# families whose `predict` is the class of the largest probability: asking them once halves the time of a request
_LARGEST_WINS = frozenset({"HistGradientBoostingClassifier", "RandomForestClassifier", "ExtraTreesClassifier"})


_COMPARED = 8


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model that can be asked.

    Attributes:
        name: Its name in the registry.
        version: Its version there.
        model_digest: Digest of the model folder, which was checked.
        labels: The classes in the order of the probabilities; None for numbers.
        requests: Reads request bodies.
        frames: Makes the model's frame of records.
        model: The estimator.
        examples: What it predicted for its samples.
        is_regressor: Its predictions are numbers, not classes.
        rows_are_independent: A row's prediction is the same, bit for bit, whatever other rows are asked with it.
    """

    name: str
    version: int
    model_digest: str
    labels: Sequence[Any] | None
    requests: Requests
    frames: Frames
    model: Any
    examples: Sequence[Any] = ()
    is_regressor: bool = False
    rows_are_independent: bool = False

    def predict(self, records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any] | None]:
        """Predictions, and probabilities of shape (rows, classes) where the model has any.

        Raises:
            Refused: A value does not fit the model's columns.
            ValueError: The model did not give one prediction a row.
        """
        try:
            frame = self.frames.build(records)
        except (ArtifactError, ValueError, TypeError, OverflowError) as error:
            raise refused(422, str(error), "records") from None
        shares = self.model.predict_proba(frame) if self.labels is not None else None
        found = self._largest(shares) if shares is not None and _largest_wins(self.model) else self.model.predict(frame)
        if any(len(part) != len(records) for part in (found, shares) if part is not None):
            raise ValueError(f"the model gave {len(found)} predictions for {len(records)} rows")
        predictions = [rows.to_json(value) for value in found.tolist()]
        return {"predictions": predictions, "probabilities": None if shares is None else shares.tolist()}

    def _largest(self, shares: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.model.classes_[shares.argmax(axis=1)]
        return found


def load(bundle: Path) -> Served:
    """The model in a bundle, asked once so that the first request is as quick as any.

    Raises:
        ArtifactError: Something in the bundle is missing or damaged; a model with a changed byte is never loaded.
    """
    about = _about(bundle)
    folder = bundle / "model"
    found = artifacts.digest(folder) if folder.is_dir() else "no model"
    if found != about["model_digest"]:
        then = f"bundle.json says {about['model_digest'][:12]}, the folder is {found[:12]}: make the bundle again"
        raise ArtifactError("the model is not the one that was packaged", where=str(folder), next=then)
    callables.add_to_path(bundle / "project")
    model = modelfolder.load(folder, callables.packages(bundle / "project"))
    labels = rows_of(model.classes_) if hasattr(model, "predict_proba") else None
    served = Served(
        name=about["name"],
        version=about["version"],
        model_digest=found,
        labels=labels,
        requests=Requests(modelfolder.signature_columns(folder)),
        frames=Frames(modelfolder.columns(folder)),
        model=model,
    )
    independent, examples = _warm_up(served, bundle)
    # a classifier without probabilities is one too, whatever its labels are
    numbers = about.get("task") == "regression" or all(isinstance(value, float) for value in examples)
    is_regressor = served.labels is None and numbers
    return replace(served, rows_are_independent=independent, examples=examples, is_regressor=is_regressor)


def rows_of(values: Any) -> list[Any]:  # noqa: ANN401 - an array or a list
    """An array of labels as JSON values."""
    return [rows.to_json(value) for value in values]


def _about(bundle: Path) -> dict[str, Any]:
    path = bundle / "bundle.json"
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        about["name"], about["version"], about["model_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"this is no bundle: {type(error).__name__}: {error}", where=str(path), next="assay run --until package"
        ) from None
    return about


def _warm_up(served: Served, bundle: Path) -> tuple[bool, list[Any]]:
    path = bundle / "samples.json"
    try:
        samples = json.loads(path.read_text(encoding="utf-8"))
        records = [dict(zip(samples["columns"], row, strict=True)) for row in samples["records"]]
        forest.quicken(served.model, served.frames.build(records))
        return _independent(served, records[:_COMPARED]), list(samples["predictions"])
    except Exception as error:
        what = f"the model cannot predict the first of its samples: {type(error).__name__}: {error}"
        raise ArtifactError(what, where=str(path), next="make the bundle again: assay run --until package") from error


def _independent(served: Served, records: list[dict[str, Any]]) -> bool:
    # sums in another order differ in the last bit, and a model of the user's own may look at all rows it gets
    single = [served.predict([record]) for record in records]
    return all(
        split(served.predict(together), [[record] for record in together]) == alone
        for together, alone in ((records[:3], single[:3]), (records * 4, single * 4))
    )


def _largest_wins(model: object) -> bool:
    last = last_step(model)
    return type(last).__name__ in _LARGEST_WINS and type(last).__module__.startswith("sklearn.")
