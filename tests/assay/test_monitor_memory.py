import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from frames import champion, people
from monitorkit import PROFILE, configure, hooked, lines_of, monitor, report, verdicts, write

from assay.monitoring import memory
from assay.monitoring.memory import Memory, Past

STATE = ".assay/monitor/tiny.json"
PSI = "monitor.drift.psi"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configure(tmp_path, 'path = "logs"')
    champion(tmp_path / "in", 3, PROFILE)
    return tmp_path


def _window(folder: Path, *, drifted: bool, later: bool = True) -> str:
    """The verdict on drift; `later`: the windows before are an hour older than they were."""
    frame = people(300, seed=2)
    write(folder / "logs", *lines_of(frame.assign(age=frame["age"] + 30) if drifted else frame))
    if later and (folder / STATE).exists():
        _age(folder / STATE, hours=1)
    monitor(folder)
    return verdicts(folder)[PSI]


def _age(file: Path, hours: float) -> None:
    state = json.loads(file.read_text())
    times = [(state, "start"), *((entry, "at") for entry in state["history"])]
    times += [(state["alarm"], key) for key in ("since", "sent", "triggered")] if state["alarm"] else []
    for place, key in times:
        if place[key]:
            place[key] = (dt.datetime.fromisoformat(place[key]) - dt.timedelta(hours=hours)).isoformat()
    file.write_text(json.dumps(state))


def test_the_second_window_in_a_row_stops(folder: Path) -> None:
    assert _window(folder, drifted=True) == "warn"
    assert "1 of 2 windows; against champion v3" in str(report(folder)["gates"])
    assert [_window(folder, drifted=True) for _ in range(2)] == ["fail", "fail"]


def test_a_window_that_passes_resets(folder: Path) -> None:
    drifts = (True, False, True, True)
    assert [_window(folder, drifted=drifted) for drifted in drifts] == ["warn", "pass", "warn", "fail"]


def test_the_same_window_again_is_one_window(folder: Path) -> None:
    seen = [_window(folder, drifted=True, later=later) for later in (True, False, False, True, False)]
    assert seen == ["warn", "warn", "warn", "fail", "fail"]
    assert len(json.loads((folder / STATE).read_text())["history"]) == 2


def test_another_version_starts_anew(folder: Path) -> None:
    assert _window(folder, drifted=True) == "warn"
    champion(folder / "in", 4, PROFILE)
    assert [_window(folder, drifted=True) for _ in range(2)] == ["warn", "fail"]


def test_how_many_windows_is_a_setting(folder: Path) -> None:
    configure(folder, 'path = "logs"\nconsecutive = 3\nhistory = 2')
    assert [_window(folder, drifted=True) for _ in range(3)] == ["warn", "warn", "fail"]
    assert len(json.loads((folder / STATE).read_text())["history"]) == 2


def test_too_few_rows_wait_for_a_second_window_and_no_answer_does_not(folder: Path) -> None:
    configure(folder, 'path = "logs"\nmetrics = "http://127.0.0.1:9/metrics"')
    write(folder / "logs", *lines_of(people(5, seed=2)))
    monitor(folder)
    assert verdicts(folder)[PSI] == "warn"
    assert verdicts(folder)["monitor.metrics.errors"] == "error"


def test_the_traffic_of_a_deploy_is_judged_at_once(folder: Path) -> None:
    configure(folder, "")
    deployment = folder / "in/deployment"
    write(deployment / "traffic", *lines_of(people(300, seed=2).assign(age=lambda f: f["age"] + 30)))
    (deployment / "deployment.json").write_text('{"version": 3, "status": "promoted"}')
    (deployment / "profile.json").write_text(json.dumps(PROFILE))
    monitor(folder)
    assert verdicts(folder)[PSI] == "fail"
    assert not (folder / STATE).exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema_version": 7}', '{"schema_version": 1, "start": "soon"}', "[" * 100_000],
    ids=["empty", "cut off", "a list", "another version", "no time", "deep"],
)
def test_a_damaged_state_is_begun_anew_and_told(folder: Path, text: str) -> None:
    (folder / STATE).parent.mkdir(parents=True)
    (folder / STATE).write_text(text)
    frame = people(300, seed=2)
    write(folder / "logs", *lines_of(frame.assign(age=frame["age"] + 30)))
    monitor(folder)
    assert verdicts(folder)[PSI] == "warn"
    assert "begun anew" in report(folder)["notes"][0]
    assert _window(folder, drifted=True) == "fail"


