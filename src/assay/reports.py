"""Stage and run reports as data, with a version, written whole or not at all. Standard library only."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError
from assay.gates import GateResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA_VERSION = 1
RUN_URL_VARIABLE = "ASSAY_RUN_URL"
"""Address of the CI run that all this belongs to."""
IMAGE_VARIABLE = "ASSAY_IMAGE"
"""Image that the stages' containers start from, with its digest."""
STAGE_FILE = "report.json"
ORIGIN_FILE = "origin.json"
"""Where a result came from, as the executor notes it beside the report: `source` and `note` of its `Entry`."""
LOG_FILE = "stage.log"
SERVES = "this model serves as"
"""In the summary of `rival`: the version that the trained model serves as already; None where it does not."""


class Status(StrEnum):
    """How a stage ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ArtifactRef:
    """An artifact by content.

    Attributes:
        name: Its name in the graph.
        path: Where it lies below the stage's output folder.
        sha256: Digest of the file, or of the folder's sorted paths and digests.
        bytes: Size.
    """

    name: str
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """What one stage did. Never passed on to another stage, so its clock spoils no cache.

    Attributes:
        stage: Name.
        status: passed, failed (a gate said no), error or skipped.
        exit_code: See `errors.Exit`.
        gates: All verdicts.
        inputs: Artifacts read.
        outputs: Artifacts written.
        message: What was done, or what was wrong.
        summary: Plain values for people: metrics, counts, versions.
        seconds: Wall time.
        peak_memory: Largest resident set of the stage's processes, bytes.
        run_id: The run that computed it; differs from the current run where the result was reused.
    """

    stage: str
    status: Status
    exit_code: int = 0
    gates: tuple[GateResult, ...] = ()
    inputs: tuple[ArtifactRef, ...] = ()
    outputs: tuple[ArtifactRef, ...] = ()
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0
    run_id: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def passed(self) -> bool:
        """True where its readers may run."""
        return self.status is Status.PASSED

    @property
    def blocking(self) -> tuple[GateResult, ...]:
        """The gates that stopped it."""
        return tuple(gate for gate in self.gates if gate.status.blocks)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> StageReport:
        """The report that `asdict` made `data` from."""
        gates = tuple(GateResult(**{**gate, "status": Verdict(gate["status"])}) for gate in data["gates"])
        inputs, outputs = (tuple(ArtifactRef(**ref) for ref in data[name]) for name in ("inputs", "outputs"))
        changed = {"status": Status(data["status"]), "gates": gates, "inputs": inputs, "outputs": outputs}
        return StageReport(**{**data, **changed})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stage in a run.

    Attributes:
        report: What the stage reported, now or when its result was computed.
        cached: True where the result was reused.
        why: Why it was reused, ran again or was skipped.
        source: Where a reused result came from, if not from here: folder, remote, registry.
        note: What people should know beside that, such as a run cache that does not answer.
    """

    report: StageReport
    cached: bool = False
    why: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A whole run.

    Attributes:
        id: Sortable by time.
        project: Name of the project.
        trigger: What started it.
        started: ISO time, UTC.
        seconds: Wall time.
        commit: The project's git commit, `-dirty` behind it where files differ; empty outside git.
        entries: The stages in order.
    """

    id: str
    project: str
    trigger: str
    started: str
    seconds: float
    entries: tuple[Entry, ...]
    commit: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def exit_code(self) -> int:
        """Exit code of the first stage that ended in an error, else of the first that a gate stopped, else 0.

        An error comes first because it often is what made the gate of another stage say no.
        """
        found = [e.report for e in self.entries if e.report.status in {Status.ERROR, Status.FAILED}]
        found.sort(key=lambda report: report.status is Status.FAILED)
        return found[0].exit_code if found else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "exit_code": self.exit_code}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> RunReport:
        """The report that `to_dict` made `data` from."""
        entries = tuple(Entry(**{**e, "report": StageReport.from_dict(e["report"])}) for e in data["entries"])
        fields = {name: value for name, value in data.items() if name != "exit_code"}
        return RunReport(**{**fields, "entries": entries})


def skipped(stage: str, reason: str, run_id: str = "") -> StageReport:
    """The report of a stage that was not run."""
    return StageReport(stage=stage, status=Status.SKIPPED, message=reason, run_id=run_id)


def with_run(report: StageReport, run_id: str) -> StageReport:
    """The same report, computed by run `run_id`."""
    return replace(report, run_id=run_id)


def write_json(path: Path, data: object) -> None:
    """Write `data` as JSON: the file is there whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(data, indent=1, default=str) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of an artifact.

    Raises:
        ArtifactError: It is missing or damaged.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path.name} cannot be read: {error}", where=str(path)) from None
    if not isinstance(found, dict):
        raise ArtifactError(f"{path.name} holds no object", where=str(path))
    return found


def found_json(path: Path) -> dict[str, Any]:
    """The same; empty where it is missing or damaged."""
    try:
        return read_json(path)
    except ArtifactError:
        return {}


def write_report(folder: Path, report: StageReport) -> None:
    """Write `report` to its place in a stage's output folder."""
    write_json(folder / STAGE_FILE, asdict(report))


def read_report(folder: Path) -> StageReport | None:
    """The report in a stage's output folder; None where there is none that can be read."""
    try:
        return StageReport.from_dict(json.loads((folder / STAGE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
