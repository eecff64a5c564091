"""Model files of skops: made the same for the same model, and loaded only when every type in them is known.

skops writes memory addresses, random names and clocks into its zip file, and checks a file against a list of types that
the caller brings. Both gaps are closed here.
"""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import skops.io

from assay.errors import ArtifactError
from assay.models.pyfunc import Flat, Pyfunc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CLASSES = frozenset({"sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "catboost"})
_STANDARD = frozenset({"functools.partial", "collections.OrderedDict", "builtins.complex", "datetime.timedelta"})
_OURS = frozenset(f"{kind.__module__}.{kind.__name__}" for kind in (Pyfunc, Flat))
# a function in a model file can be called while the file is loaded (pandas.read_pickle, numpy.load), so those of
# libraries are allowed only from modules that compute and read nothing
_FUNCTIONS = ("sklearn.utils.validation.", "sklearn.metrics.", "sklearn.feature_selection.", "sklearn.preprocessing.")


def untrusted(data: bytes, packages: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """The types in a skops file that skops itself does not trust.

    Args:
        data: The file's bytes.
        packages: Top-level packages of the project, whose classes and functions are trusted too.

    Returns:
        Those that we allow, and those that nobody does.
    """
    names = skops.io.get_untrusted_types(data=data)
    refused = [name for name in names if not _allowed(name, packages)]
    return [name for name in names if name not in refused], refused


def _allowed(name: str, packages: Collection[str]) -> bool:
    root = name.split(".", maxsplit=1)[0]
    if name in _STANDARD | _OURS:
        return True
    if root not in _CLASSES and root not in packages:
        return False
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        return False
    # what a trusted module merely imported (subprocess.Popen) is not its own
    home = str(getattr(found, "__module__", None) or "").split(".", maxsplit=1)[0]
    if home != root:
        return False
    return root in packages or isinstance(found, type) or name.startswith(_FUNCTIONS)


def load(path: Path, packages: Collection[str] = ()) -> Any:  # noqa: ANN401 - any estimator
    """The object in a skops file.

    Raises:
        ArtifactError: The file is damaged or holds a type that is not allowed; names the type.
    """
    try:
        data = path.read_bytes()
        known, refused = untrusted(data, packages)
        model = None if refused else skops.io.loads(data, trusted=known)
    except Exception as error:
        raise ArtifactError(f"the model cannot be loaded: {type(error).__name__}: {error}", where=str(path)) from error
    if refused:
        raise ArtifactError(
            f"the model file holds types that are not allowed: {', '.join(refused)}",
            where=str(path),
            allowed=f"classes of {', '.join(sorted({*_CLASSES, *packages}))}",
            next="train the model again with this project, or find out who made the file",
        )
    return model


def canonical(data: bytes) -> bytes:
    """The same skops file without addresses, random names and clocks: equal models give equal bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        schema = json.loads(source.read(_SCHEMA))
        _sort_sets(schema)
        names = _rename(schema)
        files = {new: source.read(old) for old, new in names.items()}
    return _zip(files | {_SCHEMA: json.dumps(schema, separators=(",", ":")).encode()})


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    # stored, not deflated: different builds of zlib compress the same bytes differently
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), _plain_npz(content) if name.endswith(".npz") else content)
    return target.getvalue()


def _plain_npz(npz: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(npz)) as inner:
        return _zip({name: inner.read(name) for name in inner.namelist()})


def _rename(schema: dict[str, Any]) -> dict[str, str]:
    ids: dict[int, int] = {}
    files: dict[str, str] = {}
    for node in _nodes(schema):
        # whether two equal numbers or texts are one object is an accident of the interpreter, and means nothing
        if node.get("__loader__") == "JsonNode":
            node.pop("__id__", None)
        elif "__id__" in node:
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if isinstance(node.get("file"), str):
            old = node["file"]
            node["file"] = files.setdefault(old, f"{len(files)}.{old.rpartition('.')[2]}")
    return files


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "__loader__" in item:
                yield item
            todo += reversed(item.values())
        elif isinstance(item, list):
            todo += reversed(item)


def _sort_sets(schema: dict[str, Any]) -> None:
    for node in _nodes(schema):
        if node.get("__loader__") == "SetNode":
            node["content"].sort(key=lambda item: (str(item.get("content")), json.dumps(item, sort_keys=True)))
