"""A repository of an OCI registry, through the package `oras`, which knows how to log in."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import ConfigError, Refused, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = b"{}"
USERNAME_VARIABLE, PASSWORD_VARIABLE = "ASSAY_REGISTRY_USERNAME", "ASSAY_REGISTRY_PASSWORD"
INSECURE_VARIABLE = "ASSAY_REGISTRY_INSECURE"
_DOCKER = "application/vnd.docker.distribution.manifest"
_ACCEPT = ", ".join((MANIFEST, INDEX, f"{_DOCKER}.v2+json", f"{_DOCKER}.list.v2+json"))
_IMAGE = re.compile(r"(?P<host>[^/@]+)/(?P<name>[a-z0-9._/-]+)(:(?P<tag>[\w.-]+))?@(?P<digest>sha256:[0-9a-f]{64})")
_PATIENCE = 30.0, 30.0
_OK = 200
_DENIED = {401, 403}


@dataclass(frozen=True)
class Repository:
    """A repository.

    All methods raise `ServiceError` where the registry is unreachable or refuses us.

    Attributes:
        host: The registry, with port.
        name: The repository's name in it.
        client: oras' client of the registry.
    """

    host: str
    name: str
    client: Any

    @staticmethod
    def of(image: str) -> tuple[Repository, str, str]:
        """The repository of `image`, its tag ("" where it has none) and its digest.

        Raises:
            ConfigError: `image` is not `host/repository[:tag]@sha256:...`.
        """
        found = _IMAGE.fullmatch(image)
        if not found:
            raise ConfigError(f"{image} is no image by digest", "--image", "host/repository@sha256:<64 digits>")
        return Repository.connect(found["host"], found["name"]), found["tag"] or "", found["digest"]

    @staticmethod
    def connect(
        host: str, name: str, login: tuple[str, str] | None = None, seconds: tuple[float, float] = _PATIENCE
    ) -> Repository:
        """The repository `name` at `host`.

        Args:
            host: The registry, with port.
            name: The repository's name in it.
            login: User and password; None means those of the environment.
            seconds: Longest wait for a connection, and for the next bytes.

        Raises:
            ConfigError: The package `oras` is not installed.
        """
        try:
            from oras.provider import Registry
        except ModuleNotFoundError as error:
            raise ConfigError(f"{error.name} is not installed", next="install requirements/attest.lock") from None
        # without the retries around it, which take two minutes to say that nobody is there
        once = type("Once", (Registry,), {"do_request": Registry.do_request.__wrapped__})
        plain = _plain(host)
        basic = _call(host, lambda: _asks_for_password(f"{'http' if plain else 'https'}://{host}/v2/", seconds))
        client = once(host, insecure=plain, auth_backend="basic" if basic else "token")
        user, password = login or (os.environ.get(USERNAME_VARIABLE), os.environ.get(PASSWORD_VARIABLE))
        if user and password:
            client.auth.set_basic_auth(user, password)
        elif basic:
            raise _denied(host)
        client.session.request = functools.partial(client.session.request, timeout=seconds)
        return Repository(host, name, client)

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"

    def get(self, reference: str) -> requests.Response:
        """The manifest `reference`, a tag or a digest."""
        return self._request(f"manifests/{reference}", "GET", headers={"Accept": _ACCEPT})

    def put(self, reference: str, manifest: bytes, kind: str) -> requests.Response:
        """Push a manifest."""
        return self._request(f"manifests/{reference}", "PUT", data=manifest, headers={"Content-Type": kind})

    def get_blob(self, digest: str) -> bytes:
        """The blob with `digest`."""
        answer = self._request(f"blobs/{digest}", "GET")
        self.expect(answer, _OK)
        return bytes(answer.content)

    def put_blob(self, content: bytes) -> None:
        """Push `content`, unless it is there."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "blob")
            file.write_bytes(content)
            self.put_file(file, descriptor(content, "application/octet-stream"))

    def put_file(self, file: Path, layer: dict[str, Any]) -> None:
        """Push a file, unless it is there; `layer` is its descriptor."""
        self.expect(_call(str(self), lambda: self.client.upload_blob(str(file), str(self), layer)), _OK, 201, 202)

    def download(self, digest: str, target: Path, size: int) -> None:
        """Bring a blob to `target`, not much more than `size` bytes; whoever uses it looks at its digest."""

        def bring(answer: requests.Response) -> None:
            with target.open("wb") as file:
                for piece in answer.iter_content(2**20):
                    file.write(piece)
                    if file.tell() > size:
                        break

        answer = self._request(f"blobs/{digest}", "GET", stream=True)
        self.expect(answer, _OK)
        _call(str(self), lambda: bring(answer))

    def expect(self, answer: requests.Response, *allowed: int) -> None:
        """See that the status is one of `allowed`."""
        if answer.status_code in _DENIED:
            raise _denied(str(self))
        if answer.status_code not in allowed:
            raise ServiceError(f"the registry answered {answer.status_code}", str(self), next="look at its log")

    def _request(self, path: str, method: str, **how: Any) -> requests.Response:
        url = f"{self.client.prefix}://{self.host}/v2/{self.name}/{path}"
        answer: requests.Response = _call(str(self), lambda: self.client.do_request(url, method, **how))
        if answer.status_code in _DENIED:
            raise _denied(str(self))
        return answer


def descriptor(content: bytes, kind: str) -> dict[str, Any]:
    """What OCI calls a descriptor of `content`."""
    return {"mediaType": kind, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _asks_for_password(url: str, seconds: tuple[float, float]) -> bool:
    import requests

    return requests.get(url, timeout=seconds).headers.get("WWW-Authenticate", "").lower().startswith("basic")


def _plain(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    if os.environ.get(INSECURE_VARIABLE) or name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _call(where: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
    """What `ask` gives; only the kind of a failure is told, as its text may hold an address with a token in it."""
    import requests

    try:
        return ask()
    except requests.RequestException as error:
        what = f"the registry cannot be reached: {type(error).__name__}"
        then = f"check address and network; for plain http beyond this machine set {INSECURE_VARIABLE}=1"
        raise ServiceError(what, where, next=then) from None
    except ValueError as error:
        # oras' own, for a login that it cannot do and for an upload that the registry does not begin
        if "authentication" in str(error):
            raise _denied(where) from None
        then = "the credentials must allow to push; if they do, look at the registry's log and disk"
        raise ServiceError("the registry takes no upload", where, next=then) from None


def _denied(where: str) -> Refused:
    then = f"set {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}"
    return Refused("the registry refuses us: the credentials are missing, wrong, or may not push", where, next=then)
