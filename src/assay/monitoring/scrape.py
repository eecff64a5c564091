"""What a server's /metrics counts, between the window before and now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from assay.gates import Observed
from assay.monitoring.web import Unanswered, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import Metric

_FAILED = 500
_GATES = ("monitor.metrics.errors", "monitor.metrics.lost_lines")
# what asks whether the server lives tells nothing about predictions
_PREDICTING = frozenset({"predict", "invocations", "infer"})


@dataclass(frozen=True)
class Scraped:
    """What /metrics says.

    Attributes:
        observed: By gate.
        counters: Its counters now, to be compared with next time.
    """

    observed: Mapping[str, Observed]
    counters: Mapping[str, float]


def scrape(url: str | None, before: Mapping[str, float]) -> Scraped:
    """Ask `url`; without one there is nothing to observe.

    Args:
        url: Address of /metrics.
        before: The counters of the window before; counters that fell since belong to a server that was restarted.
    """
    if not url:
        return Scraped({}, {})
    try:
        now = _counters(text_string_to_metric_families(ask("GET", url)))
    except (Unanswered, ValueError) as error:
        why = str(error) if isinstance(error, Unanswered) else "it is no text of Prometheus"
        return Scraped(dict.fromkeys(_GATES, Observed(None, message=f"/metrics: {why}")), before)
    since = {name: value - (before.get(name, 0) if value >= before.get(name, 0) else 0) for name, value in now.items()}
    return Scraped(
        {
            "monitor.metrics.errors": _share(since["failed"], since["requests"], "requests"),
            "monitor.metrics.lost_lines": _share(since["lost"], since["rows"], "log lines"),
        },
        now,
    )


def _counters(families: Iterable[Metric]) -> dict[str, float]:
    found = dict.fromkeys(("requests", "failed", "rows", "lost"), 0.0)
    for sample in (sample for family in families for sample in family.samples):
        if sample.name == "assay_http_requests_total" and sample.labels.get("endpoint") in _PREDICTING:
            found["requests"] += sample.value
            found["failed"] += sample.value if int(sample.labels.get("status", 0)) >= _FAILED else 0
        elif sample.name == "assay_predicted_rows_total":
            found["rows"] += sample.value
        elif sample.name == "assay_log_dropped_lines_total":
            found["lost"] += sample.value
    return found


def _share(part: float, whole: float, what: str) -> Observed:
    message = f"{part:.0f} of {whole:.0f} {what}"
    return Observed(part / whole if whole else 0.0, message=message, inconclusive=not whole)
