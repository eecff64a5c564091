"""The run cache in a registry and at an address of fsspec."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from ociregistry import registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


from run_cache_kit import run_on, told

PASSWORD = secrets.token_urlsafe(12)


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def set_login(password: str) -> None:
        monkeypatch.setenv("ASSAY_RUN_CACHE_USERNAME", "ada")
        monkeypatch.setenv("ASSAY_RUN_CACHE_PASSWORD", password)

    return set_login


def test_a_registry(tmp_path: Path, login: Callable[[str], None]) -> None:
    with registry(tmp_path / "registry", "ada", PASSWORD) as host:
        address = f"oci://{host}/team/cache"
        login(PASSWORD)
        assert [entry.note for entry in run_on(tmp_path / "one", address)] == ["", ""]
        entries = run_on(tmp_path / "two", address)
        assert [(entry.cached, entry.source, entry.note) for entry in entries] == [(True, "registry", "")] * 2
        assert "cached (registry)" in told(entries)["b"]
        login("wrong" + PASSWORD)
        refused = run_on(tmp_path / "three", address)
        assert [entry.report.passed for entry in refused] == [True, True]
        (note,) = [entry.note for entry in refused if entry.note]
        assert "refuses us" in note
        assert PASSWORD not in note
        _spoil(tmp_path / "registry/blobs")
        login(PASSWORD)
        spoilt = run_on(tmp_path / "four", address)
        assert [(entry.cached, entry.report.passed) for entry in spoilt] == [(False, True)] * 2
        assert all(entry.note for entry in spoilt)


def _spoil(blobs: Path) -> None:
    """Change a byte in every layer behind the registry's back."""
    layers = [file for file in blobs.rglob("data") if b"ustar" in file.read_bytes()[:600]]
    assert layers
    for layer in layers:
        content = bytearray(layer.read_bytes())
        content[520] ^= 1
        layer.write_bytes(content)


def test_an_address_of_fsspec(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").store.clear()
    run_on(tmp_path / "one", "memory://bucket/cache")
    entries = run_on(tmp_path / "two", "memory://bucket/cache")
    assert [(entry.cached, entry.source, entry.note) for entry in entries] == [(True, "remote", "")] * 2
