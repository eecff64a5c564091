"""A Great Expectations suite: read from its file, held against rows. Nothing is printed, sent or written."""

from __future__ import annotations

import json
import logging
import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.errors import ConfigError, ConfigErrors, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

_SUITE = "a suite as Great Expectations writes it: an object with a list of expectations"
_PLACE = "place"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What Great Expectations said about one expectation.

    Attributes:
        type: `expect_...`.
        severity: critical, warning or info.
        kwargs: What the expectation asks for.
        met: None where Great Expectations could not tell.
        result: Its numbers and examples, as plain JSON values.
        error: Why it could not tell.
    """

    type: str
    severity: str
    kwargs: Mapping[str, Any]
    met: bool | None
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def read_suite(path: Path, where: str) -> list[dict[str, Any]]:
    """The expectations of a suite's file, in the shape of version 1.

    Args:
        path: The file.
        where: The key that names it, for messages.

    Raises:
        ConfigError: It cannot be read or is not a suite.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"the suite cannot be read: {error.strerror}", where, "a file in the project") from None
    except ValueError as error:
        raise ConfigError(f"the suite is not JSON: {error}", where, _SUITE) from None
    found = data.get("expectations") if isinstance(data, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigError("the file is not a suite", where, _SUITE)
    if not found:
        raise ConfigError("the suite has no expectations", where, next="add some, or take the key away")
    # before version 1 the type had another key
    return [{"type": one.get("expectation_type"), **one} for one in found]


def ask(wanted: Sequence[Mapping[str, Any]], rows: pd.DataFrame, where: str) -> list[Told]:
    """What Great Expectations says about `rows`, one answer for each of `wanted`, in their order.

    Raises:
        ConfigError: It does not know an expectation, or not with these settings.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        expectations = _built(wanted, where)
        nowhere = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
        config = DataContextConfig(store_backend_defaults=nowhere, progress_bars=ProgressBarsConfig(globally=False))
        asset = (
            gx.get_context(mode="ephemeral", project_config=config)
            .data_sources.add_pandas("dataset")
            .add_dataframe_asset("rows")
        )
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
        return _validated(batch, expectations)


def _built(wanted: Sequence[Mapping[str, Any]], where: str) -> list[Any]:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known, built, wrong = list_registered_expectation_implementations(), [], []
    for number, one in enumerate(wanted, start=1):
        kind, at = str(one["type"]), f"{where}, expectation {number}"
        if kind not in known:
            wrong.append(ConfigError(f'unknown expectation "{kind}"', at, next=did_you_mean(kind, known)))
            continue
        given = {key: one[key] for key in ("kwargs", "severity") if key in one}
        try:
            # results come in an order of their own, and only this tells which one each belongs to
            built.append(ExpectationConfiguration(type=kind, meta={_PLACE: number}, **given).to_domain_obj())
        except Exception as error:  # noqa: BLE001 - whatever a wrong file makes it raise
            wrong.append(ConfigError(f"{kind}: {_why(error)}", at))
    if wrong:
        raise wrong[0] if len(wrong) == 1 else ConfigErrors(wrong)
    return built


def _why(error: Exception) -> str:
    """The reason on one line; of pydantic's errors without its own words around it."""
    if hasattr(error, "errors"):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return _line(error)


def _line(words: object) -> str:
    return " ".join(str(words).split())


def _validated(batch: Any, expectations: Sequence[Any]) -> list[Told]:  # noqa: ANN401 - great_expectations is untyped here
    """What comes of each, in their order.

    Together they share what they count, which one by one takes twenty times as long; one that makes all of them raise
    is found by halving.
    """
    import great_expectations as gx

    try:
        answer = batch.validate(gx.ExpectationSuite(name="suite", expectations=list(expectations)))
        found = {one.expectation_config.meta[_PLACE]: _plain(one.to_json_dict()) for one in answer.results}
        return [_told(found[one.meta[_PLACE]]) for one in expectations]
    except Exception as error:  # noqa: BLE001 - whatever an expectation raises is what is told of it
        if len(expectations) > 1:
            half = len(expectations) // 2
            return _validated(batch, expectations[:half]) + _validated(batch, expectations[half:])
        asked, why = expectations[0].configuration, f"{type(error).__name__}: {_line(error)}"
        return [Told(type=asked.type, severity=_severity(asked.severity), kwargs=asked.kwargs, met=None, error=why)]


def _plain(answer: Mapping[str, Any]) -> dict[str, Any]:
    """With words for infinities, which JSON has no number for."""
    return dict(json.loads(json.dumps(answer), parse_constant=str))


def _told(answer: Mapping[str, Any]) -> Told:
    asked, info = answer["expectation_config"], answer["exception_info"]
    # one exception, or one for each metric that raised
    raised = [one for one in ([info] if "raised_exception" in info else info.values()) if one["raised_exception"]]
    return Told(
        type=asked["type"],
        severity=_severity(asked["severity"]),
        kwargs={key: value for key, value in asked["kwargs"].items() if key != "batch_id"},
        met=None if raised else bool(answer["success"]),
        result=answer["result"],
        error="; ".join(sorted({_line(one["exception_message"]) for one in raised})),
    )


def _severity(severity: Any) -> str:  # noqa: ANN401 - an enumeration of Great Expectations, or its value
    return str(getattr(severity, "value", severity))
