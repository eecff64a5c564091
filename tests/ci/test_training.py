"""What only train gets from the module: a GPU that is looked for first, the tracking server, a place for searches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fake_engine import by_stage, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

anyio = pytest.mark.anyio


@anyio
async def test_what_only_becomes_a_tag_does_not_train_again(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(tracking_uri="http://mlflow", commit="c0ffee").full()
    train, register = by_stage(engine)["train"], by_stage(engine)["register"]
    assert train.env["MLFLOW_TRACKING_URI"] == "http://mlflow"
    assert {"ASSAY_COMMIT", "ASSAY_IMAGE", "ASSAY_RUN_ID"} <= train.volatile.keys() - train.env.keys()
    assert train.volatile["ASSAY_COMMIT"] == register.env["ASSAY_COMMIT"] == "c0ffee"
    assert register.env["ASSAY_IMAGE"] == f"python:3.13-slim@sha256:{'1' * 64}"


@anyio
async def test_without_a_server_train_knows_of_none_and_keeps_its_searches(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    await assay(commit="c0ffee").full()
    train = by_stage(engine)["train"]
    assert "MLFLOW_TRACKING_URI" not in train.env
    assert train.volatile.keys() == {"ASSAY_RUN_ID"}
    assert train.caches[train.env["ASSAY_SEARCH"]] == "assay-search"


@anyio
async def test_gpu_only_where_asked(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    plan = json.loads(engine.plan)
    for step in plan["steps"]:
        step["gpu"] = step["stage"] == "train"
    engine.plan = json.dumps(plan)
    await assay().full()
    assert [name for name, done in by_stage(engine).items() if done.gpu] == ["train"]
    (probe,) = [number for number, done in enumerate(engine.execs) if done.gpu and "stage" not in done.args]
    assert engine.execs[probe].args == ["python", "-m", "assay", "gpu", "--stage", "train"]
    assert not any("stage" in done.args for done in engine.execs[:probe]), "before anything else"


@anyio
async def test_without_the_gpu_nothing_is_run(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    plan = json.loads(engine.plan)
    for step in plan["steps"]:
        step["gpu"] = step["stage"] == "train"
    engine.plan, engine.broken = json.dumps(plan), "gpu"
    await (await assay().run()).sync()
    assert by_stage(engine) == {}
    report = written(engine, "train")
    assert report["exit_code"] == 2
    assert written(engine, "resolve")["status"] == "skipped"
    assert "[tool.assay.resources.train] gpu = true, and the engine gives no GPU" in report["message"]
    assert engine.execs[-1].args[:4] == ["python", "-m", "assay", "report"]
