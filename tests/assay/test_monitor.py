import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from frames import champion, people
from monitorkit import CONFIG, NOW, PROFILE, lines_of, monitor, report, write

from assay.data.profiles.profile import profile_of
from assay.errors import ArtifactError, ConfigError
from assay.monitoring.window import Question, read_window


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(f'{CONFIG}consecutive = 1\npath = "logs"\n', encoding="utf-8")
    champion(tmp_path / "in", 3, PROFILE, {"accuracy": 0.9})
    return tmp_path


def test_quiet_traffic(folder: Path) -> None:
    write(folder / "logs", *lines_of(people(500, seed=2)))
    outcome = monitor(folder)
    values = {name: seen.value for name, seen in outcome.observed.items()}
    drift = {"monitor.drift.columns": 0, "monitor.drift.psi": pytest.approx(0, abs=0.05)}
    schema = dict.fromkeys(("monitor.schema.missing", "monitor.schema.types", "monitor.schema.new"), 0)
    assert outcome.message.startswith("500 predictions in 24h, against")
    assert values == {"monitor.volume": 500, "monitor.errors": 0, **schema, **drift}
    assert {gate["status"] for gate in report(folder)["gates"]} == {"pass"}


@pytest.mark.parametrize(
    ("change", "column"),
    [
        pytest.param(lambda f: f.assign(age=f["age"] + 20), "age", id="a feature"),
        pytest.param(lambda f: f.assign(rich="yes"), "rich", id="the predictions"),
        pytest.param(lambda f: f.drop(columns="city"), "city", id="a feature is gone"),
    ],
)
def test_drift_fails_and_names_the_column(folder: Path, change: Any, column: str) -> None:
    write(folder / "logs", *lines_of(change(people(300, seed=2))))
    outcome = monitor(folder)
    seen, columns = (outcome.observed[f"monitor.drift.{name}"] for name in ("psi", "columns"))
    assert f"most: {column} " in seen.message
    assert (columns.value, columns.message) == (1, f"against champion v3; {column}")
    status = {gate["gate"]: gate["status"] for gate in report(folder)["gates"]}
    assert (status["monitor.drift.psi"], status["monitor.drift.columns"]) == ("fail", "warn")
    assert [row["column"] for row in outcome.summary["drift"]] == [column]


def test_the_report_tells_each_column(folder: Path) -> None:
    frame = people(300, seed=2)
    write(folder / "logs", *lines_of(frame.assign(age=frame["age"] + 20, more=1).drop(columns="city")))
    monitor(folder)
    found = report(folder)
    assert {name: column["drifted"] for name, column in found["drift"].items()} == {
        "age": True, "children": False, "city": True, "rich": False,
    }  # fmt: skip
    assert found["drift"]["city"]["why"] == "the column is missing"
    assert found["drift"]["age"]["wasserstein"] > 1.5
    assert found["new_columns"] == ["more"]


def test_thresholds_and_fewest_rows_are_those_of_the_project(folder: Path) -> None:
    settings = "[tool.assay.data.drift]\npsi = 90\njensen_shannon = 1\nwasserstein = 90\nkolmogorov_smirnov = 1\n"
    (folder / "pyproject.toml").write_text(
        f'{CONFIG}consecutive = 1\npath = "logs"\nmin_rows = 40\n{settings}', encoding="utf-8"
    )
    write(folder / "logs", *lines_of(people(50, seed=2).assign(age=lambda f: f["age"] + 60)))
    seen = monitor(folder).observed["monitor.drift.columns"]
    assert (seen.value, seen.inconclusive) == (0, False)


def test_rows_that_repeat_are_few(folder: Path) -> None:
    write(folder / "logs", *lines_of(people(40, seed=2)) * 10)
    seen = monitor(folder).observed["monitor.drift.columns"]
    assert seen.inconclusive
    assert seen.message.startswith("40 different rows, at least 100 are needed")


def test_a_profile_of_another_version_of_assay_is_no_baseline(folder: Path) -> None:
    champion(folder / "in", 3, {"schema_version": 1, "rows": 3})
    write(folder / "logs", *lines_of(people(200)))
    seen = monitor(folder).observed["monitor.drift.columns"]
    assert (seen.no_champion, seen.message) == (
        True,
        "the data profile of the model that serves is of another version of Assay",
    )


@pytest.mark.parametrize(("rows", "status"), [(0, "inconclusive"), (99, "inconclusive"), (100, "pass")])
def test_few_rows_are_inconclusive(folder: Path, rows: int, status: str) -> None:
    write(folder / "logs", *lines_of(people(rows, seed=5)))
    monitor(folder)
    assert {g["gate"]: g["status"] for g in report(folder)["gates"]}["monitor.drift.psi"] == status


def test_an_empty_window_fails_its_volume_gate(folder: Path) -> None:
    old = (NOW - dt.timedelta(days=2)).isoformat()
    write(folder / "logs", *lines_of(people(200), ts=old))
    seen = monitor(folder).observed["monitor.volume"]
    assert (seen.value, seen.message) == (0, "200 lines older than 24h")
    assert {g["gate"]: g["status"] for g in report(folder)["gates"]}["monitor.volume"] == "fail"


def test_errors_are_those_of_the_server(folder: Path) -> None:
    empty: dict[str, Any] = {"features": {}, "prediction": None}
    lines = lines_of(people(96, seed=2))
    write(folder / "logs", *lines, *({**lines[0], **empty, "status": code} for code in (422, 500, 503, 0)))
    outcome = monitor(folder)
    assert outcome.observed["monitor.errors"].value == pytest.approx(0.03)
    assert outcome.observed["monitor.volume"].value == 100


