"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client import Counter as Counted
from prometheus_client.core import CounterMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.serving.log import PredictionLog
    from assay.serving.model import Served

# a second series for each, of when it began, which nobody reads
disable_created_metrics()  # type: ignore[no-untyped-call]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 10_000)


class Meter:
    """Counts requests, rows and predictions; a registry of its own, so that nothing else gets into it."""

    def __init__(self, served: Served, journal: PredictionLog | None) -> None:
        """Count for `served`, and tell what `journal` dropped."""
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        about = {"name": served.name, "version": str(served.version), "digest": served.model_digest}
        Info("assay_model", "The model that serves.", registry=registry).info(about)
        ends = ("endpoint", "status")
        self._requests = Counted("assay_http_requests_total", "Requests answered.", ends, registry=registry)
        self._seconds = Histogram(
            "assay_http_request_duration_seconds",
            "Time to an answer.",
            ends[:1],
            buckets=_SECONDS,
            registry=registry,
        )
        self._rows = Counted("assay_predicted_rows_total", "Rows predicted.", registry=registry)
        self.batch = Histogram("assay_batch_rows", "Rows asked together.", buckets=_ROWS, registry=registry)
        self._values = _Values(registry, served.examples) if served.is_regressor else _Labels(registry)
        if journal:
            registry.register(_Dropped(journal))

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request; `endpoint` is one of few, whatever was asked for."""
        self._requests.labels(endpoint, status).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def predicted(self, predictions: Sequence[Any]) -> None:
        """Count the rows of one request."""
        self._rows.inc(len(predictions))
        self._values.add(predictions)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)


class _Labels:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._counted = Counted("assay_predictions_total", "Predictions by label.", ["label"], registry=registry)

    def add(self, predictions: Sequence[Any]) -> None:
        for label, count in Counter(predictions).items():
            self._counted.labels(label).inc(count)


class _Values:
    def __init__(self, registry: CollectorRegistry, examples: Sequence[float]) -> None:
        text = "Values predicted; the buckets are deciles of the holdout."
        buckets = [*np.unique(np.quantile(examples, np.linspace(0, 1, 11))).tolist(), np.inf]
        self._observed = Histogram("assay_prediction_value", text, buckets=buckets, registry=registry)

    def add(self, predictions: Sequence[Any]) -> None:
        for value in predictions:
            if isinstance(value, (int, float)):
                self._observed.observe(value)


class _Dropped:
    def __init__(self, journal: PredictionLog) -> None:
        self._journal = journal

    def collect(self) -> Iterator[CounterMetricFamily]:
        text = "Lines that the prediction log could not keep."
        yield CounterMetricFamily("assay_log_dropped_lines", text, value=self._journal.dropped)
