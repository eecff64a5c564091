"""Credentials for data outside the project: read from a file of variables, and kept out of all that is shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from assay.errors import AssayError, ConfigError

CREDENTIALS_VARIABLE = "ASSAY_DATA_CREDENTIALS"
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_PUBLIC = re.compile(r"REGION|ENDPOINT|PROFILE|PROJECT|BUCKET|ANON")
# below this, hiding a value would only garble messages
_SHORTEST = 4

# the second form is a password with a slash in it, which makes the address malformed but is a password all the same
_USER = re.compile(r"(?<=://)[^/?#\s'\"]*@|(?<=://)[^/?#@\s'\"]*:(?!\d*(?:[/?#\s'\"]|$))(?:(?!://)[^@\s'\"])*@")
_QUERY = re.compile(r"(?<=[?&])([^=&\s#/'\"]*)=[^&\s#'\"]*")
_TOKEN = re.compile(r"(https?://[^?#\s'\"]*[?#])[^=\s'\"]+(?=$|[\s'\"])")
_PASSWORD = re.compile(r"://[^/?#\s:@]*:([^/?#\s]+)@")
_VALUE = re.compile(r"[?&][^=&\s#/]*=([^&\s#]+)")


@dataclass(frozen=True)
class Hidden:
    """Values that nobody may read, and how text looks without them."""

    values: frozenset[str] = frozenset()

    def also(self, *texts: str) -> Hidden:
        """Hide `texts` too, in plain and in percent-encoded form."""
        found = {form for text in texts for form in (text, unquote(text)) if len(form) >= _SHORTEST}
        return Hidden(self.values | found)

    def address(self, address: str) -> Hidden:
        """Hide the password and the query's values of `address` too."""
        return self.also(*_PASSWORD.findall(address), *_VALUE.findall(address))

    def text(self, text: str) -> str:
        """`text` without credentials, whether in an address or by themselves."""
        text = shown(text)
        for value in sorted(self.values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text

    def error(self, error: AssayError) -> AssayError:
        """`error` with every field as it may be shown."""
        fields = (error.what, error.where, error.allowed, error.next, error.trace)
        return type(error)(*(self.text(field) for field in fields))


def shown(text: str) -> str:
    """`text` with the addresses in it as they may be shown: no user, no password, no values of a query."""
    return _TOKEN.sub(r"\1***", _QUERY.sub(r"\1=***", _USER.sub("", text)))


def load_credentials() -> Hidden:
    """Put the variables of the file that ASSAY_DATA_CREDENTIALS names into this process's environment.

    Returns:
        Their values, but for those that say where to go and not who one is.

    Raises:
        ConfigError: The file cannot be read, or a line of it is not NAME=VALUE.
    """
    given = os.environ.get(CREDENTIALS_VARIABLE)
    variables = _variables(Path(given)) if given else {}
    os.environ.update(variables)
    return Hidden().also(*(value for name, value in variables.items() if not _PUBLIC.search(name)))


def _variables(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"the data credentials cannot be read: {reason}", where=CREDENTIALS_VARIABLE) from None
    lines = ((number, line.strip()) for number, line in enumerate(text.split("\n"), 1))
    return dict(_variable(number, line) for number, line in lines if line and not line.startswith("#"))


def _variable(number: int, line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if not found or "\0" in line:
        # the line itself is a secret, also where it is wrong
        what, where = f"line {number} of the data credentials is not a variable", CREDENTIALS_VARIABLE
        raise ConfigError(what, where, "lines NAME=VALUE, blank lines, comments that start with #")
    name, value = found.groups()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return name, value[1:-1] if quoted else value
