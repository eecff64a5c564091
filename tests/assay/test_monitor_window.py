import datetime as dt
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from frames import champion, people
from hypothesis import given
from hypothesis import strategies as st
from monitorkit import NOW, PROFILE, configure, lines_of, monitor, report, verdicts, write

from assay.data import logs
from assay.data.profiles.profile import Profile
from assay.errors import ArtifactError, ConfigError
from assay.monitoring.window import Question, Window, read_window

SINCE = NOW - dt.timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configure(tmp_path, 'consecutive = 1\npath = "logs"')
    champion(tmp_path / "in", 3, PROFILE, {"accuracy": 0.9})
    return tmp_path


def _read(folder: Path, **question: Any) -> Window:
    return read_window(folder, Question(since=SINCE, profile=Profile.from_json(PROFILE), **question))


def test_only_the_version_that_serves_is_judged(folder: Path) -> None:
    shifted = people(300, seed=3).assign(age=lambda f: f["age"] + 50)
    write(
        folder / "logs",
        *lines_of(people(200, seed=2), version=3),
        *lines_of(people(50, seed=4)),
        *lines_of(shifted, version=2),
        *lines_of(shifted[:7], version=4, status=500),
    )
    observed = monitor(folder).observed
    assert observed["monitor.volume"].value == 250
    assert observed["monitor.volume"].message == "lines of other versions: 300 of version 2, 7 of version 4"
    assert observed["monitor.errors"].value == 0
    assert observed["monitor.drift.columns"].value == 0
    assert report(folder)["other_versions"] == {"2": 300, "4": 7}


def test_every_file_below_the_folder_counts(folder: Path) -> None:
    write(folder / "logs/2026/a", *lines_of(people(3)))
    write(folder / "logs", *lines_of(people(4)))
    assert _read(folder / "logs").requests == 7


def test_logs_at_an_address(folder: Path) -> None:
    write(folder / "elsewhere", *lines_of(people(120, seed=2)))
    configure(folder, f'path = "file://{folder}/elsewhere/"')
    assert monitor(folder).observed["monitor.volume"].value == 120
    assert not (folder / "out/.live").exists()


def test_an_address_with_a_password_is_refused_unseen(folder: Path) -> None:
    configure(folder, 'path = "https://me:hidden@host/log.jsonl"')
    with pytest.raises(ConfigError) as caught:
        monitor(folder)
    assert "hidden" not in str(caught.value)
    assert "tool.assay.monitor.path" in str(caught.value)


def test_an_address_that_is_not_there_names_its_key(folder: Path) -> None:
    configure(folder, f'path = "fil://{folder}/elsewhere/"')
    with pytest.raises(ConfigError, match=r"tool\.assay\.monitor\.path"):
        monitor(folder)


@pytest.mark.parametrize(
    ("change", "gate", "status", "named"),
    [
        pytest.param(lambda f: f.drop(columns="city"), "missing", "fail", "city", id="missing"),
        pytest.param(lambda f: f.assign(more=1), "new", "warn", "more", id="new"),
        pytest.param(lambda f: f.assign(age="old"), "types", "fail", "age (300 values)", id="another type"),
    ],
)
def test_the_schema_is_that_of_the_model(folder: Path, change: Any, gate: str, status: str, named: str) -> None:
    write(folder / "logs", *lines_of(change(people(300, seed=2))))
    observed = monitor(folder).observed
    others = {"missing", "new", "types"} - {gate}
    assert (observed[f"monitor.schema.{gate}"].value, observed[f"monitor.schema.{gate}"].message) == (1, named)
    assert [observed[f"monitor.schema.{other}"].value for other in others] == [0, 0]
    assert verdicts(folder)[f"monitor.schema.{gate}"] == status


def test_percentiles_of_latency_have_gates(folder: Path) -> None:
    text = (folder / "pyproject.toml").read_text()
    gates = "[tool.assay.gates.monitor]\nlatency_ms = { p95 = { max = 90 } }\n"
    (folder / "pyproject.toml").write_text(text + gates)
    lines = lines_of(people(101, seed=2))
    write(folder / "logs", *({**line, "ms": number} for number, line in enumerate(lines)))
    observed = monitor(folder).observed
    assert [observed[f"monitor.latency_ms.p{q}"].value for q in (50, 95, 99)] == [50, 95, 99]
    assert verdicts(folder)["monitor.latency_ms.p95"] == "fail"


