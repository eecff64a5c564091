"""register: makes a version of a model that passed, with everything that tells where it came from."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from assay import artifacts
from assay.context import Context, Outcome
from assay.errors import ArtifactError, GateFailed
from assay.models.signature import EXPORTED
from assay.reports import read_json, write_json
from assay.supply import signing
from assay.tracking.entities import Dataset
from assay.tracking.live import origin
from assay.tracking.registry import STAGING, WAIVER, Candidate, Registry, Trial, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from assay.tracking.registry import Version


def run(context: Context) -> Outcome:
    """Register the model as alias `staging`, sign it where the environment names a key, write registration.json.

    Raises:
        ConfigError: The key cannot be used, or is not the project's.
        GateFailed: Its evaluation did not pass.
        ArtifactError: Evaluation or training speak of another model.
        ServiceError: The store failed.
    """
    evaluation = read_json(context.input("evaluation") / "evaluation.json")
    training = read_json(context.input("training") / "training.json")
    model_digest = artifacts.digest(context.input("model"))
    _check(context, evaluation, training, model_digest)
    key = signing.signing_key(context.project, context.config.signing.public_key)
    registry = Registry(store_of(context.project))
    version = registry.register(_candidate(context, evaluation, training, model_digest))
    signature = _signature(context, registry, version, key)
    registration = {
        "name": version.name,
        "version": version.version,
        "model_digest": model_digest,
        "alias": STAGING,
        **({"commit": version.commit} if version.commit else {}),
        **({"signature": signature} if signature else {}),
    }
    write_json(context.output("registration"), registration)
    number = version.version
    message = f"version {number} registered" if version.created else f"version {number} already has this model"
    message += ", signed" if signature else ""
    return Outcome(message=message, summary={"version": number, "alias": STAGING})


def _signature(
    context: Context, registry: Registry, version: Version, key: signing.Key | None
) -> dict[str, Any] | None:
    """The version's signature: the one that it has, where it is good, because each new one has other bytes."""
    known = registry.read(version, signing.SIGNATURE)
    signature: dict[str, Any] | None = json.loads(known) if known else None
    model = context.input("model")
    if key is None or (signature and not signing.flaw(model, signature, key.public)):
        return signature
    signature = signing.sign(model, key)
    registry.keep(version, signing.SIGNATURE, json.dumps(signature))
    return signature


def _check(context: Context, evaluation: dict[str, Any], training: dict[str, Any], model_digest: str) -> None:
    if evaluation.get("passed") is not True:
        blocking = {"fail", "error", "inconclusive"}
        failed = [str(gate["gate"]) for gate in evaluation.get("gates", []) if gate.get("status") in blocking]
        raise GateFailed(
            f"the model's evaluation did not pass{': ' if failed else ''}{', '.join(failed)}",
            where="evaluation/evaluation.json",
            next="mend what model-validate reports; a gate is waived only in [[tool.assay.waivers]]",
        )
    today = dt.datetime.now(dt.UTC).date().isoformat()
    expired = [waiver for waiver in evaluation.get("waivers", []) if str(waiver["expires"]) < today]
    if expired:
        what = ", ".join(f"{waiver['gate']} (until {waiver['expires']})" for waiver in expired)
        then = "mend the model, or have the waiver approved anew, and run model-validate again"
        raise GateFailed(f"waivers that the evaluation rests on have expired: {what}", next=then)
    for name, made in (("evaluation", evaluation), ("training", training)):
        if made.get("model_digest") != model_digest:
            raise ArtifactError(
                f"the {name} speaks of another model",
                where=f"{context.input('model')}: {model_digest[:12]}, {name}: {str(made.get('model_digest'))[:12]}",
                next="run train and model-validate again; the model was changed after them",
            )


def _candidate(context: Context, evaluation: dict[str, Any], training: dict[str, Any], model_digest: str) -> Candidate:
    return Candidate(
        name=context.config.name,
        model_digest=model_digest,
        artifacts=_artifacts(context),
        params=training.get("params", {}),
        metrics=training.get("metrics", {}) | evaluation["metrics"],
        tags=_tags(context, evaluation, training),
        curves=training.get("curves", {}),
        trials=_trials(training.get("search", {})),
        dataset=_dataset(context, evaluation, training),
    )


def _trials(search: dict[str, Any]) -> tuple[Trial, ...]:
    return tuple(
        Trial(
            number=trial["number"],
            params=trial["params"],
            metrics={search["metric"]: trial["value"]},
            failed=trial["state"] != "complete",
        )
        for trial in search.get("trials", [])
    )


def _dataset(context: Context, evaluation: dict[str, Any], training: dict[str, Any]) -> Dataset:
    told = training.get("dataset", {})
    return Dataset(
        name=told.get("name", context.config.name),
        digest=evaluation.get("data_fingerprint", ""),
        rows=told.get("rows"),
        source=told.get("source", ""),
    )


def _tags(context: Context, evaluation: dict[str, Any], training: dict[str, Any]) -> dict[str, str]:
    tags = {**origin(context.run_id), "data_fingerprint": str(evaluation.get("data_fingerprint", ""))}
    tags |= {name: str(value) for name, value in training.get("tags", {}).items()}
    waived = [gate for gate in evaluation.get("gates", []) if gate.get("status") == "waived"]
    tags |= {f"{WAIVER}{gate['gate']}": str(gate.get("message", "")) for gate in waived}
    return {name: value for name, value in tags.items() if value}


def _artifacts(context: Context) -> dict[str, Path]:
    evaluation, training = context.input("evaluation"), context.input("training")
    found = {
        "model": context.input("model"),
        "profile.json": context.input("data-report") / "profile.json",
        "evaluation.json": evaluation / "evaluation.json",
        "samples.json": evaluation / "samples.json",
        EXPORTED: evaluation / EXPORTED,
        "model_card.md": evaluation / "model_card.md",
        "model_card.html": evaluation / "model_card.html",
        "training.json": training / "training.json",
        "plots/evaluation": evaluation / "plots",
        "plots/training": training / "plots",
    }
    needed = ("model", "profile.json", "samples.json")
    missing = [name for name in needed if not found[name].exists()]
    if missing:
        raise ArtifactError(
            f"{', '.join(missing)} missing", where=str(context.inputs), next="run the stages before again"
        )
    return {name: path for name, path in found.items() if path.exists()}
