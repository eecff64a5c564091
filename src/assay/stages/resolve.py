"""resolve: fetches the model that serves now, so that the stages that compare with it stay pure."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.errors import ConfigError
from assay.registry import Registry, store_of
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.registry import Version


def run(context: Context) -> Outcome:
    """Write champion/ and baseline/.

    champion/ has champion.json and, where a model serves, its model, profile, evaluation and samples. baseline/ has the
    data profile that drift is measured against: the champion's, else the committed one, else nothing.

    Raises:
        ConfigError: `[tool.assay.data] baseline` names no file.
        ServiceError: The registry failed.
    """
    name = context.config.name
    registry = Registry(store_of(context.project))
    version = registry.champion(name)
    folder = context.output("champion")
    if version is None:
        write_json(folder / "champion.json", _about(name, None, {}))
        _keep_baseline(context, _committed(context))
        return Outcome(message="no model serves yet", summary={"champion": None})
    registry.fetch(version, folder)
    metrics = _metrics(folder)
    write_json(folder / "champion.json", _about(name, version, metrics))
    _keep_baseline(context, folder / "profile.json")
    return Outcome(message=f"version {version.version} serves", summary={"champion": version.version, **metrics})


def _keep_baseline(context: Context, profile: Path | None) -> None:
    folder = context.output("baseline")
    if profile:
        shutil.copyfile(profile, folder / "profile.json")


def _committed(context: Context) -> Path | None:
    given = context.config.data.baseline
    if given is None:
        return None
    path = context.project / given
    if not path.is_file():
        made = ".assay/runs/latest/data-validate/data-report/profile.json"
        where = "pyproject.toml tool.assay.data.baseline"
        raise ConfigError(f'there is no "{given}"', where, next=f"run without it once and copy {made}")
    return path


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
