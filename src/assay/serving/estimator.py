"""A fitted estimator, asked with records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from assay.errors import ArtifactError
from assay.models import rows
from assay.models.pyfunc import last_step
from assay.serving import forest
from assay.serving.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from assay.serving.batching import Answer
    from assay.serving.frames import Frames

# families whose `predict` is the class of the largest probability: asking them once halves the time of a request
_LARGEST_WINS = frozenset({"HistGradientBoostingClassifier", "RandomForestClassifier", "ExtraTreesClassifier"})


@dataclass(frozen=True)
class Estimator:
    """An estimator and what makes its frames.

    Attributes:
        model: The estimator.
        frames: Makes frames of records.
        runtime: What predicts, in one word.
    """

    model: Any
    frames: Frames
    runtime: ClassVar[str] = "python"

    @property
    def is_classifier(self) -> bool:
        """It gives probabilities beside its predictions."""
        return hasattr(self.model, "predict_proba")

    def predict(self, records: Sequence[Mapping[str, Any]]) -> Answer:
        """Predictions, and probabilities of shape (rows, classes) where the model has any.

        Raises:
            Refused: A value does not fit the model's columns.
            ValueError: The model did not give one prediction a row.
        """
        try:
            frame = self.frames.build(records)
        except (ArtifactError, ValueError, TypeError, OverflowError) as error:
            raise refused(422, str(error), "records") from None
        shares = self.model.predict_proba(frame) if self.is_classifier else None
        found = self._largest(shares) if shares is not None and _largest_wins(self.model) else self.model.predict(frame)
        if any(len(part) != len(records) for part in (found, shares) if part is not None):
            raise ValueError(f"the model gave {len(found)} predictions for {len(records)} rows")
        predictions = [rows.to_json(value) for value in found.tolist()]
        return {"predictions": predictions, "probabilities": None if shares is None else shares.tolist()}

    def quicken(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Make predictions of few rows quick, where those for `records` stay the same bit for bit."""
        forest.quicken(self.model, self.frames.build(records))

    def kind(self, records: Sequence[Mapping[str, Any]]) -> tuple[bool, ...]:
        """Equal for records that can be asked together."""
        return self.frames.kind(records)

    def _largest(self, shares: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.model.classes_[shares.argmax(axis=1)]
        return found


def _largest_wins(model: object) -> bool:
    last = last_step(model)
    return type(last).__name__ in _LARGEST_WINS and type(last).__module__.startswith("sklearn.")
