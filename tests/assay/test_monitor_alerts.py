import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from frames import champion, people
from monitorkit import PROFILE, Hook, configure, hooked, lines_of, monitor, report, write

from assay.context import Outcome
from assay.monitoring import web
from assay.monitoring.alarm import decide
from assay.monitoring.memory import Alarm
from assay.monitoring.webhook import SIGNATURE, Message, send

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOSTILE = "<!channel> [click](http://bad.example) *bold*"
MESSAGE = Message(
    status="alarm",
    model="tiny",
    serving="champion v3",
    window="24h",
    at=NOW.isoformat(),
    since=NOW.isoformat(),
    gates=[{"gate": "monitor.drift.psi", "observed": 1.5, "operator": "<=", "limit": 0.25, "message": HOSTILE}],
    trigger="data",
    retrain=False,
    run="",
)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.delenv("ASSAY_ALERT_SECRET", raising=False)
    with hooked() as found:
        monkeypatch.setenv("ASSAY_ALERT_URL", found.url)
        yield found


@pytest.mark.parametrize(
    ("statuses", "asked", "told"),
    [
        ([], 1, ""),
        ([204], 1, ""),
        ([500, 503], 3, ""),
        ([429], 2, ""),
        ([500] * 9, 4, "HTTP status 500"),
        ([404], 1, "HTTP status 404"),
        ([403], 1, "HTTP status 403"),
        ([302], 1, "HTTP status 302"),
        ([307], 1, "HTTP status 307"),
    ],
    ids=[
        "good",
        "no content",
        "500 and 503",
        "429",
        "500 for good",
        "404",
        "403",
        "a redirect",
        "a redirect with body",
    ],
)
def test_what_is_tried_again(hook: Hook, statuses: list[int], asked: int, told: str) -> None:
    hook.statuses = statuses
    assert send(MESSAGE, "json", NOW) == told
    assert len(hook.got) == asked


def test_a_webhook_that_hangs_is_given_up(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_READ_SECONDS", 0.1)
    hook.delay = 0.4
    assert send(MESSAGE, "json", NOW) == "no answer in time"
    assert len(hook.got) == 4


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9/hidden-path", "no connection"),
        ("http://no-such-host.invalid/hidden-path", "no connection"),
        ("ftp://host/hidden-path", "not an address"),
        ("hidden-path", "not an address"),
        ("http://[half/hidden-path", "not an address"),
        ("", "ASSAY_ALERT_URL is not set"),
    ],
)
def test_no_failure_tells_the_address(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], url: str, told: str
) -> None:
    monkeypatch.setenv("ASSAY_ALERT_URL", url)
    assert send(MESSAGE, "json", NOW) == told
    assert "hidden-path" not in "".join(capfd.readouterr())
    assert not hook.got


def test_the_signature_covers_body_and_time(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ALERT_SECRET", "made up")
    send(MESSAGE, "json", NOW)
    headers, body = hook.got[0]
    stamp, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert int(stamp) == NOW.timestamp()
    assert digest == hmac.new(b"made up", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def test_without_a_secret_nothing_is_signed(hook: Hook) -> None:
    send(MESSAGE, "json", NOW)
    assert SIGNATURE not in hook.got[0][0]


def test_json_tells_everything(hook: Hook) -> None:
    send(MESSAGE, "json", NOW)
    body = hook.bodies[0]
    assert (body["status"], body["model"], body["trigger"], body["retrain"]) == ("alarm", "tiny", "data", False)
    assert body["gates"][0]["limit"] == 0.25


def _values(node: Any, key: str) -> list[Any]:
    """All values of `key`, however deep."""
    if isinstance(node, list):
        return [value for item in node for value in _values(item, key)]
    if not isinstance(node, dict):
        return []
    own = [node[key]] if key in node else []
    return own + [value for item in node.values() for value in _values(item, key)]


@pytest.mark.parametrize(("form", "plain"), [("slack", {"header", "plain_text", "section"}), ("teams", None)])
def test_senders_of_requests_cannot_format_a_message(hook: Hook, form: str, plain: Any) -> None:
    send(MESSAGE, form, NOW)
    kinds = set(_values(hook.bodies[0], "type"))
    assert kinds == (plain or {"message", "AdaptiveCard", "RichTextBlock", "TextRun"})
    assert HOSTILE in json.dumps(hook.bodies[0])


def _drifted(folder: Path, settings: str) -> Outcome:
    configure(folder, f'consecutive = 1\npath = "logs"\n{settings}')
    champion(folder / "in", 3, PROFILE)
    write(folder / "logs", *lines_of(people(300, seed=2).assign(age=lambda f: f["age"] + 30)))
    return monitor(folder)


def test_a_webhook_that_fails_hides_no_alarm_and_is_tried_in_the_next_run(tmp_path: Path, hook: Hook) -> None:
    hook.statuses = [404]
    outcome = _drifted(tmp_path, 'alert = "slack"')
    assert report(tmp_path)["notes"] == ["nobody was told: HTTP status 404"]
    assert "nobody was told: HTTP status 404" in outcome.message
    assert "monitor.drift.psi" in report(tmp_path)["alarm"]["gates"]
    monitor(tmp_path)
    monitor(tmp_path)
    assert len(hook.got) == 2
    assert not report(tmp_path)["notes"]


def test_nothing_left_behind_holds_the_address(tmp_path: Path, hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    hook.statuses = [500] * 9
    _drifted(tmp_path, 'alert = "teams"')
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [text for text in kept if b"hidden-path" in text]
    assert "hidden-path" not in "".join(capfd.readouterr())


def test_without_alert_nobody_is_asked(tmp_path: Path, hook: Hook) -> None:
    _drifted(tmp_path, "")
    assert not hook.got
    assert not report(tmp_path)["notes"]


SENT = Alarm(gates=("a",), since=NOW.isoformat(), sent=NOW.isoformat())


@pytest.mark.parametrize(
    ("before", "gates", "hours", "news"),
    [
        (None, [], 0, ""),
        (None, ["a"], 0, "alarm"),
        (SENT, ["a"], 1, ""),
        (SENT, ["a", "b"], 1, "alarm"),
        (SENT, ["a"], 24, "still"),
        (SENT, [], 1, "resolved"),
        (Alarm(gates=("a",), since=NOW.isoformat()), ["a"], 1, "alarm"),
        (Alarm(gates=("a",), since=NOW.isoformat()), [], 1, ""),
    ],
    ids=["quiet", "new", "known", "another gate", "lasts", "over", "nobody was told", "over before anybody was told"],
)
def test_what_is_news(before: Alarm | None, gates: list[str], hours: float, news: str) -> None:
    found = decide(before, gates, NOW + dt.timedelta(hours=hours), 86_400, retrain=False)
    assert found.news == news
