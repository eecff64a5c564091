"""Where the registry's store is, whether it answers, and what is said where it does not."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from assay.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow.tracking.client import MlflowClient

STORE_VARIABLE = "MLFLOW_TRACKING_URI"
DELETED = "restore it in MLflow, or run the stage again"
_SQLITE = "sqlite:///"
_ANSWER_SECONDS = 5
_POOL = re.compile(r" failed with exception HTTPS?ConnectionPool.*?(too many \d+ error responses|$).*")
_REFUSED = re.compile(r"\b40[13]\b")
_BROKEN = re.compile(r"(error code|too many) 5\d\d|^(INTERNAL_ERROR|TEMPORARILY_UNAVAILABLE): ")
_DEFAULTS = {
    # no calls home, no git, and no waiting of minutes for a server that is down: 7 retries of 120 s by default
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def store_of(project: Path) -> str:
    """The URI of the project's MLflow store: MLFLOW_TRACKING_URI, else SQLite below `.assay/mlflow/` (made).

    Raises:
        ServiceError: The folders cannot be made.
    """
    given = os.environ.get(STORE_VARIABLE, "")
    store = given or f"{_SQLITE}{project.resolve() / '.assay' / 'mlflow' / 'mlflow.db'}"
    file = embedded(store)
    if file:
        try:
            (file.parent / "artifacts").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServiceError(f"the embedded MLflow store cannot be made: {error.strerror}", str(file)) from None
    return store


def embedded(store: str) -> Path | None:
    """The database file of a SQLite store; None for a server."""
    return Path(store.removeprefix(_SQLITE)) if store.startswith(_SQLITE) else None


def served(store: str) -> bool:
    """True where `store` is a server's address."""
    return store.startswith(("http://", "https://"))


def prepare(store: str) -> None:
    """Settings that MLflow reads when it is imported, and a quick look at whether a server is there at all.

    Raises:
        ServiceError: The server does not answer within five seconds.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if served(store):
        _knock(store)


def _knock(store: str) -> None:
    health = f"{without_password(store).rstrip('/')}/health"
    try:
        with urllib.request.urlopen(health, timeout=_ANSWER_SECONDS):  # noqa: S310 - http(s) only, by `prepare`
            pass
    except urllib.error.HTTPError:
        return  # it answers; whether it lets us in shows with the first call
    except (OSError, ValueError) as error:
        raise failure(store, error) from None


def connect(store: str) -> MlflowClient:
    """MLflow's client of `store`, for tracking and registry; imports MLflow, which takes a second."""
    # its news of each table that it makes would drown the stage's own lines
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow.tracking.client import MlflowClient

    return MlflowClient(store, store)


@contextlib.contextmanager
def service(store: str) -> Iterator[None]:
    """Whatever MLflow raises inside is a failure of the store."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError, ImportError) as error:
        raise failure(store, error) from error
    except Exception as error:
        # imported by MLflow for a database only, and absent where it was installed for a server only
        if type(error).__module__.startswith("sqlalchemy"):
            raise failure(store, error) from error
        raise


def failure(store: str, error: Exception) -> ServiceError:
    """What to tell about `error`: one sentence of it, and what to do."""
    status = getattr(error, "get_http_status_code", lambda: 0)()
    text = _POOL.sub(_shorter, (str(error).strip() or type(error).__name__).splitlines()[0])
    if secret := _secret(store):
        text = text.replace(f"{secret}@", "")
    return ServiceError(
        f"the MLflow store failed: {text[:300]}", where=without_password(store), next=_advice(store, text, status)
    )


def _shorter(found: re.Match[str]) -> str:
    return f": {found.group(1) or 'no answer'}"


def _advice(store: str, text: str, status: int) -> str:
    if "'active' state" in text or "deleted state" in text:
        return DELETED
    if embedded(store):
        return f"the database must be readable, writable and of this MLflow's version: mlflow db upgrade {store}"
    if status in {401, 403} or _REFUSED.search(text):
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    if _BROKEN.search(text):
        return "the server is in trouble: look at its log, its database and its disk, then run the stage again"
    return f"check that the server runs and that {STORE_VARIABLE} is right; unset it to use the embedded store"


def credentials(store: str) -> dict[str, str]:
    """The environment in which MLflow uses the server `store` with no password in its address."""
    user, _, password = _secret(store).partition(":")
    known = {"MLFLOW_TRACKING_USERNAME": unquote(user), "MLFLOW_TRACKING_PASSWORD": unquote(password)}
    return {STORE_VARIABLE: without_password(store), **(known if user else {})}


def without_password(store: str) -> str:
    """`store` as it may be shown."""
    scheme, separator, rest = store.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _secret(store: str) -> str:
    return store.partition("://")[2].rpartition("@")[0]


@contextlib.contextmanager
def locked(store: str) -> Iterator[None]:
    """Alone with an embedded store, over processes; a server is not locked."""
    file = embedded(store)
    if file is None:
        yield
        return
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
