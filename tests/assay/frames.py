"""Made-up data and stage contexts for the tests of data-validate and monitor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from assay.context import Context
from assay.pipeline import GRAPH
from assay.project import load_project

if TYPE_CHECKING:
    from pathlib import Path


def people(rows: int = 1000, seed: int = 0) -> pd.DataFrame:
    """A number with many values, one with few, a category with gaps, a label."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.normal(40, 10, rows).round(3),
            "children": random.integers(0, 4, rows),
            "city": pd.Categorical(random.choice(np.array(["Bonn", "Rome", None]), rows, p=[0.6, 0.3, 0.1])),
            "rich": np.where(random.random(rows) < 0.3, "yes", "no"),
        }
    )


def stage_context(name: str, project: Path, inputs: Path, outputs: Path) -> Context:
    """The context of stage `name` with the champion that lies in `inputs`."""
    loaded = load_project(project)
    outputs.mkdir(exist_ok=True)
    return Context(
        stage=GRAPH.stage(name),
        config=loaded.config,
        project=project,
        inputs=inputs,
        outputs=outputs,
        run_id="run-1",
        limits=loaded.limits[name],
    )


def champion(inputs: Path, version: int | None = None, profile: Any = None, metrics: Any = None) -> Path:
    """Write the artifact `champion`."""
    folder = inputs / "champion"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"name": "tiny", "version": version, "model_digest": None, "image": None, "metrics": metrics or {}}
    (folder / "champion.json").write_text(json.dumps(facts), encoding="utf-8")
    if profile is not None:
        (folder / "profile.json").write_text(
            json.dumps(profile if isinstance(profile, dict) else profile.to_json()), encoding="utf-8"
        )
    return inputs
