"""Monitor on what a real server logs and counts."""

from pathlib import Path

import httpx
from frames import champion
from monitorkit import configure, monitor, report

from assay.serving.server_process import serving


def test_the_servers_own_log_and_counters(slow_bundle: Path, tmp_path: Path) -> None:
    champion(tmp_path / "in")
    with serving(slow_bundle, log=tmp_path / "logs") as url:
        for x in (0, 0.01, 0.02, 13, "thirteen"):
            httpx.post(f"{url}/predict", json={"records": [{"x": x}]})
        configure(tmp_path, f'path = "logs"\nmetrics = "{url}/metrics"\nmin_rows = 1')
        observed = monitor(tmp_path).observed
    assert observed["monitor.volume"].value == 5
    assert (observed["monitor.errors"].value, observed["monitor.metrics.errors"].value) == (0.2, 0.2)
    assert observed["monitor.metrics.lost_lines"].value == 0
    assert observed["monitor.latency_ms.p50"].value
    assert report(tmp_path)["broken_lines"] == 0
