from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from helpers import plan, step
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement

from assay import artifacts
from assay.gates import GateResult, Verdict
from assay.render.collect import write_run
from assay.reports import Entry, RunReport, StageReport, Status, write_json, write_report

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE, MODEL, IMAGE, BASE = "b" * 64, "a" * 64, "c" * 64, "d" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "ASSAY_IMAGE", "ASSAY_RUN_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the stages of a run left."""
    package, training = tmp_path / "package" / "bundle", tmp_path / "train" / "training"
    for made in (package, training):
        made.mkdir(parents=True)
    write_json(package / "bundle.json", {"name": "tiny", "version": 3})
    (package / "requirements.lock").write_text("flask==3.1.3")
    write_json(training / "training.json", {"tags": {"data_fingerprint": "f" * 64, "lock_digest": "e" * 64}})
    made_of = {"bundle_digest": BUNDLE, "model_digest": MODEL, "reference": f"host/tiny@sha256:{IMAGE}"}
    write_json(tmp_path / "package" / "image.json", made_of)
    two = plan(step("train", "", environment={"ASSAY_CONFIG": "{}"}), step("package", ""))
    (tmp_path / "plan.json").write_text(two.to_json())
    return tmp_path


def _run(folder: Path, package: Status = Status.PASSED, **fields: Any) -> RunReport:
    gates = (GateResult("image.size_mb", 1.5, "<=", 2.0, Verdict.PASS),)
    train = StageReport(stage="train", status=Status.PASSED)
    made = StageReport(stage="package", status=package, gates=gates, exit_code=0 if package is Status.PASSED else 3)
    for report in (train, made):
        write_report(folder / report.stage, report)
    entries = (Entry(report=train, cached=True), Entry(report=made))
    known = {"trigger": "push", "commit": COMMIT, "entries": entries, **fields}
    return RunReport(id="r1", project="tiny", started="2026-01-01T00:00:00+00:00", seconds=90.5, **known)


def _written(folder: Path, **fields: Any) -> dict[str, Any]:
    write_run(_run(folder, **fields), folder)
    found: dict[str, Any] = json.loads((folder / "provenance.json").read_text())
    return found


def test_it_is_a_statement_of_in_toto_with_the_predicate_of_slsa(folder: Path) -> None:
    found = _written(folder)
    text = json.dumps(found)
    statement = json_format.Parse(text, Statement([], "", {}).pb.__class__())
    Statement.copy_from_pb(statement).validate()
    predicate = json_format.Parse(json.dumps(found["predicate"]), Provenance())
    assert predicate.build_definition.build_type == "urn:assay:pipeline:v1"
    assert predicate.run_details.metadata.finished_on.ToJsonString() == "2026-01-01T00:01:30Z"


def test_it_names_image_bundle_and_model_by_digest(folder: Path) -> None:
    found = [(one["name"], one["digest"]["sha256"]) for one in _written(folder)["subject"]]
    assert found == [
        ("host/tiny", IMAGE),
        ("tiny version 3, bundle", BUNDLE),
        ("tiny version 3, model", MODEL),
    ]


def test_without_a_registry_there_is_no_image(folder: Path) -> None:
    image = json.loads((folder / "package" / "image.json").read_text())
    write_json(folder / "package" / "image.json", image | {"reference": None})
    assert len(_written(folder)["subject"]) == 2


@pytest.mark.parametrize(
    ("commit", "dirty"), [pytest.param(COMMIT, False, id="clean"), pytest.param(f"{COMMIT}-dirty", True, id="dirty")]
)
def test_it_tells_what_it_was_made_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch, commit: str, *, dirty: bool
) -> None:
    monkeypatch.setenv("ASSAY_IMAGE", f"python:3.13-slim@sha256:{BASE}")
    definition = _written(folder, commit=commit)["predicate"]["buildDefinition"]
    source, *others = definition["resolvedDependencies"]
    assert source == {"name": "source", "digest": {"gitCommit": COMMIT}, "annotations": {"dirty": dirty}}
    lock = artifacts.digest(folder / "package" / "bundle" / "requirements.lock")
    expected = {"data": "f" * 64, "packages of train": "e" * 64, "packages of the image": lock, "base image": BASE}
    assert {one["name"]: one["digest"]["sha256"] for one in others} == expected
    assert definition["externalParameters"]["trigger"] == "push"
    assert set(definition["externalParameters"]["configuration"]) == {"train", "package"}


def test_the_gates_come_along(folder: Path) -> None:
    train, package = _written(folder)["predicate"]["runDetails"]["byproducts"]
    assert train["annotations"]["cached"] is True
    assert package["digest"] == {"sha256": artifacts.digest(folder / "package" / "report.json")}
    gate = {"gate": "image.size_mb", "observed": 1.5, "operator": "<=", "limit": 2.0, "status": "pass"}
    assert package["annotations"]["gates"] == [gate]


def test_the_ci_that_ran_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _written(folder)["predicate"]["runDetails"]["builder"] == {"id": "urn:assay:builder:local"}
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://forge.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "ada/tiny")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    predicate = _written(folder)["predicate"]
    assert predicate["runDetails"]["builder"] == {"id": "https://forge.example/ada/tiny/actions/runs/7"}
    monkeypatch.setenv("ASSAY_RUN_URL", "https://ci.example/9")
    assert _written(folder)["predicate"]["runDetails"]["builder"] == {"id": "https://ci.example/9"}
    source = predicate["buildDefinition"]["resolvedDependencies"][0]
    assert source["uri"] == "git+https://forge.example/ada/tiny"


@pytest.mark.parametrize("status", [Status.FAILED, Status.ERROR])
def test_a_red_run_has_none_and_loses_an_old_one(folder: Path, status: Status) -> None:
    _written(folder)
    write_run(_run(folder, status), folder)
    assert not (folder / "provenance.json").exists()


def test_a_run_that_packaged_nothing_has_none(folder: Path) -> None:
    run = _run(folder)
    write_run(_run(folder, entries=run.entries[:1]), folder)
    assert not (folder / "provenance.json").exists()


def test_the_same_run_gives_the_same_bytes(folder: Path) -> None:
    assert _written(folder) == _written(folder)
