from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import ArtifactError
from assay.serving import log as module
from assay.serving import logfiles
from assay.serving.log import PredictionLog, failed_line, lines_of
from assay.serving.logfiles import LogSettings

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["ts", "id", "version", "features", "prediction", "probabilities", "ms", "status"]


def _written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text("utf-8").splitlines()]


def test_a_line_says_what_was_asked_and_answered() -> None:
    answer: dict[str, list[Any] | None] = {"predictions": ["rich"], "probabilities": [[0.2, 0.8]]}
    (line,) = lines_of("r1", 3, [{"age": 30, "job": None}], answer, 1.23456)
    assert list(line) == KEYS
    assert dt.datetime.fromisoformat(line["ts"]).utcoffset() == dt.timedelta(0)
    assert {**line, "ts": ""} == {
        "ts": "",
        "id": "r1",
        "version": 3,
        "features": {"age": 30, "job": None},
        "prediction": "rich",
        "probabilities": [0.2, 0.8],
        "ms": 1.235,
        "status": 200,
    }


def test_rows_of_one_request_have_ids_of_their_own() -> None:
    lines = lines_of("r1", 3, [{"x": 1}, {"x": 2}], {"predictions": [1.0, 2.0], "probabilities": None}, 1)
    assert [(line["id"], line["prediction"], line["probabilities"]) for line in lines] == [
        ("r1/0", 1.0, None),
        ("r1/1", 2.0, None),
    ]


def test_a_failed_request_is_one_line_of_the_same_keys() -> None:
    line = failed_line("r1", 3, 500, 2)
    assert list(line) == KEYS
    assert (line["status"], line["features"], line["prediction"]) == (500, {}, None)


def test_everything_is_written_by_the_end(tmp_path: Path) -> None:
    with PredictionLog(LogSettings(folder=tmp_path / "new" / "folder")) as log:
        for number in range(5):
            log.add([{"id": str(number), "text": "Grüße\n\u2028"}])
    found = _written(tmp_path / "new" / "folder")
    assert [line["id"] for line in found] == ["0", "1", "2", "3", "4"]
    assert found[0]["text"] == "Grüße\n\u2028"


def _add_many(log: PredictionLog, name: str) -> None:
    for number in range(200):
        log.add([{"id": f"{name}{number}", "x": "y" * 500}])


def test_many_threads_never_mix_their_lines(tmp_path: Path) -> None:
    with PredictionLog(LogSettings(folder=tmp_path)) as log:
        threads = [threading.Thread(target=_add_many, args=(log, name)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({line["id"] for line in _written(tmp_path)}) + log.dropped == 800


def test_a_full_queue_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CAPACITY", 2)
    log = PredictionLog(LogSettings(folder=tmp_path))
    for _ in range(5):
        log.add([{"id": "a"}, {"id": "b"}])
    assert log.dropped == 6


def test_a_disk_that_fails_later_stops_nobody(tmp_path: Path) -> None:
    with PredictionLog(LogSettings(folder=tmp_path / "log")) as log:
        shutil.rmtree(tmp_path / "log")
        log.add([{"id": "a"}])
    assert log.dropped == 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="prediction log cannot be written"):
        PredictionLog(LogSettings(folder=tmp_path / "file"))


def test_every_day_has_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = iter([dt.date(2026, 1, 31), dt.date(2026, 1, 31), dt.date(2026, 2, 1)])
    log = PredictionLog(LogSettings(folder=tmp_path))
    monkeypatch.setattr(logfiles, "today", lambda: next(days))
    log._write([{"id": "a"}])
    log._write([{"id": "b"}])
    log._write([{"id": "c"}])
    sizes = {path.name[12:22]: len(path.read_text().splitlines()) for path in tmp_path.iterdir()}
    assert (sizes["2026-01-31"], sizes["2026-02-01"]) == (2, 1)
