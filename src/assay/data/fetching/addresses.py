"""Opens an address with fsspec, with limits on time, and asks its server patiently."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from assay.data.fetching.credentials import shown
from assay.data.fetching.outages import Changed, Truncated, explained, is_disk, outage_of
from assay.errors import AssayError, ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.data.fetching.credentials import Hidden

WHERE = "pyproject.toml tool.assay.data.path"
WEB = ("http", "https")
PAUSES = (0.5, 2.0)
CONNECT_SECONDS, READ_SECONDS = 15, 60
_PATIENT = ("gs", "gcs")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Address:
    """An address that can be read.

    Attributes:
        text: As it was given, with its credentials.
        protocol: `s3`, `https`, ...
        fs: The fsspec file system.
        path: The file system's own name for it.
        hidden: What may not be shown.
    """

    text: str
    protocol: str
    fs: Any
    path: str
    hidden: Hidden

    def ask(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, tried again where waiting may help.

        Raises:
            ServiceError: It failed for good.
        """
        for pause in (*PAUSES, None):
            try:
                return work()
            except AssayError:
                raise
            except Exception as error:
                if is_disk(error):
                    raise
                failure = self.hidden.error(explained(error, shown(self.text), self.protocol))
                if pause is None or not self._again(error):
                    raise failure from None
                print(f"{failure.what}; again in {pause:g} s")  # noqa: T201 - the stage's log
                time.sleep(pause)
        raise AssertionError

    def _again(self, error: Exception) -> bool:
        # its client has waited for half a minute already
        waited = self.protocol in _PATIENT and not isinstance(error, (Changed, Truncated))
        return outage_of(error).again and not waited


def open_address(text: str, hidden: Hidden) -> Address:
    """The address `text`, not looked at yet; neither its credentials nor what is `hidden` will be shown.

    Raises:
        ConfigError: It is malformed, or nothing here can read its protocol.
    """
    import fsspec

    protocol = _protocols(text)[0]
    hidden = hidden.address(text)
    known = {*fsspec.available_protocols(), *fsspec.registry}
    if protocol not in known:
        near = did_you_mean(protocol, known)
        raise ConfigError(f'unknown protocol "{protocol}"', WHERE, "s3, gs, https, http, file", near)
    try:
        _check_web(text) if protocol in WEB else None
        options = {part: _options(part, fsspec.config.conf) for part in _protocols(text)}
        fs, path = fsspec.url_to_fs(text, skip_instance_cache=True, **options)
    except ImportError as error:
        what = f"{protocol}:// needs a package that this stage does not have: {shown(str(error))}"
        raise ConfigError(what, WHERE, "s3, gs, https, http, file") from None
    except ValueError as error:
        raise hidden.error(ConfigError(f"not an address: {error}", f"{WHERE} = {shown(text)}")) from None
    except Exception as error:  # noqa: BLE001 - credentials are looked for here, each client in its own way
        raise hidden.error(explained(error, shown(text), protocol)) from None
    if not str(path).strip("/"):
        raise ConfigError("the address names nothing", f"{WHERE} = {shown(text)}", f"{protocol}://place/folder/file")
    if hasattr(fs, "retries"):
        # retries of retries would take minutes to say that a host does not exist
        fs.retries = 1
    return Address(text, protocol, fs, str(path), hidden)


def _protocols(text: str) -> list[str]:
    # zip://inner.csv::https://host/outer.zip is read through two of them
    return [part.partition("://")[0] for part in text.split("::")]


def _check_web(text: str) -> None:
    parts = urlsplit(text)
    if not parts.hostname or (parts.port or 1) < 1:
        raise ValueError("it has no host")
    if "[" in parts.netloc:
        raise ValueError("fsspec does not know IPv6 addresses in figures; give the host's name")
    if parts.path.endswith("/") or not parts.path:
        raise ValueError("it names no file; only one file can be read over http")


def _options(protocol: str, conf: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    given = conf.get(protocol, {})
    if protocol in WEB:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        return {"client_kwargs": {"timeout": timeout, "trust_env": True, **given.get("client_kwargs", {})}}
    if protocol in {"s3", "s3a"}:
        limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retries": {"max_attempts": 1}}
        return {"config_kwargs": {**limits, **given.get("config_kwargs", {})}}
    return {"requests_timeout": READ_SECONDS} if protocol in _PATIENT else {}
