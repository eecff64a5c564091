from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from places import config, frame, parquet, source, write

from assay.config import Config, Data
from assay.data.reading.sources import open_source
from assay.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = pd.DataFrame({
    "n": np.arange(100) / 8,
    "i": np.arange(100),
    "s": [None if n % 9 == 0 else f"t{n % 5}" for n in range(100)],
    "c": pd.Categorical(["b", "a"] * 50, categories=["never", "b", "a"], ordered=True),
    "t": pd.date_range("2024-01-01", periods=100, tz="Europe/Berlin", unit="us"),
    "y": np.arange(100) % 2,
})  # fmt: skip


def table(**columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({**columns, "y": pa.array([n % 2 for n in range(rows)])})


@pytest.mark.parametrize("size", [1, 7, 33, 100, 1000])
@pytest.mark.parametrize("groups", [3, 1000], ids=["small row groups", "one row group"])
def test_chunks_are_the_table_cut_in_pieces(tmp_path: Path, size: int, groups: int) -> None:
    files = {f"part-{n}.parquet": parquet(MANY[n * 25 : n * 25 + 25], row_group_size=groups) for n in range(4)}
    opened = source(tmp_path, files)
    for _ in range(2):
        chunks = list(opened.chunks(size))
        assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
        assert all((chunk.dtypes == MANY.dtypes).all() for chunk in chunks)
        pd.testing.assert_frame_equal(pd.concat(chunks), MANY)
    assert opened.rows == 100


def test_whole_columns_are_light_and_the_same_from_any_reader(tmp_path: Path) -> None:
    text = MANY.to_csv(index=False)
    for name, content in (("a.parquet", MANY), ("a.csv", text)):
        column = source(tmp_path / name, {name: content}).column("s")
        assert list(column.cat.categories) == ["t0", "t1", "t2", "t3", "t4"]
        assert column.astype("str").tolist()[1:9] == MANY["s"].tolist()[1:9]
        assert column.index.tolist() == list(range(100))
    assert source(tmp_path / "again", {"a.parquet": MANY}).target().tolist() == MANY["y"].tolist()


def test_a_target_of_text_lists_only_its_classes_sorted(tmp_path: Path) -> None:
    target = source(tmp_path, {"a.parquet": MANY}, target="c").target()
    assert list(target.cat.categories) == ["a", "b"]
    assert target.tolist() == ["b", "a"] * 50


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        pytest.param(pa.array([1]), pa.array([2]), "int64", id="same"),
        pytest.param(pa.array([1], pa.int32()), pa.array([2]), "int64", id="widths"),
        pytest.param(pa.array([1]), pa.array([2.5]), "float64", id="whole and fraction"),
        pytest.param(pa.array([1]), pa.array([None], pa.int64()), "float64", id="a gap in one only"),
        pytest.param(pa.array([1]), pa.nulls(1), "float64", id="nothing"),
        pytest.param(pa.array([2**53 + 1]), pa.array([None], pa.int64()), "Int64", id="wide, with a gap"),
        pytest.param(
            pa.array([2**63], pa.uint64()), pa.array([None], pa.uint64()), "UInt64", id="unsigned, with a gap"
        ),
        pytest.param(pa.array([True]), pa.array([False]), "bool", id="truth"),
        pytest.param(pa.array([True]), pa.array([None], pa.bool_()), "boolean", id="truth with a gap"),
        pytest.param(pa.nulls(1), pa.nulls(1), "float64", id="nothing at all"),
        pytest.param(pa.array(["a"]), pa.nulls(1), "str", id="text and nothing"),
        pytest.param(pa.array(["a"]), pa.array(["b"], pa.large_string()), "str", id="kinds of text"),
        pytest.param(pa.array(["a"]), pa.array(["b"]).dictionary_encode(), "str", id="text and dictionary"),
        pytest.param(pa.nulls(1), pa.array(["b"]).dictionary_encode(), "category", id="nothing and dictionary"),
        pytest.param(pa.array([1.5], pa.float32()), pa.array([2.5]), "float64", id="precisions"),
        pytest.param(pa.array([1.5], pa.float16()), pa.array([2.5], pa.float16()), "float32", id="half precision"),
        pytest.param(pa.array([Decimal("1.5")]), pa.array([Decimal("22.25")]), "float64", id="decimals"),
        pytest.param(
            pa.array([dt.date(2024, 1, 1)]), pa.array([dt.datetime(2024, 1, 2)]), "datetime64[us]", id="dates"
        ),
        pytest.param(
            pa.array([0], pa.timestamp("s", "UTC")),
            pa.array([0], pa.timestamp("ms", "Europe/Berlin")),
            "datetime64[ms, UTC]",
            id="zones",
        ),
        pytest.param(pa.array([dt.time(1)]), pa.array([None], pa.time64("us")), "object", id="times of day"),
        pytest.param(pa.array([1, 2]).dictionary_encode()[:1], pa.array([2]), "int64", id="dictionary of numbers"),
    ],
)
def test_types_of_all_parquet_files_are_brought_together(
    tmp_path: Path, first: pa.Array, second: pa.Array, dtype: str
) -> None:
    opened = source(tmp_path, {"a.parquet": table(x=first), "b.parquet": pa.table({"x": second, "y": pa.array([1])})})
    chunks = [chunk["x"] for chunk in opened.chunks(1)]
    assert [str(chunk.dtype) for chunk in chunks] == [dtype, dtype]
    expected = [
        v.replace(tzinfo=None) if isinstance(v, dt.datetime) else v for v in first.to_pylist() + second.to_pylist()
    ]
    for value, wanted in zip(pd.concat(chunks).tolist(), expected, strict=True):
        if wanted is None:
            assert pd.isna(value)
        elif isinstance(wanted, dt.date):
            assert pd.Timestamp(value).tz_localize(None) == pd.Timestamp(wanted) or "Berlin" in str(second.type)
        else:
            assert value == wanted


