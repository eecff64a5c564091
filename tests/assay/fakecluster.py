"""A cluster in memory: keeps what is applied to it, and has every Deployment ready at once."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from assay.rollout.kubectl import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]


class FakeCluster:
    """Stands in for `assay.rollout.kubectl.Cluster`; `calls` tells what was changed."""

    namespace = "here"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.calls: list[str] = []
        self.numbers = 0
        self.apis: set[str] = set()

    def get(self, kind: str, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind, name)))

    def list(self, kinds: str, _labels: Mapping[str, str]) -> list[Object]:
        return [copy.deepcopy(thing) for (kind, _), thing in self.objects.items() if f"{kind}s" in kinds.split(",")]

    def apply(self, *objects: Object, dry_run: bool = False) -> None:
        for thing in objects:
            if not dry_run:
                self._keep(thing)

    def put(self, verb: str, thing: Object) -> Object:
        key = (thing["kind"].lower(), thing["metadata"]["name"])
        now = self.objects.get(key)
        known = thing["metadata"].get("resourceVersion")
        if (verb == "create") != (now is None) or (now and now["metadata"]["resourceVersion"] != known):
            raise Conflict("somebody else was faster", where="the fake")
        return copy.deepcopy(self._keep(thing))

    def delete(self, kind: str, name: str) -> None:
        if self.objects.pop((kind, name), None):
            self.calls.append(f"delete {kind} {name}")

    def serves_api(self, version: str) -> bool:
        return version in self.apis

    def _keep(self, thing: Object) -> Object:
        kept = copy.deepcopy(thing)
        self.numbers += 1
        kept["metadata"] |= {"resourceVersion": str(self.numbers), "generation": self.numbers}
        replicas = kept["spec"].get("replicas")
        if kept["kind"] == "Deployment":
            counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
            kept["status"] = {"observedGeneration": self.numbers, **counts}
        self.objects[kept["kind"].lower(), kept["metadata"]["name"]] = kept
        self.calls.append(f"apply {kept['kind'].lower()} {kept['metadata']['name']}")
        return kept
