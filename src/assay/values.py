"""Checks of single values in `[tool.assay]`: each gives what would be allowed, empty where the value is right.

Standard library only.
"""

from __future__ import annotations

import codecs
import re

_ADDRESS = re.compile(r"^(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})$")
_DOTTED = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,62}$")
_SIZE = re.compile(r"^(\d+)\s*(MiB|GiB|MB|GB)$")
_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
_QUANTITY = re.compile(r"^\d+(\.\d+)?(m|[kMGTPE]i?)?$")
_UNITS = {"MiB": 2**20, "GiB": 2**30, "MB": 10**6, "GB": 10**9}
_SECRET = re.compile(r"(^|&)[\w-]*(sig|signature|token|key|secret|password|credential)[\w-]*=", re.IGNORECASE)
_SPAN = re.compile(r"^(\d+)\s*([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def dotted(value: str) -> str:
    """The path of a callable."""
    return "" if _DOTTED.match(value) else '"package.module:function"'


def name(value: str) -> str:
    """A model's name."""
    return "" if _NAME.match(value) else "lower-case letters, digits and hyphens, a letter first"


def size(value: str) -> str:
    """An amount of memory."""
    return "" if _SIZE.match(value) else 'a size such as "4GiB" or "512MiB"'


def span(value: str) -> str:
    """A span of time."""
    return "" if _SPAN.match(value) else 'a time span such as "24h", "30m" or "7d"'


def one_character(value: str) -> str:
    """One character."""
    return "" if len(value) == 1 else "one character"


def encoding(value: str) -> str:
    """A text encoding."""
    try:
        codecs.lookup(value)
    except LookupError:
        return 'an encoding that Python knows, such as "utf-8", "latin-1" or "cp1252"'
    return ""


def no_credentials(value: str) -> str:
    """Addresses stand in plans, reports and caches, where a password or a signature would be read by many."""
    host, _, rest = value.partition("://")[2].partition("/")
    secret = "@" in host or _SECRET.search(rest.partition("?")[2])
    return "an address without password or signature; those belong into the environment" if secret else ""


def holdout(value: float | str) -> str:
    """What is held out."""
    ok = bool(value) if isinstance(value, str) else 0 < value < 1
    return "" if ok else "a share between 0 and 1, or the name of a true/false column that marks holdout rows"


def pattern(value: str) -> str:
    """A regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        return f"a regular expression ({error})"
    return ""


def label(value: str) -> str:
    """A name in Kubernetes."""
    return "" if _LABEL.match(value) else "at most 63 lower-case letters, digits and hyphens, no hyphen at the ends"


def quantities(value: dict[str, str]) -> str:
    """Amounts of resources of a pod."""
    ok = all(_QUANTITY.match(str(amount)) for amount in value.values())
    return "" if ok else 'amounts as Kubernetes writes them: { cpu = "500m", memory = "1Gi" }'


def steps(value: tuple[int, ...]) -> str:
    """A canary's steps."""
    ok = bool(value) and value[-1] == 100 and list(value) == sorted(set(value)) and value[0] > 0  # noqa: PLR2004 - percent
    return "" if ok else "rising percentages that end in 100"


def folds(value: int) -> str:
    """A number of folds, or none."""
    return "" if value == 0 or 2 <= value <= 50 else "0 for none, or 2 to 50 folds"  # noqa: PLR2004 - two are the fewest


def address(value: str) -> str:
    """Where a server listens."""
    match = _ADDRESS.match(value)
    ok = match is not None and 0 < int(match.group(2)) < 2**16
    return "" if ok else 'a host and a port, such as "127.0.0.1:8080" or "[::1]:8080"'


def to_address(value: str) -> tuple[str, int]:
    """`"[::1]:8080"` as host and port."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def to_bytes(size: str | None) -> int | None:
    """`"4GiB"` in bytes; None stays None."""
    match = _SIZE.match(size or "")
    return int(match.group(1)) * _UNITS[match.group(2)] if match else None


def to_seconds(span: str) -> int:
    """`"24h"` in seconds."""
    match = _SPAN.match(span)
    return int(match.group(1)) * _SECONDS[match.group(2)] if match else 0