@pytest.mark.parametrize("statistics", [True, False], ids=["statistics", "no statistics"])
def test_gaps_are_found_with_and_without_statistics(tmp_path: Path, *, statistics: bool) -> None:
    content = table(i=pa.array([*range(99), None]), b=pa.array([*[True] * 99, None]), w=pa.array([2**60, *[None] * 99]))
    opened = source(tmp_path, {"a.parquet": parquet(content, write_statistics=statistics, row_group_size=10)})
    dtypes = {str(chunk.dtypes.astype(str).to_dict()) for chunk in opened.chunks(10)}
    assert dtypes == {str({"i": "float64", "b": "boolean", "w": "Int64", "y": "int64"})}


def test_categories_are_those_of_all_files_even_those_that_no_row_has(tmp_path: Path) -> None:
    one = pd.DataFrame({"c": pd.Categorical(["b", None], categories=["never", "b"]), "y": [0, 1]})
    two = pd.DataFrame({"c": pd.Categorical(["a", "?"], categories=["?", "a"]), "y": [0, 1]})
    opened = source(tmp_path, {"1.parquet": one, "2.parquet": two}, missing=("?",))
    chunks = [chunk["c"] for chunk in opened.chunks(1)]
    assert {tuple(chunk.cat.categories) for chunk in chunks} == {("never", "b", "a")}
    assert pd.concat(chunks).astype(object).where(pd.concat(chunks).notna(), None).tolist() == ["b", None, "a", None]


def test_a_column_that_a_file_lacks_is_missing_in_its_rows(tmp_path: Path) -> None:
    found = frame(tmp_path, {"a.parquet": table(x=pa.array([1, 2])), "b.parquet": table(z=pa.array(["p"]))})
    assert found["x"].isna().tolist() == [False, False, True]
    assert found["z"].isna().tolist() == [True, True, False]


