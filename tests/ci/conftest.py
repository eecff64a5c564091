"""The module's classes, driven in this process by the real client against a recording engine."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import dagger
import pytest
from dagger import dag
from fake_engine import FakeEngine, serve

from assay.plan import Selection, make_plan
from assay.project import load_project

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from assay_ci.main import Assay

ROOT = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(make_plan(load_project(ROOT), Selection()).to_json())


@contextlib.asynccontextmanager
async def connected(engine: FakeEngine) -> AsyncIterator[Callable[..., Assay]]:
    """Makes the main object as the engine would, with `source` and `package` as named directories."""
    from assay_ci.main import Assay

    server = serve(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGGER_SESSION_PORT", str(server.server_port))
        patch.setenv("DAGGER_SESSION_TOKEN", "loopback")

        def make(**arguments: Any) -> Assay:
            named = {name: dag.directory().with_new_file(name, "") for name in ("source", "package")}
            return Assay(**named, **arguments)

        async with dagger.connection():
            yield make
    server.shutdown()
    server.server_close()


@pytest.fixture
async def assay(engine: FakeEngine) -> AsyncIterator[Callable[..., Assay]]:
    async with connected(engine) as make:
        yield make


@pytest.fixture(scope="session")
def green() -> FakeEngine:
    """The record of one green `full` with nothing set but a commit."""
    engine = FakeEngine(make_plan(load_project(ROOT), Selection()).to_json())

    async def full() -> None:
        async with connected(engine) as make:
            assert await make(commit="abc").full() == "the run's table\n"

    anyio.run(full)
    return engine
