"""One way to speak HTTP: limits on time and size, retries where waiting may help, no redirects, addresses not told."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_SECONDS, _READ_SECONDS, _ALL_SECONDS = 5.0, 10.0, 30.0
_RETRIES = 3
# seconds; nothing before the first retry, twice this before the second, twice that before the third
_PAUSE = 0.5
_AGAIN = (429, 500, 502, 503, 504)
_LONGEST = 10_000_000
_OK = range(200, 300)


class Unanswered(Exception):
    """Nobody answered, or not as hoped; the text tells why, and no address."""


def ask(method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> str:
    """The text of the answer.

    Args:
        method: GET or POST.
        url: Where to.
        body: What to send.
        headers: With it.

    Raises:
        Unanswered: After three retries, or at once where retrying would not help.
    """
    # it logs the path of what it tries again, and the path of a webhook is its password
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    retry = Retry(
        total=_RETRIES,
        redirect=0,
        other=0,
        allowed_methods=None,
        status_forcelist=_AGAIN,
        backoff_factor=_PAUSE,
        backoff_max=10,
        retry_after_max=10,
        raise_on_status=False,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            with session.request(
                method,
                url,
                data=body,
                headers=dict(headers or {}),
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code not in _OK:
                    raise Unanswered(f"HTTP status {response.status_code}")
                return _text(response)
        except (requests.RequestException, ValueError) as error:
            raise Unanswered(_told(error)) from None


def _text(response: requests.Response) -> str:
    until, parts, size = time.monotonic() + _ALL_SECONDS, [], 0
    for part in response.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > _LONGEST or time.monotonic() > until:
            raise Unanswered("the answer does not end")
    return b"".join(parts).decode(errors="replace")


def _told(error: Exception) -> str:
    """Why, without the address that such errors have in their text."""
    # a refused connection is a ConnectionError, one that timed out is both
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "not an address" if isinstance(error, ValueError) else type(error).__name__
