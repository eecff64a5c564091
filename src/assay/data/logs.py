"""Prediction logs (JSON Lines) of a window of time; a broken line is counted, never fatal."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_OK = range(200, 400)
_REFUSED = range(400, 500)
_LONGEST = 1000


@dataclass(frozen=True)
class Logs:
    """What the logs say.

    Attributes:
        requests: Predictions asked for in the window, answered or not; of a sample, how many it stands for.
        failed: Of these, how many the server failed to answer: status 500 and above, or 0 for no answer at all.
        broken: Lines that are no log line, whatever their time.
        older: Lines from before the window.
        features: One row for each answered prediction.
        predictions: The answers, of shape (rows,).
        labels: What turned out to be true, of shape (rows,); missing where it is not known.
    """

    requests: int
    failed: int
    broken: int
    older: int
    features: pd.DataFrame
    predictions: pd.Series[Any]
    labels: pd.Series[Any]


def read_logs(folder: Path, since: dt.datetime) -> Logs:
    """Everything in `folder/*.jsonl` from `since` (with a time zone) on."""
    broken = older = 0
    lines: list[Mapping[str, Any]] = []
    for line in _lines(folder):
        entry, time = _parsed(line)
        broken += entry is None
        older += entry is not None and time < since
        if entry is not None and time >= since:
            lines.append(entry)
    answered = [line for line in lines if line["status"] in _OK]
    return Logs(
        requests=_requests(lines),
        failed=_requests([line for line in lines if line["status"] not in _OK and line["status"] not in _REFUSED]),
        broken=broken,
        older=older,
        features=pd.DataFrame([_flat(line["features"]) for line in answered], index=range(len(answered))),
        predictions=pd.Series([_scalar(line["prediction"]) for line in answered], dtype=object),
        labels=pd.Series([_scalar(line.get("label")) for line in answered], dtype=object),
    )


def _requests(lines: Sequence[Mapping[str, Any]]) -> int:
    return round(sum(1 / float(line.get("sample", 1)) for line in lines))


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.jsonl")):
        # the server deletes its oldest files
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            yield from (line for line in file if line.strip())


def _parsed(line: str) -> tuple[Mapping[str, Any] | None, dt.datetime]:
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    try:
        entry = json.loads(line)
        time = dt.datetime.fromisoformat(entry["ts"])
        whole = type(entry["status"]) is int
        whole = whole and 0 < entry.get("sample", 1) <= 1
        if entry["status"] in _OK:
            whole = whole and isinstance(entry["features"], dict) and entry["prediction"] is not None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, never
    # a time without a zone is UTC, as the server writes it
    return (entry if whole else None), time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _flat(features: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _scalar(value) for name, value in features.items()}


def _scalar(value: object) -> object:
    # text in place of what no column of a frame can hold
    if isinstance(value, (dict, list)) or (isinstance(value, int) and value.bit_length() > _LONGEST):
        return json.dumps(value)
    return value
