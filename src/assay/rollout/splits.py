"""How people's requests are divided between stable and candidate, and where to ask to see what they see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from assay.errors import ConfigError
from assay.rollout.manifests import CANARY, STABLE

if TYPE_CHECKING:
    from assay.rollout.site import Site

_ALL = 100


@dataclass(frozen=True)
class Address:
    """Where requests go from inside the cluster."""

    host: str
    port: int
    name: str = ""


class Split(Protocol):
    """One way to divide requests.

    Attributes:
        way: What it is, for people.
        mixed: Requests to one address reach both versions.
    """

    way: str
    mixed: bool

    def pods(self, stable: int, percent: int) -> int:
        """How many pods the candidate needs for `percent`, beside `stable` ones of the other."""

    def shift(self, site: Site, percent: int, *, alone: bool) -> None:
        """Let about `percent` go to the candidate; `alone` where there is nothing else."""

    def address(self, site: Site) -> Address:
        """Where people ask."""


class ReplicaRatio:
    """One Service in front of both: each pod gets the same share, so the number of pods decides."""

    way = "replica ratio: one Service in front of the pods of both versions"
    mixed = True

    def pods(self, stable: int, percent: int) -> int:
        """At least one, at most twice as many as the stable version has."""
        return canary_replicas(stable, percent)

    def shift(self, site: Site, percent: int, *, alone: bool) -> None:
        """Select one track or both."""
        site.serve((CANARY,) if percent == _ALL or alone else (STABLE, CANARY))

    def address(self, site: Site) -> Address:
        """The Service."""
        return Address(site.name, site.deploy.port)


class Apart(ReplicaRatio):
    """The versions know other columns: no request suits both, so the candidate is asked beside people's requests."""

    way = "each version by its own Service: they know different columns, so people's requests are not divided"
    mixed = False

    def shift(self, site: Site, percent: int, *, alone: bool) -> None:
        """Nothing before the last step: people go on with what they know."""
        if percent == _ALL or alone:
            site.serve((CANARY,))


class Route:
    """The weights of an HTTPRoute: the share is exact, whatever the number of pods."""

    way = "weights of an HTTPRoute (Gateway API)"
    mixed = True

    def pods(self, stable: int, percent: int) -> int:
        """As many as the share of the requests needs."""
        return max(1, -(-stable * percent // _ALL))

    def shift(self, site: Site, percent: int, *, alone: bool) -> None:
        """Set the weights."""
        site.weigh(_ALL if alone else percent)

    def address(self, site: Site) -> Address:
        """The Gateway.

        Raises:
            ConfigError: There is none of this name, or it has no address yet.
        """
        found = site.cluster.get("gateway", str(site.deploy.gateway)) or {}
        ends = found.get("status", {}).get("addresses", [])
        if not ends:
            what = "the Gateway has no address" if found else "there is no such Gateway in the namespace"
            raise ConfigError(what, where=f"[tool.assay.deploy] gateway: {site.deploy.gateway}")
        return Address(ends[0]["value"], found["spec"]["listeners"][0]["port"], site.deploy.host or "")


def canary_replicas(stable: int, percent: int) -> int:
    """Pods of the candidate that make up about `percent` of all, at least one.

    The stable version keeps all of its own until the end, so that going back takes no time; more than twice as many
    beside them would cost more than the step is worth.
    """
    if percent == _ALL:
        return stable
    return max(1, min(round(stable * percent / (_ALL - percent)), 2 * stable))


def split_for(site: Site, *, same_columns: bool) -> Split:
    """The way that this cluster and these two versions allow."""
    if not same_columns:
        return Apart()
    return Route() if site.has_gateway else ReplicaRatio()
