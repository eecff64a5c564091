"""What a stage function gives back."""

from copy import copy

import dagger
from dagger import field, function, object_type

from assay_ci.plan import Step


@object_type
class StageRun:
    """One stage that was run."""

    stage: str = field()
    """Its name"""
    passed: bool = field()
    """True where every gate let it pass"""
    message: str = field()
    """What was done, or what was wrong"""
    report: dagger.File = field()
    """report.json: gates, inputs, outputs, times"""
    log: dagger.File = field()
    """What the stage printed"""
    folder: dagger.Directory
    artifacts: list[str]

    @staticmethod
    def of(step: Step, folder: dagger.Directory, *, passed: bool, message: str) -> "StageRun":
        """The run of `step` that left `folder`."""
        return StageRun(
            stage=step.stage,
            passed=passed,
            message=message,
            report=folder.file("report.json"),
            log=folder.file("stage.log"),
            folder=folder,
            artifacts=[slot.path for slot in step.outputs],
        )

    def with_file(self, name: str, text: str) -> "StageRun":
        """The same run with a file more in its folder."""
        changed = copy(self)
        changed.folder = self.folder.with_new_file(name, text)
        return changed

    @function
    def results(self) -> dagger.Directory:
        """All that the stage left, also where it did not pass: to be looked at, not to be built on."""
        return self.folder

    @function
    def output(self) -> dagger.Directory:
        """The artifacts that the stage made; an error where it did not pass, so that nobody builds on them."""
        if not self.passed:
            msg = f"{self.stage} did not pass: {self.message}"
            raise ValueError(msg)
        return self.folder.filter(include=[f"{path}**" if path.endswith("/") else path for path in self.artifacts])
