"""Prediction logs (JSON Lines), some megabytes at a time; a broken line is counted, never fatal.

Arrow reads what looks like the server's own lines. Whatever else there is goes line by line through Python: slower by
far, but nothing that a line may hold can end the process.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json as pj

from assay.data.profiles.columns import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assay.data.profiles.columns import Kind

OK = range(200, 400)
_BLOCK = 16 << 20
_PIECE = 4 << 20
_SNIFFED = 50
# Arrow reads recursively, and ends the process where a value is nested some thousand times
_BRACKETS = 64
_LONGEST = 1000
_MOST = 2**60
_FIELDS = pa.schema(
    {
        "ts": pa.string(),
        "id": pa.string(),
        "version": pa.int64(),
        "status": pa.int64(),
        "sample": pa.float64(),
        "ms": pa.float64(),
        "probabilities": pa.list_(pa.float64()),
    }
)
_ANSWERS = ("prediction", "label")


@dataclass(frozen=True)
class Chunk:
    """Some lines.

    Attributes:
        fields: `ts`, `id`, `version`, `status`, `sample`, `ms`, `probabilities`, `prediction` and `label` of each line.
        features: Its features; a row for each line.
        whole: Whether it has features at all, booleans of shape (lines,).
        broken: Further lines that are no log line.
    """

    fields: pa.Table
    features: pd.DataFrame
    whole: pd.Series[bool]
    broken: int = 0


def read_chunks(path: Path, kinds: Mapping[str, Kind]) -> Iterator[Chunk]:
    """All lines of a file, or of all `*.jsonl` below a folder; a thread reads the next lines while the caller works.

    Args:
        path: The file or folder; a file that is deleted meanwhile is left out.
        kinds: What is known about the columns; texts of others may be taken for times.
    """
    chunks = _all_chunks(path, kinds)
    with ThreadPoolExecutor(1, "prediction-logs") as thread:
        coming = thread.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = thread.submit(next, chunks, None)
            yield chunk


def _all_chunks(path: Path, kinds: Mapping[str, Kind]) -> Iterator[Chunk]:
    for file in sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]:
        # the server deletes its oldest files
        with contextlib.suppress(FileNotFoundError), file.open("rb") as lines:
            while block := lines.read(_BLOCK):
                yield from _chunks(block + lines.readline().removesuffix(b"\n") + b"\n", kinds)


def _chunks(text: bytes, kinds: Mapping[str, Kind]) -> Iterator[Chunk]:
    starts, ends, usual = _lines(text)
    if usual.all():
        yield _read(text, len(usual), kinds)
        return
    lines = [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    if usual.any():
        yield _read(b"".join(compress(lines, usual)), int(usual.sum()), kinds)
    if odd := [line for line in compress(lines, ~usual) if line.strip()]:
        yield _parsed(odd)


def _lines(text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each line starts and ends, and whether it looks like the server's own; arrays of shape (lines,)."""
    letters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(letters == ord("\n")) + 1
    starts = np.append(0, ends[:-1])
    # one bit tells [ from {
    brackets = np.searchsorted(ends, np.flatnonzero(letters | 0x20 == ord("{")), side="right")
    usual = (letters[starts] == ord("{")) & (letters[ends - 2] == ord("}")) & (ends - starts < _PIECE)
    return starts, ends, usual & (np.bincount(brackets, minlength=len(ends)) <= _BRACKETS)


def _read(text: bytes, count: int, kinds: Mapping[str, Kind]) -> Chunk:
    """With Arrow, all `count` lines or none."""
    try:
        text.decode()
        table = _table(text, _texts(text.split(b"\n", _SNIFFED)[:_SNIFFED], kinds))
        features = table["features"].combine_chunks()
        nested = any(pa.types.is_nested(field.type) for field in features.type)
        if table.num_rows != count or nested or any(pa.types.is_nested(table[n].type) for n in _ANSWERS):
            return _parsed(text.split(b"\n")[:-1])
        frame = _frame(pa.Table.from_struct_array(features))
    except (pa.ArrowException, UnicodeDecodeError):
        return _parsed(text.split(b"\n")[:-1])
    return Chunk(table.drop_columns("features"), frame, features.is_valid().to_pandas())


