"""Stage data-validate: read, check, split, profile, compare with what the model that serves was trained on.

The data goes through in chunks; nothing here holds all rows, so that it may be larger than memory.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.data.dataset import DatasetWriter
from assay.data.drift.baseline import read_baseline
from assay.data.drift.domain import classifier_auc
from assay.data.drift.drift import drift, drifted, overview
from assay.data.drift.plots import drift_plots
from assay.data.leakage import leakage
from assay.data.reading.sources import open_source
from assay.data.rules.checks import Checks
from assay.data.scan import scan
from assay.gates import Observed
from assay.reports import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.config import Data
    from assay.data.dataset import Counted
    from assay.data.drift.baseline import Baseline
    from assay.data.drift.drift import ColumnDrift
    from assay.data.rules.checks import Checked, Finding
    from assay.data.scan import Scanned

_SHOWN = 3
_CLASSIFIER = "data.drift.classifier"
_FEWEST = 100


def run(context: Context) -> Outcome:
    """Measure the data and write dataset and data-report."""
    data = context.config.data
    source = open_source(context.config, context.project, context.input("fetched") if context.has("fetched") else None)
    before = read_baseline(context.input("baseline"))
    checks = Checks(data, context.output("data-report") / "failures.parquet", before.now)
    with DatasetWriter(context.output("dataset"), context.output("holdout"), data) as writer:
        seen = scan(source, data, checks, writer)
    counted, checked = writer.finish(), checks.result()
    moved = drift(before.profile, seen.train, data.drift) if before.profile else {}
    _write_report(context, checked, seen, before, moved)
    observed = _schema(checked) | _quality(data, seen, counted) | _drift(data, before, moved)
    if data.drift.classifier or _CLASSIFIER in context.limits:
        observed[_CLASSIFIER] = _classifier(data, before, seen)
    message = f"{source.rows} rows ({counted.rows['train']} train, {counted.rows['holdout']} holdout)"
    message += f", {len(seen.train.columns)} columns" + (
        "" if data.schema else "; no rules in [tool.assay.data.schema]"
    )
    print(f"{message}, from {source.where}, fingerprint {counted.fingerprint[:12]}")
    facts = {"rows": counted.rows, "fingerprint": counted.fingerprint, "source": source.where}
    return Outcome(observed=observed, message=message, summary=facts | {"drift": drifted(moved)})


def _schema(checked: Checked) -> dict[str, Observed]:
    failed = [finding for finding in checked.findings if finding.severity == "fail"]
    warned = [finding for finding in checked.findings if finding.severity == "warn"]
    observed = {f"data.schema.{code}": _broken([f for f in failed if f.code == code]) for code in checked.codes}
    return observed | {"data.schema.warnings": _broken(warned)}


def _broken(findings: Sequence[Finding]) -> Observed:
    texts = [f"{f.column} {f.count} ({', '.join(map(str, f.examples[:_SHOWN]))})" for f in findings]
    more = f" and {len(texts) - _SHOWN} more columns" if len(texts) > _SHOWN else ""
    return Observed(sum(finding.count for finding in findings), message="; ".join(texts[:_SHOWN]) + more)


def _quality(data: Data, seen: Scanned, counted: Counted) -> dict[str, Observed]:
    missing = seen.missing
    alone = leakage(seen.sample, data.target, regression=data.task == "regression")
    observed = {
        "data.quality.rows": Observed(sum(counted.rows.values())),
        "data.quality.duplicates": Observed(counted.duplicates),
        "data.quality.missing": Observed(max(missing.values()), message=f"most: {_most(missing)}"),
        "data.quality.overlap": Observed(counted.overlap),
        "data.quality.leakage": Observed(max(alone.values()), message=f"most: {_most(alone)}"),
    }
    if seen.classes is not None:
        least = seen.classes.idxmin()
        share = float(seen.classes.min() / seen.classes.sum())
        observed["data.quality.class_share"] = Observed(share, message=f"rarest: {least}, {seen.classes.min()} rows")
    return observed


def _most(values: Mapping[str, float]) -> str:
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    return ", ".join(f"{name} {value:.3g}" for name, value in ranked)


def _drift(data: Data, before: Baseline, moved: Mapping[str, ColumnDrift]) -> dict[str, Observed]:
    names = ("columns", "share", "psi", "target")
    if not moved:
        return {f"data.drift.{name}": Observed(None, no_champion=True, message=before.missing) for name in names}
    return {f"data.drift.{name}": seen for name, seen in overview(moved, data.target).items()}


def _classifier(data: Data, before: Baseline, seen: Scanned) -> Observed:
    if not data.drift.classifier:
        return Observed(None, message="set classifier = true in [tool.assay.data.drift]")
    if before.samples is None:
        return Observed(None, no_champion=True, message="no model serves whose sample rows could be told apart")
    here = seen.held.drop(columns=data.target)
    rows = min(len(before.samples), len(here))
    if rows < _FEWEST:
        return Observed(0.5, inconclusive=True, message=f"{rows} rows, at least {_FEWEST} are needed on both sides")
    return Observed(classifier_auc(before.samples, here), message=f"{len(before.samples)} against {len(here)} rows")


def _write_report(
    context: Context, checked: Checked, seen: Scanned, before: Baseline, moved: Mapping[str, ColumnDrift]
) -> None:
    folder = context.output("data-report")
    write_json(folder / "profile.json", seen.train.to_json())
    columns = {name: asdict(change) for name, change in moved.items()}
    write_json(folder / "data-report.json", {"checks": _plain(checked.findings), "drift": columns})
    if before.profile:
        drift_plots(before.profile, seen.train, dict(moved), folder / "plots")


def _plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings]
