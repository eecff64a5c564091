from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trackkit

from assay import artifacts
from assay.errors import ServiceError
from assay.stages import register
from assay.tracking import runs
from assay.tracking.live import Training, live
from assay.tracking.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from mlflow.tracking.client import MlflowClient

    from assay.context import Context

pytest_plugins = ("trackfixtures",)
TRAINING = Training(name="tiny", params={"loss": "log"}, tags={"data_fingerprint": "f00d"})


def test_register_goes_on_with_the_run_of_the_training(
    way: trackkit.Way, client: MlflowClient, registering: Context, tmp_path: Path
) -> None:
    model = registering.input("model")
    with live(TRAINING, "run-9") as run:
        assert run is not None
        run.metrics({"accuracy": 0.5}, step=7)
        run.finish(model_digest=artifacts.digest(model), metrics={}, curves={}, folders={"model": model})
    way.seen.clear()
    register.run(registering)
    (version,) = trackkit.versions(client, registering)
    assert (version.run_id, trackkit.staging(client)) == (run.run_id, version.version)
    assert not [sent for sent in way.seen if sent.startswith("PUT") and "/model/" in sent], "the model is there already"
    found = client.get_run(run.run_id).data
    # the newest accuracy is the evaluation's, though the training had logged one at a later step
    assert found.metrics == {"accuracy": 0.9, "loss": 0.1, "slice.sex_Female": 0.8}
    assert found.params == {"loss": "log", "depth": "3"}
    waived = {"assay.waiver.model.slice.job_smith _ co": "waived until 2027-01-01 by me: so"}
    assert found.tags.items() >= ({"assay.run_id": "run-9"} | waived).items()
    assert version.tags.items() >= ({"assay.run_id": "by-hand"} | waived).items()
    ours = Registry(way.url)
    ours.set_champion("tiny", int(version.version))
    champion = ours.champion("tiny")
    assert champion is not None
    ours.fetch(champion, tmp_path / "champion")


@pytest.mark.parametrize(
    ("trained", "moment"),
    [
        pytest.param(False, "runs/log-batch", id="own-run-in-the-beginning"),
        pytest.param(False, "mlflow-artifacts", id="own-run-among-the-files"),
        pytest.param(False, "runs/update", id="own-run-at-its-end"),
        pytest.param(False, "model-versions/create", id="own-run-before-the-version"),
        pytest.param(True, "runs/log-batch", id="trainings-run-in-the-beginning"),
        pytest.param(True, "mlflow-artifacts", id="trainings-run-among-the-files"),
        pytest.param(True, "model-versions/create", id="trainings-run-before-the-version"),
    ],
)
def test_a_run_deleted_while_registering_leaves_no_version(
    way: trackkit.Way, client: MlflowClient, registering: Context, moment: str, *, trained: bool
) -> None:
    before, model = trackkit.staging(client), registering.input("model")
    if trained:
        with live(TRAINING, "run-10") as run:
            assert run is not None
            run.finish(model_digest=artifacts.digest(model), metrics={}, curves={}, folders={"model": model})
    way.before[moment] = lambda: client.delete_run(trackkit.runs(client)[0].info.run_id)
    with pytest.raises(ServiceError, match="restore it in MLflow"):
        register.run(registering)
    assert (trackkit.versions(client, registering), trackkit.staging(client)) == ([], before)
    assert not way.before


def test_an_experiment_that_somebody_else_made_a_moment_ago_is_used(client: MlflowClient) -> None:
    first = runs.experiment(client, "http://server", "made-by-two")

    class Late:
        """Asks before the other one made it, and is told so when it makes it itself."""

        asked = 0

        def get_experiment_by_name(self, title: str) -> object:
            self.asked += 1
            return None if self.asked == 1 else client.get_experiment_by_name(title)

        def create_experiment(self, title: str, **options: str | None) -> str:
            return str(client.create_experiment(title, **options))

    assert runs.experiment(Late(), "http://server", "made-by-two") == first
