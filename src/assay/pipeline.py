"""The eight stages and what passes between them: the one definition that all else is derived from."""

from __future__ import annotations

from assay.gates import Gate, Limit
from assay.graph import Artifact, Graph, Stage, World

PROFILE_VERSION = 2
"""Version of the data profile's JSON, which travels with a model for as long as it serves."""

ARTIFACTS = (
    Artifact("source", "", "the project's code"),
    Artifact("data", "", "the project's data"),
    Artifact("live-data", "", "logged predictions of the model that serves"),
    Artifact("champion", "champion/", "the model that serves now, its evaluation and data profile; may be empty"),
    Artifact(
        "baseline", "baseline/", "the data profile that drift is measured against: the champion's or a committed one"
    ),
    Artifact("rival", "rival/", "the champion, unless it is the very model that was trained"),
    Artifact("fetched", "fetched/", "the data from outside the project's folder, by content; fetched.json"),
    Artifact("test-report", "test-report/", "junit.xml, coverage, lint and type findings"),
    Artifact("dataset", "dataset/", "the rows to learn from, fingerprint"),
    Artifact("holdout", "holdout/", "the rows that no model may learn from"),
    Artifact("data-report", "data-report/", "data profile, failed checks with rows, drift, plots"),
    Artifact("expectations", "expectations/", "what the project's Great Expectations suite said about the dataset"),
    Artifact("model", "model/", "MLflow model folder"),
    Artifact("training", "training/", "training.json: parameters, metrics, digests; plots"),
    Artifact("evaluation", "evaluation/", "evaluation.json, model card, sample rows with predictions"),
    Artifact("registration", "registration.json", "name and version in the registry"),
    Artifact("bundle", "bundle/", "everything the model's image is built from"),
    Artifact("image", "image.json", "digest of the bundle and of the image"),
    Artifact("sbom", "sbom.cdx.json", "what the image consists of, as CycloneDX"),
    Artifact("deployment", "deployment/", "deployment.json, the traffic of the rollout, profile of what serves"),
    Artifact("monitor-report", "monitor-report/", "drift, volume and performance of the window"),
)

# what a stage must know to read the dataset
_COLUMNS = tuple(f"data.{key}" for key in ("target", "task", "positive", "weight", "group", "time", "exclude"))

RESOLVE = Stage(
    name="resolve",
    doc="fetch the model that serves now",
    writes=("champion", "baseline"),
    world=World.READS,
    requirements="registry",
    config=("name", "data.baseline", "data.schema", "data.drift"),
)

# a mutable address is never a cache key: what it holds now is fetched, and only that content is the next stage's input
FETCH = Stage(
    name="fetch",
    doc="bring the data from outside the project's folder here",
    writes=("fetched",),
    world=World.READS,
    requirements="fetch",
    source=(".dvc/config", "**/*.dvc", "**/dvc.yaml", "**/dvc.lock"),
    config=("name", "data.path", "data.pull"),
    only_with="data.fetched",
)

EXPECTATIONS = Stage(
    name="expectations",
    doc="the project's Great Expectations suite on the dataset",
    reads=("dataset", "holdout"),
    writes=("expectations",),
    requirements="suite",
    config=("name", "data.suite"),
    gates=(
        Gate("expectations.*", "1 where the suite's expectation is not met, else 0", Limit(max=0)),
        Gate("expectations.warning.*", "the same for those of severity warning or info", Limit(max=0, severity="warn")),
    ),
    only_with="data.suite",
)

# model-validate depends on the champion only where that is another model: right after a promotion the very same model
# serves, and comparing it with itself would cost a run and tell nothing
RIVAL = Stage(
    name="rival",
    doc="tell whether the trained model already serves",
    reads=("model", "champion"),
    writes=("rival",),
)

