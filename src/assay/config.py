"""`[tool.assay]`: its keys, types, defaults and meaning, each defined once. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assay import values
from assay.gates import Waiver  # noqa: TC001 - schema.build reads the annotations
from assay.schema import between, key

Severity = Literal["fail", "warn"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """`[tool.assay.code]`: what code-test looks at."""

    paths: tuple[str, ...] = key("folders that ruff and mypy check and whose coverage counts", ("src",))


@dataclass(frozen=True, kw_only=True)
class Column:
    """`[tool.assay.data.schema.<column>]`: what a column must look like."""

    type: Literal["int", "float", "str", "bool", "datetime", "any"] = key("type of the values", "any")
    min: float | str | None = key("smallest value allowed, a date for a datetime", None)
    max: float | str | None = key("largest value allowed, a date for a datetime", None)
    allowed: tuple[Any, ...] = key("the only values allowed", ())
    pattern: str | None = key("regular expression that each value must match in full", None, check=values.pattern)
    max_missing: float = key("largest share of missing values", 1.0, check=between(0, 1))
    unique: bool = key("no value twice", default=False)
    max_age: str | None = key("oldest that the newest value of a datetime may be", None, check=values.span)
    severity: Severity = key("what a broken rule does: stop the run, or only say so", "fail")


@dataclass(frozen=True, kw_only=True)
class Expression:
    """`[tool.assay.data.expressions.<name>]`: a rule over several columns, true or false for each row."""

    rule: str = key("what must hold, as pandas evaluates it: `start <= end`")
    severity: Severity = key("what a broken rule does: stop the run, or only say so", "fail")


@dataclass(frozen=True, kw_only=True)
class Csv:
    """`[tool.assay.data.csv]`: how text files are written, for projects without `load`."""

    delimiter: str = key("character between two fields", ",", check=values.one_character)
    encoding: str = key("encoding of the text", "utf-8", check=values.encoding)
    decimal: str = key("character before the decimals", ".", check=values.one_character)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """`[tool.assay.data.drift]`: how far a column may move before it counts as drifted; any one measure suffices."""

    psi: float = key("population stability index", 0.2, check=between(0, 100))
    jensen_shannon: float = key("Jensen-Shannon distance, 0 to 0.833", 0.1, check=between(0, 1))
    wasserstein: float = key("Wasserstein distance in standard deviations of before", 0.1, check=between(0, 1e9))
    kolmogorov_smirnov: float = key("largest difference of the two distribution functions", 0.1, check=between(0, 1))
    cramers_v: float = key("effect size of the chi-square test on categories", 0.1, check=between(0, 1))
    missing: float = key("change of the share of missing values", 0.05, check=between(0, 1))
    categories: float = key("share of rows in new, or formerly in vanished categories", 0.01, check=between(0, 1))
    min_rows: int = key("fewer rows than this are inconclusive", 100, check=between(1, 10**9))
    classifier: bool = key("try to tell the champion's sample rows from today's with a classifier", default=False)


@dataclass(frozen=True, kw_only=True)
class Data:
    """`[tool.assay.data]`: where the data is and what it means."""

    path: str = key(
        "folder or file in the project, or an address (s3://, gs://, https://); handed to `load`",
        "data/",
        check=values.no_credentials,
        hidden=True,
    )
    pull: Literal["dvc"] | None = key("tool that brings the data into the project's folder first", None)
    format: Literal["auto", "csv", "parquet", "jsonl"] = key("what the files are, for projects without `load`", "auto")
    csv: Csv = key("how text files are written", Csv())
    missing: tuple[str, ...] = key("texts that mean that a value is missing, for projects without `load`", ("",))
    times: tuple[str, ...] = key("columns that hold dates or times as text, for projects without `load`", ())
    target: str = key("column to predict")
    task: Literal["classification", "regression"] = key("what is predicted", "classification")
    positive: str | int | bool | None = key("label of the positive class, for two classes", None)
    holdout: float | str = key(
        "share of rows kept for model-validate, or a column that marks them", 0.2, check=values.holdout
    )
    seed: int = key("seed of the random split", 0)
    group: str | None = key("column whose equal values stay together in every split; not a feature", None)
    time: str | None = key("column by which the newest rows are held out, and folds follow each other", None)
    weight: str | None = key("column with the weight of each row in training; not a feature", None)
    exclude: tuple[str, ...] = key("columns that the model does not get; fairness and slices see them", ())
    sensitive: tuple[str, ...] = key("columns over which fairness is measured", ())
    baseline: str | None = key("data profile to measure drift against while no model serves", None)
    strict: bool = key("columns that the schema does not name are failures", default=False)
    ordered: bool = key("the columns stand in the order of the schema", default=False)
    identity: tuple[str, ...] = key("columns that together tell one row from all others", ())
    schema: dict[str, Column] = key("rules by column", {})
    expressions: dict[str, Expression] = key("rules over several columns, by name", {})
    suite: str | None = key("Great Expectations suite (JSON) that the dataset must meet", None)
    drift: Drift = key("how far a column may move", Drift())

    @property
    def fetched(self) -> bool:
        """True where the data does not lie in the project's folder yet."""
        return self.pull is not None or "://" in self.path

    @property
    def aside(self) -> tuple[str, ...]:
        """Columns of the dataset that are no features."""
        return tuple(dict.fromkeys(name for name in (self.weight, self.group, *self.exclude) if name))


