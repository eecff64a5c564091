"""What every project gets without asking: a gate against constant models, and size, memory and times measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelkit import kit
from sklearn.dummy import DummyClassifier

from assay.evaluate import skill
from assay.evaluate.bootstrap import Interval
from assay.evaluate.footprint import memory
from assay.evaluate.metrics import Task
from assay.stages import model_validate

if TYPE_CHECKING:
    from pathlib import Path

import numpy as np
import pytest


def test_a_constant_model_passes_no_project_whatever_its_limits(tmp_path: Path) -> None:
    made = kit(tmp_path)
    made.save(DummyClassifier().fit(*made.side("train")))
    outcome = model_validate.run(made.context("model-validate"))
    verdicts = {gate.gate: gate.status for gate in made.context("model-validate").judge(outcome.observed)}
    assert verdicts["model.skill"].blocks


def test_size_memory_and_times_are_measured_and_the_machine_is_named(tmp_path: Path) -> None:
    made = kit(tmp_path)
    made.save(made.estimator().fit(*made.side("train")))
    outcome = model_validate.run(made.context("model-validate"))
    for name in ("size_mb", "memory_mb", "latency_ms.p50", "latency_ms.p99", "batch_latency_ms.p95"):
        value = outcome.observed[f"model.{name}"].value
        assert value is not None
        assert value >= 0, name
    told = outcome.summary["latency"]
    assert told["batch_latency_ms"]["rows"] == 1000
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["processor"]


@pytest.mark.parametrize(
    ("metrics", "labels", "wanted"),
    [
        ({"roc_auc": 0.5, "balanced_accuracy": 0.9}, ("a", "b"), 0.0),
        ({"roc_auc": 0.3}, ("a", "b"), -0.4),
        ({"balanced_accuracy": 0.5}, ("a", "b"), 0.0),
        ({"balanced_accuracy": 0.6}, ("a", "b", "c", "d"), 0.35 / 0.75),
        ({"balanced_accuracy": 1.0}, ("a", "b", "c"), 1.0),
        ({"r2": -0.2, "rmse": 1.0}, (), -0.2),
        ({"rmse": 1.0}, (), None),
    ],
)
def test_skill(metrics: dict[str, float], labels: tuple[str, ...], wanted: float | None, tmp_path: Path) -> None:
    seen = skill.observe(metrics, {}, Task(tmp_path, None, labels))
    assert seen.value == (wanted if wanted is None else pytest.approx(wanted))


def test_the_interval_of_skill_is_that_of_its_metric(tmp_path: Path) -> None:
    seen = skill.observe({"roc_auc": 0.5}, {"roc_auc": Interval(0.4, 0.6)}, Task(tmp_path, None, ("a", "b"), "b"))
    assert seen.interval == pytest.approx((-0.2, 0.2))


def test_memory_counts_what_was_needed_for_a_moment() -> None:
    with memory() as found:
        np.ones(20_000_000).sum()
    assert found.taken is not None
    assert 100e6 < found.taken < 300e6
    with memory() as nothing:
        pass
    assert nothing.taken is not None
    assert nothing.taken < 20e6


def test_a_metric_of_the_projects_own_does_not_open_the_gate_of_skill(tmp_path: Path) -> None:
    made = kit(tmp_path, top='metrics = "{module}:boast"')
    module = made.project / "src" / f"{made.module}.py"
    module.write_text(module.read_text() + "\ndef boast(model, x, y):\n    return {'roc_auc': 1.0, 'r2': 1.0}\n")
    made.save(DummyClassifier().fit(*made.side("train")))
    outcome = model_validate.run(made.context("model-validate"))
    assert outcome.observed["model.roc_auc"].value == 1.0
    assert outcome.observed["model.skill"].value == pytest.approx(0.0)