def _same(one: Window, two: Window) -> bool:
    assert one.profile
    assert two.profile
    alike = one.profile.to_json() == two.profile.to_json() and one.distinct == two.distinct
    return alike and (one.requests, one.failed, one.broken) == (two.requests, two.failed, two.broken)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f, id="plain"),
        pytest.param(lambda f: f.assign(age=f["age"].round()), id="whole numbers"),
        pytest.param(lambda f: f.assign(city="2026-01-01"), id="a text like a time"),
        pytest.param(lambda f: f.assign(city=1), id="a number as category"),
        pytest.param(lambda f: f.assign(city=f["age"] > 40), id="true and false"),
        pytest.param(lambda f: f.assign(city=None), id="nothing"),
    ],
)
def test_both_ways_to_read_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    frame = change(people(400, seed=2))
    write(tmp_path, *lines_of(frame, version=3, ms=2.5), *lines_of(frame[:3], status=500))
    fast = _read(tmp_path)
    monkeypatch.setattr(logs, "_BRACKETS", 0)
    assert _same(fast, _read(tmp_path))


def test_rows_in_pieces_are_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *lines_of(people(400, seed=2)), *lines_of(people(400, seed=2)))
    whole = _read(tmp_path)
    monkeypatch.setattr(logs, "_BLOCK", 10_000)
    pieces = _read(tmp_path)
    assert (pieces.rows, pieces.distinct) == (whole.rows, whole.distinct) == (800, 400)


@given(st.lists(st.sampled_from([b"{", b"}", b"[" * 64, b"[", b"x", b" ", b"\r", b"\n"]), min_size=1))
def test_lines_like_the_servers_own_are_told_from_all_others(parts: list[bytes]) -> None:
    text = b"".join(parts) + b"\n"
    starts, ends, usual = logs._lines(text)
    lines = io.BytesIO(text).readlines()
    assert [text[start:end] for start, end in zip(starts, ends, strict=True)] == lines
    simple = [
        line.startswith(b"{") and line.endswith(b"}\n") and line.count(b"{") + line.count(b"[") <= 64 for line in lines
    ]
    assert usual.tolist() == simple


