"""The artifact `baseline`: the data profile that drift is measured against, sample rows, and the time of the run."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from assay.data.profiles.profile import OldProfile, Profile
from assay.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

NONE = "no model serves yet and no baseline is committed"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the data is compared with.

    Attributes:
        profile: Data profile of the champion's train rows, else the committed one; None where neither can be read.
        missing: Why there is no profile, for people.
        samples: Some holdout rows of the champion, where they were asked for; None where no model serves.
        now: Time of the run, to the hour; given only where a rule of the schema needs it.
    """

    profile: Profile | None
    missing: str = NONE
    samples: pd.DataFrame | None = None
    now: dt.datetime | None = None


def read_baseline(folder: Path) -> Baseline:
    """What the stage resolve left in `folder`.

    Raises:
        ArtifactError: A file is damaged.
    """
    profile, missing = _profile(folder / "profile.json")
    samples, clock = _json(folder / "samples.json"), _json(folder / "clock.json")
    return Baseline(
        profile=profile,
        missing=missing,
        samples=pd.DataFrame(samples["records"], columns=samples["columns"]) if samples else None,
        now=dt.datetime.fromisoformat(clock["now"]) if clock else None,
    )


def _profile(path: Path) -> tuple[Profile | None, str]:
    data = _json(path)
    if data is None:
        return None, NONE
    try:
        return Profile.from_json(data), ""
    except OldProfile as error:
        # the model that serves was registered by another version of Assay: the next one to serve ends that
        return None, f"{error.what}: drift is measured again once a newer model serves"


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(f"not JSON: {error}", where=path.name) from None
    if not isinstance(data, dict):
        raise ArtifactError(f"not an object but a {type(data).__name__}", where=path.name)
    return data
