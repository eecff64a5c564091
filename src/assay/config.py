"""`[tool.assay]`: its keys, types, defaults and meaning, each defined once. Standard library only."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any, Literal

from assay.gates import Waiver  # noqa: TC001 - schema.build reads the annotations
from assay.schema import between, key

_DOTTED = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,62}$")
_SIZE = re.compile(r"^(\d+)\s*(MiB|GiB|MB|GB)$")
_UNITS = {"MiB": 2**20, "GiB": 2**30, "MB": 10**6, "GB": 10**9}
_SECRET = re.compile(r"(^|&)[\w-]*(sig|signature|token|key|secret|password|credential)[\w-]*=", re.IGNORECASE)
_SPAN = re.compile(r"^(\d+)\s*([smhd])$")
Severity = Literal["fail", "warn"]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _dotted(value: str) -> str:
    return "" if _DOTTED.match(value) else '"package.module:function"'


def _name(value: str) -> str:
    return "" if _NAME.match(value) else "lower-case letters, digits and hyphens, a letter first"


def _size(value: str) -> str:
    return "" if _SIZE.match(value) else 'a size such as "4GiB" or "512MiB"'


def _span(value: str) -> str:
    return "" if _SPAN.match(value) else 'a time span such as "24h", "30m" or "7d"'


def _one_character(value: str) -> str:
    return "" if len(value) == 1 else "one character"


def _encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        return 'an encoding that Python knows, such as "utf-8", "latin-1" or "cp1252"'
    return ""


def _no_credentials(value: str) -> str:
    """Addresses stand in plans, reports and caches, where a password or a signature would be read by many."""
    host, _, rest = value.partition("://")[2].partition("/")
    secret = "@" in host or _SECRET.search(rest.partition("?")[2])
    return "an address without password or signature; those belong into the environment" if secret else ""


def _holdout(value: float | str) -> str:
    ok = bool(value) if isinstance(value, str) else 0 < value < 1
    return "" if ok else "a share between 0 and 1, or the name of a true/false column that marks holdout rows"


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        return f"a regular expression ({error})"
    return ""


def _steps(value: tuple[int, ...]) -> str:
    ok = bool(value) and value[-1] == 100 and list(value) == sorted(set(value)) and value[0] > 0  # noqa: PLR2004 - percent
    return "" if ok else "rising percentages that end in 100"


def to_bytes(size: str | None) -> int | None:
    """`"4GiB"` in bytes; None stays None."""
    match = _SIZE.match(size or "")
    return int(match.group(1)) * _UNITS[match.group(2)] if match else None


def to_seconds(span: str) -> int:
    """`"24h"` in seconds."""
    match = _SPAN.match(span)
    return int(match.group(1)) * _SECONDS[match.group(2)] if match else 0


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
    pattern: str | None = key("regular expression that each value must match in full", None, check=_pattern)
    max_missing: float = key("largest share of missing values", 1.0, check=between(0, 1))
    unique: bool = key("no value twice", default=False)
    max_age: str | None = key("oldest that the newest value of a datetime may be", None, check=_span)
    severity: Severity = key("what a broken rule does: stop the run, or only say so", "fail")


@dataclass(frozen=True, kw_only=True)
class Expression:
    """`[tool.assay.data.expressions.<name>]`: a rule over several columns, true or false for each row."""

    rule: str = key("what must hold, as pandas evaluates it: `start <= end`")
    severity: Severity = key("what a broken rule does: stop the run, or only say so", "fail")


@dataclass(frozen=True, kw_only=True)
class Csv:
    """`[tool.assay.data.csv]`: how text files are written, for projects without `load`."""

    delimiter: str = key("character between two fields", ",", check=_one_character)
    encoding: str = key("encoding of the text", "utf-8", check=_encoding)
    decimal: str = key("character before the decimals", ".", check=_one_character)


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
        check=_no_credentials,
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
        "share of rows kept for model-validate, or a column that marks them", 0.2, check=_holdout
    )
    seed: int = key("seed of the random split", 0)
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


@dataclass(frozen=True, kw_only=True)
class Canary:
    """`[tool.assay.deploy.canary]`: how traffic moves to the candidate."""

    steps: tuple[int, ...] = key(
        "percent of requests that go to the candidate, step by step", (10, 50, 100), check=_steps
    )
    min_requests: int = key(
        "requests the candidate must have answered before a step is judged", 50, check=between(1, 10**6)
    )


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """`[tool.assay.deploy]`: where and how a model goes live."""

    target: Literal["local"] = key("where the model runs", "local")
    canary: Canary = key("how traffic moves to the candidate", Canary())
    ready_timeout: str = key("how long a version may take to get ready", "60s", check=_span)


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """`[tool.assay.monitor]`: the live data that is looked at."""

    path: str | None = key("folder of prediction logs (JSON Lines); absent: the traffic of this run's deploy", None)
    window: str = key("how far back to look", "24h", check=_span)
    min_rows: int = key("fewer rows than this are inconclusive", 100, check=between(1, 10**9))


@dataclass(frozen=True, kw_only=True)
class Resources:
    """`[tool.assay.resources.<stage>]`: what a stage may use."""

    timeout: str = key("longest time the stage may take", "60m", check=_span)
    memory: str | None = key("most memory the stage may use", None, check=_size)
    gpu: bool = key("the stage gets the host's GPUs", default=False)


@dataclass(frozen=True, kw_only=True)
class Config:
    """`[tool.assay]`: everything that a project says about itself."""

    name: str = key("name of the model in the registry", check=_name)
    load: str | None = key(
        "(data: Path) -> pandas.DataFrame; absent: read as [tool.assay.data] says", None, check=_dotted
    )
    model: str = key("(params: dict) -> estimator with fit and predict", check=_dotted)
    metrics: str | None = key("(model, X, y) -> dict[str, float]", None, check=_dotted)
    requirements: str | None = key("requirements file with the project's own packages", None)
    code: Code = key("what code-test looks at", Code())
    data: Data = key("where the data is and what it means")
    params: dict[str, Any] = key("handed to `model` as they are", {})
    gates: dict[str, dict[str, Any]] = key("limits by stage and gate", {})
    deploy: Deploy = key("where and how a model goes live", Deploy())
    monitor: Monitor = key("the live data that is looked at", Monitor())
    resources: dict[str, Resources] = key("limits on time and memory by stage", {})
    triggers: dict[str, tuple[str, ...]] = key("stages by trigger", {})
    waivers: tuple[Waiver, ...] = key("gates that may fail until a date", ())