HEAD = f'{{"ts":"{NOW.isoformat()}","status":200,"prediction":"no","features":'


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        pytest.param("null", 1, id="null"),
        pytest.param(HEAD + '{"age":' + "[" * 200_000 + "]" * 200_000 + "}}", 1, id="deep lists"),
        pytest.param(HEAD + '{"age":' * 200_000 + "1" + "}" * 200_001, 1, id="deep objects"),
        pytest.param(HEAD + '{"age":1}}' + HEAD + '{"age":1}}', 1, id="two on a line"),
        pytest.param(HEAD + '{"age":1,"age":2}}', 0, id="a key twice"),
        pytest.param(HEAD + '{"age":1', 1, id="cut off"),
        pytest.param(HEAD + '{"age":"\ud800"}}', 0, id="half a letter"),
        pytest.param(HEAD + "null}", 1, id="no features"),
        pytest.param(HEAD + '{"age":1},"version":"three"}', 1, id="a version that is none"),
        pytest.param(HEAD + '{"age":1},"version":1' + "0" * 30 + "}", 1, id="a huge version"),
        pytest.param(HEAD + '{"age":1},"sample":0}', 1, id="a sample of nothing"),
        pytest.param(HEAD + '{"age":1},"sample":"all"}', 1, id="a sample that is none"),
        pytest.param(HEAD + '{"age":1},"ms":"fast","probabilities":{"no":1}}', 0, id="odd extras"),
        pytest.param(HEAD + '{"age":1},"id":{"a":1}}', 0, id="an odd id"),
    ],
)
def test_a_hostile_line_costs_only_itself(tmp_path: Path, line: str, broken: int) -> None:
    """In a process of its own: a reader that crashes takes its process with it."""
    (tmp_path / "a.jsonl").write_bytes(line.encode("utf-8", "surrogatepass") + b"\n")
    write(tmp_path, *lines_of(people(20)), name="b.jsonl")
    code = (
        "import sys, datetime as dt; from pathlib import Path; from assay.monitoring.window import *\n"
        "found = read_window(Path(sys.argv[1]), Question(since=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))\n"
        "print(found.broken, round(found.requests))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, [str(broken), str(21 - broken)]), done.stderr


def _labelled(folder: Path, files: dict[str, Any], lines: list[dict[str, Any]], **settings: str) -> None:
    more = "\n".join(f'{name} = "{value}"' for name, value in settings.items())
    configure(folder, f'consecutive = 1\npath = "logs"\nlabels = "labels/*"\n{more}')
    write(folder / "logs", *({**line, "id": f"r{number}"} for number, line in enumerate(lines)))
    (folder / "labels").mkdir()
    for name, frame in files.items():
        _save(frame, folder / "labels" / name)


def _save(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_labels_come_later(folder: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    lines = lines_of(people(200, seed=2).assign(rich="yes"), label="no")
    early = pd.DataFrame({"id": [f"r{n}" for n in range(150)], "label": "no"})
    late = pd.DataFrame({"id": [f"r{n}" for n in range(100)] + ["unheard", "of"], "label": "yes"})
    _labelled(folder, {f"1.{suffix}": early, f"2.{suffix}": late}, lines)
    seen = monitor(folder).observed["monitor.performance.accuracy"]
    assert (seen.value, seen.baseline) == (0.5, 0.9)
    assert "200 labelled rows" in seen.message
    assert "152 labels, 2 of requests that are not in the window" in capsys.readouterr().out


def test_labels_with_columns_of_other_names(folder: Path) -> None:
    frame = pd.DataFrame({"request": [f"r{n}" for n in range(120)], "outcome": "yes"})
    lines = lines_of(people(120, seed=2).assign(rich="yes"))
    _labelled(folder, {"a.csv": frame}, lines, label_id="request", label="outcome")
    assert monitor(folder).observed["monitor.performance.accuracy"].value == 1


def test_no_labels_yet_are_no_error(folder: Path) -> None:
    _labelled(folder, {}, lines_of(people(120, seed=2)))
    assert not [name for name in monitor(folder).observed if "performance" in name]


@pytest.mark.parametrize(
    ("name", "frame", "told"),
    [
        ("a.csv", pd.DataFrame({"id": ["r1"], "y": [1]}), 'no column "label"'),
        ("a.txt", pd.DataFrame({"id": ["r1"]}), "hold no labels"),
    ],
)
def test_labels_that_cannot_be_used_are_named(folder: Path, name: str, frame: Any, told: str) -> None:
    _labelled(folder, {name: frame}, lines_of(people(3)))
    with pytest.raises(ArtifactError, match=told) as caught:
        monitor(folder)
    assert caught.value.where == f"labels {name}"


def test_damaged_parquet_labels_are_named(folder: Path) -> None:
    _labelled(folder, {}, lines_of(people(3)))
    (folder / "labels/a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ArtifactError, match="cannot be read"):
        monitor(folder)


def test_metrics_are_those_of_scikit_learn(folder: Path) -> None:
    from sklearn import metrics

    frame = people(400, seed=2)
    shares = [0.2 if row % 3 else 0.9 for row in range(400)]
    truth = ["yes" if row % 2 else "no" for row in range(400)]
    lines = lines_of(frame)
    write(
        folder / "logs",
        *(
            {**line, "label": label, "probabilities": [1 - p, p]}
            for line, label, p in zip(lines, truth, shares, strict=True)
        ),
    )
    observed = monitor(folder).observed
    said = [line["prediction"] for line in lines]
    expected = {
        "accuracy": metrics.accuracy_score(truth, said),
        "f1": metrics.f1_score(truth, said, pos_label="yes"),
        "roc_auc": metrics.roc_auc_score(truth, shares),
    }
    for name, value in expected.items():
        seen = observed[f"monitor.performance.{name}"]
        assert seen.value == pytest.approx(value)
        assert seen.interval
        assert seen.interval[0] < value < seen.interval[1]
    assert json.dumps(report(folder))
