"""resolve: fetches the model that serves now, so that the stages that compare with it stay pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.registry import Registry, store_of
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.registry import Version


def run(context: Context) -> Outcome:
    """Write champion/: champion.json, and the champion's model, profile, evaluation and samples where there is one."""
    name = context.config.name
    registry = Registry(store_of(context.project))
    version = registry.champion(name)
    folder = context.output("champion")
    if version is None:
        write_json(folder / "champion.json", _about(name, None, {}))
        return Outcome(message="no model serves yet", summary={"champion": None})
    registry.fetch(version, folder)
    metrics = _metrics(folder)
    write_json(folder / "champion.json", _about(name, version, metrics))
    return Outcome(message=f"version {version.version} serves", summary={"champion": version.version, **metrics})


def _about(name: str, version: Version | None, metrics: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "version": version.version if version else None,
        "model_digest": version.model_digest if version else None,
        "image": version.image if version else None,
        "metrics": metrics,
    }


def _metrics(folder: Path) -> dict[str, float]:
    metrics: dict[str, float] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["metrics"]
    return metrics
