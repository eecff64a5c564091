"""Dagger's own view has a line a stage, with its name, and red where the stage is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from assay_ci import execution
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

pytestmark = pytest.mark.anyio


async def test_a_span_a_stage(assay: Callable[..., Assay], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(execution, "_tracer", provider.get_tracer("test"))
    engine.outcomes["train"] = ("failed", 3)
    run: Any = await assay().run()
    await run.entries()
    spans = {span.name: span.status for span in kept.get_finished_spans()}
    assert {"resolve", "code-test", "data-validate", "train"} == set(spans), "what was skipped has none"
    assert spans["data-validate"].is_unset
    assert not spans["train"].is_ok
    assert spans["train"].description == "train failed"
