"""What the module asks of the engine: which command runs in which container, with what in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagger
import pytest
from dagger import dag
from fake_engine import by_stage, written

from assay.pipeline import GRAPH
from assay.plan import Selection, make_plan
from assay.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

anyio = pytest.mark.anyio
SECRET = "made-up-value"
ROOT = Path(__file__).parents[2]


def plan_of(stage: str) -> str:
    """The example's plan for one stage and what it needs."""
    return make_plan(load_project(ROOT), Selection(only=(stage,))).to_json()


def test_full_runs_every_stage_once_and_in_order(green: FakeEngine) -> None:
    stages = [e.args[e.args.index("stage") + 1] for e in green.execs if "stage" in e.args]
    assert sorted(stages) == sorted(step["stage"] for step in json.loads(green.plan)["steps"])
    assert set(GRAPH.by_stage).difference(stages) == {s.name for s in GRAPH.stages if s.only_with}
    assert all(stages.index(need) < stages.index(s) for s in stages for need in GRAPH.needs(s) if need in stages)
    assert green.execs[-1].args[:4] == ["python", "-m", "assay", "report"]
    assert "--exit-code" in green.execs[-1].args


def test_the_command_is_the_plans_own(green: FakeEngine) -> None:
    planned = {step["stage"]: step for step in json.loads(green.plan)["steps"]}
    for name, done in by_stage(green).items():
        folders = {"{inputs}": "/in", "{outputs}": "/out", "{project}": "/project"}
        assert done.args == [folders.get(word, word) for word in planned[name]["argv"]]
        assert planned[name]["environment"].items() <= done.env.items()


def test_each_stage_has_only_its_own_packages(green: FakeEngine) -> None:
    for name, done in by_stage(green).items():
        names = [re.findall(r"-r /opt/([a-z]+)[.]txt", install)[-1] for install in done.installs]
        assert names == (["installer", wanted] if (wanted := GRAPH.stage(name).requirements) else []), name
        assert all("--require-hashes" in install for install in done.installs)


def test_inputs_are_the_declared_artifacts_and_never_a_report(green: FakeEngine) -> None:
    for name, done in by_stage(green).items():
        laid = json.loads(done.mounts["/in"])
        stage = GRAPH.stage(name)
        made = {a for s in by_stage(green) for a in GRAPH.stage(s).writes}
        wanted = {GRAPH.by_artifact[a].path for a in (*stage.reads, *stage.optional) if a in made}
        # an image's context has an origin that the engine spells out for each file: no more of them than there must be
        makers = {GRAPH.by_artifact[a].path: GRAPH.stage(GRAPH.makers[a]) for a in made}
        for_images = stage.world != "none" or name == "package"
        whole = {p for p in wanted if p.endswith("/") and for_images and makers[p].world == "none"}
        files = {f"{path}some/file" if path.endswith("/") else path for path in wanted - whole}
        assert {args["path"] for call, args in laid if call == "withFile"} == files
        assert {args["path"] for call, args in laid if call == "withDirectory"} == whole
        # an empty folder is an artifact too
        folders = {path for path in wanted if path.endswith("/")}
        assert {args["path"] for call, args in laid if call == "withNewDirectory"} == folders
        assert "report.json" not in done.mounts["/in"]


def test_the_run_id_is_in_the_environment_exactly_where_the_world_is_touched(green: FakeEngine) -> None:
    for name, done in by_stage(green).items():
        touches = GRAPH.stage(name).world != "none"
        assert ("ASSAY_RUN_ID" in done.env) is touches, name
        assert ("ASSAY_RUN_ID" in done.volatile) is not touches, name
    assert len({(e.env | e.volatile)["ASSAY_RUN_ID"] for e in by_stage(green).values()}) == 1


