"""Results in a registry: what the module asks the toolkit, what it stores, and that no trouble there is its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from dagger import dag
from fake_engine import FakeEngine, by_stage
from test_module import plan_of

from assay.pipeline import GRAPH

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay

anyio = pytest.mark.anyio
ADDRESS = "oci://reg.example/run-cache"
PURE = {"data-validate", "train"}
SECRET = "made-up-value"


def notes(engine: FakeEngine) -> list[str]:
    """What the module noted beside the reports of all runs so far."""
    calls = {
        json.dumps(call) for chain in engine.ids.values() for call in chain if call[1].get("path") == "origin.json"
    }
    found = [json.loads(json.loads(call)[1]["contents"])["note"] for call in calls]
    return [note for note in found if note]


@pytest.fixture
def engine() -> FakeEngine:
    """Half the pipeline: it is asked the same things as the whole one, and takes a tenth of the time."""
    return FakeEngine(plan_of("train"))


async def run(make: Callable[..., Assay], **more: Any) -> None:
    await (await make(run_cache=ADDRESS, **more).run()).sync()


@anyio
async def test_what_one_engine_stored_another_does_not_run(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await run(assay)
    assert {name.partition(":")[2].rpartition("-")[0] for name in engine.stored} == PURE
    engine.execs.clear()
    await run(assay)
    assert not PURE & by_stage(engine).keys()
    assert by_stage(engine).keys() == {"resolve"}
    assert [e.args[4] for e in engine.execs if "cache" in e.args].count("check") == len(PURE)
    assert not any(e.installs for e in engine.execs if "cache" in e.args), "no packages are needed to ask"


@anyio
async def test_only_artifacts_report_and_receipt_are_stored(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await run(assay)
    for name, entry in engine.stored.items():
        (included,) = [args["include"] for call, args in entry if call == "filter"]
        stage = GRAPH.stage(name.partition(":")[2].rpartition("-")[0])
        assert len(included) == len(stage.writes)
        assert [args["path"] for _, args in entry[-2:]] == ["report.json", "entry.json"]


@anyio
async def test_without_an_address_nobody_is_asked(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await (await assay().run()).sync()
    assert not engine.stored
    assert not any("cache" in e.args for e in engine.execs)


@anyio
async def test_an_entry_that_does_not_fit_is_told_and_written_anew(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    await run(assay)
    engine.stored = dict.fromkeys(engine.stored, ())
    engine.verdicts["train"] = "has another model than its report says"
    engine.execs.clear()
    await run(assay)
    assert PURE & by_stage(engine).keys() == {"train"}
    assert notes(engine) == [f"the entry in {ADDRESS} has another model than its report says; it was not used"]
    assert [":train-" in name for name, entry in engine.stored.items() if entry] == [True]


@anyio
@pytest.mark.parametrize("said", ["dial tcp: connection refused", "500 Internal Server Error"])
async def test_a_registry_that_fails_is_told_once(engine: FakeEngine, assay: Callable[..., Assay], said: str) -> None:
    engine.run_cache = said
    assert await assay(run_cache=ADDRESS).full() == "the run's table\n"
    assert by_stage(engine).keys() >= PURE
    (note,) = notes(engine)
    assert note.startswith(f"the run goes on without {ADDRESS}: ")
    assert said in note


@anyio
async def test_a_registry_that_refuses_is_told_when_it_takes_nothing(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    engine.run_cache = "403 Forbidden"
    assert await assay(run_cache=ADDRESS).full() == "the run's table\n"
    (note,) = notes(engine)
    assert note.startswith(f"nothing more is kept in {ADDRESS}: ")


@anyio
async def test_a_red_result_is_not_stored(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.outcomes["train"] = ("failed", 3)
    await run(assay)
    assert not any("train" in name for name in engine.stored)
    assert any("data-validate" in name for name in engine.stored)


@anyio
async def test_what_a_result_depends_on_and_the_plan_does_not_say(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    engine.plan = plan_of("package")
    await run(assay, tracking_uri="http://mlflow", registry="reg.example/income:v1")
    receipts = [json.loads(entry[-1][1]["contents"]) for entry in engine.stored.values()]
    facts = [(receipt["stage"], sorted(receipt["facts"])) for receipt in receipts if receipt["facts"]]
    published = ["base image", "platforms", "registry"]
    assert sorted(facts) == [("package", ["base image"]), ("package", published), ("train", ["tracking server"])]


@anyio
@pytest.mark.parametrize("there", [True, False])
async def test_an_image_is_published_again_only_where_the_registry_has_another(
    engine: FakeEngine, assay: Callable[..., Assay], *, there: bool
) -> None:
    engine.plan = plan_of("package")
    await run(assay, registry="reg.example/income:v1")
    engine.execs.clear()
    engine.digest = "frozen" if there else "1" * 64
    await run(assay, registry="reg.example/income:v1")
    assert ("package" in by_stage(engine)) is not there
    assert len(engine.published) == (1 if there else 2)


@anyio
async def test_the_password_is_only_for_the_engine(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    password = dag.set_secret("password", SECRET)
    await run(assay, run_cache_username="ada", run_cache_password=password)
    await run(assay, run_cache_username="ada", run_cache_password=password)
    assert len(engine.stored) == len(PURE)
    for done in engine.execs:
        assert not {name for name in done.secrets if "CACHE" in name}
        assert SECRET not in json.dumps([done.args, done.env, done.volatile, done.mounts])
