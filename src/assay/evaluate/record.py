"""What model-validate leaves behind: evaluation.json, samples.json and the model card."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from assay import artifacts
from assay.evaluate import skill
from assay.evaluate.card import Card
from assay.evaluate.card_notes import notes
from assay.gates import Verdict
from assay.models import learning, rows
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.config import Config
    from assay.evaluate.findings import Findings, Subject
    from assay.evaluate.metrics import Measured
    from assay.gates import GateResult, Observed

_SAMPLES = 500


def write(
    found: Findings,
    gates: Sequence[GateResult],
    observed: Mapping[str, Observed],
    onnx: Mapping[str, str | None],
    folder: Path,
    config: Config,
) -> None:
    """Write evaluation.json, samples.json and the model card: the same bytes for the same findings.

    Args:
        found: What was found out.
        gates: Verdicts, without anything that differs from run to run.
        observed: What the gates were held against, how much worse the holdout is among it.
        onnx: `digest` of the exported model, and `why` there is none.
        folder: The artifact `evaluation`; its plots must be there.
        config: `[tool.assay]` as model-validate sees it.
    """
    digest = artifacts.digest(found.subject.folder)
    waived = {gate.gate for gate in gates if gate.status == Verdict.WAIVED}
    waivers = [asdict(waiver) for waiver in config.waivers if waiver.gate in waived]
    write_json(folder / "evaluation.json", _evaluation(found, gates, digest) | {"waivers": waivers, "onnx": dict(onnx)})
    write_json(folder / "samples.json", _samples(found.subject, found.measured))
    stood_out = notes(found, observed, config.evaluation.min_group_rows)
    _card(found, gates, digest, stood_out, config).write(folder)


def _evaluation(found: Findings, gates: Sequence[GateResult], digest: str) -> dict[str, Any]:
    subject, measured, champion = found.subject, found.measured, found.champion
    return {
        "passed": not any(gate.status.blocks for gate in gates),
        "model_digest": digest,
        "data_fingerprint": subject.facts["fingerprint"],
        "metrics": {name: rows.to_json(value) for name, value in measured.metrics.items()},
        "intervals": {name: [i.low, i.high] for name, i in found.sure.metrics.items()},
        "gates": [asdict(gate) for gate in gates],
        "rows": len(subject.rows),
        "champion_version": champion.version,
        "champion_metrics": {name: rows.to_json(value) for name, value in champion.metrics.items()},
        "differences": {name: [i.low, i.high] for name, i in found.sure.differences.items()},
        "contract": list(measured.answers.violations),
        "groups": [group.to_dict() for group in found.groups],
        "slices": [one.to_dict() for one in found.slices],
        "importance": dict(found.importance),
    }


def _card(found: Findings, gates: Sequence[GateResult], digest: str, stood_out: Sequence[str], config: Config) -> Card:
    subject = found.subject
    return Card(
        name=config.name,
        estimator=learning.name_of(subject.model),
        target=config.data.target,
        task=subject.task,
        facts=subject.facts,
        digest=digest,
        metrics=found.measured.metrics,
        constant=skill.constant(subject.y, subject.task) if found.measured.ours else None,
        champion=found.champion,
        sure=found.sure,
        gates=gates,
        groups=found.groups,
        notes=stood_out,
        told=config.card,
        slices=found.slices,
        importance=found.importance,
        training=subject.training,
        smallest=(config.evaluation.min_group_rows, config.evaluation.min_slice_rows),
    )


def _samples(subject: Subject, measured: Measured) -> dict[str, Any]:
    answers = measured.answers
    pick = np.linspace(0, len(subject.x) - 1, min(_SAMPLES, len(subject.x))).astype(int)
    if answers.predictions is None:
        pick = pick[:0]
    some = subject.x.iloc[pick]
    known = answers.predictions is not None and answers.probabilities is not None
    return {
        "columns": [str(name) for name in some.columns],
        "records": rows.records(some),
        "predictions": [] if answers.predictions is None else [rows.to_json(p) for p in answers.predictions[pick]],
        "probabilities": answers.probabilities[pick].tolist() if known and answers.probabilities is not None else None,
        "labels": [rows.to_json(label) for label in answers.labels] if known else None,
    }