@anyio
async def test_two_runs_have_two_ids(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    main = assay()
    await main.full()
    first = by_stage(engine)["deploy"].env["ASSAY_RUN_ID"]
    await main.full()
    assert by_stage(engine)["deploy"].env["ASSAY_RUN_ID"] != first


def test_only_the_world_sees_the_store(green: FakeEngine) -> None:
    for name, done in by_stage(green).items():
        touches = GRAPH.stage(name).world != "none"
        assert (done.caches.get("/store") == "assay-mlflow") is touches
        assert (done.env.get("MLFLOW_TRACKING_URI") == "sqlite:////store/mlflow.db") is touches
        assert (done.env.get("ASSAY_COMMIT") == "abc") is touches


@anyio
async def test_secrets_are_never_in_arguments_or_plain_environment(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    password = dag.set_secret("password", SECRET)
    registry = {"registry": "reg.example/income", "registry_username": "ada", "registry_password": password}
    tracking = {"tracking_uri": "http://mlflow", "tracking_username": "ada", "tracking_password": password}
    await assay(**registry, **tracking).full()
    for done in engine.execs:
        shown: dict[str, Any] = {"args": done.args, "env": done.env, "volatile": done.volatile, "mounts": done.mounts}
        assert SECRET not in json.dumps(shown)
    for name, done in by_stage(engine).items():
        assert ("MLFLOW_TRACKING_PASSWORD" in done.secrets) is (GRAPH.stage(name).world != "none" or name == "train")


@anyio
async def test_credentials_for_remote_data_are_files_that_only_their_readers_see(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    plan = json.loads(engine.plan)
    remote = {"argv": ["python", "-m", "assay", "stage", "fetch"], "requirements": "fetch", "world": "reads"}
    plan["steps"].insert(0, plan["steps"][0] | remote | {"stage": "fetch", "outputs": []})
    engine.plan = json.dumps(plan)
    secret = dag.set_secret("data", SECRET)
    await assay(data_credentials=secret, dvc_config=secret).full()
    readers = {"fetch", "monitor"}
    for name, done in by_stage(engine).items():
        files = {path for path in done.secrets if path.startswith("/run/secrets/")}
        assert files == (
            {done.env[v] for v in ("ASSAY_DATA_CREDENTIALS", "ASSAY_DVC_CONFIG")} if name in readers else set()
        )
        assert (done.caches.get("/fetched") == "assay-fetched") is (name in readers)
        assert SECRET not in json.dumps([done.args, done.env, done.volatile, done.mounts])


@anyio
async def test_readers_of_a_failed_stage_are_left_out(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.outcomes["model-validate"] = ("failed", 3)
    with pytest.raises(dagger.QueryError, match="exit code: 3"):
        await assay().full()
    assert set(by_stage(engine)) == {"resolve", "code-test", "data-validate", "train", "rival", "model-validate"}


@pytest.mark.parametrize(("only", "chosen"), [("", []), ("train", ["--only", "train"])])
@anyio
async def test_a_run_is_of_a_trigger_and_perhaps_of_one_stage(
    engine: FakeEngine, assay: Callable[..., Assay], only: str, chosen: list[str]
) -> None:
    await assay().run(trigger="pull_request", only=only)
    (plan,) = [e.args for e in engine.execs if "plan" in e.args]
    assert plan[plan.index("--trigger") :] == ["--trigger", "pull_request", *chosen, "--format", "json"]


@anyio
async def test_run_gives_the_report_of_a_red_run(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.outcomes["model-validate"] = ("failed", 3)
    await (await assay().run()).sync()
    assert "--exit-code" not in engine.execs[-1].args


@anyio
async def test_a_stage_without_a_report_is_an_error_of_this_run(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    engine.broken = "train"
    await (await assay().run()).sync()
    report = written(engine, "train")
    assert (report["status"], report["exit_code"]) == ("error", 5)
    assert "the container cannot be made" in report["message"]
    assert report["run_id"] == by_stage(engine)["resolve"].env["ASSAY_RUN_ID"]
    assert "model-validate" not in by_stage(engine)


@pytest.mark.parametrize("outcome", [("error", 4), ("failed", 3)])
@anyio
async def test_red_from_the_cache_is_tried_again(
    engine: FakeEngine, assay: Callable[..., Assay], outcome: tuple[str, int]
) -> None:
    engine.outcomes["train"] = outcome
    engine.stale = {"train"}
    await assay().run()
    tries = [e for e in engine.execs if "stage" in e.args and "train" in e.args]
    assert [("ASSAY_RUN_ID" in e.env) for e in tries] == [False, True]


@anyio
async def test_what_is_red_now_is_not_tried_again(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.outcomes["train"] = ("failed", 3)
    await assay().run()
    assert len([e for e in engine.execs if "stage" in e.args and "train" in e.args]) == 1


@pytest.mark.parametrize(("stable", "services"), [(False, ["candidate"]), (True, ["candidate", "stable"])])
@anyio
async def test_versions_run_as_services(
    engine: FakeEngine, assay: Callable[..., Assay], services: list[str], *, stable: bool
) -> None:
    engine.stable = stable
    await assay().full()
    done = by_stage(engine)
    assert done["deploy"].services == services
    assert done["package"].services == ["candidate"]
    assert done["deploy"].env["ASSAY_CANDIDATE_URL"] == "http://candidate:8080"
    assert ("ASSAY_STABLE_URL" in done["deploy"].env) is stable


@anyio
async def test_a_cluster_starts_its_versions_itself(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    plan = json.loads(engine.plan)
    for step in plan["steps"]:
        step["services"] = False
    engine.plan, engine.stable = json.dumps(plan), True
    await assay(kubeconfig=dag.set_secret("kubeconfig", SECRET), kubectl_image="mirror.example/kubectl").full()
    done = by_stage(engine)
    assert done["deploy"].services == []
    assert done["deploy"].env["ASSAY_KUBECONFIG"] in done["deploy"].secrets
    assert not any("ASSAY_KUBECONFIG" in other.env for name, other in done.items() if name != "deploy")
    assert SECRET not in json.dumps([[e.args, e.env, e.mounts] for e in engine.execs])


@anyio
async def test_one_stage_by_hand(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.plan = plan_of("train")
    run = await assay().train()
    assert (run.stage, run.passed) == ("train", True)
    assert run.artifacts == ["model/", "training/"]
    assert set(by_stage(engine)) == {"resolve", "data-validate", "train"}


@anyio
async def test_a_failed_stage_fails_the_call(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.plan = plan_of("train")
    engine.outcomes["train"] = ("error", 4)
    with pytest.raises(dagger.QueryError, match="exit code: 4"):
        await assay().train()


@anyio
async def test_a_failed_stage_gives_its_report_where_asked_but_no_output(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    engine.plan = plan_of("train")
    engine.outcomes["train"] = ("error", 4)
    run = await assay().train(allow_failure=True)
    assert not run.passed
    with pytest.raises(ValueError, match="train did not pass: train error"):
        run.output()


@anyio
async def test_a_stage_whose_supplier_failed_fails_the_call(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.plan = plan_of("train")
    engine.outcomes["data-validate"] = ("failed", 3)
    with pytest.raises(dagger.QueryError, match="exit code: 3"):
        await assay().train(allow_failure=True)