def _table(text: bytes, texts: Iterable[str]) -> pa.Table:
    told = set(texts)
    # a text that looks like a time would be read as one
    features = pa.struct(
        [(name.removeprefix("features."), pa.string()) for name in told if name.startswith("features.")]
    )
    schema = pa.schema([*_FIELDS, ("features", features), *((name, pa.string()) for name in _ANSWERS if name in told)])
    table = pj.read_json(
        pa.BufferReader(text),
        pj.ReadOptions(block_size=_PIECE),
        pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    )
    for name in set(_ANSWERS) - set(table.column_names):
        table = table.append_column(name, pa.nulls(table.num_rows))
    return table.select([*_FIELDS.names, *_ANSWERS, "features"])


def _texts(lines: Sequence[bytes], kinds: Mapping[str, Kind]) -> list[str]:
    """Columns that hold texts: those of the first line, and where that has none, those that are no numbers."""
    line = next(filter(None, map(_answer, lines)), {})
    features = line.get("features", {})
    known = {f"features.{name}": value for name, value in features.items()}
    known |= {name: line[name] for name in _ANSWERS if name in line}
    told = {f"features.{name}" for name, kind in kinds.items() if kind != "number"}
    return [
        *(name for name, value in known.items() if isinstance(value, str)),
        *(name for name in told if known.get(name) is None),
    ]


def _answer(line: bytes) -> dict[str, Any]:
    entry = _entry(line)
    return entry if entry and entry["features"] else {}


def _frame(table: pa.Table) -> pd.DataFrame:
    """Texts as categories: everything that follows looks at each distinct one once."""
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    frame: pd.DataFrame = table.to_pandas(categories=texts, date_as_object=False)
    return frame


def _parsed(lines: Sequence[bytes]) -> Chunk:
    """Line by line."""
    entries = [entry for entry in map(_entry, lines) if entry]
    fields = [{name: entry[name] for name in (*_FIELDS.names, *_ANSWERS)} for entry in entries]
    schema = pa.schema([*_FIELDS, *((name, pa.string()) for name in _ANSWERS)])
    features = pd.DataFrame([_flat(entry["features"]) for entry in entries], index=range(len(entries)))
    whole = pd.Series([isinstance(entry["features"], dict) for entry in entries], dtype=bool)
    return Chunk(pa.Table.from_pylist(fields, schema), features, whole, len(lines) - len(entries))


def _entry(line: bytes) -> dict[str, Any] | None:
    """The line with all its fields, each None or of its type; None where it is no log line."""
    try:
        entry = json.loads(line.decode(errors="replace"))
        version, status, sample = entry.get("version"), entry["status"], entry.get("sample")
        known = type(status) is int and type(version) in {int, type(None)} and isinstance(entry["ts"], str)
        if (
            not known
            or not -_MOST < status < _MOST
            or not -_MOST < (version or 0) < _MOST
            or not 0 < (sample or 1) <= 1
        ):
            return None
        return {
            "ts": _clean(entry["ts"]),
            "version": version,
            "status": status,
            "sample": sample,
            "id": _clean(entry.get("id")),
            "ms": _number(entry.get("ms")),
            "probabilities": _shares(entry.get("probabilities")),
            "prediction": _clean(entry.get("prediction")),
            "label": _clean(entry.get("label")),
            "features": entry.get("features"),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) < float("inf") else None


def _shares(values: object) -> list[float] | None:
    shares = [_number(value) for value in values] if isinstance(values, list) else [None]
    return None if None in shares else shares  # type: ignore[return-value]


def _clean(value: object) -> str | None:
    return None if value is None else name_of(_scalar(value))


def _flat(features: object) -> dict[str, Any]:
    if not isinstance(features, dict):
        return {}
    return {_clean(name) or "": _scalar(value) for name, value in features.items()}


def _scalar(value: object) -> object:
    # text in place of what no column of a frame can hold
    if isinstance(value, (dict, list)) or (isinstance(value, int) and value.bit_length() > _LONGEST):
        return json.dumps(value)
    return value
