"""A project's own YAML: placeholders filled, then used in place of what we would have made, or beside it."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from assay.errors import ConfigError
from assay.rollout.manifests import selector, track_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assay.config import Deploy
    from assay.rollout.kubectl import Object
    from assay.rollout.manifests import Served, Track

_KEY = "[tool.assay.deploy] templates"


def with_templates(
    project: Path, deploy: Deploy, name: str, track: Track, served: Served, ours: Sequence[Object]
) -> list[Object]:
    """Our objects, and the project's in place of those of the same kind and name.

    Raises:
        ConfigError: A file is no YAML, has a placeholder that nobody fills, or loses the labels that we select by.
    """
    if deploy.templates is None:
        return list(ours)
    replicas = ours[0]["spec"]["replicas"]
    values = {"name": name, "track": track, "replicas": replicas, "namespace": deploy.namespace, "port": deploy.port}
    values |= {"image": served.image, "version": served.version, "model_digest": served.model_digest}
    own = _read(project / deploy.templates, values | {"run_id": served.run_id})
    merged = {_key(thing): thing for thing in (*ours, *own)}
    _check(merged["Deployment", track_name(name, track)], selector(name, track), served)
    return list(merged.values())


def _read(folder: Path, values: dict[str, object]) -> list[Object]:
    import yaml

    files = sorted(file for file in folder.glob("*") if file.suffix in {".yaml", ".yml"})
    if not files:
        raise ConfigError("there is no YAML file in this folder", where=f"{_KEY}: {folder}")
    found: list[Object] = []
    for file in files:
        try:
            text = Template(file.read_text(encoding="utf-8")).substitute(values)
            found += [thing for thing in yaml.safe_load_all(text) if thing]
        except (KeyError, ValueError) as error:
            known = ", ".join(f"${{{key}}}" for key in values)
            raise ConfigError(f"unknown placeholder {error}", where=str(file), allowed=known) from None
        except yaml.YAMLError as error:
            raise ConfigError(f"no YAML: {error}", where=str(file)) from None
        if not all(isinstance(thing, dict) and "kind" in thing and "metadata" in thing for thing in found):
            raise ConfigError("a document is no object of Kubernetes", where=str(file), allowed="kind, metadata, spec")
    return found


def _key(thing: Object) -> tuple[str, str]:
    return thing["kind"], thing["metadata"]["name"]


def _check(thing: Object, wanted: dict[str, str], served: Served) -> None:
    template = thing["spec"]["template"]
    labels = template["metadata"].get("labels", {})
    if not wanted.items() <= labels.items():
        lines = ", ".join(f"{key}: {value}" for key, value in wanted.items())
        raise ConfigError("the pods lack the labels that the Service selects by", where=_KEY, allowed=lines)
    if template["spec"]["containers"][0]["image"] != served.image:
        raise ConfigError("the first container is not the model", where=_KEY, allowed="image: ${image}")
