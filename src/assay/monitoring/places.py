"""Where live data lies: folders and patterns in the project, and addresses, which are brought here first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from assay.artifacts import files_below
from assay.data.fetching import remote
from assay.data.fetching.addresses import WHERE
from assay.data.fetching.credentials import load_credentials
from assay.data.fetching.downloads import store_of
from assay.errors import AssayError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Context

_KEY = "pyproject.toml tool.assay.monitor"


def logs_of(context: Context, spare: Path) -> Path | None:
    """The file or folder of prediction logs: that of the project, else the traffic of this run's deploy.

    Args:
        context: The stage's.
        spare: Folder for what is brought from an address.

    Raises:
        ConfigError: There is no such folder.
        ServiceError: The address cannot be read.
    """
    path = context.config.monitor.path
    if not path:
        traffic = context.input("deployment") / "traffic" if context.has("deployment") else None
        return traffic if traffic and traffic.is_dir() else None
    if "://" in path:
        return _brought(context, path, "path", spare)
    if not (context.project / path).exists():
        raise ConfigError(f'there is no folder "{path}"', f"{_KEY}.path", "a folder with prediction logs (*.jsonl)")
    return context.project / path


def label_files(context: Context, spare: Path) -> list[Path]:
    """The files with labels, sorted by name; none where none have come yet.

    Raises:
        ServiceError: The address cannot be read.
    """
    pattern = context.config.monitor.labels
    if not pattern:
        return []
    if "://" in pattern:
        found = _brought(context, pattern, "labels", spare)
        return list(files_below(found)) if found.is_dir() else [found]
    files = [path for path in sorted(context.project.glob(pattern.rstrip("/"))) if path.is_file()]
    return files or list(files_below(context.project / pattern))


def _brought(context: Context, address: str, key: str, spare: Path) -> Path:
    # what libraries log may hold an address with its password
    logging.getLogger().addHandler(logging.NullHandler())
    hidden = load_credentials()
    folder = spare / key
    folder.mkdir(parents=True, exist_ok=True)
    try:
        fetched = remote.fetch(address, folder, store_of(context.project, spare), hidden, growing=True)
    except AssayError as error:
        where = error.where.replace(WHERE, f"{_KEY}.{key}")
        raise type(error)(error.what, where, error.allowed, error.next) from None
    return folder / fetched.path
