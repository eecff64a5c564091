"""A run cache at an address that fsspec knows: s3://, gs://, sftp:// and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.data.fetching.outages import outage_of
from assay.errors import ConfigError, Refused, ServiceError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_CONNECT_SECONDS, _READ_SECONDS = 3, 60
_LIMITS = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS, "retries": {"max_attempts": 1}}
_DENIED = {401, 403}


@dataclass(frozen=True)
class Remote:
    """One object an entry.

    Attributes:
        address: As it was given.
        fs: fsspec's file system.
        root: The folder in it.
    """

    address: str
    fs: Any
    root: str
    kind: str = "remote"

    @staticmethod
    def of(address: str) -> Remote:
        """The run cache at `address`, not looked at yet.

        Raises:
            ConfigError: Its protocol is unknown, or needs a package that is not installed.
        """
        protocol = address.partition("://")[0]
        try:
            import fsspec

            options: dict[str, Any] = {"config_kwargs": _LIMITS} if protocol in {"s3", "s3a"} else {}
            fs, root = fsspec.url_to_fs(address, **options)
        except ImportError as error:
            what = f"a run cache at {protocol}:// needs a package that is not installed: {error}"
            raise ConfigError(
                what, "--run-cache", next="install it; requirements/fetch.lock has what s3, gs and https need"
            ) from None
        except ValueError:
            near = did_you_mean(protocol, ["oci", *fsspec.available_protocols()])
            what, allowed = f"no run cache can be at {protocol}://", "a folder, oci://host/repository, s3://, gs://"
            raise ConfigError(what, "--run-cache", allowed, near) from None
        if hasattr(fs, "retries"):
            fs.retries = 1  # retries of retries would take minutes to say that nobody is there
        return Remote(address, fs, str(root).rstrip("/"))

    def __str__(self) -> str:
        return self.address

    def size(self, name: str) -> int | None:
        """See `Store`."""
        self.fs.invalidate_cache()
        try:
            return int(self._ask(lambda: self.fs.info(self._path(name)))["size"])
        except FileNotFoundError:
            return None

    def get(self, name: str, target: Path) -> Sequence[Path]:
        """See `Store`."""
        self._ask(lambda: self.fs.get_file(self._path(name), str(target)))
        return [target]

    def put(self, name: str, file: Path) -> None:
        """See `Store`. An object is there when all of it is; half a file elsewhere is a miss that is written anew."""
        try:
            self._ask(lambda: self.fs.put_file(str(file), self._path(name)))
        except FileNotFoundError:
            self._ask(lambda: self.fs.makedirs(self.root, exist_ok=True))
            self._ask(lambda: self.fs.put_file(str(file), self._path(name)))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}.tar"

    def _ask(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
        try:
            return work()
        except FileNotFoundError:
            raise
        except PermissionError:
            raise Refused("it may not be used with these credentials", str(self)) from None
        except Exception as error:  # noqa: BLE001 - each client library has its own
            outage = outage_of(error)
            kind = Refused if outage.statuses & _DENIED else ServiceError
            raise kind(f"it {outage.told} ({type(error).__name__})", str(self)) from None
