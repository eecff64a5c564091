from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import small

from assay import artifacts
from assay.environment import toolkit_file
from assay.errors import AssayError, ConfigError
from assay.serving.bundle import TOOLKIT, make_bundle
from assay.single import stage_context

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bundle_holds_what_an_image_needs(bundle: Path, inputs: Path) -> None:
    about = json.loads((bundle / "bundle.json").read_text())
    model_digest = artifacts.digest(inputs / "model")
    assert about.pop("columns")["pay-rate"] == "double"
    assert about == {
        "name": "tiny",
        "version": 3,
        "model_digest": model_digest,
        "commit": "",
        "task": "classification",
        "positive": "rich",
        "licence": None,
        "onnx": None,
    }
    assert artifacts.digest(bundle / "model") == model_digest
    assert {path.name for path in bundle.iterdir()} == {
        "Dockerfile", "assay", "bundle.json", "model", "profile.json", "project", "requirements.lock", "samples.json",
    }  # fmt: skip
    assert (bundle / "requirements.lock").read_bytes() == toolkit_file("requirements/serve.lock").read_bytes()


def test_the_same_inputs_give_the_same_bytes(inputs: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert artifacts.digest(small.bundle_of(inputs, one)) == artifacts.digest(small.bundle_of(inputs, other))


def test_an_old_bundle_leaves_nothing_behind(inputs: Path, tmp_path: Path) -> None:
    before = artifacts.digest(small.bundle_of(inputs, tmp_path))
    (tmp_path / "out" / "bundle" / "old.txt").touch()
    context = stage_context("package", tmp_path / "project", inputs, tmp_path / "out")
    assert artifacts.digest(make_bundle(context)) == before


def test_the_project_comes_along_without_the_toolkit_and_caches(inputs: Path, tmp_path: Path) -> None:
    project = small.project(tmp_path / "project", small.SLOW)
    for name in ("assay/cli.py", "pkg/mod.py", "pkg/__pycache__/mod.pyc", "pkg/.secret", "x.egg-info/PKG-INFO"):
        (project / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "src" / name).write_text(name)
    own = small.bundle_of(inputs, tmp_path, project) / "project"
    found = {path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file()}
    assert found == {"src/slowpoke.py", "src/pkg/mod.py"}


def test_a_project_has_its_own_dockerfile_or_ours(inputs: Path, tmp_path: Path) -> None:
    project = small.project(tmp_path / "project")
    assert (small.bundle_of(inputs, tmp_path, project) / "Dockerfile").read_text().startswith("FROM scratch\nLABEL ")
    (project / "Dockerfile").unlink()
    ours = (small.bundle_of(inputs, tmp_path, project) / "Dockerfile").read_text()
    assert ours.startswith(toolkit_file("Dockerfile").read_text() + "LABEL ")


def test_the_image_says_what_it_is(inputs: Path, tmp_path: Path) -> None:
    project = small.project(tmp_path / "project")
    toml = project / "pyproject.toml"
    toml.write_text(f'{toml.read_text()}[tool.assay.card]\nlicence = "MIT \\"or\\" $HOME\\nRUN false"\n')
    small.change(inputs / "registration.json", commit="c0ffee")
    label = (small.bundle_of(inputs, tmp_path, project) / "Dockerfile").read_text().partition("LABEL ")[2]
    assert label.splitlines()[0] == 'org.opencontainers.image.title="tiny" \\'
    assert 'org.opencontainers.image.version="3"' in label
    assert 'org.opencontainers.image.revision="c0ffee"' in label
    assert f'assay.model-digest="{artifacts.digest(inputs / "model")}"' in label
    # on one line, quoted, and nothing in it is run or replaced
    assert label.splitlines()[3].strip() == 'org.opencontainers.image.licenses="MIT \\"or\\" \\$HOME\\nRUN false" \\'


def test_a_project_may_need_more_packages(inputs: Path, tmp_path: Path) -> None:
    project = small.project(tmp_path / "project")
    text = small.TOML.replace("[tool.assay]\n", '[tool.assay]\nrequirements = "more.txt"\n')
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigError, match="no such file"):
        small.bundle_of(inputs, tmp_path, project)
    (project / "more.txt").write_text("xgboost\n")
    assert (small.bundle_of(inputs, tmp_path, project) / "project-requirements.txt").read_text() == "xgboost\n"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(lambda i: small.change(i / "registration.json", model_digest="0" * 64), "registered", id="other"),
        pytest.param(lambda i: (i / "model" / "MLmodel").write_text("{}"), "registered", id="changed"),
        pytest.param(lambda i: (i / "evaluation" / "samples.json").unlink(), "samples.json is missing", id="samples"),
        pytest.param(lambda i: (i / "registration.json").unlink(), '"registration" is missing', id="registration"),
    ],
)
def test_refuses(inputs: Path, tmp_path: Path, damage: object, expected: str) -> None:
    copy = shutil.copytree(inputs, tmp_path / "in")
    damage(copy)  # type: ignore[operator]
    with pytest.raises(AssayError, match=expected):
        small.bundle_of(copy, tmp_path)


def _imported(bundle: Path) -> tuple[set[str], str]:
    """What of the toolkit a server imports, and what of the heavy packages that it must not need."""
    code = """
import sys
from pathlib import Path
import assay.__main__, assay.serving.app
assay.serving.app.make_app(Path("."))
ours = {m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "assay" and m.__file__}
found = {Path(file).relative_to(Path.cwd() / "assay") for file in ours}
print(*sorted({path.parts[0] if path.parts[0] != "models" else str(path) for path in found}))
print([name for name in ("mlflow", "matplotlib", "sqlalchemy") if name in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=bundle, env=os.environ | {"PYTHONPATH": str(bundle)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names, heavy = run.stdout.splitlines()
    return set(names.split()), heavy


def test_serving_needs_the_whole_toolkit_part_and_no_more(bundle: Path, exported_bundle: Path) -> None:
    (own, heavy), (exported, others) = _imported(bundle), _imported(exported_bundle)
    assert own | exported == set(TOOLKIT)
    assert (heavy, others) == ("[]", "[]")
