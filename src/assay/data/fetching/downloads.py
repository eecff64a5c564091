"""Downloads kept between runs, for data that its server names by content or version. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from assay.artifacts import file_digest, files_below, keep_from_git, link_tree

STORE_VARIABLE = "ASSAY_FETCHED"
_KEPT_SECONDS = 30 * 86400


@dataclass(frozen=True)
class Downloads:
    """Files below one folder, each named by its key and the digest of its content."""

    root: Path

    def find(self, key: str) -> Path | None:
        """The file kept under `key`, its content verified; a damaged one is removed."""
        for path in self.root.glob(f"{key}-*"):
            if file_digest(path) == path.name.rpartition("-")[2]:
                return path
            path.unlink(missing_ok=True)
        return None

    def keep(self, key: str, file: Path) -> None:
        """Keep `file` under `key`; a store that cannot be written is no reason to fail."""
        partial = self.root / f".{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            link_tree(file, partial)
            partial.replace(self.root / f"{key}-{file_digest(file)}")
        partial.unlink(missing_ok=True)


def key_of(*parts: str | int) -> str:
    """The key for what `parts` name; it tells nothing about them."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def store_of(project: Path, otherwise: Path) -> Path:
    """The folder to keep downloads in: ASSAY_FETCHED, else `.assay/fetched/`; what lay there for a month is removed.

    Args:
        project: The project's folder.
        otherwise: Used where that one cannot be written.
    """
    state = project / ".assay"
    root = Path(os.environ.get(STORE_VARIABLE) or state / "fetched")
    try:
        root.mkdir(parents=True, exist_ok=True)
        if root.is_relative_to(state):
            keep_from_git(state)
    except OSError:
        return otherwise
    if not os.access(root, os.W_OK):
        return otherwise
    _forget_old(root)
    return root


def _forget_old(root: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for path in files_below(root):
        # another run may remove it at the same moment
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
