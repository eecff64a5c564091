from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from releases import change, read, release_context, serves_nothing, serves_the_candidate

from assay.artifacts import digest, file_digest
from assay.environment import toolkit_file
from assay.errors import ArtifactError
from assay.models.signature import EXPORTED
from assay.rollout.release import make_stable_bundle, read_release, stable_bundle

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Context


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return release_context(tmp_path)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("bundle/bundle.json", {"model_digest": "other"}),
        ("image.json", {"model_digest": "other"}),
        ("registration.json", {"model_digest": "other"}),
        ("champion/champion.json", {"version": 2}),
        ("bundle/samples.json", {"records": []}),
        ("bundle/samples.json", {"records": [[1]]}),
        ("registration.json", {"version": 0, "name": None, "model_digest": None}),
    ],
    ids=["bundle", "image", "registration", "same version", "no rows", "short row", "nonsense"],
)
def test_inputs_that_do_not_belong_together(context: Context, file: str, values: dict[str, Any]) -> None:
    change(context.inputs / file, **values)
    with pytest.raises(ArtifactError):
        read_release(context)


@pytest.mark.parametrize("file", ["registration.json", "image.json", "bundle/bundle.json", "bundle/samples.json"])
@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_damaged_inputs(context: Context, file: str, text: str) -> None:
    (context.inputs / file).write_text(text, encoding="utf-8")
    with pytest.raises(ArtifactError, match="damaged"):
        read_release(context)


def test_a_model_that_was_changed_after_registration(context: Context) -> None:
    (context.inputs / "bundle" / "model" / "MLmodel").write_text("newer", encoding="utf-8")
    with pytest.raises(ArtifactError, match="bundle/model is not about the registered model of version 2"):
        read_release(context)


def test_what_is_compared(context: Context) -> None:
    release = read_release(context)
    assert (release.version, release.previous, release.same_model, release.unchanged) == (2, 1, False, False)
    assert release.rows[0] == {"x": -3, "kind": "a"}
    assert release.rows[1] == {"x": -2, "kind": None}


def test_first_release(context: Context) -> None:
    serves_nothing(context)
    release = read_release(context)
    assert (release.previous, release.same_model, release.unchanged) == (None, False, False)


def test_the_same_again(context: Context) -> None:
    serves_the_candidate(context)
    assert read_release(context).unchanged
    change(context.inputs / "image.json", reference="host/repo@sha256:1")
    again = read_release(context)
    assert (again.same_model, again.unchanged) == (True, False)


def test_the_stable_bundle_is_the_candidates_with_the_champions_model(context: Context, tmp_path: Path) -> None:
    release = read_release(context)
    for _ in range(2):
        made = stable_bundle(release, tmp_path / "stable")
    about = read(made / "bundle.json")
    assert (about["version"], about["model_digest"]) == (1, digest(context.inputs / "champion" / "model"))
    assert digest(made / "model") == about["model_digest"]
    assert about["task"] == "classification"
    assert read(made / "profile.json") == {"of": "old"}
    assert (made / "Dockerfile").read_text(encoding="utf-8") == "FROM scratch\n"
    # the input is shared with other stages and stays as it is
    assert read(release.bundle / "bundle.json")["version"] == 2
    assert read(release.bundle / "profile.json") == {"of": "new"}


def test_a_champion_with_an_export_is_asked_through_it(context: Context, tmp_path: Path) -> None:
    champion = context.inputs / "champion"
    (champion / EXPORTED).write_bytes(b"a graph")
    change(champion / "evaluation.json", onnx={"digest": file_digest(champion / EXPORTED), "why": ""})
    release = read_release(context)
    made = stable_bundle(release, tmp_path / "stable")
    assert (made / EXPORTED).read_bytes() == b"a graph"
    assert read(made / "bundle.json")["onnx"] == file_digest(champion / EXPORTED)
    (champion / EXPORTED).write_bytes(b"another")
    with pytest.raises(ArtifactError, match="not the one that was validated"):
        stable_bundle(release, tmp_path / "stable")


def test_a_champion_without_one_is_not_asked_through_the_candidates(context: Context, tmp_path: Path) -> None:
    (context.inputs / "bundle" / EXPORTED).write_bytes(b"a graph")
    (context.inputs / "bundle" / "requirements.lock").write_text("onnxruntime")
    change(context.inputs / "bundle" / "bundle.json", onnx=file_digest(context.inputs / "bundle" / EXPORTED))
    made = stable_bundle(read_release(context), tmp_path / "stable")
    assert not (made / EXPORTED).exists()
    assert read(made / "bundle.json")["onnx"] is None
    image = make_stable_bundle(context)
    assert image
    # its image needs what the candidate's does not
    assert (image / "requirements.lock").read_text() == toolkit_file("requirements/serve.lock").read_text()
    assert (context.inputs / "bundle" / "requirements.lock").read_text() == "onnxruntime"


def test_a_damaged_champion_is_not_compared_with(context: Context, tmp_path: Path) -> None:
    (context.inputs / "champion" / "model" / "MLmodel").write_text("x", encoding="utf-8")
    with pytest.raises(ArtifactError, match="version 1, which serves now, is damaged"):
        stable_bundle(read_release(context), tmp_path / "stable")


@pytest.mark.parametrize("name", ["profile.json", "samples.json"])
def test_a_champion_that_lacks_a_file(context: Context, tmp_path: Path, name: str) -> None:
    (context.inputs / "champion" / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} is missing"):
        stable_bundle(read_release(context), tmp_path / "stable")


@pytest.mark.parametrize(
    ("columns", "first"),
    [(["x", "kind"], {"x": -3, "kind": "a"}), (["x", "sort"], {"x": 7, "sort": "b"})],
    ids=["the same rows", "its own rows"],
)
def test_the_stable_version_is_asked_for_what_it_knows(
    context: Context, columns: list[str], first: dict[str, Any]
) -> None:
    change(context.inputs / "champion" / "samples.json", columns=columns, records=[[7, "b"]])
    assert read_release(context).stable_rows[0] == first
