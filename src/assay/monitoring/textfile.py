"""What a window showed, as a file for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult

_BY_GATE = ("model", "version", "gate")


def write_textfile(
    path: Path, about: tuple[str, str], gates: Sequence[GateResult], facts: Mapping[str, tuple[str, float]]
) -> None:
    """Write `path`.

    Args:
        path: The file, `*.prom`.
        about: Name and version of the model.
        gates: The verdicts.
        facts: Further gauges by name: what each is, and its value.
    """
    registry = CollectorRegistry()
    observed = Gauge("assay_monitor_observed", "What was observed.", _BY_GATE, registry=registry)
    limit = Gauge("assay_monitor_limit", "What is allowed.", (*_BY_GATE, "operator"), registry=registry)
    stops = Gauge("assay_monitor_gate_stops", "1 where the gate stops, else 0.", _BY_GATE, registry=registry)
    status = Gauge("assay_monitor_gate_status", "1 for the verdict.", (*_BY_GATE, "status"), registry=registry)
    for gate in gates:
        if gate.observed is not None:
            observed.labels(*about, gate.gate).set(gate.observed)
        if gate.limit is not None:
            limit.labels(*about, gate.gate, gate.operator).set(gate.limit)
        status.labels(*about, gate.gate, str(gate.status)).set(1)
    for name in dict.fromkeys(gate.gate for gate in gates):
        # a gate may have several bounds
        stops.labels(*about, name).set(any(gate.status.blocks for gate in gates if gate.gate == name))
    for name, (doc, value) in facts.items():
        Gauge(f"assay_monitor_{name}", doc, _BY_GATE[:2], registry=registry).labels(*about).set(value)
    path.write_bytes(generate_latest(registry))
