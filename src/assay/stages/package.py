"""package: makes the bundle and holds what its server answers against the model's own predictions.

Where the image was built, its address is in the environment and it is asked; else the bundle runs as a process.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from assay import artifacts
from assay.context import Context, Outcome
from assay.errors import ArtifactError
from assay.gates import Observed
from assay.reports import write_json
from assay.serving.bundle import make_bundle
from assay.serving.server_process import is_ready, serving
from assay.supply.inventory import largest
from assay.supply.sbom import ROOT_VARIABLE, bill_of_materials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

# set by whoever builds the image, which is not this stage: it has no container engine
_URL, _REFERENCE, _NOTE = "ASSAY_CANDIDATE_URL", "ASSAY_IMAGE_REFERENCE", "ASSAY_IMAGE_NOTE"
_PLATFORMS = "ASSAY_IMAGE_PLATFORMS"
_COMPRESSED = "ASSAY_IMAGE_COMPRESSED_BYTES"
_SKIPPED = "image: skipped, no container engine"
_WARM_UP, _REQUESTS = 20, 100
_READY_SECONDS = 60.0
_OK = 200


def run(context: Context) -> Outcome:
    """Write bundle/, image.json and sbom.cdx.json.

    Raises:
        ArtifactError: The server does not start, does not answer, or serves another model.
    """
    bundle = make_bundle(context)
    about, samples = _read(bundle / "bundle.json"), _read(bundle / "samples.json")
    with _server(bundle) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        _check_identity(client, about)
        observed = {"image.predicts_same": _difference(client, samples), "image.latency_ms.p95": _p95(client, samples)}
    sizes = _sizes(bundle)
    observed |= {f"image.{name}": size for name, size in sizes.items()}
    reference = os.environ.get(_REFERENCE) or None
    built = _URL in os.environ
    image = {
        "bundle_digest": artifacts.digest(bundle),
        "model_digest": about["model_digest"],
        "reference": reference,
        "built": built,
        "platforms": [name for name in os.environ.get(_PLATFORMS, "").split(",") if name],
        "note": os.environ.get(_NOTE, "") if built else _SKIPPED,
    }
    write_json(context.output("image"), image)
    root = os.environ.get(ROOT_VARIABLE)
    context.output("sbom").write_text(bill_of_materials(about, bundle, Path(root) if root else None), encoding="utf-8")
    return Outcome(
        observed=observed,
        message=f"{_served(context, about)}; {reference or ('image built' if built else _SKIPPED)}",
        summary={"version": about["version"], "megabytes": sizes["size_mb"].value, "reference": reference},
    )


def _served(context: Context, about: Mapping[str, Any]) -> str:
    bundled = f"version {about['version']} bundled"
    if about["onnx"]:
        return f"{bundled} for ONNX Runtime"
    why = _read(context.input("evaluation") / "evaluation.json").get("onnx", {}).get("why", "")
    return f"{bundled} without ONNX Runtime{why and f' ({why})'}"


def _sizes(bundle: Path) -> dict[str, Observed]:
    root, compressed = os.environ.get(ROOT_VARIABLE), os.environ.get(_COMPRESSED)
    if root is None or compressed is None:
        alone = Observed(round(artifacts.size(bundle) / 1e6, 3), message="the bundle alone: no container engine")
        return {"size_mb": alone, "compressed_mb": alone}
    unpacked = artifacts.disk_size(Path(root))
    most = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in largest(Path(root)).items())
    return {
        "size_mb": Observed(round(unpacked / 1e6, 3), message=f"unpacked, base image included; most take {most}"),
        "compressed_mb": Observed(round(float(compressed) / 1e6, 3), message="all layers, as they are sent"),
    }


def _server(bundle: Path) -> AbstractContextManager[str]:
    url = os.environ.get(_URL)
    if not url:
        return serving(bundle, timeout=_READY_SECONDS)
    until = time.monotonic() + _READY_SECONDS
    while not is_ready(url):
        if time.monotonic() > until:
            raise ArtifactError(f"the image's server was not ready after {_READY_SECONDS:g} s", where=url)
        time.sleep(0.2)
    return nullcontext(url)


def _check_identity(client: httpx.Client, about: Mapping[str, Any]) -> None:
    serves = _get(client, "/metadata")
    for key in ("name", "version", "model_digest"):
        if serves.get(key) != about[key]:
            raise ArtifactError(
                f"the image serves another model: {key} is {serves.get(key)}, the bundle's is {about[key]}",
                where=str(client.base_url),
                next="build the image from this bundle",
            )


def _difference(client: httpx.Client, samples: Mapping[str, Any]) -> Observed:
    """Largest difference over all sample rows, plus the share of rows with another label."""
    answer = _ask(client, _records(samples))
    count = len(samples["records"])
    try:
        if samples["probabilities"] is None:
            far = max(_far(one, other) for one, other in _pairs(answer["predictions"], samples["predictions"]))
            return Observed(far, message=f"{count} rows")
        rows = _pairs(answer["probabilities"], samples["probabilities"])
        far = max(_far(one, other) for row, own in rows for one, other in _pairs(row, own))
        labels = [one != other for one, other in _pairs(answer["predictions"], samples["predictions"])]
    except (TypeError, ValueError) as error:
        return Observed(None, message=f"the answers cannot be compared: {error}")
    return Observed(far + sum(labels) / len(labels), message=f"{count} rows, {sum(labels)} with another label")


def _far(one: float, other: float) -> float:
    # large numbers cannot agree to as many places behind the point as small ones
    return abs(one - other) / max(1.0, abs(other))


def _pairs(ones: Sequence[Any], others: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(ones, others, strict=True)


def _p95(client: httpx.Client, samples: Mapping[str, Any]) -> Observed:
    records = _records(samples)
    times = []
    for number in range(_WARM_UP + _REQUESTS):
        start = time.perf_counter()
        _ask(client, [records[number % len(records)]])
        times.append((time.perf_counter() - start) * 1e3)
    p95 = statistics.quantiles(times[_WARM_UP:], n=20)[-1]
    return Observed(round(p95, 3), message=f"{_REQUESTS} requests one after the other")


def _records(samples: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(samples["columns"], row, strict=True)) for row in samples["records"]]


def _ask(client: httpx.Client, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return _checked(client, "POST", "/predict", {"records": records})


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    return _checked(client, "GET", path, None)


def _checked(client: httpx.Client, method: str, path: str, body: object) -> dict[str, Any]:
    where = f"{client.base_url}{path}"
    try:
        answer = client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise ArtifactError(f"the server does not answer: {type(error).__name__}: {error}", where=where) from None
    if answer.status_code != _OK:
        raise ArtifactError(f"the server answered {answer.status_code}: {answer.text[:500]}", where=where)
    found: dict[str, Any] = answer.json()
    return found


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
