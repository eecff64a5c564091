"""`assay history`: every version with who, from what, how good, under which names; and waivers that ran out."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import small

from assay import artifacts
from assay.cli import main
from assay.errors import GateFailed
from assay.project import load_project
from assay.render.history import history_table
from assay.single import stage_context
from assay.stages import register
from assay.tracking.history import history
from assay.tracking.registry import Registry, store_of

if TYPE_CHECKING:
    from pathlib import Path


def _registered(store: Path, made: Path, out: Path, model: Any = None) -> None:
    if model is not None:
        small.write_inputs(made, *model)
    register.run(stage_context("register", store, made, out))


@pytest.fixture
def made(inputs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(inputs, tmp_path / "in")


def test_before_the_first_version_it_says_what_to_do(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.project(store)
    assert main(["history", "--project", str(store)]) == 0
    assert capsys.readouterr().out == 'no version of "tiny" was registered yet: assay run --until register\n'


def test_who_what_how_good_and_which_alias(
    store: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.project(store)
    monkeypatch.setenv("ASSAY_COMMIT", "c0ffee0123456789-dirty")
    monkeypatch.setenv("ASSAY_USER", "ada")
    _registered(store, made, tmp_path / "out")
    Registry(store_of(store)).set_champion("tiny", 1)
    monkeypatch.setenv("ASSAY_COMMIT", "badcafe")
    monkeypatch.delenv("ASSAY_USER")
    gates = [{"gate": "model.f1", "status": "waived", "message": "waived until 2999-01-01 by bob: known"}]
    (made / "model" / "MLmodel").write_text((made / "model" / "MLmodel").read_text() + "extra: 1\n")
    digest = artifacts.digest(made / "model")
    small.change(made / "evaluation" / "evaluation.json", model_digest=digest, gates=gates)
    small.change(made / "training" / "training.json", model_digest=digest)
    _registered(store, made, tmp_path / "out")
    new, old = history(store_of(store), "tiny")
    assert (new.version, new.aliases, new.by, new.commit, new.waived) == (2, ("staging",), "", "badcafe", ("model.f1",))
    assert (old.version, old.aliases, old.by, old.commit) == (1, ("champion",), "ada", "c0ffee0123456789-dirty")
    assert new.model_digest == digest != old.model_digest
    assert new.metrics["accuracy"] == 0.9
    assert old.created <= new.created
    head, first, second = history_table(load_project(store), [new, old]).splitlines()
    assert head.split()[:4] == ["version", "alias", "when", "(UTC)"]
    assert first.split()[:2] == ["2", "staging"]
    assert first.endswith("model.f1")
    assert "ada  c0ffee0123-dirty" in second


def test_as_json_for_programs(store: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small.project(store)
    _registered(store, made, tmp_path / "out")
    capsys.readouterr()
    assert main(["history", "--project", str(store), "--format", "json"]) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert (only["version"], only["aliases"]) == (1, ["staging"])


def test_an_evaluation_that_rests_on_an_expired_waiver_is_refused(store: Path, made: Path, tmp_path: Path) -> None:
    small.project(store)
    waiver = {"gate": "model.f1", "reason": "known", "approver": "bob", "expires": "2026-01-31"}
    small.change(made / "evaluation" / "evaluation.json", waivers=[waiver])
    with pytest.raises(GateFailed, match=r"have expired: model\.f1 \(until 2026-01-31\)"):
        _registered(store, made, tmp_path / "out")
    small.change(made / "evaluation" / "evaluation.json", waivers=[waiver | {"expires": "2999-01-31"}])
    _registered(store, made, tmp_path / "out")
