"""One deploy at a time: a Lease that is renewed while we work, and that tells the next one what we left undone.

The journal lies in an annotation of the Lease. A Lease that nobody renews any more belongs to a deploy that died.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.errors import AssayError, ServiceError
from assay.rollout.kubectl import Conflict
from assay.rollout.manifests import head, labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.rollout.kubectl import Cluster, Object

JOURNAL = "assay/journal"
SECONDS = 45

_EVERY = 10.0
_POLL = 2.0


@dataclass
class Lease:
    """A Lease that we hold.

    Attributes:
        cluster: Where it is.
        thing: The object as we wrote it last.
        left: The journal of a deploy that died; None where there was none.
    """

    cluster: Cluster
    thing: Object
    left: Any = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _lost: str = ""

    def check(self) -> None:
        """Make sure that we are still the only ones.

        Raises:
            Conflict: Another deploy has taken over, because we could not renew the lease in time.
        """
        if self._lost:
            raise Conflict("another deploy has taken over", where=self._lost, next="wait for it, then deploy again")

    def note(self, journal: object) -> None:
        """Keep `journal` for whoever has to put right what we leave undone."""
        with self._lock:
            self.thing["metadata"].setdefault("annotations", {})[JOURNAL] = json.dumps(journal)
            self.renew()

    def renew(self) -> None:
        """Hold it for `SECONDS` from now.

        Raises:
            Conflict: Another deploy has taken it.
        """
        with self._lock:
            self.thing["spec"]["renewTime"] = _now()
            try:
                self.thing = self.cluster.put("replace", self.thing)
            except Conflict as error:
                self._lost = error.where
                raise

    def release(self) -> None:
        """Let others in: nothing is left undone."""
        self.check()
        self.cluster.delete("lease", self.thing["metadata"]["name"])


@contextlib.contextmanager
def held(cluster: Cluster, name: str, holder: str, *, even_from: str = "") -> Iterator[Lease]:
    """Hold the lease of the model `name`; whoever leaves without `release` leaves the journal.

    Args:
        cluster: Where the model runs.
        name: The model's name in the cluster.
        holder: Says who we are.
        even_from: A holder of whom we know that it is dead, so that its lease need not expire first.

    Raises:
        ServiceError: Another deploy is at work.
    """
    lease = _acquire(cluster, name, holder, even_from)
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(lease, over), daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        over.set()


def _keep(lease: Lease, over: threading.Event) -> None:
    while not over.wait(_EVERY):
        # while the API server is away nobody else can take it either
        with contextlib.suppress(AssayError):
            lease.renew()


def _acquire(cluster: Cluster, name: str, holder: str, even_from: str) -> Lease:
    wanted = head("coordination.k8s.io/v1", "Lease", lease_name(name), labels(name))
    wanted["spec"] = {"holderIdentity": holder, "leaseDurationSeconds": SECONDS, "renewTime": _now()}
    found = _free(cluster, lease_name(name), even_from)
    try:
        if found is None:
            return Lease(cluster, cluster.put("create", wanted))
        found["spec"] |= wanted["spec"]
        left = found["metadata"].get("annotations", {}).get(JOURNAL)
        return Lease(cluster, cluster.put("replace", found), json.loads(left) if left else None)
    except Conflict as error:
        raise ServiceError("another deploy has just begun", where=error.where, next="wait for it") from None


def lease_name(name: str) -> str:
    """Name of the lease of the model `name`."""
    return f"{name}-deploy"


def _free(cluster: Cluster, name: str, even_from: str) -> Object | None:
    """The lease once nobody holds it, which takes a while where its holder died; None where there is none."""
    seen = ""
    while True:
        found = cluster.get("lease", name)
        if found is None or found["spec"]["holderIdentity"] == even_from:
            return found
        spec = found["spec"]
        left = SECONDS - (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(spec["renewTime"])).total_seconds()
        if left <= 0:
            return found
        seen = seen or spec["renewTime"]
        if spec["renewTime"] != seen:
            where = f"lease/{name}: held by {spec['holderIdentity']}"
            raise ServiceError("another deploy of this model is at work", where=where, next="wait for it")
        time.sleep(_POLL)


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
