"""From an address to the run cache that it names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import ConfigError
from assay.run_cache.client import ADDRESS_VARIABLE, RunCache
from assay.run_cache.folder import Folder
from assay.values import no_credentials

if TYPE_CHECKING:
    from assay.run_cache.client import Store

_FILE, _REGISTRY = "file", "oci"


def open_run_cache(address: str = "") -> RunCache | None:
    """The run cache at `address`, else at that of the environment; None where neither names one.

    Raises:
        ConfigError: The address is malformed, has a password in it, or needs a package that is not installed.
    """
    address = address or os.environ.get(ADDRESS_VARIABLE, "")
    return RunCache(_store(address)) if address else None


def _store(address: str) -> Store:
    protocol, separator, rest = address.partition("://")
    if not separator or protocol == _FILE:
        return Folder(Path(rest if separator else address).expanduser().absolute())
    refused = no_credentials(address)
    if refused:
        raise ConfigError("the address of the run cache has a secret in it", "--run-cache", refused)
    if protocol == _REGISTRY:
        from assay.run_cache.registry import Registry

        return Registry.of(address)
    from assay.run_cache.remote import Remote

    return Remote.of(address)
