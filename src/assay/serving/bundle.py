"""The bundle: everything that a model's image is built from, the same bytes for the same inputs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from assay import artifacts
from assay.environment import PACKAGE, toolkit_file
from assay.errors import ArtifactError, ConfigError
from assay.models import signature
from assay.reports import read_json, write_json
from assay.supply import signing

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Context

# what `assay serve --bundle` imports: the image holds no stage, no pipeline and no registry
TOOLKIT = (
    "__init__.py",
    "__main__.py",
    "artifacts.py",
    "callables.py",
    "cli",
    "errors.py",
    "gates.py",
    "models/__init__.py",
    "models/modelfolder.py",
    "models/pyfunc.py",
    "models/rows.py",
    "models/signature.py",
    "models/skopsfile.py",
    "reports.py",
    "serving",
)
_OWN = "project-requirements.txt"
_IGNORED = shutil.ignore_patterns("bundle.py", "server_process.py", "__pycache__", "*.pyc", "*.egg-info", ".*")


def make_bundle(context: Context) -> Path:
    """Write the bundle of the model that was registered.

    Returns:
        The folder: Dockerfile, requirements, model/, model.onnx where there is an export, model.sig where there is a
        signature, samples.json, profile.json, bundle.json, project/, assay/.

    Raises:
        ArtifactError: The model is not the one that was registered, or is not signed as the project asks.
        ConfigError: `[tool.assay.signing] public_key` is no key, `[tool.assay] requirements` names no file.
    """
    folder = context.output("bundle")
    shutil.rmtree(folder)
    folder.mkdir()
    registration = json.loads(context.input("registration").read_text(encoding="utf-8"))
    about = _about(context, registration)
    _copy_inputs(context, folder)
    _sign(context, registration.get("signature"), folder)
    _copy_project(context, folder)
    if about["onnx"]:
        _copy(context.input("evaluation") / signature.EXPORTED, folder / signature.EXPORTED)
    write_packages(context, folder, onnx=about["onnx"] is not None)
    for name in TOOLKIT:
        _copy(PACKAGE / name, folder / "assay" / name)
    with (folder / "Dockerfile").open("a", encoding="utf-8") as file:
        file.write(_labels(about))
    write_json(folder / "bundle.json", about)
    return folder


def _sign(context: Context, signature: dict[str, Any] | None, folder: Path) -> None:
    signing.check(context.project, context.config.signing.public_key, context.input("model"), signature)
    if signature:
        write_json(folder / signing.SIGNATURE, signature)


def _about(context: Context, registration: dict[str, Any]) -> dict[str, Any]:
    model = context.input("model")
    found = artifacts.digest(model)
    if found != registration["model_digest"]:
        raise ArtifactError(
            "the model is not the one that was registered",
            where=f"{model}: {found[:12]}, version {registration['version']}: {registration['model_digest'][:12]}",
            next="run register again, with this model",
        )
    return {
        "name": registration["name"],
        "version": registration["version"],
        "model_digest": found,
        "commit": registration.get("commit", ""),
        "task": context.config.data.task,
        "positive": context.config.data.positive,
        "columns": signature.types(model),
        "licence": context.config.card.licence,
        "onnx": exported_digest(context.input("evaluation")),
    }


def exported_digest(evaluation: Path) -> str | None:
    """Digest of the exported model that lies beside an evaluation.json; None where there is none.

    Raises:
        ArtifactError: It is not the one that was compared with the model.
    """
    about: dict[str, str | None] = read_json(evaluation / "evaluation.json").get("onnx", {})
    file, wanted = evaluation / signature.EXPORTED, about.get("digest")
    if wanted and (not file.is_file() or artifacts.file_digest(file) != wanted):
        then = "run model-validate again"
        raise ArtifactError("the exported model is not the one that was validated", where=str(file), next=then)
    return wanted


def write_packages(context: Context, folder: Path, *, onnx: bool) -> None:
    """Write to a bundle what its image installs: less, and nothing of the project's, where ONNX Runtime serves."""
    for name in ("requirements.lock", _OWN):
        (folder / name).unlink(missing_ok=True)
    _copy(toolkit_file(f"requirements/{'serve-onnx' if onnx else 'serve'}.lock"), folder / "requirements.lock")
    if context.config.requirements and not onnx:
        _copy_requirements(context.project / context.config.requirements, folder)


def _labels(about: dict[str, Any]) -> str:
    """What the image says of itself to those who cannot look into it, in the words of the OCI."""
    labels = {
        "org.opencontainers.image.title": about["name"],
        "org.opencontainers.image.version": str(about["version"]),
        # of the version: with each run's own, a commit that leaves the model alone would be another image to roll out
        "org.opencontainers.image.revision": about["commit"],
        "org.opencontainers.image.licenses": about["licence"] or "",
        "assay.model-digest": about["model_digest"],
    }
    # quoted as JSON is, which a Dockerfile reads alike but for the dollar sign
    quoted = {
        name: json.dumps(value, ensure_ascii=False).replace("$", "\\$") for name, value in labels.items() if value
    }
    return "LABEL " + " \\\n  ".join(f"{name}={value}" for name, value in quoted.items()) + "\n"


def _copy_inputs(context: Context, folder: Path) -> None:
    _copy(context.input("model"), folder / "model")
    _copy(context.input("evaluation") / "samples.json", folder / "samples.json")
    _copy(context.input("data-report") / "profile.json", folder / "profile.json")


def _copy_project(context: Context, folder: Path) -> None:
    own = context.project / "Dockerfile"
    _copy(own if own.exists() else toolkit_file("Dockerfile"), folder / "Dockerfile")
    (folder / "project" / "src").mkdir(parents=True)
    for path in sorted((context.project / "src").glob("*")):
        # the toolkit's own repository holds a project too
        if path.name not in {"assay", "__pycache__"} and not path.name.endswith(".egg-info"):
            _copy(path, folder / "project" / "src" / path.name)


def _copy_requirements(file: Path, folder: Path) -> None:
    if not file.is_file():
        raise ConfigError(
            "there is no such file",
            where=f'pyproject.toml tool.assay.requirements = "{file.name}"',
            next=f"make {file}",
        )
    _copy(file, folder / _OWN)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        raise ArtifactError(f"{source.name} is missing", where=str(source), next="run the stages before package again")
    if source.is_dir():
        shutil.copytree(source, target, ignore=_IGNORED, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
