"""Hostile data goes through the whole stage under its supervisor and ends in an explanation or a verdict."""

from __future__ import annotations

import decimal
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from frames import people, stage_context

from assay.data.profiles.profile import profile_of
from assay.supervisor import supervise

if TYPE_CHECKING:
    from pathlib import Path

    from assay.reports import StageReport

CONFIG = """
[tool.assay]
name = "tiny"
model = "tiny:build"
[tool.assay.data]
path = "data/{name}"
target = "y"
{keys}
"""
ROWS = "".join(f"{n},{'ab'[n % 2]}\n" for n in range(100))
DATES = b"x,y\n" + b"".join(b"2024-01-%02d,%c\n" % (n % 28 + 1, b"ab"[n % 2]) for n in range(90))


def parquet(**columns: Any) -> bytes:
    rows = len(next(iter(columns.values())))
    file = io.BytesIO()
    pq.write_table(pa.table({**columns, "y": ["ab"[n % 2] for n in range(rows)]}), file)
    return file.getvalue()


def validate(folder: Path, name: str, content: bytes, keys: str = "") -> StageReport:
    (folder / "project/data").mkdir(parents=True)
    (folder / "project/data" / name).write_bytes(content)
    (folder / "project/pyproject.toml").write_text(CONFIG.format(name=name, keys=keys), encoding="utf-8")
    baseline = pd.DataFrame({"x": np.arange(500.0), "y": ["ab"[n % 2] for n in range(500)]})
    (folder / "in/baseline").mkdir(parents=True)
    (folder / "in/baseline/profile.json").write_text(json.dumps(profile_of(baseline, "y").to_json()))
    report = supervise(stage_context("data-validate", folder / "project", folder / "in", folder / "out"), timeout=60)
    assert report.exit_code != 1, report.message
    assert "Traceback" not in report.message
    return report


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("a.csv", b"", "empty", id="empty file"),
        pytest.param("a.csv", b"x,y\n", "row", id="header only"),
        pytest.param("a.csv", b"x,y\n1,a\n", "always 'a'", id="one row"),
        pytest.param("a.csv", b"x,x,y\n1,2,a\n2,3,b\n", "x", id="duplicate names"),
        pytest.param("a.csv", "x,y\né,a\nü,b\n".encode("latin-1"), "encoding", id="not utf-8"),
        pytest.param("a.csv", b'x,y\n"1,a\n2,b\n', "quote", id="open quote"),
        pytest.param("a.csv", b"x,y\n1,a\n2,b,c\n", "3", id="too many fields"),
        pytest.param("a.csv", f"x,y\n{ROWS}?,a\n".encode(), "missing", id="mixed types"),
        pytest.param("a.jsonl", b'{"x":1,"y":"a"}\n{"x":\n', "a.jsonl", id="broken JSON"),
        pytest.param("a.jsonl", b'{"x":{"q":1},"y":"a"}\n', "x", id="nested JSON"),
        pytest.param("a.parquet", parquet(x=list(range(100)))[:300], "a.parquet", id="truncated Parquet"),
        pytest.param("a.parquet", b"PAR1nonsensePAR1", "a.parquet", id="no Parquet"),
        pytest.param("a.parquet", parquet(x=[[1]] * 100), "x", id="lists"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    report = validate(tmp_path, name, content)
    assert report.exit_code in {2, 4}
    assert says in report.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv", b"\xef\xbb\xbfy,x\n" + b"a,1\nb,2\n" * 20, id="BOM"),
        pytest.param("a.csv", f"x,y\n{ROWS}".replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param("a.csv", b'x,y\n"a ""quote"",\n and a line",a\nplain,b\n' * 1 + b"plain,b\n" * 50, id="quotes"),
        pytest.param("a.csv", b"x,c,gone,y\n" + b"1,5,,a\n2,5,,b\n" * 50, id="constant and all missing"),
        pytest.param("a.csv", b"x,y\ninf,a\n-inf,b\n" + ROWS.encode(), id="infinities"),
        pytest.param("a.csv", DATES, id="dates as text"),
        pytest.param("a.parquet", parquet(x=[2**53 + n for n in range(100)]), id="beyond 2**53"),
        pytest.param("a.parquet", parquet(x=[decimal.Decimal(n) / 3 for n in range(100)]), id="decimals"),
        pytest.param("a.parquet", parquet(x=pa.array(range(100), pa.timestamp("us", "Asia/Tokyo"))), id="time zones"),
        pytest.param("a.parquet", parquet(x=[f"c{n}" for n in range(100_000)]), id="100,000 categories"),
        pytest.param("a.parquet", parquet(x=pa.nulls(100)), id="nothing at all"),
        pytest.param("a.parquet", parquet(x=[True, None] * 50), id="truth with gaps"),
    ],
)  # fmt: skip
def test_what_can_be_read_is_judged(tmp_path: Path, name: str, content: bytes) -> None:
    report = validate(tmp_path, name, content)
    assert report.exit_code in {0, 3}, report.message
    assert {ref.name for ref in report.outputs} == {"dataset", "holdout", "data-report"}
    assert {gate.status for gate in report.gates} <= {"pass", "fail", "warn", "inconclusive"}


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.data.rules.checks import Checks

    add = Checks.add

    def slow(self: Checks, chunk: pd.DataFrame) -> None:
        (tmp_path / "project/data/a.csv").write_text("x,y\n1,a\n2,b\n")
        add(self, chunk)

    monkeypatch.setattr(Checks, "add", slow)
    report = validate(tmp_path, "a.csv", f"x,y\n{ROWS}".encode())
    assert report.exit_code == 2
    assert "changed" in report.message


def test_categorical_frames_of_a_load_and_gaps_everywhere(tmp_path: Path) -> None:
    frame = (
        people(300).mask(np.random.default_rng(0).random((300, 4)) < 0.3).assign(y=["ab"[n % 2] for n in range(300)])
    )
    file = io.BytesIO()
    frame.to_parquet(file)
    assert validate(tmp_path, "a.parquet", file.getvalue()).exit_code in {0, 3}
