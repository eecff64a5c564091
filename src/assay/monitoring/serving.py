"""The model that serves now: its version, the data profile that it carries with it, its metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.data.profiles.profile import OldProfile, Profile
from assay.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from assay.context import Context


@dataclass(frozen=True)
class Serving:
    """The model that serves now.

    Attributes:
        name: For people: "champion v3".
        version: Its version in the registry; None where no model serves.
        profile: Data profile of its train rows; None where another version of Assay made it.
        metrics: Its metrics on the holdout, where they are known.
    """

    name: str
    version: int | None
    profile: Profile | None
    metrics: dict[str, float]

    @property
    def why_no_profile(self) -> str:
        """Why there is nothing to compare with."""
        old = "the data profile of the model that serves is of another version of Assay"
        return "no model serves, there is no profile to compare with" if self.version is None else old


def serving_of(context: Context) -> Serving:
    """What this run's deploy left, else the champion.

    Raises:
        ArtifactError: It has no data profile, or a damaged one.
    """
    champion = json.loads((context.input("champion") / "champion.json").read_text(encoding="utf-8"))
    if context.has("deployment") and (context.input("deployment") / "profile.json").exists():
        folder = context.input("deployment")
        deployed = json.loads((folder / "deployment.json").read_text(encoding="utf-8"))
        serves = deployed["previous"] if deployed["status"] == "rolled-back" else deployed["version"]
        # metrics of the champion that this run fetched first are those of the model before
        return Serving(f"version {serves}", serves, _profile(folder / "profile.json"), {})
    if champion["version"] is None:
        return Serving("no model", None, None, {})
    profile = _profile(context.input("champion") / "profile.json")
    return Serving(f"champion v{champion['version']}", champion["version"], profile, champion.get("metrics") or {})


def _profile(path: Path) -> Profile | None:
    try:
        return Profile.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OldProfile:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise ArtifactError(f"the model that serves has no data profile: {error}", where=path.name) from None
