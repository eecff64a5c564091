"""Files that change while they are read, that may not be read, and folders without an end."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from places import config, frame, parquet, source, write

from assay.data.reading.sources import open_source
from assay.errors import ArtifactError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = "x,y\n1,a\n2,b\n"
WHOLE = parquet(pd.DataFrame({"x": range(1000), "y": ["a", "b"] * 500}))
CARELESS = """
import pandas as pd


def load(folder):
    frame = pd.read_csv(folder / "a.csv")
    (folder / "a.csv").write_text("")
    return frame
"""


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("change", ["longer", "later", "gone"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, name: str, change: str) -> None:
    content = {"a.csv": GOOD, "a.jsonl": '{"x":1,"y":"a"}\n{"x":2,"y":"b"}\n', "a.parquet": WHOLE}[name]
    opened = source(tmp_path, {name: content})
    file = tmp_path / "data" / name
    chunks = opened.chunks(1)
    next(chunks)
    if change == "gone":
        file.unlink()
    elif change == "longer":
        file.write_bytes(file.read_bytes() + b"more")
    else:
        stamp = file.stat().st_mtime + 5
        os.utime(file, (stamp, stamp))
    with pytest.raises(ArtifactError, match=f"changed while it was read: {name}"):
        list(chunks)


def test_a_file_that_changes_while_load_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path / "data", {"a.csv": GOOD})
    (tmp_path / "careless.py").write_text(CARELESS)
    settings = config()
    with pytest.raises(ArtifactError, match="changed while it was read"):
        open_source(type(settings)(name="t", load="careless:load", model="t:b", data=settings.data), tmp_path, None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, and for the time of the test no rights of root."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        (path / "data").chmod(0o755)


@pytest.mark.parametrize("where", ["data/a.csv", "data/a.parquet", "data"])
@pytest.mark.parametrize("path", ["data", "file"])
def test_what_may_not_be_read_is_explained(folder: Path, where: str, path: str) -> None:
    name = "a.parquet" if where.endswith("parquet") else "a.csv"
    write(folder / "data", {name: WHOLE if name == "a.parquet" else GOOD})
    (folder / where).chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ProjectError, match="cannot be read: Permission denied") as caught:
            open_source(config("data" if path == "data" else f"data/{name}"), folder, None)
    finally:
        os.seteuid(user)
    assert str(folder) not in str(caught.value)


def test_folders_that_hold_themselves_are_read_once(tmp_path: Path) -> None:
    write(tmp_path / "data", {"sub/a.csv": GOOD})
    (tmp_path / "data/sub/again").symlink_to(tmp_path / "data", target_is_directory=True)
    assert len(frame(tmp_path, {})) == 2
