"""Runs model-validate on the tiny project of `modelkit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelkit import Kit, kit

from assay.stages import model_validate

if TYPE_CHECKING:
    from pathlib import Path

    from assay.gates import Verdict

LIMITS = """
[tool.assay.gates.model-validate]
accuracy = { min = 0.6, vs_champion = { max_drop = 0.01 } }
roc_auc = { min = 0.6 }
balanced_accuracy = { min = 0.6 }
latency_ms = { p95 = { max = 500 } }
"""


def validated(made: Kit, outputs: str = "out") -> tuple[dict[str, tuple[Verdict, str]], dict[str, Any]]:
    """Verdict and message by gate, and evaluation.json."""
    context = made.context("model-validate", outputs)
    outcome = model_validate.run(context)
    evaluation = json.loads((context.output("evaluation") / "evaluation.json").read_text())
    gates = context.judge(outcome.observed)
    assert evaluation["passed"] == (not any(gate.status.blocks for gate in gates))
    return {gate.gate: (gate.status, gate.message) for gate in gates}, evaluation


def judgeable(root: Path, kind: str = "good", **options: Any) -> Kit:
    """A project with limits and a model of a `kind`."""
    made = kit(root, **{"rest": LIMITS, **options})
    made.save(made.estimator(kind=kind).fit(*made.side("train")))
    return made