def test_files_without_rows_do_not_count(tmp_path: Path) -> None:
    empty = pa.table({"x": pa.array([], pa.string()), "y": pa.array([], pa.int64())})
    assert str(frame(tmp_path, {"a.parquet": empty, "b.parquet": table(x=pa.array([1, 2]))})["x"].dtype) == "int64"


def test_an_index_that_pandas_wrote_is_no_feature(tmp_path: Path) -> None:
    shuffled = pd.DataFrame({"x": [1.5, 2], "y": [0, 1]}, index=[7, 3])
    assert list(frame(tmp_path, {"a.parquet": shuffled}).columns) == ["x", "y"]


@pytest.mark.parametrize(
    ("folders", "schema", "expected", "dtype"),
    [
        pytest.param(("k=1", "k=02"), {}, [2, 1], "int64", id="numbers"),
        pytest.param(("k=1", "k=02"), {"k": "str"}, ["02", "1"], "str", id="numbers that are texts"),
        pytest.param(("k=b", "k=a%20c"), {}, ["a c", "b"], "str", id="texts"),
        pytest.param(("k=1", "k=__HIVE_DEFAULT_PARTITION__"), {}, [1.0, None], "float64", id="a gap"),
        pytest.param(("j=1/k=__HIVE_DEFAULT_PARTITION__",) * 2, {}, [None], "float64", id="nothing but a gap"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_folders_with_key_and_value_become_columns(
    tmp_path: Path, form: str, folders: tuple[str, str], schema: dict[str, str], expected: list[Any], dtype: str
) -> None:
    content = {
        "csv": "x,y\n1,1\n2,0\n",
        "jsonl": '{"x":1,"y":1}\n{"x":2,"y":0}\n',
        "parquet": table(x=pa.array([1, 2])),
    }
    files = {f"{folder}/a.{form}": content[form] for folder in folders}
    opened = source(tmp_path, files | {"_SUCCESS": "", ".hidden.csv": "nonsense", "README.md": "hello"}, schema=schema)
    found = pd.concat(list(opened.chunks(1)))
    assert list(found.columns) == ["x", "y", *(["j"] if "j=1" in folders[0] else []), "k"]
    assert str(found["k"].dtype) == dtype
    values = found["k"].astype(object).where(found["k"].notna(), None).tolist()
    assert sorted(map(str, values)) == sorted(map(str, [v for v in expected for _ in range(2)]))
    assert opened.column("k").isna().sum() == 2 * expected.count(None)


@pytest.mark.parametrize(
    ("texts", "dtype"),
    [
        pytest.param(["2024-01-01", "2024-01-02T00:00:00.123456789"], "datetime64[ns]", id="finer"),
        pytest.param(["2024-01-01T00:00Z", None], "datetime64[us, UTC]", id="a zone and nothing"),
        pytest.param([None, "2024-01-01T00:00+01:00"], "datetime64[us, UTC]", id="nothing and a zone"),
        pytest.param([None, None], "datetime64[us]", id="nothing"),
    ],
)
@pytest.mark.parametrize("dictionary", [False, True], ids=["text", "dictionary"])
def test_times_have_one_dtype_in_all_chunks(
    tmp_path: Path,
    texts: list[str | None],
    dtype: str,
    dictionary: bool,  # noqa: FBT001
) -> None:
    arrays = [pa.array([text], pa.string()) for text in texts]
    files = {f"{n}.parquet": table(t=a.dictionary_encode() if dictionary else a, x=a) for n, a in enumerate(arrays)}
    rows = pa.table({"t": pa.nulls(1, pa.string()), "x": ["q"], "y": [1]})
    chunks = list(source(tmp_path, files | {"9.parquet": rows}, times=("t",)).chunks(1))
    assert [str(chunk["t"].dtype) for chunk in chunks] == [dtype] * 3
    assert [chunk["t"].iloc[0] for chunk in chunks if chunk["t"].notna().all()] == [
        pd.Timestamp(text) for text in texts if text
    ]


LOAD = """
import pandas as pd
CALLS = []
def load(path):
    CALLS.append(path)
    return pd.read_parquet(path / "rows.parquet"){more}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Any]:
    def make(more: str = "", content: pd.DataFrame = MANY, module: str = "loader") -> Any:
        write(tmp_path / "data", {"rows.parquet": content})
        (tmp_path / f"{module}.py").write_text(LOAD.format(more=more))
        return Config(name="tiny", load=f"{module}:load", model="tiny:build", data=Data(path="data", target="y"))

    yield make
    sys.modules.pop("loader", None)
    sys.path[:] = [path for path in sys.path if not path.startswith(str(tmp_path))]


def test_load_is_called_once_and_its_frame_cut(tmp_path: Path, loaded: Any) -> None:
    opened = open_source(loaded(".sample(frac=1, random_state=1)"), tmp_path, None)
    chunks = [*opened.chunks(30)]
    assert [tmp_path / "data"] == sys.modules["loader"].CALLS
    assert [len(chunk) for chunk in chunks] == [30, 30, 30, 10]
    expected = MANY.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.concat(chunks), expected)
    assert opened.target().tolist() == expected["y"].tolist()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        pytest.param([Decimal("1.5"), None], "float64", id="Decimal"),
        pytest.param(["a", None], "str", id="text"),
        pytest.param([True, None], "boolean", id="truth with a gap"),
        pytest.param([True, False], "bool", id="truth"),
        pytest.param([1, None], "float64", id="whole with a gap"),
        pytest.param([2**60, None], "Int64", id="wide with a gap"),
        pytest.param([1, 2], "int64", id="whole"),
        pytest.param([None, None], "float64", id="nothing"),
        pytest.param([dt.date(2024, 1, 1), None], "datetime64[us]", id="dates"),
        pytest.param([dt.time(1), None], "object", id="times of day"),
    ],
)
def test_objects_become_what_they_are(tmp_path: Path, loaded: Any, values: list[Any], dtype: str) -> None:
    settings = loaded(".head(2).assign(x=pd.Series(__import__('loader_values').VALUES, dtype=object).values)")
    sys.modules["loader_values"] = type(sys)("loader_values")
    sys.modules["loader_values"].VALUES = values  # type: ignore[attr-defined]
    found = next(open_source(settings, tmp_path, None).chunks())["x"]
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found] == [
        pd.Timestamp(v) if isinstance(v, dt.date) else v for v in values
    ]


def test_what_was_fetched_is_read_where_it_says(tmp_path: Path) -> None:
    fetched = tmp_path / "fetched"
    write(fetched / "data", {"a.csv": "x,y\n1,1\n2,0\n"})
    facts = {"path": "data", "source": "s3://bucket/rows", "sha256": "00", "revision": "version 7"}
    (fetched / "fetched.json").write_text(json.dumps(facts))
    opened = open_source(config("s3://bucket/rows"), tmp_path / "project", fetched)
    assert opened.where == "s3://bucket/rows (version 7)"
    assert opened.rows == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"path": "gone", "source": "x"}'])
def test_damaged_facts_of_what_was_fetched_are_explained(tmp_path: Path, text: str) -> None:
    (tmp_path / "fetched.json").write_text(text)
    with pytest.raises(ArtifactError, match="what was fetched"):
        open_source(config("s3://bucket/rows"), tmp_path, tmp_path)


def test_a_path_that_is_not_there_is_a_matter_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='there is no "nowhere/"'):
        open_source(config("nowhere/"), tmp_path, None)


def test_many_rows_go_through_in_bounded_memory(tmp_path: Path) -> None:
    rows = pa.table({f"n{n}": np.random.default_rng(n).random(200_000) for n in range(20)})
    rows = rows.append_column("y", pa.array(np.arange(200_000) % 2))
    opened = source(tmp_path, {f"{n}.parquet": rows for n in range(5)})
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for chunk in opened.chunks(50_000):
        most = max(most, pool.bytes_allocated() - before)
        assert len(chunk) == 50_000
    assert most < rows.nbytes * 3  # of five files
