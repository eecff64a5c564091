"""A stage whose result lies in a registry is not run again, by an engine that could not run it at all."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from ociregistry import registry

from assay.run_cache.entry import Receipt, check, unpack
from assay.run_cache.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Called, Dagger

pytestmark = pytest.mark.engine


def _code_test(dagger: Dagger, cache: str, index: str = "") -> Called:
    """code-test, which needs nothing but packages and the project."""
    # with an index of its own no layer of the engine fits; where nobody answers there, nothing can be installed
    options = ["--index-url", f"http://127.0.0.1:{index}/simple"] if index else []
    return dagger.call("--run-cache", cache, *options, "code-test", "report", "contents")


def _report(done: Called) -> dict[str, Any]:
    assert done.code == 0, done.err[-4000:]
    found: dict[str, Any] = json.loads(done.out)
    return found


def _entry(store: Registry, host: str, folder: Path) -> tuple[Receipt, Path]:
    """The only entry, as this machine's own client sees it: whole, and for the stage that it says."""
    import requests

    (name,) = requests.get(f"http://{host}/v2/{store.name}/tags/list", timeout=5).json()["tags"]
    files = store.get(name, folder / "packed")
    (folder / "entry").mkdir()
    unpack(files, folder / "entry")
    receipt = Receipt.parse((folder / "entry/entry.json").read_text())
    assert check(folder / "entry", receipt).stage == "code-test"
    assert receipt.name == name
    return receipt, folder / "entry"


def test_a_stored_result_is_used_and_a_poisoned_one_is_not(dagger: Dagger, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as host:
        cache = f"oci://{host}/run-cache"
        first = _report(_code_test(dagger, cache))
        assert _report(_code_test(dagger, cache, "1")) == first
        receipt, entry = _entry(Registry.of(cache), host, tmp_path)
        (entry / "test-report/junit.xml").write_text("<poison/>")
        with tarfile.open(tmp_path / "poison.tar", "w") as archive:
            archive.add(entry, "entry")
        Registry.of(cache).put(receipt.name, tmp_path / "poison.tar")
        done = _code_test(dagger, cache, "2")
        assert done.code == 5, "it had to be run, for which there are no packages"
        assert "has another test-report than its report says; it was not used" in done.out + done.err
