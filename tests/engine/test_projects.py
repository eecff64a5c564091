"""Somebody else's project by our module: `dagger -m <this repository> call --source=. full`."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Dagger

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]


def test_a_regression_with_packages_of_its_own(dagger: Dagger, tmp_path: Path) -> None:
    project = shutil.copytree(ROOT / "tests/projects/houses", tmp_path / "houses")
    toml = project / "pyproject.toml"
    # a name of its own, so that its registry starts empty
    toml.write_text(toml.read_text().replace('name = "houses"', f'name = "houses-{os.getpid()}"'))
    theirs, out = replace(dagger, project=project), tmp_path / "out"
    done = theirs.call("-m", str(dagger.project), "--source=.", "run", "export", "--path", str(out))
    assert done.code == 0, done.err[-4000:]
    run = json.loads((out / "run.json").read_text())
    assert {entry["report"]["status"] for entry in run["entries"]} == {"passed"}
    # the image is made of the project's pins, not of ours
    bom = json.loads((out / "package/sbom.cdx.json").read_text())
    versions = {part["name"]: part.get("version") for part in bom["components"]}
    assert (versions["xgboost-cpu"], versions["numpy"], versions["scipy"]) == ("3.2.0", "2.3.5", "1.16.3")
