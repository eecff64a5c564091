"""The target `local`: servers on this machine, or ones that run already, each asked by its own address."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from assay.rollout.local_serving import CANDIDATE_VARIABLE, check_address, go_live, keeps_serving
from assay.rollout.release import stable_bundle
from assay.rollout.traffic import ask, client, wait_ready
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx

    from assay.config import Deploy
    from assay.context import Context
    from assay.rollout.release import Release
    from assay.rollout.traffic import Reply

STABLE_VARIABLE = "ASSAY_STABLE_URL"

T = TypeVar("T")

_TIMEOUT = 10.0
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A served model.

    Attributes:
        url: Where it is.
        version: Which version it must say it is.
        rows: Feature rows to ask it with, over and over; not empty.
    """

    url: str
    version: int
    rows: Sequence[Mapping[str, Any]]


@dataclass
class LocalTarget:
    """Both versions, each behind its own address.

    Attributes:
        new: The candidate.
        old: The version that serves now; None before the first deployment.
        http: Client to ask them with.
        project: The project's folder.
        deploy: `[tool.assay.deploy]`.
        bundle: The candidate's.
        own_logs: Versions that were started here and log their predictions.
        timeout: Seconds for one request; a request that takes longer has failed.
    """

    new: Endpoint
    old: Endpoint | None
    http: httpx.Client
    project: Path
    deploy: Deploy
    bundle: Path
    own_logs: frozenset[int] = frozenset()
    timeout: float = _TIMEOUT
    name: str = "local"
    way: str = "each version is asked by its own address"
    live: bool = False
    up_to_date: bool = True
    _rows: dict[int, Iterator[Mapping[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {end.version: itertools.cycle(end.rows) for end in self._ends}
        self.url, self.candidate = self.new.url, self.new.version
        self.stable = self.old.version if self.old else None

    @property
    def _ends(self) -> list[Endpoint]:
        return [end for end in (self.new, self.old) if end]

    def warm_up(self) -> None:
        """Ask each a few times; one that fails is not asked again."""
        for end in self._ends:
            for row in itertools.islice(itertools.cycle(end.rows), _WARM_UP):
                if not ask(self.http, end.url, end.version, row, self.timeout).ok:
                    break

    def shift(self, percent: int) -> None:
        """Nothing to do: `send` divides the requests itself."""

    def send(self, percent: int, wanted: int) -> Iterator[tuple[Mapping[str, Any], Reply]]:
        """Send requests, `wanted` of them to the candidate."""
        for end in route(self.new, self.old, percent, wanted):
            row = next(self._rows[end.version])
            yield row, ask(self.http, end.url, end.version, row, self.timeout)

    def promote(self, then: Callable[[], None]) -> None:
        """Let the candidate serve on at the project's address, where it has one; else no server outlives the stage."""
        if keeps_serving(self.deploy):
            print(go_live(self.project, self.deploy, self.candidate, self.bundle, then), flush=True)
        else:
            then()


def route(new: T, old: T | None, percent: int, wanted: int) -> Iterator[T]:
    """Where the requests of a step go: `wanted` to the candidate, evenly spread among the stable version's."""
    if old is None:
        yield from itertools.repeat(new, wanted)
        return
    for number in range(math.ceil(wanted * 100 / percent)):
        turn = (number + 1) * percent // 100 > number * percent // 100
        yield new if turn else old


@contextlib.contextmanager
def local_target(context: Context, release: Release) -> Iterator[LocalTarget]:
    """Both versions, ready: those whose address the environment gives, else started here.

    Raises:
        ArtifactError: The champion's model is damaged.
        ConfigError: Somebody else has the project's address.
        ServiceError: A version did not get ready.
    """
    if keeps_serving(context.config.deploy):
        check_address(context.project, context.config.deploy)
    with contextlib.ExitStack() as stack:
        candidate, stable = _endpoints(context, release, stack)
        given = ((CANDIDATE_VARIABLE, candidate), (STABLE_VARIABLE, stable))
        own = frozenset(end.version for variable, end in given if end and not os.environ.get(variable))
        http, deploy = stack.enter_context(client()), context.config.deploy
        yield LocalTarget(candidate, stable, http, context.project, deploy, release.bundle, own)


def _endpoints(context: Context, release: Release, stack: contextlib.ExitStack) -> tuple[Endpoint, Endpoint | None]:
    seconds = to_seconds(context.config.deploy.ready_timeout)
    traffic = context.output("deployment") / "traffic"
    traffic.mkdir(exist_ok=True)
    bundles = {CANDIDATE_VARIABLE: (release.version, release.bundle)}
    if release.previous is not None and not release.same_model:
        bundles[STABLE_VARIABLE] = (release.previous, context.outputs / ".stable")
    ends = []
    for variable, (version, bundle) in bundles.items():
        url = os.environ.get(variable, "").rstrip("/")
        if not url:
            if variable == STABLE_VARIABLE:
                stable_bundle(release, bundle)
                stack.callback(shutil.rmtree, bundle, ignore_errors=True)
            url = _start(bundle, traffic, seconds, stack)
        with client() as http:
            wait_ready(http, url, seconds)
        ends.append(Endpoint(url, version, release.rows if version == release.version else release.stable_rows))
    return ends[0], ends[1] if len(ends) > 1 else None


def _start(bundle: Path, traffic: Path, seconds: float, stack: contextlib.ExitStack) -> str:
    from assay.serving.server_process import serving

    return stack.enter_context(serving(bundle, log=traffic, timeout=seconds))
