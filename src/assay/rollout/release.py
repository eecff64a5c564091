"""What deploy is about to release, checked: the registered version, its bundle, and the version that serves now."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import digest
from assay.errors import ArtifactError
from assay.models.signature import EXPORTED
from assay.reports import write_json
from assay.serving.bundle import exported_digest, write_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.context import Context

# what a bundle has of its model; all else (server, packages, the project's classes) is the same for both versions
_OF_THE_MODEL = ("model", "profile.json", "samples.json")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A registered version that wants to serve, next to the one that serves now.

    Attributes:
        name: Name of the model in the registry.
        version: The candidate's version.
        model_digest: Digest of the candidate's model folder.
        task: classification or regression.
        bundle: The candidate's bundle.
        image: The candidate's image.json.
        champion: The folder of the version that serves now.
        previous: Version that serves now; None before the first deployment.
        previous_digest: Digest of its model folder.
        previous_image: Its image.json; None where it was never kept.
    """

    name: str
    version: int
    model_digest: str
    task: str
    bundle: Path
    image: Mapping[str, Any]
    champion: Path
    previous: int | None
    previous_digest: str | None
    previous_image: Mapping[str, Any] | None

    @property
    def same_model(self) -> bool:
        """True where the candidate's model is the one that serves already: nothing to compare."""
        return self.version == self.previous and self.model_digest == self.previous_digest

    @property
    def unchanged(self) -> bool:
        """True where its image is the same too: nothing to tell the registry."""
        return self.same_model and self.image == self.previous_image

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The candidate's sample rows, by column."""
        return _rows(self.bundle / "samples.json")

    @property
    def stable_rows(self) -> list[dict[str, Any]]:
        """The rows to ask the version that serves now with: the same, unless it knows other columns."""
        return self.rows if self.same_columns else _rows(self.champion / "samples.json")

    @property
    def same_columns(self) -> bool:
        """True where the same request suits the candidate and the version that serves now."""
        samples = self.champion / "samples.json"
        own = _rows(samples) if samples.exists() else []
        return not own or self.rows[0].keys() == own[0].keys()


def read_release(context: Context) -> Release:
    """Read the stage's inputs.

    Raises:
        ArtifactError: They are damaged or do not belong together: another model than the one that was registered.
    """
    bundle, champion = context.input("bundle"), context.input("champion")
    try:
        registered = _read(context.input("registration"))
        bundled, image = _read(bundle / "bundle.json"), _read(context.input("image"))
        now = _read(champion / "champion.json")
        release = Release(
            name=registered["name"],
            version=registered["version"],
            model_digest=registered["model_digest"],
            task=bundled["task"],
            bundle=bundle,
            image=image,
            champion=champion,
            previous=now["version"],
            previous_digest=now["model_digest"],
            previous_image=now["image"],
        )
        found = {"bundle.json": bundled["model_digest"], "image.json": image["model_digest"]}
        if not release.rows:
            raise ArtifactError("the bundle has no sample rows to ask with", where=str(bundle / "samples.json"))
    except (OSError, ValueError, LookupError, TypeError) as error:
        what = f"an input of deploy is damaged: {type(error).__name__}: {error}"
        raise ArtifactError(what, where=str(context.inputs), next="assay run --fresh") from None
    _check(release, found | {"bundle/model": digest(bundle / "model")})
    return release


def _check(release: Release, found: dict[str, str]) -> None:
    for name, value in found.items():
        if value != release.model_digest:
            raise ArtifactError(
                f"{name} is not about the registered model of version {release.version}",
                where=f"model digest {value}",
                allowed=f"{release.model_digest}, as in registration.json",
                next="run package again: assay run --until package",
            )
    if release.version == release.previous and not release.same_model:
        raise ArtifactError(
            f"version {release.version} serves already, with another model",
            where=f"champion.json: model digest {release.previous_digest}",
            allowed=release.model_digest,
            next="register the model as a new version",
        )


def make_stable_bundle(context: Context) -> Path | None:
    """The bundle of the version that serves now, as an image is built from it; None where there is none to compare.

    Raises:
        ArtifactError: The inputs do not belong together, or the champion's model is damaged.
    """
    release, folder = read_release(context), context.output("bundle")
    if release.previous is None or release.same_model:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        # links point outside the folder, where an image build cannot follow them
        made = stable_bundle(release, Path(scratch, "stable"))
        write_packages(context, made, onnx=(made / EXPORTED).exists())
        shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def stable_bundle(release: Release, folder: Path) -> Path:
    """Make, in `folder`, a bundle that serves the champion's model.

    It is the candidate's bundle with the champion's model in it, so that the comparison is between the models.

    Raises:
        ArtifactError: The champion's model is not what its digest says, or a file is missing.
    """
    found = digest(release.champion / "model")
    if found != release.previous_digest:
        raise ArtifactError(
            f"the model of version {release.previous}, which serves now, is damaged",
            where=f"champion/model: digest {found}",
            allowed=str(release.previous_digest),
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in release.bundle.iterdir():
        if source.name not in _OF_THE_MODEL:
            (folder / source.name).symlink_to(source.resolve())
    for name in _OF_THE_MODEL:
        if not (release.champion / name).exists():
            raise ArtifactError(f"{name} is missing", where=str(release.champion), next="assay run --fresh")
        (folder / name).symlink_to((release.champion / name).resolve())
    about = _read(release.bundle / "bundle.json") | {"onnx": exported_digest(release.champion)}
    (folder / "bundle.json").unlink()
    (folder / EXPORTED).unlink(missing_ok=True)
    if about["onnx"]:
        (folder / EXPORTED).symlink_to((release.champion / EXPORTED).resolve())
    write_json(folder / "bundle.json", about | {"version": release.previous, "model_digest": found})
    return folder


def _rows(path: Path) -> list[dict[str, Any]]:
    samples = _read(path)
    return [dict(zip(samples["columns"], record, strict=True)) for record in samples["records"]]


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    return json.loads(path.read_text(encoding="utf-8"))
