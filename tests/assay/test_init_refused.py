"""`assay init`: what it asks for, refuses, explains and undoes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from initkit import COUNT, excluded, flowers, make, write

from assay.errors import AssayError, ConfigError


def few(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.head(30)


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bought=frame["bought"].mask(frame.index < 3))


def ids_last(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(number=range(COUNT))


def one_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(bought="no")


@pytest.mark.parametrize(
    ("change", "wanted", "told"),
    [
        pytest.param(few, {}, ("30 rows are too few", "50 rows or more"), id="few rows"),
        pytest.param(gaps, {}, ("missing in 3 of 240 rows", "--target COLUMN"), id="gaps in the target"),
        pytest.param(ids_last, {}, ("which column is to be predicted?", "assay init"), id="an id is the last column"),
        pytest.param(one_label, {"target": "bought"}, ("always 'no'",), id="one label"),
        pytest.param(None, {"target": "bougt"}, ('did you mean "bought"?',), id="a misspelt target"),
        pytest.param(None, {"task": "regression"}, ("holds no numbers", "--task classification"), id="no numbers"),
        pytest.param(None, {"name": "No Name"}, ("no name for a model",), id="a bad name"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path, change: Any, wanted: Any, told: tuple[str, ...]) -> None:
    frame = change(flowers()) if change else flowers()
    with pytest.raises(AssayError) as error:
        make(tmp_path, write(frame, tmp_path), **wanted)
    assert all(text in str(error.value) for text in told), str(error.value)
    assert not (tmp_path / "shop").exists()


def test_a_file_without_names(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match="holds values, no names of columns"):
        make(tmp_path, write(flowers(), tmp_path, header=False))


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(256)))
    with pytest.raises(AssayError, match="no text in UTF-8"):
        make(tmp_path, tmp_path / "a.csv")


def test_no_such_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        make(tmp_path, tmp_path / "nothing.csv")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    data = write(flowers(), tmp_path)
    root = tmp_path / "shop"
    (root / "src/shop").mkdir(parents=True)
    (root / "src/shop/model.py").write_text("mine = 1\n")
    (root / "README.md").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"already there: src/shop/model\.py") as error:
        make(tmp_path, data)
    assert "--force" in error.value.next
    assert not (root / "pyproject.toml").exists()
    make(tmp_path, data, force=True)
    assert (root / "src/shop/model.py.before").read_text() == "mine = 1\n"
    assert (root / "README.md").read_text() == "mine\n"


def test_another_file_in_the_place_of_the_data(tmp_path: Path) -> None:
    write(flowers().head(60), tmp_path / "shop/data")
    with pytest.raises(ConfigError, match=r"another data/flowers\.csv already"):
        make(tmp_path, write(flowers(), tmp_path), force=True)


def test_infinite_values_and_categories_without_rows(tmp_path: Path) -> None:
    frame = flowers().assign(ratio=np.where(np.arange(COUNT) % 50 == 0, np.inf, np.arange(COUNT) / 7))
    frame["bought"] = pd.Categorical(frame["bought"], categories=["yes", "no", "perhaps"])
    frame.to_parquet(tmp_path / "flowers.parquet")
    done = make(tmp_path, tmp_path / "flowers.parquet", target="bought")
    assert done.table["data"]["positive"] == "yes"
    assert "5 infinite values" in done.notes[0]


def test_values_that_are_neither_numbers_nor_texts(tmp_path: Path) -> None:
    frame = flowers().assign(took=pd.to_timedelta(np.arange(COUNT) % 5, unit="h"))
    frame.to_parquet(tmp_path / "flowers.parquet")
    done = make(tmp_path, tmp_path / "flowers.parquet", target="bought")
    assert excluded(done) == {"took"}


def test_a_training_that_fails_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("assay.scaffold.trial._build", broken)
    with pytest.raises(AssayError, match="a first training on this data failed: ValueError: no such thing") as error:
        make(tmp_path, write(flowers(), tmp_path))
    assert "--model" in error.value.next
    assert not (tmp_path / "shop").exists()


def test_what_was_begun_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, rename = write(flowers(), tmp_path), Path.rename

    def full(path: Path, target: Path) -> Path:
        if target.name == "model.py":
            raise OSError(28, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(AssayError, match="No space left on device"):
        make(tmp_path, data)
    assert list((tmp_path / "shop").iterdir()) == []
