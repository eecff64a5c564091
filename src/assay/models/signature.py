"""What a model folder says of its model: format, columns and their types. Needs neither pandas nor MLflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from assay.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

MLMODEL, DTYPES = "MLmodel", "dtypes.json"
Column = dict[str, Any]
"""A column's `dtype`, and of a categorical one `categories`, `of` (their dtype) and `ordered`."""
EXPORTED = "model.onnx"
"""The exported model, wherever there is one: beside the evaluation, in a version, in a bundle."""
MISSING = "<missing>"
"""A missing text where only texts can be, as in a tensor of ONNX."""
PANDAS = {
    "long": "int64",
    "integer": "int32",
    "double": "float64",
    "float": "float32",
    "boolean": "bool",
    "string": "str",
    "datetime": "datetime64[ns]",
}
"""The dtype of each type of MLflow."""


def serialization(folder: Path) -> str:
    """`skops`, which loads only types that are allowed, or `cloudpickle`, which runs any code that is in the file."""
    return str(flavor(folder).get("serialization_format", "cloudpickle"))


def types(folder: Path) -> dict[str, str]:
    """MLflow's type of each input column: `long`, `double`, `string`, `boolean`, `datetime`."""
    try:
        inputs = json.loads((metadata(folder).get("signature") or {}).get("inputs") or "[]")
        return {str(column["name"]): str(column["type"]) for column in inputs if "name" in column}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArtifactError(f"the signature is damaged: {error}", where=str(folder / MLMODEL)) from None


def columns(folder: Path) -> dict[str, Column]:
    """What dtypes the model was trained with, for `coerce`; from the signature where the folder tells no more."""
    path = folder / DTYPES
    if not path.exists():
        return {name: {"dtype": PANDAS.get(kind, kind)} for name, kind in types(folder).items()}
    try:
        found: dict[str, Column] = json.loads(path.read_text(encoding="utf-8"))["columns"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"the dtypes are damaged: {error}", where=str(path)) from None
    return found


def is_text(column: Column) -> bool:
    """Whether a column holds texts, be they categories or not."""
    kind = str(column["of"] if column["dtype"] == "category" else column["dtype"])
    return kind.startswith(("str", "object"))


def flavor(folder: Path) -> dict[str, Any]:
    """The part of `MLmodel` that tells how the estimator is written.

    Raises:
        ArtifactError: There is none.
    """
    flavors = metadata(folder).get("flavors")
    flavor = flavors.get("sklearn") if isinstance(flavors, dict) else None
    if not isinstance(flavor, dict):
        raise ArtifactError("the model has no flavor sklearn", where=str(folder / MLMODEL))
    return flavor


def metadata(folder: Path) -> dict[str, Any]:
    """What `MLmodel` holds.

    Raises:
        ArtifactError: It is missing or damaged.
    """
    path = folder / MLMODEL
    try:
        meta = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = "there is no model folder" if isinstance(error, FileNotFoundError) else f"MLmodel is damaged: {error}"
        raise ArtifactError(reason, where=str(path)) from None
    if not isinstance(meta, dict):
        raise ArtifactError("MLmodel is damaged: it holds no table", where=str(path))
    return meta