@dataclass(frozen=True, kw_only=True)
class Training:
    """`[tool.assay.training]`: how a model is fitted."""

    seed: int = key("seed of every random number, and of each `random_state` that is not set", 0)
    cross_validation: int = key("folds of a cross-validation over the train rows; 0: none", 0, check=values.folds)
    early_stopping: float = key(
        "share of the train rows that a boosting library gets as `eval_set`, to stop by", 0.0, check=between(0, 0.5)
    )


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """`[tool.assay.search.space.<parameter>]`: the values that are tried, a range or choices."""

    low: float | int | None = key("smallest value", None)
    high: float | int | None = key("largest value; whole numbers are tried where both are whole", None)
    log: bool = key("the values are spread over orders of magnitude", default=False)
    choices: tuple[Any, ...] = key("the only values", ())


@dataclass(frozen=True, kw_only=True)
class Search:
    """`[tool.assay.search]`: which parameters are tried before the model is fitted."""

    space: dict[str, Dimension] = key("the values that are tried, by parameter", {})
    trials: int = key("how many sets of parameters are tried", 20, check=between(1, 100_000))
    timeout: str | None = key("no further trial is started after this long", None, check=values.span)
    metric: str | None = key("what decides, by cross-validation; absent: accuracy or rmse", None)
    direction: Literal["maximize", "minimize"] | None = key("which way a metric of your own is better", None)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """`[tool.assay.evaluation]`: what model-validate looks at."""

    slices: tuple[str, ...] = key("columns whose groups are measured one by one, beside the sensitive ones", ())
    min_slice_rows: int = key("a smaller group counts in no slice gate", 100, check=between(1, 10**9))
    min_group_rows: int = key("a smaller group counts in no fairness gate", 30, check=between(1, 10**9))
    batch_rows: int = key("rows of the batch whose prediction is timed", 1000, check=between(1, 10**6))


@dataclass(frozen=True, kw_only=True)
class Card:
    """`[tool.assay.card]`: what only people know about a model; each stands in its model card."""

    intended_use: str | None = key("what the model is for, and for whom", None)
    out_of_scope: str | None = key("what it must not be used for", None)
    limitations: str | None = key("what is known to go wrong outside of the data", None)
    ethical_considerations: str | None = key("whom it may harm, and what was done about it", None)
    owners: tuple[str, ...] = key("who answers for it", ())
    licence: str | None = key("under which terms it may be used", None)
    references: tuple[str, ...] = key("addresses to read on", ())


@dataclass(frozen=True, kw_only=True)
class Canary:
    """`[tool.assay.deploy.canary]`: how traffic moves to the candidate."""

    steps: tuple[int, ...] = key(
        "percent of requests that go to the candidate, step by step", (10, 50, 100), check=values.steps
    )
    min_requests: int = key(
        "requests the candidate must have answered before a step is judged", 50, check=between(1, 10**6)
    )


