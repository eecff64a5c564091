"""Why `dvc pull` failed, in the user's terms, from what it said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from assay.data.fetching.addresses import WEB, open_address
from assay.data.fetching.credentials import Hidden
from assay.data.fetching.dvc_settings import remote_of
from assay.data.fetching.outages import MISSING, explained, how_to_give, outage_of, outage_with
from assay.errors import AssayError, ConfigError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.data.fetching.dvc_tracked import Tracked

_ERROR = re.compile(r"^(?:[\d-]+ [\d:,]+ )?ERROR: (.+)$", re.MULTILINE)
_RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", re.MULTILINE)
_CODE = re.compile(r"An error occurred \((\w+)\)|(?<=: )(\d{3}), message=")
_PACKAGE = re.compile(r"requires '(dvc-\w+)' to be installed")
_NO_REMOTE = re.compile(r"No remote provided|no remote specified|remote '[^']*' doesn't exist")
_LONGEST = 300


def failure(said: str, target: str, tracked: Sequence[Tracked], settings: dict[str, Any], hidden: Hidden) -> AssayError:
    """The error to show for a `dvc pull` of `target` that said `said`."""
    remote = remote_of(settings)
    found = _settings_at_fault(said) or _remote_at_fault(said, remote, tracked)
    if not found:
        names = ", ".join(f"{one.path} ({one.revision})" for one in tracked[:3])
        where = str(remote.get("url", ""))
        if "issing cache files" in said or "error.dvc.org/missing-files" in said:
            lacks = "is damaged: it has something else than" if "corrupted cache file" in said else "does not have"
            what = f"DVC's remote {lacks} {names}"
            found = ServiceError(what, where, next="dvc push from where it was added, and check the remote's url")
        else:
            found = ServiceError(f"dvc pull failed: {_last(said)}", where, next=f"dvc pull {target} by hand")
    return hidden.address(str(remote.get("url", ""))).error(found)


def _settings_at_fault(said: str) -> ConfigError | None:
    package = _PACKAGE.search(said)
    if package:
        what = f"DVC's remote needs {package[1]}, which this stage does not have"
        return ConfigError(what, ".dvc/config", "remotes on s3, gs, http and in folders")
    if _NO_REMOTE.search(said):
        what = "DVC has no remote to pull from"
        return ConfigError(what, ".dvc/config", next="dvc remote add --default NAME URL, and commit .dvc/config")
    return ConfigError(_last(said), ".dvc/config") if "configuration error" in said else None


def _remote_at_fault(said: str, remote: dict[str, Any], tracked: Sequence[Tracked]) -> ServiceError | None:
    url = str(remote.get("url", ""))
    protocol = urlsplit(url).scheme
    if url and not protocol and not Path(url).is_dir():
        return ServiceError("DVC's remote is a folder that is not there", url, next="mount it, or check the url")
    if "NoSuchBucket" in said:
        return ServiceError("DVC's remote is in a bucket that is not there", url, next="check the remote's url")
    codes = {code for pair in _CODE.findall(said) for code in pair if code}
    # the file that is not there is one in an empty cache most of the time
    outage = outage_with(
        {*_RAISED.findall(said), *codes} - {"FileNotFoundError"}, {int(c) for c in codes if c.isdigit()}
    )
    if outage and outage is not MISSING:
        what = f"the data in DVC's remote {outage.told}: {_last(said)}"
        return ServiceError(what, url, next=outage.then.format(credentials=how_to_give(protocol)))
    plain = protocol in WEB and remote.get("auth", "basic") == "basic"
    return _asked(url, remote, tracked[0].revision) if plain else None


def _asked(url: str, remote: dict[str, Any], name: str) -> ServiceError | None:
    """What the server itself says: DVC takes every failure of HTTP for a missing file."""
    parts = urlsplit(url)
    user = f"{quote(str(remote['user']))}:{quote(str(remote.get('password', '')))}@" if remote.get("user") else ""
    path = f"{parts.path.rstrip('/')}/files/md5/{name[:2]}/{name[2:]}"
    address = open_address(urlunsplit((parts.scheme, f"{user}{parts.netloc}", path, "", "")), Hidden())
    try:
        address.fs.info(address.path)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is asked for
        return None if outage_of(error) is MISSING else explained(error, url, parts.scheme)
    return None


def _last(said: str) -> str:
    lines = list(dict.fromkeys(_ERROR.findall(said)))[:2] or said.strip().splitlines()[-1:] or ["(nothing)"]
    return "; ".join(lines)[:_LONGEST]
