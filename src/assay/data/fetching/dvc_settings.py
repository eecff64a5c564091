"""DVC's settings: the project's with all paths absolute, and those that keep a pull to its own folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL_VARIABLE = "ASSAY_DVC_CONFIG"
_SECRET = re.compile(r"pass|secret|key|token|sas|connection_string|account|user", re.IGNORECASE)
_NO_SECRET = re.compile(r"^ask_|file$|path$")
_LIMITS = {"connect_timeout": 15, "read_timeout": 60}
_ISOLATED: dict[str, dict[str, Any]] = {
    "core": {"no_scm": True, "analytics": False, "check_update": False, "autostage": False},
    # links that point into a store would be no artifact
    "cache": {"type": "reflink,hardlink,copy"},
}


def read(project: Path, scratch: Path) -> dict[str, Any]:
    """All settings that hold for the project: machine, user, .dvc/config, and .dvc/config.local.

    Args:
        project: The project's folder.
        scratch: Where the file that ASSAY_DVC_CONFIG names is copied; it takes the place of .dvc/config.local.

    Raises:
        ConfigError: A file cannot be read or is malformed.
    """
    from dvc.config import Config
    from dvc.config import ConfigError as Malformed

    given = os.environ.get(LOCAL_VARIABLE)
    local = scratch / "local" if given else project / ".dvc"
    try:
        if given:
            local.mkdir()
            shutil.copyfile(given, local / Config.CONFIG_LOCAL)
        settings: dict[str, Any] = Config(
            str(project / ".dvc"), local_dvc_dir=str(local), validate=False
        ).load_config_to_level()
    except OSError as error:
        raise ConfigError(f"DVC's settings cannot be read: {error.strerror}", LOCAL_VARIABLE if given else "") from None
    except Malformed:
        # DVC's own text shows the line, and in it may be a password
        what = "DVC's settings are malformed"
        raise ConfigError(what, ".dvc/config, .dvc/config.local", next="dvc config --list shows where") from None
    return settings


def write(folder: Path, settings: dict[str, Any]) -> None:
    """Write `settings` as the file `config` in `folder`, with limits on how long a remote may be silent."""
    for remote in settings.get("remote", {}).values():
        if str(remote.get("url", "")).startswith(("s3://", "http://", "https://")):
            remote.update({**_LIMITS, **remote})
    _save(folder, settings)


def isolate(folder: Path, cache: Path) -> None:
    """Write settings to `folder` that go before all others: no git, no calls home, all objects below `cache`."""
    folder.mkdir(parents=True)
    _save(folder, {**_ISOLATED, "cache": {**_ISOLATED["cache"], "dir": str(cache)}})


def _save(folder: Path, settings: dict[str, Any]) -> None:
    from dvc.config import Config

    with Config(str(folder), validate=False).edit("repo", validate=False) as saved:
        saved.update(settings)


def cache_of(project: Path, settings: dict[str, Any]) -> Path:
    """The project's own cache, which may not exist."""
    return Path(settings.get("cache", {}).get("dir") or project / ".dvc" / "cache")


def remote_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The remote that a pull reads from by default; empty where there is none."""
    remotes = settings.get("remote", {})
    found: dict[str, Any] = remotes.get(settings.get("core", {}).get("remote"), {})
    return found


def secrets(settings: dict[str, Any]) -> Iterator[str]:
    """Values that nobody may read."""
    for remote in settings.get("remote", {}).values():
        for key, value in remote.items():
            if _SECRET.search(key) and not _NO_SECRET.search(key):
                yield str(value)
