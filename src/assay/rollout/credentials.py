"""When the credentials of a kubeconfig end: the cluster says no more than that it does not accept them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def expired(user: Mapping[str, Any], now: dt.datetime) -> str:
    """What of `user` is past its end, in a sentence; empty for nothing, or where that cannot be seen.

    Args:
        user: The user's entry of a kubeconfig, files included in it.
        now: The time, with its zone.
    """
    ends = {"client certificate": _certificate_end(user), "token": _token_end(user)}
    for name, end in ends.items():
        if end is not None and end < now:
            return f"the kubeconfig's {name} expired at {end:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def _certificate_end(user: Mapping[str, Any]) -> dt.datetime | None:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        pem = base64.b64decode(user["client-certificate-data"])
        return load_pem_x509_certificate(pem).not_valid_after_utc
    except (KeyError, TypeError, ValueError):
        return None


def _token_end(user: Mapping[str, Any]) -> dt.datetime | None:
    """The end of a JSON Web Token, such as service accounts have; other tokens do not say it."""
    try:
        claims = user["token"].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return dt.datetime.fromtimestamp(said["exp"], dt.UTC)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, OSError):
        return None
