from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import ArtifactError, ConfigError
from assay.monitoring.window import Question, read_window
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


def _settings(folder: Path, **more: Any) -> LogSettings:
    return LogSettings(folder=folder, **more)


def test_a_full_file_is_followed_by_another_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("kept")
    log = PredictionLog(_settings(tmp_path, max_megabytes=0.001, keep=3))
    for number in range(12):
        log._write([{"id": str(number), "x": "y" * 600}])
    (tmp_path / "mine.jsonl").unlink()
    names = sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir())
    assert names == ["0003.jsonl", "0004.jsonl", "0005.jsonl"]
    assert [line["id"] for line in _written(tmp_path)] == ["6", "7", "8", "9", "10", "11"]
    assert log.dropped == 0


def test_a_sample_is_the_same_each_time_and_says_that_it_is_one(tmp_path: Path) -> None:
    log = PredictionLog(_settings(tmp_path, sample=0.1))
    kept = [number for number in range(10_000) if log.keeps(f"r{number}")]
    assert 900 < len(kept) < 1100
    assert kept == [number for number in range(10_000) if logfiles.sampled(f"r{number}", 0.1)]
    assert {number for number in range(10_000) if logfiles.sampled(f"r{number}", 0.05)} < set(kept)
    with log:
        log.add([failed_line("r1", 3, 500, 2)])
    assert _written(tmp_path)[0]["sample"] == 0.1


def test_monitor_reads_a_sample_as_what_it_stands_for(tmp_path: Path) -> None:
    with PredictionLog(_settings(tmp_path, sample=0.25, max_megabytes=0.0005)) as log:
        for status in (200, 200, 200, 500, 422):
            answer: dict[str, list[Any] | None] = {"predictions": [1.0], "probabilities": None}
            log.add(lines_of("r", 3, [{"x": 1.0}], answer, 1) if status == 200 else [failed_line("r", 3, status, 1)])
            time.sleep(0.05)
    found = read_window(tmp_path, Question(since=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)))
    assert len(list(tmp_path.iterdir())) > 1
    assert (found.requests, found.failed, found.broken, found.rows) == (20, 4, 0, 3)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"sample": 0}, "--log-sample"),
        ({"sample": 1.1}, "--log-sample"),
        ({"sample": float("nan")}, "--log-sample"),
        ({"max_megabytes": 0}, "--log-max-mb"),
        ({"keep": 0}, "--log-keep"),
    ],
    ids=["nothing", "more-than-all", "nan", "no-room", "no-files"],
)
def test_settings_that_make_no_sense(tmp_path: Path, wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _settings(tmp_path, **wrong)
    assert caught.value.where == where
