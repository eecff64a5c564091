"""What the tests of a deploy to a real cluster need: inputs of the stage, a registry in a file, and looks at both."""

from __future__ import annotations

import json
import sys
import types
import urllib.request
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from models import push_model
from releases import change, release_context

from assay.reports import write_json
from assay.rollout.rollback import roll_back
from assay.supervisor import supervise
from assay.tracking.versions import Version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cluster import Kubectl

    from assay.context import Context
    from assay.reports import StageReport

SETTINGS = """
[tool.assay.deploy]
target = "kubernetes"
namespace = "{namespace}"
replicas = 2
ready_timeout = "{ready}"
canary = {{ steps = [10, 50, 100], min_requests = 20 }}
pod = {{ requests = {{ cpu = "20m", memory = "32Mi" }}, limits = {{ memory = "128Mi" }} }}
[tool.assay.gates.deploy]
canary = {{ prediction_psi = {{ max = 0.2 }}, latency_ratio = {{ max = 5 }} }}
"""


@dataclass(frozen=True)
class Aliases:
    """Stands in for the registry: which version is champion, which is previous, and their images; kept in a file."""

    file: Path

    def champion(self, name: str) -> Version | None:
        return self._version(name, "champion")

    def previous(self, name: str) -> Version | None:
        return self._version(name, "previous")

    def set_champion(self, _name: str, version: int, image: Mapping[str, Any]) -> None:
        now = self.read()
        now["images"][str(version)] = dict(image)
        if now["champion"] != version:
            now |= {"previous": now["champion"], "champion": version}
        write_json(self.file, now)

    def rollback(self, _name: str) -> tuple[int, int]:
        now = self.read()
        now |= {"previous": now["champion"], "champion": now["previous"]}
        write_json(self.file, now)
        return now["champion"], now["previous"]

    def read(self) -> dict[str, Any]:
        if not self.file.exists():
            return {"champion": None, "previous": None, "images": {}}
        found: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        return found

    def _version(self, name: str, alias: str) -> Version | None:
        now = self.read()
        if now[alias] is None:
            return None
        return Version(name=name, version=now[alias], model_digest="", run_id="", image=now["images"][str(now[alias])])


@dataclass
class Place:
    """A namespace, and a project that is deployed to it; `settings` are added to its table."""

    kubectl: Kubectl
    folder: Path
    aliases: Aliases
    settings: str = ""

    def deploy(self, version: int, ready: str = "60s", image: str = "", **behaviour: float | str) -> StageReport:
        """Run the stage for a version that behaves like this."""
        context = self.context(version, image or push_model(version, **behaviour), ready)
        return self.run(context)

    def run(self, context: Context) -> StageReport:
        """Run the stage."""
        return supervise(context, timeout=240)

    def begin(self) -> None:
        """Deploy version 1, unless it serves already."""
        if self.aliases.read()["champion"] is None:
            report = self.deploy(1)
            assert report.summary.get("status") == "promoted", report.message

    def roll_back(self) -> str:
        """What people read when they go back."""
        context = self.context(2, "")
        return roll_back(context.config, context.project, self.aliases)  # type: ignore[arg-type]

    def serves(self, version: int) -> None:
        """Nothing but `version` answers, it is champion, and nothing of a deploy is left."""
        assert self.selector == "tiny-stable"
        assert set(self.answers()) == {version}
        assert self.aliases.read()["champion"] == version
        assert self.left() == set()

    def context(self, version: int, image: str, ready: str = "60s", namespace: str = "") -> Context:
        """The stage's context for this image."""
        folder = self.folder / f"{len(list(self.folder.iterdir()))}-{version}"
        folder.mkdir()
        context = release_context(folder, self._toml(namespace, ready))
        champion = self.aliases.champion("tiny")
        for name in ("registration.json", "bundle/bundle.json"):
            change(context.inputs / name, version=version)
        change(context.inputs / "image.json", reference=image)
        about = {"version": champion and champion.version, "image": champion and champion.image}
        if champion and champion.version == version:
            about["model_digest"] = json.loads((context.inputs / "image.json").read_text())["model_digest"]
        change(context.inputs / "champion" / "champion.json", **about)
        return context

    def _toml(self, namespace: str, ready: str) -> str:
        text = SETTINGS.format(namespace=namespace or self.kubectl.namespace, ready=ready)
        return text.replace("replicas = 2", f"replicas = 2\n{self.settings}")

    def answers(self, count: int = 40, column: str = "x") -> Counter[int]:
        """Which versions answer behind the Service, by requests from outside of any deploy."""
        address = self.kubectl.get("service", "tiny")["spec"]["clusterIP"]
        seen: Counter[int] = Counter()
        for _ in range(count):
            body = json.dumps({"records": [{column: 1, "kind": None}]}).encode()
            request = urllib.request.Request(f"http://{address}/predict", data=body)
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - a Service nearby
                seen[int(answer.headers["x-model-version"])] += 1
        return seen

    def left(self) -> set[str]:
        """What is there that only a deploy in progress needs."""
        kinds = self.kubectl("get", "deployment,service,lease,pod", "--output=name").split()
        going = ("canary", "traffic", "deploy", "lease")
        return {
            name for name in kinds if not name.startswith("pod/") and any(part in name.split("/")[1] for part in going)
        }

    @property
    def selector(self) -> str:
        """The track that the Service selects; empty for both."""
        found = self.kubectl.get("service", "tiny")["spec"]["selector"]
        return str(found.get("app.kubernetes.io/instance", ""))


@pytest.fixture(scope="module")
def place(kubectl: Kubectl, models: None, tmp_path_factory: pytest.TempPathFactory) -> Place:  # noqa: ARG001 - images
    """A namespace of the module's own in which nothing was deployed yet."""
    file = tmp_path_factory.mktemp("registry") / "aliases.json"
    return Place(kubectl, tmp_path_factory.mktemp("runs"), Aliases(file))


@pytest.fixture
def in_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage finds this cluster and this registry."""
    monkeypatch.setenv("ASSAY_KUBECONFIG", str(place.kubectl.kubeconfig))
    monkeypatch.setitem(sys.modules, "assay.tracking.registry", fake_registry(place.aliases))


def fake_registry(aliases: Aliases) -> types.ModuleType:
    """A module in place of `assay.tracking.registry`."""
    module = types.ModuleType("assay.tracking.registry")
    vars(module).update(Registry=lambda _store: aliases, store_of=str)
    return module
