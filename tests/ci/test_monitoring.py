"""What only monitor gets from the module: whom to tell, and what is known of earlier windows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from dagger import dag
from fake_engine import by_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

anyio = pytest.mark.anyio
HIDDEN = "https://hook.example/hidden"


@anyio
async def test_alerts_are_secrets_that_only_monitor_sees(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    secret = dag.set_secret("alert", HIDDEN)
    await assay(alert_url=secret, alert_secret=secret, run_url="https://ci.example/7").full()
    for name, done in by_stage(engine).items():
        found = {"ASSAY_ALERT_URL", "ASSAY_ALERT_SECRET"} & set(done.secrets)
        assert found == ({"ASSAY_ALERT_URL", "ASSAY_ALERT_SECRET"} if name == "monitor" else set())
        assert HIDDEN not in json.dumps([done.args, done.env, done.volatile, done.mounts])
    assert by_stage(engine)["monitor"].env["ASSAY_RUN_URL"] == "https://ci.example/7"


@anyio
async def test_windows_are_kept_in_a_volume(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay().full()
    monitor = by_stage(engine)["monitor"]
    assert monitor.caches[monitor.env["ASSAY_MONITOR_STATE"]] == "assay-monitor"


@anyio
async def test_windows_that_are_given_take_its_place(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(monitor_state=dag.directory().with_new_file("income.json", "{}")).full()
    monitor = by_stage(engine)["monitor"]
    assert monitor.env["ASSAY_MONITOR_STATE"] not in monitor.caches
