"""Why an address could not be read, in the user's terms, from what the many client libraries raise."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_LONGEST = 300
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_ENDPOINT_URL; FSSPEC_S3_ANON=true for a public bucket)",
    "gs": 'GOOGLE_APPLICATION_CREDENTIALS, or FSSPEC_GS={"token": {...}} with the key itself',
    "https": 'FSSPEC_HTTPS={"headers": {"Authorization": "Bearer ..."}}',
}
_SAME = {"s3a": "s3", "gcs": "gs", "http": "https"}


class Truncated(Exception):
    """Fewer or more bytes arrived than the server had said."""


class Changed(Exception):
    """What the address holds is not what it was when it was listed."""


@dataclass(frozen=True)
class Outage:
    """One way in which a service can fail.

    Attributes:
        told: What happened, after "the data ".
        then: What to do; `{credentials}` stands for how to give those of the address's provider.
        names: Classes of exceptions, and codes of S3, that mean it.
        statuses: HTTP statuses that mean it.
        again: True where waiting may help.
    """

    told: str
    then: str
    names: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    again: bool = False


MISSING = Outage(
    "is not there",
    "check the address: bucket, folder and name, upper and lower case",
    frozenset({"FileNotFoundError", "NoSuchBucket", "NoSuchKey", "InvalidBucketName"}),
    frozenset({404, 410}),
)
_OUTAGES = (
    Outage(
        "changes while it is read",
        "read it when nobody writes to it, or have it written under a new name each time",
        frozenset({"Changed"}),
        again=True,
    ),
    Outage(
        "did not arrive whole",
        "run again; if it stays, ask whoever runs the server",
        frozenset({"Truncated"}),
        again=True,
    ),
    Outage(
        "needs credentials that are not there",
        "{credentials}",
        frozenset({"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}),
    ),
    Outage(
        "may not be read with these credentials",
        "{credentials}",
        frozenset({"PermissionError", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RefreshError"}),
        frozenset({401, 403}),
    ),
    Outage(
        "comes from a server whose certificate is not trusted",
        "give the authority's certificate with SSL_CERT_FILE",
        frozenset({"ClientConnectorCertificateError", "SSLCertVerificationError", "SSLError"}),
    ),
    Outage(
        "did not come in time",
        "check the network, and that the server is not overloaded",
        frozenset({"TimeoutError", "FSTimeoutError", "ConnectTimeoutError", "ReadTimeoutError"}),
        frozenset({408, 504}),
        again=True,
    ),
    Outage(
        "lies on a host whose name is not known here",
        "check the address, and that this machine has a name server",
        frozenset({"ClientConnectorDNSError", "gaierror"}),
        again=True,
    ),
    Outage(
        "cannot be reached",
        "check that the server runs, and the way to it (firewall, HTTPS_PROXY)",
        frozenset({"ClientConnectorError", "EndpointConnectionError", "ConnectionError", "ServerDisconnectedError"}),
        again=True,
    ),
    Outage(
        "is refused by a server that has trouble",
        "run again later, or ask whoever runs the server",
        frozenset({"SlowDown", "ServiceUnavailable", "InternalError"}),
        frozenset({429, *range(500, 600)}),
        again=True,
    ),
    MISSING,
    Outage("did not arrive whole", "run again", frozenset({"ClientPayloadError", "IncompleteReadError"}), again=True),
)
_UNKNOWN = Outage("cannot be read", "try the address with fsspec by hand: fsspec.open(...)")


def is_disk(error: BaseException) -> bool:
    """True where this machine's disk failed and no service did."""
    return isinstance(error, OSError) and error.errno in _DISK


def outage_of(error: BaseException) -> Outage:
    """What `error`, or what caused it, means."""
    return _recognised(error)[0]


def explained(error: BaseException, where: str, protocol: str) -> ServiceError:
    """The error to show for `error`; its text may hold credentials still."""
    outage, cause = _recognised(error)
    said = next(filter(None, (line.strip() for line in str(cause).splitlines())), type(cause).__name__)[:_LONGEST]
    then = outage.then.format(credentials=how_to_give(protocol))
    return ServiceError(f"the data {outage.told}: {said}", where, next=then)


def outage_with(names: set[str], statuses: set[int]) -> Outage | None:
    """What exceptions of these names, or answers with these HTTP statuses, mean; None where nothing is known."""
    return next((one for one in _OUTAGES if names & one.names or statuses & one.statuses), None)


def _recognised(error: BaseException) -> tuple[Outage, BaseException]:
    causes = list(_causes(error))
    names = [{kind.__name__ for kind in type(cause).__mro__} | set(_s3_codes(cause)) for cause in causes]
    statuses = [set(_statuses(cause)) for cause in causes]
    outage = outage_with(set().union(*names), set().union(*statuses))
    if outage is None:
        return _UNKNOWN, causes[0]
    # the innermost of those that mean it says most
    telling = [
        cause for cause, n, s in zip(causes, names, statuses, strict=True) if n & outage.names or s & outage.statuses
    ]
    return outage, telling[-1]


def how_to_give(protocol: str) -> str:
    """What to do to give credentials for `protocol`."""
    protocol = _SAME.get(protocol, protocol)
    if protocol == "file":
        return "let this user read it"
    variables = _VARIABLES.get(protocol, f"the variables that {protocol} reads its credentials from")
    return f"set {variables}; in Dagger give them with --data-credentials"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _s3_codes(error: BaseException) -> Iterator[str]:
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        yield str(response.get("Error", {}).get("Code", ""))


def _statuses(error: BaseException) -> Iterator[int]:
    response: Any = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    # gcsfs tells this one by its text only
    forbidden = 403 if str(error).startswith("Forbidden: ") else None
    own = getattr(error, "status", None) or getattr(error, "code", None)
    for value in (own, metadata.get("HTTPStatusCode"), forbidden):
        if isinstance(value, (int, str)) and str(value).isdigit():
            yield int(value)
