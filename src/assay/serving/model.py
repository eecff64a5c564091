"""The model behind the server: checked, loaded once, asked with records."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay import artifacts, callables
from assay.errors import ArtifactError
from assay.models import signature
from assay.serving.batching import split
from assay.serving.schema import Requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.serving.estimator import Estimator
    from assay.serving.exported import Exported

_COMPARED = 8
_AGAIN = "make the bundle again: assay run --until package"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model that can be asked.

    Attributes:
        name: Its name in the registry.
        version: Its version there.
        model_digest: Digest of the model folder, which was checked.
        labels: The classes in the order of the probabilities; None for numbers.
        requests: Reads request bodies.
        predictor: Predicts.
        examples: What it predicted for its samples.
        is_regressor: Its predictions are numbers, not classes.
        rows_are_independent: A row's prediction is the same, bit for bit, whatever other rows are asked with it.
    """

    name: str
    version: int
    model_digest: str
    labels: Sequence[Any] | None
    requests: Requests
    predictor: Estimator | Exported
    examples: Sequence[Any] = ()
    is_regressor: bool = False
    rows_are_independent: bool = False


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
    samples = _samples(bundle)
    predictor = _exported(bundle, about) if about.get("onnx") else _estimator(bundle)
    independent = _warm_up(predictor, samples, bundle)
    labels = samples["labels"] if predictor.is_classifier else None
    # a classifier without probabilities is one too, whatever its labels are
    numbers = about.get("task") == "regression" or all(isinstance(value, float) for value in samples["predictions"])
    return Served(
        name=about["name"],
        version=about["version"],
        model_digest=found,
        labels=labels,
        requests=Requests(signature.types(folder)),
        predictor=predictor,
        examples=samples["predictions"],
        is_regressor=labels is None and numbers,
        rows_are_independent=independent,
    )


def _estimator(bundle: Path) -> Estimator:
    # heavy, and not there in the image of an exported model
    from assay.models import modelfolder
    from assay.serving.estimator import Estimator
    from assay.serving.frames import Frames

    _import_skops()
    callables.add_to_path(bundle / "project")
    model = modelfolder.load(bundle / "model", callables.packages(bundle / "project"))
    return Estimator(model, Frames(signature.columns(bundle / "model")))


def _import_skops() -> None:
    """Import skops without its list of estimators, for which it imports all of scikit-learn: a third of the start.

    Without it skops trusts fewer types by itself, and `skopsfile` is asked about more of them.
    """
    import sklearn.utils

    listing = sklearn.utils.all_estimators
    sklearn.utils.all_estimators = list
    try:
        importlib.import_module("skops.io")
    finally:
        sklearn.utils.all_estimators = listing


def _exported(bundle: Path, about: Mapping[str, Any]) -> Exported:
    from assay.serving import exported

    path = bundle / signature.EXPORTED
    if not path.is_file() or artifacts.file_digest(path) != about["onnx"]:
        what = "the exported model is not the one that was packaged"
        raise ArtifactError(what, where=str(path), next=_AGAIN)
    return exported.read(path, signature.columns(bundle / "model"))


def _about(bundle: Path) -> dict[str, Any]:
    path = bundle / "bundle.json"
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        about["name"], about["version"], about["model_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"this is no bundle: {type(error).__name__}: {error}", where=str(path), next=_AGAIN
        ) from None
    return about


def _samples(bundle: Path) -> dict[str, Any]:
    path = bundle / "samples.json"
    try:
        samples: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        samples["predictions"], samples["labels"]
        samples["records"] = [dict(zip(samples["columns"], row, strict=True)) for row in samples["records"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"the samples cannot be read: {type(error).__name__}: {error}"
        raise ArtifactError(what, where=str(path), next=_AGAIN) from None
    return samples


def _warm_up(predictor: Estimator | Exported, samples: Mapping[str, Any], bundle: Path) -> bool:
    """Ask for some of the samples; tells whether rows are independent."""
    try:
        predictor.quicken(samples["records"])
        return _independent(predictor, samples["records"][:_COMPARED])
    except Exception as error:
        what = f"the model cannot predict the first of its samples: {type(error).__name__}: {error}"
        raise ArtifactError(what, where=str(bundle / "samples.json"), next=_AGAIN) from error


def _independent(predictor: Estimator | Exported, records: list[dict[str, Any]]) -> bool:
    # sums in another order differ in the last bit, and a model of the user's own may look at all rows it gets
    single = [predictor.predict([record]) for record in records]
    return all(
        split(predictor.predict(together), [[record] for record in together]) == alone
        for together, alone in ((records[:3], single[:3]), (records * 4, single * 4))
    )