def test_where_nothing_can_be_kept_each_window_stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv(memory.STATE_VARIABLE, str(folder / "file"))
    assert _window(folder, drifted=True) == "fail"
    assert "each window is judged by itself" in str(report(folder)["notes"])


def test_the_state_lies_where_the_environment_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.STATE_VARIABLE, str(folder / "elsewhere"))
    _window(folder, drifted=False)
    assert (folder / "elsewhere/tiny.json").exists()
    assert not (folder / ".assay").exists()


def test_runs_within_the_span_never_push_it_on(folder: Path) -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    known = Memory(start=start.isoformat(), version=3, after=Past(streaks={"g": 1}))
    minutes = [known.again(start + dt.timedelta(minutes=minute), 1800, 3) for minute in (0, 29, 30, 60)]
    assert minutes == [True, True, False, False]
    assert not known.again(start, 1800, 4)
    assert folder


COUNTERS = """
assay_http_requests_total{{endpoint="predict",status="200"}} {answered}
assay_http_requests_total{{endpoint="predict",status="500"}} {failed}
assay_http_requests_total{{endpoint="livez",status="500"}} 70
assay_predicted_rows_total {answered}
assay_log_dropped_lines_total {lost}
"""


def test_metrics_are_counted_since_the_window_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([(90, 10, 0), (190, 10, 5), (8, 2, 0)])

    def answer(*_: Any) -> str:
        answered, failed, lost = next(counts)
        return COUNTERS.format(answered=answered, failed=failed, lost=lost)

    monkeypatch.setattr("assay.monitoring.scrape.ask", answer)
    configure(folder, 'path = "logs"\nmetrics = "http://host/metrics"')
    write(folder / "logs", *lines_of(people(300, seed=2)))
    found = []
    for _ in range(3):
        observed = monitor(folder).observed
        found.append(tuple(observed[f"monitor.metrics.{name}"].value for name in ("errors", "lost_lines")))
        _age(folder / STATE, hours=1)
    assert found == [(0.1, 0.0), (0.0, 0.05), (0.2, 0.0)]


def test_the_page_shows_the_windows_and_loads_nothing(folder: Path) -> None:
    for drifted in (False, True, True):
        _window(folder, drifted=drifted)
    page = (folder / "out/monitor-report/monitor.html").read_text(encoding="utf-8")
    assert page.count('<circle class="r"') >= 2
    assert 'aria-label="drift.psi"' in page
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org", "")


def test_prometheus_reads_the_text_file(folder: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    for _ in range(2):
        _window(folder, drifted=True)
    text = (folder / "out/monitor-report/monitor.prom").read_text(encoding="utf-8")
    found = {
        (sample.name, sample.labels.get("gate")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    about = {"model": "tiny", "version": "3"}
    assert found["assay_monitor_gate_stops", PSI].value == 1
    assert found["assay_monitor_gate_stops", "monitor.volume"].value == 0
    assert found["assay_monitor_observed", "monitor.volume"].labels == {**about, "gate": "monitor.volume"}
    assert found["assay_monitor_alarm", None].value == 1


@pytest.mark.parametrize("retrain", [True, False])
def test_drift_asks_for_a_retraining_once(folder: Path, *, retrain: bool) -> None:
    configure(folder, f'path = "logs"\nretrain = {str(retrain).lower()}')
    trigger, asked = folder / "out/monitor-report/trigger.txt", []
    for _ in range(3):
        _window(folder, drifted=True)
        asked.append(report(folder)["retrain"])
        assert trigger.exists() == asked[-1]
        trigger.unlink(missing_ok=True)
    assert asked == [False, retrain, False]
    assert report(folder)["trigger"] == "data"


def test_errors_ask_for_no_retraining(folder: Path) -> None:
    configure(folder, 'path = "logs"\nretrain = true\nconsecutive = 1')
    lines = lines_of(people(300, seed=2))
    write(folder / "logs", *lines, *({**line, "status": 500} for line in lines[:50]))
    monitor(folder)
    assert verdicts(folder)["monitor.errors"] == "fail"
    assert (report(folder)["trigger"], report(folder)["retrain"]) == (None, False)


def test_an_alarm_is_told_once_again_after_a_while_and_when_it_is_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(folder, 'path = "logs"\nalert = "json"\nrepeat_after = "3h"')
    with hooked() as hook:
        monkeypatch.setenv("ASSAY_ALERT_URL", hook.url)
        for drifted in (True, True, True, True, True, False, False):
            _window(folder, drifted=drifted)
        assert [body["status"] for body in hook.bodies] == ["alarm", "still", "resolved"]
    assert json.loads((folder / STATE).read_text())["alarm"] is None
