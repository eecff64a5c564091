"""A stage for tests of the runner: `trivial_stage.py NAME --inputs I --outputs O --project P CODE`.

CODE is executed with `context` and `write` at hand, under the real supervisor.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from assay.config import Config
from assay.context import Context, Outcome
from assay.gates import Limit, Observed
from assay.graph import Artifact, Stage
from assay.schema import build
from assay.supervisor import supervise


def main(name: str, inputs: str, outputs: str, project: str, code: str) -> int:
    def run(context: Context) -> Outcome:
        def write(text: str) -> None:
            (context.outputs / f"{name}.txt").write_text(text, encoding="utf-8")

        scope: dict[str, object] = {"context": context, "write": write, "value": 1.0}
        exec(code, scope)  # noqa: S102 - the test's own code
        return Outcome(observed={"t.value": Observed(float(scope["value"]))}, message=f"{name} ran")  # type: ignore[arg-type]

    stage = Stage(name=name, doc="", writes=(name,))
    context = Context(
        stage=stage,
        config=build(Config, {}, (), [], partial=True),
        project=Path(project),
        inputs=Path(inputs),
        outputs=Path(outputs),
        run_id=os.environ["ASSAY_RUN_ID"],
        limits={"t.value": Limit(min=0.5)},
        artifacts={name: Artifact(name, f"{name}.txt", "")},
    )
    return supervise(context, timeout=30, run=run).exit_code


if __name__ == "__main__":
    name, _, inputs, _, outputs, _, project, code = sys.argv[1:9]
    sys.exit(main(name, inputs, outputs, project, code))
