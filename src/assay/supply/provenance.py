"""How a model, its bundle and its image came about: an in-toto statement with SLSA's predicate. Standard library only.

It is made from the reports and artifacts of a run, and says only what they say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from typing import TYPE_CHECKING, Any

from assay import artifacts
from assay.project import CONFIG_VARIABLE
from assay.reports import IMAGE_VARIABLE, RUN_URL_VARIABLE, STAGE_FILE, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.reports import Entry, RunReport

FILE = "provenance.json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:assay:pipeline:v1"
_FOLDER = "SHA-256 of the folder's sorted relative paths, each with the SHA-256 of its file"
_MAKER = "package"


def write_provenance(run: RunReport, folder: Path, builder: str) -> None:
    """Leave provenance.json in the run's folder; a run that is red, or packaged nothing, has none.

    Args:
        run: The run.
        folder: Its folder, with a folder for each stage.
        builder: What executed the stages: `local` or `dagger`; a CI that is known by its environment is named instead.

    Raises:
        ArtifactError: An artifact of a stage that passed cannot be read.
    """
    (folder / FILE).unlink(missing_ok=True)
    if run.exit_code == 0 and any(entry.report.stage == _MAKER and entry.report.passed for entry in run.entries):
        write_json(folder / FILE, statement(run, folder, builder))


def statement(run: RunReport, folder: Path, builder: str) -> dict[str, Any]:
    """The in-toto statement about what `run` made, see `write_provenance`."""
    image = read_json(folder / _MAKER / "image.json")
    about = read_json(folder / _MAKER / "bundle" / "bundle.json")
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {"project": run.project, "trigger": run.trigger, "configuration": _configuration(folder)},
        "resolvedDependencies": list(_dependencies(run, folder)),
    }
    details = {
        "builder": {"id": _builder(builder)},
        "metadata": {"invocationId": run.id, **_times(run)},
        "byproducts": [_verdicts(entry, folder) for entry in run.entries],
    }
    return {
        "_type": STATEMENT,
        "subject": list(_subjects(about, image)),
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }


def _subjects(about: dict[str, Any], image: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name, found, digest = str(image.get("reference") or "").rpartition("@sha256:")
    if found:
        yield {"name": name, "digest": {"sha256": digest}}
    made = (("bundle", image["bundle_digest"]), ("model", image["model_digest"]))
    for kind, value in made:
        title = f"{about['name']} version {about['version']}, {kind}"
        yield {"name": title, "digest": {"sha256": value}, "annotations": {"digestOf": _FOLDER}}


def _configuration(folder: Path) -> dict[str, str]:
    """SHA-256 of the part of `[tool.assay]` that each stage was given."""
    steps = read_json(folder / "plan.json")["steps"]
    texts = {step["stage"]: step["environment"].get(CONFIG_VARIABLE, "") for step in steps}
    return {stage: hashlib.sha256(text.encode()).hexdigest() for stage, text in texts.items()}


def _dependencies(run: RunReport, folder: Path) -> Iterator[dict[str, Any]]:
    if run.commit:
        commit = run.commit.removesuffix("-dirty")
        server, repository = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
        address = {"uri": f"git+{server}/{repository}"} if server and repository else {}
        changed = {"dirty": run.commit != commit}
        yield {"name": "source", **address, "digest": {"gitCommit": commit}, "annotations": changed}
    training = folder / "train" / "training" / "training.json"
    tags = read_json(training).get("tags", {}) if training.exists() else {}
    for name, tag in (("data", "data_fingerprint"), ("packages of train", "lock_digest")):
        if tags.get(tag):
            yield {"name": name, "digest": {"sha256": tags[tag]}}
    lock = folder / _MAKER / "bundle" / "requirements.lock"
    if lock.exists():
        yield {"name": "packages of the image", "digest": {"sha256": artifacts.digest(lock)}}
    base, _, digest = os.environ.get(IMAGE_VARIABLE, "").rpartition("@sha256:")
    if base:
        yield {"name": "base image", "uri": base, "digest": {"sha256": digest}}


def _builder(builder: str) -> str:
    if told := os.environ.get(RUN_URL_VARIABLE):
        return told
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, number = (os.environ.get(name) for name in names)
    if server and repository and number:
        return f"{server}/{repository}/actions/runs/{number}"
    return f"urn:assay:builder:{builder}"


def _times(run: RunReport) -> dict[str, str]:
    started = dt.datetime.fromisoformat(run.started)
    finished = started + dt.timedelta(seconds=run.seconds)
    written = (moment.astimezone(dt.UTC).isoformat(timespec="seconds") for moment in (started, finished))
    return {name: text.replace("+00:00", "Z") for name, text in zip(("startedOn", "finishedOn"), written, strict=True)}


def _verdicts(entry: Entry, folder: Path) -> dict[str, Any]:
    report, file = entry.report, folder / entry.report.stage / STAGE_FILE
    gates = [
        {
            "gate": gate.gate,
            "observed": gate.observed,
            "operator": gate.operator,
            "limit": gate.limit,
            "status": gate.status,
        }
        for gate in report.gates
    ]
    told = {"stage": report.stage, "status": report.status, "cached": entry.cached, "gates": gates}
    digest = {"digest": {"sha256": artifacts.digest(file)}} if file.exists() else {}
    return {"name": f"{report.stage}/{STAGE_FILE}", **digest, "annotations": told}