STAGES = (
    Stage(
        name="code-test",
        doc="tests, coverage, lint and types of the project",
        reads=("source",),
        writes=("test-report",),
        requirements="test",
        source=("src/**", "tests/unit/**", "tests/integration/**", "tests/conftest.py", "pyproject.toml"),
        config=("name", "code"),
        gates=(
            Gate("code.tests", "tests that failed or broke", Limit(max=0)),
            Gate("code.coverage", "share of lines that the tests run, percent"),
            Gate("code.lint", "ruff findings", Limit(max=0)),
            Gate("code.types", "mypy errors", Limit(max=0)),
        ),
    ),
    Stage(
        name="data-validate",
        doc="schema, quality and drift of the data",
        reads=("source", "data", "fetched", "baseline"),
        writes=("dataset", "holdout", "data-report"),
        requirements="data",
        source=("src/**",),
        config=("name", "load", "data"),
        gates=(
            Gate("data.schema.*", "values that break a rule of [tool.assay.data.schema]", Limit(max=0)),
            Gate("data.schema.warnings", "values that break a rule of severity warn", Limit(max=0, severity="warn")),
            Gate("data.quality.rows", "rows in the data", Limit(min=1)),
            Gate("data.quality.duplicates", "share of rows that repeat another"),
            Gate("data.quality.missing", "largest share of missing values in a column"),
            Gate("data.quality.overlap", "share of holdout rows that also stand in the train rows"),
            Gate("data.quality.class_share", "share of rows in the rarest class"),
            Gate(
                "data.quality.leakage",
                "how well one feature alone predicts the target, 1 is perfectly",
                Limit(max=0.99),
            ),
            Gate("data.drift.columns", "features that drifted against the baseline", Limit(max=0, severity="warn")),
            Gate("data.drift.share", "share of the features that drifted"),
            Gate("data.drift.psi", "largest population stability index of a column against the baseline"),
            Gate("data.drift.target", "Jensen-Shannon distance of the target, 0 to 0.833"),
            Gate(
                "data.drift.classifier", "ROC AUC of a classifier that tells rows of the champion's holdout from these"
            ),
        ),
    ),
    Stage(
        name="train",
        doc="fit the model",
        reads=("source", "dataset", "expectations"),
        writes=("model", "training"),
        requirements="train",
        source=("src/**",),
        config=(
            *("name", "model", "train", "metrics", "params", "training", "search", "data.path", "data.pull"),
            *_COLUMNS,
        ),
        clean_up=True,
    ),
    Stage(
        name="model-validate",
        doc="metrics, champion, fairness, latency, the project's model tests",
        reads=("source", "dataset", "holdout", "model", "training", "rival"),
        writes=("evaluation",),
        requirements="evaluate",
        source=("src/**", "tests/model/**"),
        config=("name", "metrics", "evaluation", "card", "serving", "data.sensitive", *_COLUMNS),
        gates=(
            Gate("model.*", "any metric on the holdout, by its name"),
            Gate("model.skill", "how far the model is above a constant one, 1 is perfect", Limit(min=0.01)),
            Gate("model.overfit.*", "how much worse a metric is on the holdout than on the rows learnt from"),
            Gate("model.cross_validation.*", "mean of a metric over the folds of the train rows"),
            Gate("model.latency_ms.*", "p50, p95, p99 of one single-row prediction, milliseconds"),
            Gate("model.batch_latency_ms.*", "p50, p95, p99 of one prediction of a batch, milliseconds"),
            Gate("model.size_mb", "size of the model folder, MB"),
            Gate("model.memory_mb", "memory that the model takes to be loaded and to predict, MB"),
            Gate("model.fairness.*", "fairlearn's measure, worst of the sensitive columns"),
            Gate("model.slice.*", "a metric on the worst group of the slices and the sensitive columns"),
            Gate("model.contract", "promises of an estimator that the model breaks", Limit(max=0)),
            Gate("model.tests", "failed tests in tests/model", Limit(max=0)),
        ),
    ),
    Stage(
        name="register",
        doc="a version in the registry, alias staging",
        reads=("model", "training", "evaluation", "data-report"),
        optional=("test-report",),
        writes=("registration",),
        world=World.CHANGES,
        requirements="register",
        config=("name", "signing"),
    ),
    Stage(
        name="package",
        doc="bundle and image, judged by its predictions",
        reads=("source", "model", "evaluation", "data-report", "registration"),
        writes=("bundle", "image", "sbom"),
        requirements="package",
        source=("src/**", "Dockerfile"),
        config=("name", "requirements", "data.task", "data.positive", "card.licence", "signing"),
        gates=(
            Gate("image.predicts_same", "largest difference to the model's own predictions", Limit(max=1e-9)),
            Gate("image.latency_ms.p95", "95th percentile of one single-row request over HTTP, milliseconds"),
            Gate("image.size_mb", "size of the image unpacked, of the bundle where no image was built, MB"),
            Gate("image.compressed_mb", "size of the image as it is sent, of the bundle where no image was built, MB"),
        ),
    ),
    Stage(
        name="deploy",
        doc="stable and candidate side by side, smoke tests, canary, promotion",
        reads=("bundle", "image", "registration", "champion"),
        writes=("deployment",),
        world=World.CHANGES,
        requirements="deploy",
        source=("tests/smoke/**",),
        config=("name", "deploy"),
        clean_up=True,
        gates=(
            Gate("deploy.smoke", "failed tests in tests/smoke", Limit(max=0)),
            Gate("deploy.canary.success_rate", "share of the candidate's requests that succeeded", Limit(min=0.99)),
            Gate("deploy.canary.latency_ratio", "candidate's p95 divided by the stable version's", Limit(max=2.0)),
            Gate("deploy.canary.prediction_psi", "shift of the predictions against the stable version, PSI"),
        ),
    ),
    Stage(
        name="monitor",
        doc="live predictions against the profile of the model that serves",
        reads=("live-data", "champion"),
        optional=("deployment",),
        writes=("monitor-report",),
        world=World.READS,
        requirements="monitor",
        config=("name", "monitor", "data.drift", "data.positive"),
        gates=(
            Gate("monitor.volume", "predictions in the window", Limit(min=1)),
            Gate("monitor.errors", "share of requests that failed", Limit(max=0.01)),
            Gate("monitor.schema.missing", "columns that the model knows and no request has", Limit(max=0)),
            Gate("monitor.schema.types", "columns with values of another type", Limit(max=0)),
            Gate("monitor.schema.new", "columns that the model does not know", Limit(max=0, severity="warn")),
            Gate("monitor.drift.columns", "columns that drifted", Limit(max=0, severity="warn")),
            Gate("monitor.drift.psi", "largest population stability index of a column", Limit(max=0.25)),
            Gate("monitor.performance.*", "a metric on the rows whose label is known"),
            Gate("monitor.latency_ms.*", "p50, p95, p99 of the time to an answer as the log has it, milliseconds"),
            Gate("monitor.metrics.*", "share of requests failed, of log lines lost, by /metrics", Limit(max=0.01)),
        ),
    ),
)

GRAPH = Graph(ARTIFACTS, (RESOLVE, FETCH, *STAGES[:2], EXPECTATIONS, STAGES[2], RIVAL, *STAGES[3:]))

_EIGHT = {stage.name for stage in STAGES}

TRIGGERS: dict[str, tuple[str, ...]] = {
    "push": tuple(stage.name for stage in STAGES),
    # judged, but not yet anybody's model: nothing outside changes before the merge
    "pull_request": tuple(s for s in GRAPH.order({*GRAPH.suppliers(["model-validate"]), "code-test"}) if s in _EIGHT),
    "data": tuple(s for s in GRAPH.order(GRAPH.followers("data-validate")) if s in _EIGHT),
    "schedule": tuple(s for s in GRAPH.order(GRAPH.followers("train")) if s in _EIGHT),
}
