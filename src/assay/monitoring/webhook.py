"""Sends the news of an alarm: as JSON, or as Slack and Teams want it; signed where there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from assay.monitoring.web import Unanswered, ask

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

URL_VARIABLE, SECRET_VARIABLE = "ASSAY_ALERT_URL", "ASSAY_ALERT_SECRET"
SIGNATURE = "X-Assay-Signature"
_LONGEST = 2900
_WORDS = {"alarm": "Alarm", "still": "Still an alarm", "resolved": "Resolved"}


@dataclass(frozen=True, kw_only=True)
class Message:
    """What somebody is told.

    Attributes:
        status: alarm, still or resolved.
        model: Name of the model.
        serving: The version that was looked at, for people.
        window: How far back was looked.
        at: Now, ISO.
        since: When the alarm began, ISO.
        gates: The gates that stop: `gate`, `observed`, `operator`, `limit`, `message`.
        trigger: `data` where they ask for a model of newer data, else empty.
        retrain: Whether a run of that trigger is asked for.
        run: Address of the CI run, where it is known.
    """

    status: str
    model: str
    serving: str
    window: str
    at: str
    since: str
    gates: Sequence[dict[str, Any]]
    trigger: str
    retrain: bool
    run: str

    @property
    def title(self) -> str:
        """One line."""
        return f"{_WORDS[self.status]}: {self.model}, {self.serving}"

    @property
    def lines(self) -> list[str]:
        """The rest, for people."""
        gates = [
            f"{gate['gate']} {_short(gate['observed'])}, wanted {gate['operator']} {_short(gate['limit'])}"
            + (f" ({gate['message']})" if gate["message"] else "")
            for gate in self.gates
        ]
        asked = f"trigger {self.trigger}: a retraining {'is' if self.retrain else 'was not'} asked for"
        times = f"window {self.window} until {self.at}, since {self.since}"
        return [*gates, times, *([asked] if self.trigger else []), *([self.run] if self.run else [])]


def send(message: Message, form: str, now: dt.datetime) -> str:
    """Send `message` to ASSAY_ALERT_URL, signed with ASSAY_ALERT_SECRET where that is set.

    Args:
        message: What to tell.
        form: json, slack or teams.
        now: The time, part of the signature, so that an old message cannot be sent again by others.

    Returns:
        Why nobody was told, without the address; empty where it arrived.
    """
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return f"{URL_VARIABLE} is not set"
    body = json.dumps(_FORMS[form](message)).encode()
    headers = {"Content-Type": "application/json", **_signed(body, int(now.timestamp()))}
    try:
        ask("POST", url, body=body, headers=headers)
    except Unanswered as error:
        return str(error)
    return ""


def _signed(body: bytes, seconds: int) -> dict[str, str]:
    secret = os.environ.get(SECRET_VARIABLE)
    if not secret:
        return {}
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return {SIGNATURE: f"t={seconds},sha256={digest}"}


def _slack(message: Message) -> dict[str, Any]:
    # plain text throughout: names of columns are the senders' of requests, and could be links or mentions
    text = {"type": "plain_text", "text": "\n".join(message.lines)[:_LONGEST]}
    title = message.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    header = {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}}
    return {"text": title, "blocks": [header, {"type": "section", "text": text}]}


def _teams(message: Message) -> dict[str, Any]:
    color = "good" if message.status == "resolved" else "attention"
    title = {"type": "TextRun", "text": message.title, "weight": "bolder", "color": color}
    runs = [[title], *([{"type": "TextRun", "text": line[:_LONGEST]}] for line in message.lines)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": inlines} for inlines in runs],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _json(message: Message) -> dict[str, Any]:
    return {"schema_version": 1, **asdict(message)}


_FORMS: dict[str, Callable[[Message], dict[str, Any]]] = {"json": _json, "slack": _slack, "teams": _teams}


def _short(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"
