"""What a stage is given and what it gives back: the only interface between the supervisor and `stages/*`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError
from assay.gates import judge
from assay.pipeline import GRAPH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.config import Config
    from assay.gates import GateResult, Limit, Observed
    from assay.graph import Artifact, Stage


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that a stage may use.

    Attributes:
        stage: The stage that runs.
        config: Its slice of `[tool.assay]`; keys that the stage does not declare are None or defaults.
        project: The project's folder, not to be written to.
        inputs: Folder with the artifacts it reads.
        outputs: Folder for the artifacts it writes.
        run_id: Identifies the run; never to be written into an artifact of a pure stage.
        limits: The limits of its gates, by full name.
        artifacts: Where each artifact lies below the input or output folder.
    """

    stage: Stage
    config: Config
    project: Path
    inputs: Path
    outputs: Path
    run_id: str
    limits: Mapping[str, Limit]
    artifacts: Mapping[str, Artifact] = field(default_factory=lambda: GRAPH.by_artifact)

    def judge(self, observed: Mapping[str, Observed]) -> tuple[GateResult, ...]:
        """The verdicts on `observed`, for a stage whose artifact has to carry them."""
        return judge(self.limits, observed, self.config.waivers)

    def has(self, artifact: str) -> bool:
        """True where the optional input `artifact` was made in this run."""
        return (self.inputs / self.artifacts[artifact].path).exists()

    def input(self, artifact: str) -> Path:
        """Where the input `artifact` lies.

        Raises:
            ArtifactError: It is missing.
        """
        path = self.inputs / self.artifacts[artifact].path
        if not path.exists():
            maker = GRAPH.makers[artifact]
            raise ArtifactError(
                f'the input "{artifact}" is missing',
                where=str(path),
                next=f"run {maker} first, or let `assay run --only {self.stage.name}` do so",
            )
        return path

    def output(self, artifact: str) -> Path:
        """Where to write `artifact`; its folder is made."""
        relative = self.artifacts[artifact].path
        path = self.outputs / relative
        (path if relative.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a stage found out.

    Attributes:
        observed: Values for the gates, by gate name; judged by the supervisor, never by the stage.
        message: One line for people: what was done.
        summary: Plain JSON values for the report: metrics, counts, versions.
    """

    observed: Mapping[str, Observed] = field(default_factory=dict)
    message: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
