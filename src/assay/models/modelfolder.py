"""The model folder: MLflow's format, the same bytes for the same model, loaded without MLflow.

Beside what MLflow writes lies `dtypes.json`, which tells what dtypes the model was trained with.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import platform
import shutil
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay import artifacts
from assay.errors import ArtifactError
from assay.models import rows, signature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np
    import pandas as pd

_EXAMPLE_ROWS = 5
_PACKAGES = ("mlflow", "numpy", "pandas", "scikit-learn")
_LIBRARIES = ("xgboost", "lightgbm", "catboost", "torch")


def save(
    model: object, folder: Path, *, example: pd.DataFrame, predictions: np.ndarray, packages: Collection[str] = ()
) -> str:
    """Write `model` as an MLflow model folder; equal models give equal bytes.

    The format is that of skops, where skops can write the model and `load` would trust it, else cloudpickle.

    Args:
        model: A fitted estimator.
        folder: Where to; what lies there is replaced.
        example: Rows the model was trained with, the more the better the signature knows what may be missing;
            the first ones become the input example.
        predictions: The model's predictions for `example`, shape (rows,).
        packages: Top-level packages of the project, whose types may stand in the model.

    Returns:
        Why it is cloudpickle; empty where it is skops.

    Raises:
        ArtifactError: The model can be written in no format.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reason = _write_skops(model, folder, example, predictions, packages)
        if reason:
            _write_cloudpickle(model, folder, example, predictions)
    columns = {"columns": rows.describe(example)}
    (folder / signature.DTYPES).write_text(json.dumps(columns, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _settle(folder)
    return reason


def _write_skops(
    model: object, folder: Path, example: pd.DataFrame, predictions: np.ndarray, packages: Collection[str]
) -> str:
    import skops.io

    from assay.models import skopsfile

    try:
        types, refused = skopsfile.untrusted(skops.io.dumps(model), packages)
        if refused:
            return f"types that may do harm when they are loaded: {', '.join(refused)}"
        _write(model, folder, example, predictions, "skops", types)
    except Exception as error:  # noqa: BLE001 - whatever it raises, skops cannot write this model
        return f"{type(error).__name__}: {error}"
    file = folder / "model.skops"
    file.write_bytes(skopsfile.canonical(file.read_bytes()))
    return ""


def _write_cloudpickle(model: object, folder: Path, example: pd.DataFrame, predictions: np.ndarray) -> None:
    try:
        _write(model, folder, example, predictions, "cloudpickle", [])
    except Exception as error:
        raise ArtifactError(f"the model cannot be written: {type(error).__name__}: {error}") from error
    if "torch" in sys.modules:
        _repickle(model, folder / signature.metadata(folder)["flavors"]["sklearn"]["pickled_model"])


def _repickle(model: object, path: Path) -> None:
    """Write the file again, as torch's own way of pickling numbers writes memory addresses."""
    import cloudpickle  # type: ignore[import-untyped]

    torch: Any = sys.modules["torch"]

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, part: object) -> Any:  # noqa: ANN401 - the protocol's
            if not isinstance(part, torch.storage.TypedStorage):
                return super().reducer_override(part)
            numbers = io.BytesIO()
            torch.save(part, numbers)
            return torch.storage._load_from_bytes, (numbers.getvalue(),)  # noqa: SLF001 - its own way's other half

    with path.open("wb") as file:
        Pickler(file).dump(model)


def _write(
    model: object, folder: Path, example: pd.DataFrame, predictions: np.ndarray, kind: str, types: list[str]
) -> None:
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature

    if folder.exists():
        shutil.rmtree(folder)
    modules = [*types, *(base.__module__ for base in type(model).__mro__)]
    roots = {name.split(".", maxsplit=1)[0] for name in modules}
    # what a pickle holds is not known: all that it could
    loaded = sys.modules.keys() if kind == "cloudpickle" else ()
    needed = [*_PACKAGES, kind, *(name for name in _LIBRARIES if name in {*roots, *loaded})]
    pins = [f"{name}=={found}" for name in needed if (found := _version(name))]
    python = ["python=" + platform.python_version(), "pip", {"pip": pins}]
    mlflow.sklearn.save_model(
        model,
        str(folder),
        serialization_format=kind,
        skops_trusted_types=types or None,
        signature=infer_signature(_telling(example), pd.Series(predictions[:_EXAMPLE_ROWS])),
        input_example=example.head(_EXAMPLE_ROWS),
        conda_env={"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": python},
    )


def _telling(example: pd.DataFrame) -> pd.DataFrame:
    # MLflow looks at every value in Python, so it gets a few rows, but with something missing wherever that happens
    gaps = example.isna().to_numpy()
    rows_with_gaps = gaps.argmax(axis=0)[gaps.any(axis=0)]
    return example.iloc[sorted({*range(min(_EXAMPLE_ROWS, len(example))), *rows_with_gaps.tolist()})]


def _version(package: str) -> str:
    # the slim builds of MLflow and XGBoost have the same code and version under names of their own
    for name in (package, f"{package}-skinny", f"{package}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _settle(folder: Path) -> None:
    # what MLflow fills with clocks, random numbers and the tools of this machine
    python = {"python": platform.python_version(), "build_dependencies": ["pip", "setuptools", "wheel"]}
    _write_yaml(folder / "python_env.yaml", python | {"dependencies": ["-r requirements.txt"]})
    meta = signature.metadata(folder) | {"model_uuid": "", "utc_time_created": "1970-01-01 00:00:00.000000"}
    others = [path for path in artifacts.files_below(folder) if path.name != signature.MLMODEL]
    meta["model_size_bytes"] = sum(path.stat().st_size for path in others)
    content = [artifacts.file_digest(path) for path in others]
    meta["model_uuid"] = hashlib.sha256(json.dumps([meta, content], sort_keys=True).encode()).hexdigest()[:32]
    _write_yaml(folder / signature.MLMODEL, meta)


def _write_yaml(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=True), encoding="utf-8")


def load(folder: Path, packages: Collection[str] = ()) -> Any:  # noqa: ANN401 - any estimator
    """The estimator in a model folder. Classes of the project need `callables.add_to_path` first.

    Args:
        folder: An MLflow model folder with the flavor sklearn.
        packages: Top-level packages of the project (`callables.packages`), whose types are trusted too.

    Raises:
        ArtifactError: The folder is missing or damaged, or the model holds a type that is not allowed.
    """
    flavor = signature.flavor(folder)
    path = folder / str(flavor.get("pickled_model", ""))
    if not path.is_file():
        raise ArtifactError("the model folder holds no model file", where=str(path))
    if signature.serialization(folder) == "skops":
        from assay.models import skopsfile

        return skopsfile.load(path, packages)
    try:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - `serialization` tells callers, who decide whether they want it
    except Exception as error:
        raise ArtifactError(f"the model cannot be loaded: {type(error).__name__}: {error}", where=str(path)) from error


def coerce(frame: pd.DataFrame, source: Path | Mapping[str, signature.Column | str]) -> pd.DataFrame:
    """`rows.coerce` to the columns of a model folder, or to columns that were read before.

    Raises:
        ArtifactError: Columns are missing or values do not fit; names every such column.
    """
    return rows.coerce(frame, signature.columns(source) if isinstance(source, Path) else source)
