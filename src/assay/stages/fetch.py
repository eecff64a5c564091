"""fetch: brings data from outside the project here; its content, not its address, is what stages depend on."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Any

from assay import artifacts
from assay.context import Context, Outcome
from assay.data.fetching import dvc, remote
from assay.data.fetching.credentials import load_credentials
from assay.data.fetching.downloads import store_of
from assay.reports import write_json

if TYPE_CHECKING:
    from assay.data.fetching.remote import Fetched


def run(context: Context) -> Outcome:
    """Write fetched/: the data below data/, and fetched.json about its source and content.

    The same content gives the same bytes, whenever and from wherever it was brought.

    Raises:
        ConfigError: The address or DVC's settings are wrong.
        ServiceError: The data cannot be read.
    """
    # what libraries log may hold an address with its password
    logging.getLogger().addHandler(logging.NullHandler())
    hidden = load_credentials()
    data, folder = context.config.data, context.output("fetched")
    spare = context.outputs / ".downloads"
    store = store_of(context.project, spare)
    try:
        if data.pull == "dvc":
            fetched = dvc.pull(data.path, context.project, folder, store, hidden)
        else:
            fetched = remote.fetch(data.path, folder, store, hidden)
    finally:
        shutil.rmtree(spare, ignore_errors=True)
    return _outcome(context, fetched)


def _outcome(context: Context, fetched: Fetched) -> Outcome:
    folder = context.output("fetched")
    path = folder / fetched.path
    count = sum(1 for _ in artifacts.files_below(path)) if path.is_dir() else 1
    about: dict[str, Any] = {
        "source": fetched.source,
        "path": fetched.path,
        "sha256": artifacts.digest(path),
        "files": count,
        "bytes": artifacts.size(path),
        "revision": fetched.revision,
    }
    write_json(folder / "fetched.json", about)
    named = fetched.revision or (f"ETag {fetched.validator}" if fetched.validator else f"sha256 {about['sha256'][:12]}")
    files = "1 file" if count == 1 else f"{count} files"
    message = f"{fetched.source}: {files}, {about['bytes']} bytes, {named}"
    return Outcome(message=message, summary={**about, "validator": fetched.validator, "downloaded": fetched.downloaded})
