"""Inputs of the deploy stage for tests: version 2 wants to serve where version 1 does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from helpers import MINIMAL, project

from assay.artifacts import digest
from assay.context import Context
from assay.pipeline import GRAPH
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

FAST = """
[tool.assay.deploy]
ready_timeout = "1s"
canary = { steps = [10, 50, 100], min_requests = 20 }
[tool.assay.gates.deploy]
canary = { prediction_psi = { max = 0.2 }, latency_ratio = { max = 15 } }
"""


def release_context(folder: Path, settings: str = FAST) -> Context:
    """The stage's context, with all inputs below `folder`."""
    inputs = folder / "in"
    new, old = _model(inputs / "bundle", "new"), _model(inputs / "champion", "old")
    (inputs / "bundle" / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    about = {"name": "tiny", "version": 2, "model_digest": new}
    write_json(inputs / "bundle" / "bundle.json", about | {"task": "classification", "positive": "yes"})
    write_json(inputs / "registration.json", about | {"alias": "staging"})
    write_json(inputs / "image.json", {"model_digest": new, "bundle_digest": "b", "reference": None})
    champion = {"name": "tiny", "version": 1, "model_digest": old, "image": None, "metrics": {}}
    write_json(inputs / "champion" / "champion.json", champion)
    tiny = project(folder, MINIMAL + settings)
    return Context(
        stage=GRAPH.stage("deploy"),
        config=tiny.config,
        project=folder,
        inputs=inputs,
        outputs=folder / "out",
        run_id="run-1",
        limits=tiny.limits["deploy"],
    )


def _model(folder: Path, text: str) -> str:
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "MLmodel").write_text(text, encoding="utf-8")
    write_json(folder / "profile.json", {"of": text})
    write_json(folder / "evaluation.json", {"metrics": {}})
    records = [[x, "a" if x % 2 else None] for x in (-3, -2, -1, 1, 2, 3, 4, 5)]
    write_json(folder / "samples.json", {"columns": ["x", "kind"], "records": records, "predictions": []})
    return digest(folder / "model")


def change(file: Path, **values: object) -> None:
    """Change keys of a JSON file."""
    write_json(file, read(file) | values)


def read(file: Path) -> dict[str, Any]:
    """A JSON file."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def serves_nothing(context: Context) -> None:
    """Nothing was deployed yet."""
    change(context.inputs / "champion" / "champion.json", version=None, model_digest=None)


def serves_the_candidate(context: Context) -> None:
    """The candidate is champion already, with the same image."""
    registered, image = read(context.inputs / "registration.json"), read(context.inputs / "image.json")
    now = {"version": registered["version"], "model_digest": registered["model_digest"], "image": image}
    change(context.inputs / "champion" / "champion.json", **now)
