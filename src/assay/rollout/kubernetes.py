"""The target `kubernetes`: stable and candidate as two Deployments behind one Service."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.errors import AssayError, ServiceError
from assay.rollout.lease import held, lease_name
from assay.rollout.local import route
from assay.rollout.manifests import CANARY, RUN, STABLE, track_name
from assay.rollout.session import Session, forwarded, session_in
from assay.rollout.site import check_architecture, image_of, plain, served_by, site_of, version_of
from assay.rollout.splits import Address, split_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assay.context import Context
    from assay.rollout.lease import Lease
    from assay.rollout.manifests import Served, Track
    from assay.rollout.release import Release
    from assay.rollout.site import Site
    from assay.rollout.splits import Split
    from assay.rollout.traffic import Reply

_WARM_UP = 5
_BATCH = 20


@dataclass(kw_only=True)
class KubernetesTarget:
    """The candidate, up in the cluster beside what serves there.

    Attributes:
        site: Where.
        lease: Keeps other deploys out.
        served: The candidate.
        before: The stable Deployment when we began; None before the first deployment.
        rows: Rows to ask each track with, over and over.
        session: Sends the requests.
        url: The candidate's own address, on this machine.
        split: How requests are divided.
    """

    site: Site
    lease: Lease
    served: Served
    before: Mapping[str, Any] | None
    rows: Mapping[Track, Iterator[Mapping[str, Any]]]
    session: Session
    url: str
    split: Split
    name: str = "kubernetes"
    own_logs: frozenset[int] = frozenset()
    live: bool = True
    promoted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.candidate, self.way = self.served.version, self.split.way
        version = version_of(self.before) if self.before else None
        self.stable = None if version == self.candidate else version

    @property
    def up_to_date(self) -> bool:
        """True where the stable track has the candidate's image already."""
        return runs(self.before, self.served)

    def warm_up(self) -> None:
        """Ask each track a few times."""
        for track in ((STABLE,) if self.before else ()) + (() if self.up_to_date else (CANARY,)):
            self._ask(self._own_address(track), track, _WARM_UP)

    def shift(self, percent: int) -> None:
        """Let about `percent` of people's requests go to the candidate."""
        self.lease.check()
        if not self.up_to_date:
            self.site.put(CANARY, self.served, self.split.pods(self._stable_pods, percent))
            self.split.shift(self.site, percent, alone=self.before is None)

    def send(self, percent: int, wanted: int) -> Iterator[tuple[Mapping[str, Any], Reply]]:
        """Ask where people ask until the candidate had `wanted` requests, at most three times as often as should do."""
        if self.stable is not None and not self.split.mixed:
            for track in route(CANARY, STABLE, percent, wanted):
                yield from self._ask(self._own_address(track), track, 1)
            return
        address, left = self.split.address(self.site), 3 * math.ceil(wanted * 100 / percent)
        while wanted > 0 and left > 0:
            for row, reply in self._ask(address, CANARY, min(_BATCH, left)):
                wanted -= reply.by == self.candidate
                left -= 1
                yield row, reply

    @property
    def _stable_pods(self) -> int:
        return int(self.before["spec"]["replicas"]) if self.before else self.site.deploy.replicas

    def _own_address(self, track: Track) -> Address:
        return Address(track_name(self.site.name, track), self.site.deploy.port)

    def _ask(self, address: Address, track: Track, count: int) -> list[tuple[Mapping[str, Any], Reply]]:
        rows = list(itertools.islice(self.rows[track], count))
        # of two versions at one address, what does not say who it is counts against the candidate: before it came,
        # everything was in order
        asked = self.stable if track == STABLE and self.stable is not None else self.candidate
        return list(zip(rows, self.session.ask(address, rows, asked), strict=True))

    def promote(self, then: Callable[[], None]) -> None:
        """Give the stable track the candidate's image and let it serve; where it has it, only settings can change.

        Raises:
            ServiceError: The pods do not get ready, or `then` failed; leaving the target then puts everything back.
        """
        self.lease.check()
        self.site.put(STABLE, self.served, self.site.deploy.replicas)
        self.site.serve((STABLE,))
        then()
        self.promoted = True