@dataclass(frozen=True, kw_only=True)
class Pod:
    """`[tool.assay.deploy.pod]`: what a pod of the target kubernetes asks for, as Kubernetes writes it."""

    requests: dict[str, str] = key("what it surely gets", {"cpu": "250m", "memory": "512Mi"}, check=values.quantities)
    limits: dict[str, str] = key("what it gets at most", {"memory": "1Gi"}, check=values.quantities)


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """`[tool.assay.deploy]`: where and how a model goes live."""

    target: Literal["local", "kubernetes"] = key("where the model runs", "local")
    address: str | None = key(
        "where target local serves on after the stage, as host:port; absent: only as long as the stage",
        None,
        check=values.address,
    )
    namespace: str = key("namespace of the cluster; it must be there", "default", check=values.label)
    context: str | None = key("context of the kubeconfig; absent: its current one", None)
    replicas: int = key("pods of the version that serves", 2, check=between(1, 1000))
    port: int = key("port of the Service", 80, check=between(1, 65535))
    pod: Pod = key("what a pod asks for", Pod())
    service_account: str | None = key("account that the pods run as", None, check=values.label)
    templates: str | None = key("folder with YAML of your own, used in place of ours or beside it", None)
    gateway: str | None = key("Gateway whose route divides the requests, where the cluster has such things", None)
    host: str | None = key("host name of that route; absent: any", None)
    canary: Canary = key("how traffic moves to the candidate", Canary())
    ready_timeout: str = key("how long a version may take to get ready", "60s", check=values.span)


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """`[tool.assay.monitor]`: the live data that is looked at."""

    path: str | None = key(
        "folder or address of prediction logs (JSON Lines); absent: the traffic of this run's deploy",
        None,
        check=values.no_credentials,
        hidden=True,
    )
    window: str = key("how far back to look", "24h", check=values.span)
    min_rows: int = key("fewer rows than this are inconclusive", 100, check=between(1, 10**9))
    labels: str | None = key(
        "files or address of what turned out to be true (csv, jsonl, parquet), `labels/*.csv`",
        None,
        check=values.no_credentials,
        hidden=True,
    )
    label_id: str = key("column of those files with the request id", "id")
    label: str = key("column of those files with the label", "label")
    metrics: str | None = key("address of the server's /metrics", None, check=values.no_credentials, hidden=True)
    consecutive: int = key("windows in a row that a gate must refuse before it stops", 2, check=between(1, 100))
    every: str = key("runs closer together than this look at the same window", "30m", check=values.span)
    history: int = key("windows that are kept for the plots", 168, check=between(1, 10_000))
    alert: Literal["json", "slack", "teams"] | None = key("form of the message that goes to ASSAY_ALERT_URL", None)
    repeat_after: str = key("an alarm that lasts is sent again after this long", "24h", check=values.span)
    retrain: bool = key("drift and lost performance ask for a run of trigger `data`", default=False)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """`[tool.assay.resources.<stage>]`: what a stage may use."""

    timeout: str = key("longest time the stage may take", "60m", check=values.span)
    memory: str | None = key("most memory the stage may use", None, check=values.size)
    gpu: bool = key("the stage gets the host's GPUs", default=False)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """`[tool.assay.serving]`: what runs in the model's image."""

    onnx: bool = key("ONNX Runtime serves, where the exported model gives the same predictions", default=True)


@dataclass(frozen=True, kw_only=True)
class Signing:
    """`[tool.assay.signing]`: whose models are packaged."""

    public_key: str | None = key("public key file (PEM); a model that its owner did not sign is not packaged", None)


@dataclass(frozen=True, kw_only=True)
class Config:
    """`[tool.assay]`: everything that a project says about itself."""

    name: str = key("name of the model in the registry", check=values.name)
    load: str | None = key(
        "(data: Path) -> pandas.DataFrame; absent: read as [tool.assay.data] says", None, check=values.dotted
    )
    model: str | None = key("(params: dict) -> estimator with fit and predict", None, check=values.dotted)
    train: str | None = key(
        "(dataset: Dataset, params: dict) -> fitted model, in place of `model`", None, check=values.dotted
    )
    metrics: str | None = key("(model, X, y) -> dict[str, float]", None, check=values.dotted)
    requirements: str | None = key("requirements file with the project's own packages", None)
    code: Code = key("what code-test looks at", Code())
    data: Data = key("where the data is and what it means")
    params: dict[str, Any] = key("handed to `model` or `train` as they are", {})
    training: Training = key("how a model is fitted", Training())
    search: Search = key("which parameters are tried before the model is fitted", Search())
    evaluation: Evaluation = key("what model-validate looks at", Evaluation())
    card: Card = key("what only people know about the model", Card())
    gates: dict[str, dict[str, Any]] = key("limits by stage and gate", {})
    serving: Serving = key("what runs in the model's image", Serving())
    signing: Signing = key("whose models are packaged", Signing())
    deploy: Deploy = key("where and how a model goes live", Deploy())
    monitor: Monitor = key("the live data that is looked at", Monitor())
    resources: dict[str, Resources] = key("limits on time and memory by stage", {})
    triggers: dict[str, tuple[str, ...]] = key("stages by trigger", {})
    waivers: tuple[Waiver, ...] = key("gates that may fail until a date", ())
