"""Single-row prediction requests over HTTP: bounded in time and size; a failure is counted, never raised."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from assay.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION_HEADER = "x-model-version"
_LARGEST = 2**20
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request.

    Attributes:
        to: Version of the model that was asked.
        version: Version that the answer says it comes from; None where it does not say.
        status: HTTP status; 0 where no whole answer came in time.
        ms: Time until the whole answer was there, or until it failed, milliseconds.
        prediction: The prediction; None where the answer holds none.
        probabilities: Probabilities by class; None where the answer holds none.
    """

    to: int
    version: int | None
    status: int
    ms: float
    prediction: Any = None
    probabilities: Any = None

    @property
    def ok(self) -> bool:
        """True where a prediction came back."""
        return self.status == httpx.codes.OK and self.prediction is not None

    @property
    def by(self) -> int | None:
        """Version that the reply counts for: the one that answered, or the one that was asked and failed to."""
        return self.to if self.version is None and not self.ok else self.version

    def line(self, record: Mapping[str, Any], number: str) -> str:
        """The reply to `record` as a line of a prediction log."""
        fields = {
            "ts": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "id": number,
            "version": self.by,
            "features": record,
            "prediction": self.prediction,
            "probabilities": self.probabilities,
            "ms": round(self.ms, 3),
            "status": self.status,
        }
        return json.dumps(fields) + "\n"


def client() -> httpx.Client:
    """A client for services nearby: no proxies, plain bodies, so that their size can be held to a limit."""
    return httpx.Client(trust_env=False, headers={"accept-encoding": "identity"})


def ask(http: httpx.Client, url: str, version: int, record: Mapping[str, Any], timeout: float) -> Reply:
    """Ask the model `version` at `url` for one prediction; `timeout` in seconds holds for the whole exchange."""
    started = time.perf_counter()
    said, status, prediction, probabilities = None, 0, None, None
    try:
        with http.stream("POST", f"{url}/predict", json={"records": [record]}, timeout=timeout) as response:
            said = _version(response)
            body = _body(response, started + timeout)
            status = response.status_code
        prediction, probabilities = first_prediction(body)
    except httpx.HTTPError:
        pass
    return Reply(version, said, status, (time.perf_counter() - started) * 1000, prediction, probabilities)


def _version(response: httpx.Response) -> int | None:
    text = response.headers.get(VERSION_HEADER, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _body(response: httpx.Response, deadline: float) -> bytes:
    # httpx limits the time between two packets; a server that trickles would hold us for ever
    body = b""
    for part in response.iter_raw():
        body += part
        if time.perf_counter() > deadline or len(body) > _LARGEST:
            raise httpx.ReadTimeout("too slow or too long", request=response.request)
    return body


def first_prediction(body: bytes | str) -> tuple[Any, Any]:
    """Prediction and probabilities in an answer; None where it holds none."""
    try:
        return _first(body)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, None


def _first(body: bytes | str) -> tuple[Any, Any]:
    answer = json.loads(body)
    (prediction,) = answer["predictions"]
    probabilities = answer.get("probabilities")
    return prediction, probabilities[0] if probabilities else None


def wait_ready(http: httpx.Client, url: str, seconds: float) -> None:
    """Wait until the server at `url` says that it is ready.

    Raises:
        ServiceError: It did not within `seconds`.
    """
    deadline, last = time.monotonic() + seconds, "no answer"
    while time.monotonic() < deadline:
        try:
            status = http.get(f"{url}/readyz", timeout=max(0.1, deadline - time.monotonic())).status_code
        except httpx.HTTPError as error:
            last = f"{type(error).__name__}: {error}"
        else:
            if status == httpx.codes.OK:
                return
            last = f"status {status}"
        time.sleep(_POLL)
    raise ServiceError(
        f"not ready within {seconds:g} s", where=f"{url}/readyz: {last}", next="read its log, or raise ready_timeout"
    )
