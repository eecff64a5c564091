"""rival: the champion, unless it is the very model that was trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from assay.artifacts import digest, link_tree
from assay.context import Context, Outcome
from assay.reports import SERVES, write_json

if TYPE_CHECKING:
    from pathlib import Path


def run(context: Context) -> Outcome:
    """Write rival/: the same as champion/ where another model serves, else a champion.json without a version."""
    champion, folder = context.input("champion"), context.output("rival")
    version = _version(champion)
    same = version is not None and digest(champion / "model") == digest(context.input("model"))
    if version is None or same:
        # the same artifact in both cases, so that nothing runs again only because the model was promoted
        write_json(folder / "champion.json", {"version": None})
        told = f"version {version} is this very model" if same else "no model serves yet"
        return Outcome(message=told, summary={SERVES: version})
    link_tree(champion, folder)
    return Outcome(message=f"version {version} is another model")


def _version(champion: Path) -> int | None:
    version: int | None = json.loads((champion / "champion.json").read_text(encoding="utf-8"))["version"]
    return version
