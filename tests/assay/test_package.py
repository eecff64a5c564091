from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import small

from assay import artifacts
from assay.errors import ArtifactError
from assay.serving.server_process import serving
from assay.single import stage_context
from assay.stages import package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.context import Context

GATES = ["image.predicts_same", "image.latency_ms.p95", "image.size_mb", "image.compressed_mb"]


@pytest.fixture(scope="module")
def candidate(bundle: Path) -> Iterator[str]:
    """The URL of a built image, as the Dagger module would hand it over."""
    with serving(bundle) as url:
        yield url


@pytest.fixture
def context(inputs: Path, tmp_path: Path) -> Context:
    return _context(shutil.copytree(inputs, tmp_path / "in"), tmp_path)


def _context(inputs: Path, folder: Path) -> Context:
    return stage_context("package", small.project(folder / "project"), inputs, folder / "out")


def _image(context: Context) -> dict[str, Any]:
    image: dict[str, Any] = json.loads((context.outputs / "image.json").read_text())
    return image


def test_without_an_engine_the_bundle_is_judged_as_a_process(context: Context) -> None:
    outcome = package.run(context)
    assert list(outcome.observed) == GATES
    assert outcome.observed["image.predicts_same"].value == 0
    assert outcome.observed["image.predicts_same"].message == "120 rows, 0 with another label"
    assert 0 < (outcome.observed["image.latency_ms.p95"].value or 0) < 2000
    assert outcome.message == "version 3 bundled without ONNX Runtime; image: skipped, no container engine"
    assert _image(context) == {
        "bundle_digest": artifacts.digest(context.outputs / "bundle"),
        "model_digest": artifacts.digest(context.inputs / "model"),
        "reference": None,
        "built": False,
        "platforms": [],
        "note": "image: skipped, no container engine",
    }


def test_a_built_image_is_asked_itself(
    context: Context, candidate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CANDIDATE_URL", candidate)
    monkeypatch.setenv("ASSAY_IMAGE_REFERENCE", "host/tiny@sha256:1")
    monkeypatch.setenv("ASSAY_IMAGE_PLATFORMS", "linux/amd64,linux/arm64")
    root = tmp_path / "image"
    (root / "opt").mkdir(parents=True)
    (root / "opt" / "one").write_bytes(b"1" * 3_000_000)
    (root / "opt" / "two").hardlink_to(root / "opt" / "one")
    (root / "etc").symlink_to("/usr", target_is_directory=True)
    (root / "usr" / "site-packages" / "flask-3.dist-info").mkdir(parents=True)
    about = root / "usr" / "site-packages" / "flask-3.dist-info"
    (about / "METADATA").write_text("Name: flask\nVersion: 3\n")
    (about / "RECORD").write_text("flask/app.py,,\nflask/gone.py,,\n")
    (root / "usr" / "site-packages" / "flask").mkdir()
    (root / "usr" / "site-packages" / "flask" / "app.py").write_bytes(b"1" * 2_000_000)
    monkeypatch.setenv("ASSAY_IMAGE_ROOT", str(root))
    monkeypatch.setenv("ASSAY_IMAGE_COMPRESSED_BYTES", "1500000")
    monkeypatch.setattr(package, "serving", lambda *_, **__: pytest.fail("a process was started"))
    outcome = package.run(context)
    assert outcome.observed["image.predicts_same"].value == 0
    assert outcome.observed["image.size_mb"].value == 5
    assert outcome.observed["image.size_mb"].message == "unpacked, base image included; most take flask 2"
    assert outcome.observed["image.compressed_mb"].value == 1.5
    image = _image(context)
    assert image["platforms"] == ["linux/amd64", "linux/arm64"]
    assert (image["reference"], image["built"], image["note"]) == ("host/tiny@sha256:1", True, "")


def test_nothing_in_the_artifacts_tells_the_time(
    context: Context, candidate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CANDIDATE_URL", candidate)
    package.run(context)
    other = _context(context.inputs, tmp_path / "other")
    package.run(other)
    for name in ("bundle", "image.json"):
        assert artifacts.digest(context.outputs / name) == artifacts.digest(other.outputs / name)


def _wrong_label(samples: dict[str, Any]) -> None:
    samples["predictions"][0] = "rich" if samples["predictions"][0] == "poor" else "poor"


def _wrong_share(samples: dict[str, Any]) -> None:
    samples["probabilities"][5][0] += 0.25


def _missing_rows(samples: dict[str, Any]) -> None:
    del samples["probabilities"][0]


def _numbers(samples: dict[str, Any]) -> None:
    samples["probabilities"] = None


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(_wrong_label, 1 / 120, id="label"),
        pytest.param(_wrong_share, 0.25, id="probability"),
        pytest.param(_missing_rows, None, id="rows"),
        pytest.param(_numbers, None, id="labels-for-numbers"),
    ],
)
def test_other_predictions_are_noticed(
    context: Context, candidate: str, monkeypatch: pytest.MonkeyPatch, damage: Any, expected: float | None
) -> None:
    file = context.inputs / "evaluation" / "samples.json"
    samples = json.loads(file.read_text())
    damage(samples)
    small.change(file, **samples)
    monkeypatch.setenv("ASSAY_CANDIDATE_URL", candidate)
    observed = package.run(context).observed["image.predicts_same"]
    assert observed.value == (None if expected is None else pytest.approx(expected, abs=1e-12))
    (verdict,) = [result for result in context.judge({GATES[0]: observed}) if result.gate == GATES[0]]
    assert verdict.status == ("error" if expected is None else "fail")


def test_numbers_are_compared_by_size() -> None:
    assert package._far(1e6 + 1e-6, 1e6) == pytest.approx(1e-12, rel=0.1)
    assert package._far(0.5, 0.25) == 0.25


def test_a_model_that_predicts_numbers(slow_bundle: Path, tmp_path: Path) -> None:
    root = slow_bundle.parents[1]
    context = stage_context("package", root / "project", root / "in", tmp_path / "out")
    assert package.run(context).observed["image.predicts_same"].value == 0


def test_an_image_of_another_model_is_refused(
    context: Context, slow_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(slow_bundle) as url:
        monkeypatch.setenv("ASSAY_CANDIDATE_URL", url)
        with pytest.raises(ArtifactError, match="the image serves another model: model_digest"):
            package.run(context)


def test_an_image_that_never_answers(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CANDIDATE_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(package, "_READY_SECONDS", 0.5)
    with pytest.raises(ArtifactError, match=r"not ready after 0.5 s"):
        package.run(context)


def test_samples_that_the_server_refuses(context: Context, candidate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small.change(context.inputs / "evaluation" / "samples.json", columns=["a", "b", "c", "d", "e", "f"])
    monkeypatch.setenv("ASSAY_CANDIDATE_URL", candidate)
    with pytest.raises(ArtifactError, match=r"the server answered 422.*age"):
        package.run(context)
