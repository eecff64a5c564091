"""What the module does with an image that passed: weighs and pushes it, sets its clock to 0, attaches papers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from dagger import dag
from fake_engine import by_stage, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay_ci.main import Assay
    from fake_engine import FakeEngine

anyio = pytest.mark.anyio
SECRET = "made-up-value"


def test_without_a_registry_nothing_is_published(green: FakeEngine) -> None:
    assert green.published == []


@anyio
async def test_the_judged_image_is_published_natively(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    password = dag.set_secret("password", SECRET)
    main = assay(registry="reg.example/income:v1", registry_username="ada", registry_password=password)
    await main.full()
    ((address, chain, _),) = engine.published
    names = [name for name, _ in chain]
    assert address == "reg.example/income:v1"
    assert "dockerBuild" in names
    assert names[-1] == "withRegistryAuth", "auth directly before publish, or it spoils the cache"
    assert chain[-1][1]["address"] == "reg.example"
    assert by_stage(engine)["package"].env["ASSAY_IMAGE_REFERENCE"] == "reg.example/income:v1@sha256:frozen"


@anyio
async def test_the_images_papers_are_attached_to_it(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    password = dag.set_secret("password", SECRET)
    main = assay(registry="reg.example/income:v1", registry_username="ada", registry_password=password)
    assert (await main.full()).endswith("image: reg.example/income:v1@sha256:frozen\nattached\n")
    freeze, attest = (next(e for e in engine.execs if word in e.args) for word in ("freeze", "attest"))
    assert freeze.args[-1].startswith("reg.example/income:v1@sha256:000")
    assert attest.args[-3:] == ["/results", "--image", "reg.example/income:v1@sha256:frozen"]
    for done in (freeze, attest):
        assert "ASSAY_REGISTRY_PASSWORD" in done.secrets
        assert "ASSAY_RUN_ID" in done.env, "never from the cache"


@anyio
async def test_a_registry_that_no_container_reaches_is_told(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.registry_code = 5
    told = await assay(registry="reg.example/income:v1").full()
    assert told.endswith("its papers are not attached to it: nobody is there")
    done = by_stage(engine)["package"]
    assert done.env["ASSAY_IMAGE_REFERENCE"].startswith("reg.example/income:v1@sha256:000")
    assert done.env["ASSAY_IMAGE_NOTE"] == "the digest depends on when it was made: nobody is there"


@anyio
async def test_only_register_sees_the_signing_key(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    secret = dag.set_secret("key", SECRET)
    await assay(signing_key=secret, signing_password=secret).full()
    for name, done in by_stage(engine).items():
        assert ("ASSAY_SIGNING_KEY" in done.env) is ("ASSAY_SIGNING_PASSWORD" in done.secrets) is (name == "register")
        assert SECRET not in json.dumps([done.args, done.env, done.volatile, done.mounts])


@anyio
async def test_the_image_says_what_it_runs_on(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay(registry="reg.example/income:v1").full()
    assert by_stage(engine)["package"].env["ASSAY_IMAGE_PLATFORMS"] == "linux/amd64"
    engine.execs.clear()
    await assay(registry="reg.example/income:v1", platforms="linux/amd64, linux/arm64").full()
    assert by_stage(engine)["package"].env["ASSAY_IMAGE_PLATFORMS"] == "linux/amd64,linux/arm64"


@anyio
async def test_an_image_for_several_platforms_is_one_push(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    password = dag.set_secret("password", SECRET)
    registry = {"registry": "reg.example/income:v1", "registry_username": "ada", "registry_password": password}
    await assay(**registry, platforms="linux/amd64, linux/arm64").full()
    ((_, chain, variants),) = engine.published
    assert [name for name, _ in chain][-1] == "withRegistryAuth"
    built = [dict(variant)["dockerBuild"]["platform"] for variant in variants]
    assert built == ["linux/amd64", "linux/arm64"]


@anyio
async def test_an_image_that_cannot_be_pushed_is_an_error_with_advice(
    engine: FakeEngine, assay: Callable[..., Assay]
) -> None:
    engine.unreachable = True
    password = dag.set_secret("password", SECRET)
    main = assay(registry="reg.example/income:v1", registry_username="ada", registry_password=password)
    await (await main.run()).sync()
    report = written(engine, "package")
    assert (report["status"], report["exit_code"]) == ("error", 5)
    assert "was not published: 401 Unauthorized" in report["message"]
    assert "--registry-password" in report["message"]
    assert SECRET not in report["message"]
    assert "deploy" not in by_stage(engine)


@anyio
async def test_the_image_is_weighed(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    await assay().full()
    done = by_stage(engine)["package"]
    assert done.env["ASSAY_IMAGE_COMPRESSED_BYTES"] == "150000000"
    assert '"rootfs"' in done.mounts[done.env["ASSAY_IMAGE_ROOT"]]


@anyio
async def test_a_rejected_image_is_not_published(engine: FakeEngine, assay: Callable[..., Assay]) -> None:
    engine.outcomes["package"] = ("failed", 3)
    await assay(registry="reg.example/income:v1").run()
    assert engine.published == []