def runs(found: Mapping[str, Any] | None, served: Served) -> bool:
    """True where the Deployment serves this very image."""
    return found is not None and image_of(found) == served.image


@contextlib.contextmanager
def kubernetes_target(
    context: Context, release: Release, champion_image: Callable[[], str | None]
) -> Iterator[KubernetesTarget]:
    """The candidate, up and ready; whoever leaves it unpromoted, or by an error, leaves the cluster as it was.

    Args:
        context: The stage's.
        release: What is to be deployed.
        champion_image: Asks the registry, where a deploy that died has to be put right first.

    Raises:
        ConfigError: No kubectl, kubeconfig or namespace; an image without digest, or for other machines.
        ServiceError: The cluster refuses or does not answer; the candidate does not get ready; another deploy runs.
    """
    site = site_of(context.config, context.project)
    served = served_by(release.image, release.version, context.run_id)
    check_architecture(site.cluster, served)
    with held(site.cluster, site.name, holder_of(context)) as lease, contextlib.ExitStack() as stack:
        if lease.left:
            print(f"an earlier deploy died: {site.put_back(lease.left, champion_image())}", flush=True)
        before = site.running(STABLE)
        journal = {"stable": plain(before) if before else None}
        site.cluster.apply(*site.objects(STABLE, served, site.deploy.replicas), site.front(STABLE), dry_run=True)
        lease.note(journal)
        done = False
        try:
            target = _start(site, lease, served, before, release, stack)
            yield target
            done = target.promoted
        finally:
            stack.close()
            _leave(site, lease, journal, done=done)


def _leave(site: Site, lease: Lease, journal: Mapping[str, Any], *, done: bool) -> None:
    lease.check()
    try:
        if done:
            site.clear()
        else:
            print(site.put_back(journal, None), flush=True)
        lease.release()
    except AssayError as error:
        raise ServiceError(
            f"the cluster could not be put back to what it was: {error.what}",
            where=error.where,
            next="run assay rollback once the cluster answers; the next deploy would do the same first",
        ) from error


def _start(
    site: Site,
    lease: Lease,
    served: Served,
    before: Mapping[str, Any] | None,
    release: Release,
    stack: contextlib.ExitStack,
) -> KubernetesTarget:
    rows = {CANARY: itertools.cycle(release.rows), STABLE: itertools.cycle(release.stable_rows)}
    split = split_for(site, same_columns=release.same_columns)
    track = STABLE if runs(before, served) else CANARY
    if before and track == STABLE:
        # the run that brought it stays on record, or to deploy again would change it
        served = replace(served, run_id=before["metadata"]["annotations"].get(RUN, served.run_id))
    else:
        replicas = int(before["spec"]["replicas"]) if before else site.deploy.replicas
        site.put(CANARY, served, split.pods(replicas, site.deploy.canary.steps[0]))
    session = stack.enter_context(session_in(site.cluster, site.name, served, site.deploy, site.seconds))
    url = stack.enter_context(forwarded(site.cluster, f"deployment/{track_name(site.name, track)}"))
    return KubernetesTarget(
        site=site, lease=lease, served=served, before=before, rows=rows, session=session, url=url, split=split
    )


def holder_of(context: Context) -> str:
    """Who we are, for the lease: the run, and the supervisor that cleans up when the stage dies."""
    return f"{context.run_id}/{socket.gethostname()}/{os.getppid()}"


def clean_up(context: Context, champion_image: Callable[[], str | None]) -> str:
    """Put right what our deploy, of which we know that it is dead, has left; says what was done, empty for nothing.

    Raises:
        ServiceError: The cluster does not answer, or another deploy has begun.
    """
    site = site_of(context.config, context.project)
    found = site.cluster.get("lease", lease_name(site.name))
    if found is None or found["spec"]["holderIdentity"] != holder_of(context):
        return ""
    with held(site.cluster, site.name, holder_of(context), even_from=holder_of(context)) as lease:
        told = site.put_back(lease.left, champion_image()) if lease.left else ""
        lease.release()
    return told