HOSTILE = [
    "",
    "{",
    "null",
    "[]",
    "3",
    '"text"',
    "\x00\xff",
    "[" * 5000,
    json.dumps({"ts": "yesterday", "status": 200}),
    json.dumps({"ts": 12, "status": 200}),
    json.dumps({"ts": NOW.isoformat()}),
    json.dumps({"ts": NOW.isoformat(), "status": "200"}),
    json.dumps({"ts": NOW.isoformat(), "status": True}),
    json.dumps({"ts": NOW.isoformat(), "status": 200, "features": [], "prediction": 1}),
    json.dumps({"ts": NOW.isoformat(), "status": 200, "features": {}}),
    json.dumps({"ts": NOW.isoformat(), "status": 200, "features": {}, "prediction": None}),
    "{" + f'"ts": "{NOW.isoformat()}", "status": 200, "prediction": 1, "features": {{"a": {"9" * 5000}}}' + "}",
]


def test_broken_lines_are_counted_and_not_fatal(folder: Path) -> None:
    write(folder / "logs", *HOSTILE, *lines_of(people(120, seed=2)))
    outcome = monitor(folder)
    assert outcome.observed["monitor.volume"].value == 120
    assert outcome.observed["monitor.volume"].message == f"{len(HOSTILE) - 1} broken lines"
    assert report(folder)["broken_lines"] == len(HOSTILE) - 1


def test_odd_values_are_measured_not_fatal(folder: Path) -> None:
    odd: list[Any] = [{"deep": [1]}, [1, 2], 10**400, "text", True, None, float("nan"), float("inf"), "\ud800"]
    lines = lines_of(people(120, seed=2))
    strange = [{**lines[0], "prediction": v or 0, "features": {"age": v, "city": v, "children": v}} for v in odd]
    write(folder / "logs", *lines, *strange)
    assert monitor(folder).observed["monitor.drift.psi"].value is not None


def test_a_time_without_zone_is_utc(tmp_path: Path) -> None:
    write(tmp_path, *lines_of(people(3), ts=NOW.replace(tzinfo=None).isoformat()))
    assert read_window(tmp_path, Question(since=NOW - dt.timedelta(minutes=1))).requests == 3


@pytest.mark.parametrize(
    ("label", "rows", "accuracy", "inconclusive"),
    [("yes", 200, 1.0, False), ("no", 200, 0.0, False), ("yes", 50, 1.0, True)],
)
def test_accuracy_where_labels_are_known(
    folder: Path,
    label: str,
    rows: int,
    accuracy: float,
    inconclusive: bool,  # noqa: FBT001
) -> None:
    known = lines_of(people(rows, seed=2).assign(rich="yes"), label=label)
    write(folder / "logs", *known, *lines_of(people(10, seed=3), label=None))
    seen = monitor(folder).observed["monitor.performance.accuracy"]
    assert (seen.value, seen.baseline, seen.inconclusive) == (accuracy, 0.9, inconclusive)


@pytest.mark.parametrize(("label", "error"), [(41.0, 1.0), ("41", 1.0), ("forty", None)])
def test_mean_absolute_error_for_numbers(folder: Path, label: object, error: float | None) -> None:
    champion(folder / "in", 3, profile_of(people().rename(columns={"age": "rich", "rich": "age"}), "rich"))
    write(folder / "logs", *lines_of(people(120).assign(rich=40.0), label=label))
    monitor(folder)
    observed = monitor(folder).observed["monitor.performance.mae"].value
    assert observed == error or (error is None and observed != observed)  # noqa: PLR0124 - NaN, which no gate lets pass


def test_nothing_serves_and_no_logs_is_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    champion(tmp_path / "in")
    outcome = monitor(tmp_path)
    assert all(seen.no_champion for seen in outcome.observed.values())
    assert outcome.message == "no model serves and there are no prediction logs, nothing to look at"


def test_a_model_serves_but_no_logs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    champion(tmp_path / "in", 3, PROFILE)
    outcome = monitor(tmp_path)
    assert [(seen.value, seen.no_champion) for seen in outcome.observed.values()] == [(None, False)] * 7
    assert "set path in [tool.assay.monitor]" in outcome.message


def test_logs_but_no_model(folder: Path) -> None:
    champion(folder / "in")
    write(folder / "logs", *lines_of(people(200)))
    outcome = monitor(folder)
    assert outcome.observed["monitor.drift.psi"].no_champion
    assert outcome.observed["monitor.volume"].value == 200


def test_the_traffic_and_the_profile_of_the_deployment_of_thismonitor(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    champion(tmp_path / "in", 3, profile_of(people().assign(age=lambda f: f["age"] + 100), "rich"))
    deployment = tmp_path / "in/deployment"
    write(deployment / "traffic", *lines_of(people(200, seed=2)))
    (deployment / "deployment.json").write_text('{"version": 4, "status": "promoted"}', encoding="utf-8")
    (deployment / "profile.json").write_text(json.dumps(PROFILE), encoding="utf-8")
    outcome = monitor(tmp_path)
    seen = outcome.observed["monitor.drift.psi"]
    assert seen.value == pytest.approx(0, abs=0.06)
    assert seen.message.startswith("against version 4")
    assert "200 predictions in 24h, all of them of the deployment's own smoke test and canary" in outcome.message


def test_a_log_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match='there is no folder "logs"'):
        monitor(folder)


def test_a_champion_without_profile_is_named(folder: Path) -> None:
    (folder / "in/champion/profile.json").unlink()
    write(folder / "logs", *lines_of(people(5)))
    with pytest.raises(ArtifactError, match="no data profile"):
        monitor(folder)
