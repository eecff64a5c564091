"""The model folder: deterministic, light to load, and closed to what nobody trusts."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from modelkit import FRAME, LABELS, kit
from scipy.sparse import csr_matrix
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

from assay import artifacts
from assay.environment import PACKAGE
from assay.errors import ArtifactError
from assay.models import modelfolder, signature, skopsfile

if TYPE_CHECKING:
    from collections.abc import Callable


def _logistic(y: np.ndarray = LABELS) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME[["number"]], y)


def _forest() -> Any:
    return RandomForestClassifier(5, random_state=0).fit(FRAME[["number"]], LABELS)


def _categories() -> Any:
    return make_pipeline(OrdinalEncoder(), LogisticRegression()).fit(FRAME[["kind"]], LABELS)


def _words() -> Any:
    model = _logistic()
    model.words_ = {"the", "of", "a", "and", "to", "it"}
    return model


def _sparse() -> Any:
    return KNeighborsRegressor(1).fit(csr_matrix(np.eye(4)), np.arange(4.0))


MODELS: dict[str, Callable[[], Any]] = {
    "linear": _logistic,
    "forest": _forest,
    "categories": _categories,
    "set of words": _words,
    "sparse matrix": _sparse,
}


def _save(model: Any, folder: Path, **more: Any) -> str:
    return modelfolder.save(model, folder, example=FRAME, predictions=LABELS, **more)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_same_model_gives_the_same_bytes(make: Callable[[], Any], tmp_path: Path) -> None:
    reasons = [_save(make(), tmp_path / name) for name in ("one", "two")]
    assert reasons == ["", ""]
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "two")


def test_another_model_gives_another_digest_and_another_uuid(tmp_path: Path) -> None:
    _save(_logistic(), tmp_path / "one")
    _save(_logistic(LABELS[::-1].copy()), tmp_path / "two")
    uuids = {yaml.safe_load((tmp_path / name / "MLmodel").read_text())["model_uuid"] for name in ("one", "two")}
    assert len(uuids) == 2
    assert artifacts.digest(tmp_path / "one") != artifacts.digest(tmp_path / "two")


def test_it_does_not_depend_on_the_process(tmp_path: Path) -> None:
    code = """if True:
        import sys; from pathlib import Path; import test_modelfolder as t
        t._save(t._words(), Path(sys.argv[1])); print(t.artifacts.digest(Path(sys.argv[1])))"""
    paths = os.pathsep.join([str(PACKAGE.parent), str(Path(__file__).parent)])
    digests = set()
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)], env=env, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1


def test_what_is_loaded_predicts_the_same(tmp_path: Path) -> None:
    model = _logistic()
    _save(model, tmp_path / "model")
    loaded = modelfolder.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(FRAME[["number"]]), model.predict_proba(FRAME[["number"]]))


def test_mlflow_reads_it_too(tmp_path: Path) -> None:
    import mlflow.pyfunc

    _save(_logistic(), tmp_path / "model")
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert [column.name for column in loaded.metadata.signature.inputs.inputs] == list(FRAME.columns)
    assert loaded.metadata.utc_time_created == "1970-01-01 00:00:00.000000"


def test_loading_imports_no_mlflow(tmp_path: Path) -> None:
    _save(_logistic(), tmp_path / "model")
    code = """if True:
        import sys; from pathlib import Path; from assay.models import modelfolder
        modelfolder.load(Path(sys.argv[1])); print([name for name in sys.modules if name.startswith("mlflow")])"""
    env = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-c", code, str(tmp_path / "model")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("x")
    _save(_logistic(), tmp_path / "model")
    assert not (tmp_path / "model" / "old").exists()


def test_the_signature_knows_types_and_gaps(tmp_path: Path) -> None:
    _save(_logistic(), tmp_path / "model")
    assert signature.types(tmp_path / "model") == {
        "number": "long",
        "real": "double",
        "text": "string",
        "truth": "boolean",
        "day": "datetime",
        "kind": "string",
        "grade": "long",
        "maybe": "long",
    }
    told = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())["signature"]
    required = {column["name"]: column["required"] for column in json.loads(told["inputs"])}
    assert [name for name, needed in required.items() if not needed] == ["real", "text", "maybe"]


# ---- what nobody trusts ----


def test_a_function_of_nowhere_goes_to_cloudpickle_and_says_so(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(lambda x: x + 1), LogisticRegression()).fit(FRAME[["number"]], LABELS)
    reason = _save(model, tmp_path / "model")
    assert "lambda" in reason
    assert signature.serialization(tmp_path / "model") == "cloudpickle"
    assert list(modelfolder.load(tmp_path / "model").predict(FRAME[["number"]])) == list(
        model.predict(FRAME[["number"]])
    )


def test_the_projects_own_classes_are_trusted_only_when_named(tmp_path: Path) -> None:
    made = kit(tmp_path)
    folder = made.save(made.estimator().fit(*made.side("train")))
    assert signature.serialization(folder) == "skops"
    assert modelfolder.load(folder, (made.module,)).kind == "good"
    with pytest.raises(ArtifactError, match=rf"types that are not allowed: {made.module}\.Odd"):
        modelfolder.load(folder)


def _skops(node: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps({**node, "protocol": 2, "_skops_version": "0.16.0"}))
    return buffer.getvalue()


def _call(module: str, name: str, argument: str) -> dict[str, Any]:
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(argument)}
    arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [text]}
    kind = "ConstructorFromReduceNode"
    return {"__class__": name, "__module__": module, "__loader__": kind, "content": arguments}


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("subprocess", "Popen"),
        ("pandas", "read_pickle"),
        ("numpy", "load"),
        ("numpy.testing", "runstring"),
        ("sklearn.datasets", "fetch_openml"),
        ("sklearn.utils._testing", "check_output"),
        ("numpy.f2py", "os"),
        ("assay.cli", "main"),
        ("no_such_package", "Thing"),
    ],
)
def test_a_crafted_file_does_not_run(module: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    marker = tmp_path / "marker"
    file.write_bytes(_skops(_call(module, name, f"touch {marker}")))
    with pytest.raises(ArtifactError, match=f"not allowed: {module}.{name}"):
        skopsfile.load(file)
    assert not marker.exists()


def test_packages_do_not_vouch_for_what_they_import(tmp_path: Path) -> None:
    made = kit(tmp_path)
    (made.project / "src" / f"{made.module}.py").write_text("from subprocess import Popen\n")
    made.estimator("Popen", args=["true"]).wait()
    file = tmp_path / "model.skops"
    file.write_bytes(_skops(_call(made.module, "Popen", "touch x")))
    with pytest.raises(ArtifactError, match="not allowed"):
        skopsfile.load(file, (made.module,))


def _remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(text.encode())


def _cut(folder: Path) -> None:
    file = folder / "model.skops"
    file.write_bytes(file.read_bytes()[:-200])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no MLmodel": (_remove("MLmodel"), "there is no model folder"),
    "MLmodel is no YAML": (_write("MLmodel", "a: [1"), "MLmodel is damaged"),
    "MLmodel is no text": (lambda folder: (folder / "MLmodel").write_bytes(b"\xff\xfe\x00"), "MLmodel is damaged"),
    "MLmodel is a list": (_write("MLmodel", "- 1"), "holds no table"),
    "no flavor": (_write("MLmodel", "flavors: {keras: {}}"), "no flavor sklearn"),
    "flavors are text": (_write("MLmodel", "flavors: none"), "no flavor sklearn"),
    "no model file": (_remove("model.skops"), "holds no model file"),
    "model file cut off": (_cut, "cannot be loaded: BadZipFile"),
    "model file empty": (_write("model.skops", ""), "cannot be loaded"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_folder_is_an_artifact_error(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    _save(_logistic(), tmp_path / "model")
    damage(tmp_path / "model")
    with pytest.raises(ArtifactError, match=message):
        modelfolder.load(tmp_path / "model")


def test_a_pickle_that_raises_is_an_artifact_error(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {sklearn: {pickled_model: m.pkl, serialization_format: cloudpickle}}")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(1)[:-1])
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        modelfolder.load(tmp_path)
