"""Stage data-validate: load, check, split, profile, compare with what the model that serves was trained on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.context import Context, Outcome
from assay.data.checks import Checked, check
from assay.data.drift import ColumnDrift, drift, worst
from assay.data.loading import load
from assay.data.profile import profile_of
from assay.data.split import Split, split
from assay.errors import ArtifactError
from assay.gates import Observed
from assay.reports import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from assay.config import Data


def run(context: Context) -> Outcome:
    """Measure the data and write dataset and data-report."""
    data = context.config.data
    frame = load(context.config, context.project)
    rows = split(frame, data)
    marker = [data.holdout] if isinstance(data.holdout, str) else []
    columns = frame.drop(columns=marker)
    checked = check(columns, data.schema, strict=data.strict)
    profile = profile_of(rows.train, data.target)
    before = _baseline(context)
    moved = {} if before is None else drift(before, rows.train)
    fingerprint = _write_dataset(context.output("dataset"), rows, data)
    _write_report(context.output("data-report"), checked, profile, moved)
    observed = _schema(checked) | _quality(columns, rows) | {"data.drift.psi": _drift(moved)}
    counts = {"train": len(rows.train), "holdout": len(rows.holdout)}
    message = f"{len(frame)} rows ({counts['train']} train, {counts['holdout']} holdout), {columns.shape[1]} columns"
    message += "" if data.schema else "; no rules in [tool.assay.data.schema]"
    summary = {"rows": counts, "fingerprint": fingerprint}
    print(f"{message}, fingerprint {fingerprint[:12]}")
    return Outcome(observed=observed, message=message, summary=summary)


def _schema(checked: Checked) -> dict[str, Observed]:
    observed = {}
    for code in checked.codes:
        broken = [finding for finding in checked.findings if finding.code == code]
        texts = [f"{f.column} {f.count} ({', '.join(map(str, f.examples[:3]))})" for f in broken]
        more = f" and {len(texts) - 3} more columns" if len(texts) > 3 else ""  # noqa: PLR2004 - what fits in a table
        total = sum(finding.count for finding in broken)
        observed[f"data.schema.{code}"] = Observed(total, message="; ".join(texts[:3]) + more)
    return observed


def _quality(frame: pd.DataFrame, rows: Split) -> dict[str, Observed]:
    missing = frame.isna().mean()
    trained = _row_hashes(rows.train)
    return {
        "data.quality.rows": Observed(len(frame)),
        "data.quality.duplicates": Observed(float(_row_hashes(frame).duplicated().mean())),
        "data.quality.missing": Observed(float(missing.max()), message=f"most: {missing.idxmax()}"),
        "data.quality.overlap": Observed(float(_row_hashes(rows.holdout).isin(trained).mean())),
    }


def _drift(moved: dict[str, ColumnDrift]) -> Observed:
    if not moved:
        return Observed(None, no_champion=True, message="no model serves yet and no baseline is committed")
    largest, which = worst(moved)
    return Observed(largest, message=which)


def _baseline(context: Context) -> dict[str, Any] | None:
    path = context.input("baseline") / "profile.json"
    return _read(path) if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        profile = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"not a data profile: {error}", where=path.name) from None
    if not isinstance(profile, dict):
        raise ArtifactError(f"not a data profile but a {type(profile).__name__}", where=path.name)
    return profile


def _row_hashes(frame: pd.DataFrame) -> pd.Series[int]:
    return pd.util.hash_pandas_object(frame, index=False)


def _write_dataset(folder: Path, rows: Split, data: Data) -> str:
    total = hashlib.sha256()
    for name, side in (("train", rows.train), ("holdout", rows.holdout)):
        side.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
        total.update(f"{name} {[(column, str(kind)) for column, kind in side.dtypes.items()]}\n".encode())
        total.update(_row_hashes(side).to_numpy().astype("<u8").tobytes())
    facts = {
        "fingerprint": total.hexdigest(),
        "rows": {"train": len(rows.train), "holdout": len(rows.holdout)},
        "columns": {str(name): str(kind) for name, kind in rows.train.dtypes.items()},
        "target": data.target,
        "task": data.task,
        "positive": data.positive,
    }
    write_json(folder / "dataset.json", facts)
    return total.hexdigest()


def _write_report(folder: Path, checked: Checked, profile: dict[str, Any], moved: dict[str, ColumnDrift]) -> None:
    write_json(folder / "profile.json", profile)
    columns = {name: asdict(value) for name, value in moved.items()}
    findings = [asdict(finding) for finding in checked.findings]
    write_json(folder / "data-report.json", {"checks": findings, "drift": columns})
    checked.failures.to_parquet(folder / "failures.parquet", index=False, compression="zstd")
