"""What the artifacts of a run tell beside its reports: where the model comes from, and how it does beside the champion.

Whatever is missing or damaged is left out: a report of a broken run is a report.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any, NamedTuple

from assay import __version__
from assay.render.text import number
from assay.reports import IMAGE_VARIABLE, RUN_URL_VARIABLE, found_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.reports import RunReport


class Compared(NamedTuple):
    """A metric of the model and of the champion on the same rows, as text."""

    metric: str
    model: str
    champion: str
    difference: str
    interval: str


def compared(folder: Path) -> tuple[str, list[Compared]]:
    """The champion's version and all metrics of both; nothing where no other model serves."""
    found = found_json(folder / "model-validate" / "evaluation" / "evaluation.json")
    before, now = _table(found, "champion_metrics"), _table(found, "metrics")
    names = [name for name in now if isinstance(now[name], float) and isinstance(before.get(name), float)]
    apart = _table(found, "differences")
    return str(found.get("champion_version") or ""), [_row(n, now[n], before[n], apart.get(n)) for n in names]


def _row(name: str, now: float, before: float, apart: Any) -> Compared:  # noqa: ANN401 - from a file
    known = isinstance(apart, list) and all(isinstance(end, float) for end in apart)
    interval = " to ".join(f"{end:+.4f}" for end in apart) if known else "-"
    return Compared(name, number(now), number(before), f"{now - before:+.4f}", interval)


def lineage(run: RunReport, folder: Path) -> list[tuple[str, str]]:
    """Name and value of everything that the model came from and became, as far as the run knows it."""
    said = {entry.report.stage: entry.report.summary for entry in run.entries}
    training = found_json(folder / "train" / "training" / "training.json")
    tags, image = _table(training, "tags"), found_json(folder / "package" / "image.json")
    data, registered = said.get("data-validate", {}), said.get("register", {})
    version = f"{run.project} version {registered['version']}" if "version" in registered else ""
    facts = (
        ("commit", run.commit),
        ("CI run", os.environ.get(RUN_URL_VARIABLE, "")),
        ("data", data.get("source")),
        ("data fingerprint", data.get("fingerprint")),
        ("estimator", training.get("estimator")),
        ("packages of train (lock)", tags.get("lock_digest")),
        ("model", version),
        ("model digest", training.get("model_digest")),
        ("bundle digest", image.get("bundle_digest")),
        ("image", image.get("reference")),
        ("base image", os.environ.get(IMAGE_VARIABLE, "")),
        ("Assay", f"{__version__}, Python {platform.python_version()}"),
    )
    return [(name, str(value)) for name, value in facts if value]


def _table(found: dict[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}
