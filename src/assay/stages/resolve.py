"""resolve: fetches the model that serves now, so that the stages that compare with it stay pure."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.errors import ConfigError
from assay.pipeline import PROFILE_VERSION
from assay.reports import write_json
from assay.tracking.registry import Registry, store_of

if TYPE_CHECKING:
    from pathlib import Path

    from assay.tracking.registry import Version


def run(context: Context) -> Outcome:
    """Write champion/ and baseline/.

    champion/ has champion.json and, where a model serves, its model, profile, evaluation and samples. baseline/ has the
    data profile that drift is measured against (the champion's, else the committed one, else nothing); the champion's
    sample rows, where a classifier is to tell them from today's; the hour of the day, where a rule of the schema asks
    how old the data is.

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
        _keep_baseline(context, profile=_committed(context))
        return Outcome(message="no model serves yet", summary={"champion": None})
    registry.fetch(version, folder)
    metrics = _metrics(folder)
    write_json(folder / "champion.json", _about(name, version, metrics))
    samples = folder / "samples.json" if context.config.data.drift.classifier else None
    _keep_baseline(context, profile=_of_champion(context, folder / "profile.json"), samples=samples)
    return Outcome(message=f"version {version.version} serves", summary={"champion": version.version, **metrics})


def _keep_baseline(context: Context, **files: Path | None) -> None:
    folder = context.output("baseline")
    for name, path in files.items():
        if path:
            shutil.copyfile(path, folder / f"{name}.json")
    if any(rule.max_age for rule in context.config.data.schema.values()):
        # the clock is an input like any other; to the hour, so that it spoils no cache within one
        hour = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
        write_json(folder / "clock.json", {"now": hour.isoformat()})


def _of_champion(context: Context, profile: Path) -> Path | None:
    """The champion's profile, unless another version of Assay made it and a committed one is there to stand in."""
    known = json.loads(profile.read_text(encoding="utf-8")).get("schema_version") == PROFILE_VERSION
    return profile if known else _committed(context) or profile


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
