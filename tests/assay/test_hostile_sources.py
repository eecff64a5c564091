"""Every way in which data cannot be read ends in an explanation that says where, and what to do."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from places import config, frame, parquet, source, write

from assay.data.reading.sources import open_source
from assay.errors import AssayError, ConfigError, ProjectError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "x,y\n1,a\n2,b\n"
WHOLE = parquet(pd.DataFrame({"x": range(1000), "y": ["a", "b"] * 500}))
NUMBERS = "".join(f"{n},{'ab'[n % 2]}\n" for n in range(20))
BROKEN_PAGES = WHOLE[:50] + b"\x00" * 400 + WHOLE[450:]


def table(**columns: Any) -> pa.Table:
    return pa.table(columns | {"y": pa.array(["a", "b"])})


def case(name: str, files: dict[str, Any], *says: str, error: type[AssayError] = ProjectError, **data: Any) -> Any:
    return pytest.param(files, data, error, says, id=name)


@pytest.mark.parametrize(
    ("files", "data", "error", "says"),
    [
        case("empty CSV", {"a.csv": ""}, "data/a.csv is empty", "names of the columns"),
        case("blank CSV", {"a.csv": "\n \n"}, "data/a.csv is empty"),
        case("empty JSON Lines", {"a.jsonl": "\n"}, "no rows"),
        case("empty Parquet", {"a.parquet": b""}, "data/a.parquet is no whole Parquet file"),
        case("header only", {"a.csv": "x,y\n"}, "data has no rows"),
        case("Parquet without rows", {"a.parquet": table(x=pa.array([1, 2]))[:0]}, "data has no rows"),
        case("one row", {"a.csv": "x,y\n1,a\n"}, "always 'a'"),
        case("constant target", {"a.csv": "x,y\n1,a\n2,a\n"}, "always 'a'", "two classes"),
        case("target all missing", {"a.csv": "x,y\n1,\n2,\n"}, "missing in 2 of 2 rows"),
        case("target with a gap", {"a.csv": "x,y\n1,a\n2,\n"}, "missing in 1 of 2 rows (index 1)", "leave"),
        case("target misspelt", {"a.csv": "x,yy\n1,a\n2,b\n"}, 'no column "y"', 'did you mean "yy"'),
        case("no feature", {"a.csv": "y\na\nb\n"}, "no features"),
        case("no label", {"a.csv": GOOD}, "no row has the label 'A'", "a, b", positive="A"),
        case("regress texts", {"a.csv": GOOD}, "is text", "numbers to regress", task="regression"),
        case("mixed types", {"a.csv": f"x,y\n{NUMBERS}?,a\nx,b\n"}, "2 of 22", "'?' (data/a.csv line 22)", '"?", "x"'),
        case(
            "mixed in the second file",
            {"a.csv": f"x,y\n{NUMBERS}", "b.csv": 'x,y\n"1\n",a\n3,b\n\n?,b\n'},
            "'?' (data/b.csv line 6)",
        ),
        case("duplicate names", {"a.csv": "x,x,y\n1,2,a\n2,3,b\n"}, "more than one column is called x", "a.csv line 1"),
        case(
            "duplicate names in Parquet",
            {"a.parquet": pa.table([pa.array([1, 2])] * 3, names=["x", "x", "y"])},
            "more than one column is called x",
        ),
        case("duplicate keys", {"a.jsonl": '{"x":1,"x":2,"y":"a"}\n'}, "specified twice", "a.jsonl line 1"),
        case("nameless column", {"a.csv": ",x,y\n0,1,a\n1,2,b\n"}, "column 1 has no name", "index=False"),
        case(
            "bytes that are no UTF-8",
            {"a.csv": b"x,y\n1,a\n" + b"caf\xe9,b\n"},
            "data/a.csv is not utf-8: byte 0xe9 at offset 11, in line 3",
            "encoding",
        ),
        case(
            "bytes far behind", {"a.csv": b"x,y\n" + b"1,a\n" * 100_000 + b"\xe9,b\n"}, "offset 400004, in line 100002"
        ),
        case("bytes behind a mark", {"a.csv": b"\xef\xbb\xbfx,y\n\xe9,b\n"}, "offset 7, in line 2"),
        case("UTF-16", {"a.csv": GOOD.encode("utf-16")}, "is not utf-8", 'encoding = "utf-16"'),
        case("JSON that is no UTF-8", {"a.jsonl": b'{"x":1}\n{"x":"\xe9"}\n'}, "byte 0xe9 at offset 14, in line 2"),
        case("open quote", {"a.csv": 'x,y\n1,a\n"2,b\n3,c\n'}, "never closed", "data/a.csv line 3"),
        case("more fields", {"a.csv": 'x,y\n"1\n1",a\n2,b,c\n'}, "3 fields, the header 2", "data/a.csv line 4"),
        case("more fields in the first row", {"a.csv": "x,y\n1,a,c\n2,b\n"}, "3 fields, the header 2", "line 2"),
        case("another delimiter", {"a.csv": "x;y\n1;a\n"}, 'one column called "x;y"', "';'", error=ConfigError),
        case("decimal is delimiter", {"a.csv": GOOD}, "both", "csv.delimiter", error=ConfigError, csv={"decimal": ","}),
        case(
            "no time", {"a.csv": "x,y\n2024-01-01,a\n31/12/2024,b\n"}, "'31/12/2024' (data/a.csv line 3)", times=("x",)
        ),
        case(
            "no time in Parquet",
            {"a.parquet": table(x=pa.array(["2024-01-01", "soon"]))},
            "1 of 2 values are no times: 'soon' (row 1)",
            times=("x",),
        ),
        case("no time in JSON", {"a.jsonl": '{"x":"soon","y":"a"}\n'}, "'soon' (data/a.jsonl line 1)", times=("x",)),
        case("zone here and there", {"a.csv": "x,y\n2024-01-01T00:00Z,a\n2024-01-01,b\n"}, "time zone", times=("x",)),
        case(
            "times that are numbers", {"a.parquet": table(x=pa.array([1, 2]))}, 'column "x" holds int64', times=("x",)
        ),
        case(
            "zone in one file only",
            {
                "a.parquet": table(x=pa.array(["2024-01-01T00:00Z"] * 2)),
                "b.parquet": table(x=pa.array(["2024-01-01"] * 2)),
            },
            "time zone",
            times=("x",),
        ),
        case(
            "Parquet column without a name",
            {"a.parquet": pa.table([[1, 2]] * 2, names=["", "y"])},
            "column 1 has no name",
        ),
        case("times that are not there", {"a.csv": GOOD}, 'no column "t"', times=("t",)),
        case("whole numbers beyond 64 bits", {"a.csv": f"x,y\n{2**70},a\n1,b\n"}, "beyond 64 bits", 'type = "str"'),
        case("JSON numbers beyond 64 bits", {"a.jsonl": f'{{"x":{2**70},"y":"a"}}\n'}, "beyond 64 bits", "as texts"),
        case(
            "JSON object in a field", {"a.jsonl": '{"x":{"q":1},"y":"a"}\n'}, 'column "x" holds struct', "single values"
        ),
        case("JSON list in a field", {"a.jsonl": '{"x":[1],"y":"a"}\n'}, 'column "x" holds list'),
        case("JSON that ends early", {"a.jsonl": '{"x":1,"y":"a"}\n\n{"x":\n'}, "no JSON Lines", "data/a.jsonl line 3"),
        case("JSON list", {"a.jsonl": "[1,2]\n"}, "array", "data/a.jsonl line 1"),
        case("JSON number", {"a.jsonl": '{"x":1,"y":"a"}\n3\n'}, "number", "data/a.jsonl line 2"),
        case("JSON of two types", {"a.jsonl": '{"x":1,"y":"a"}\n{"x":"q","y":"b"}\n'}, "number", "string", "line 2"),
        case(
            "JSON of two types in two files",
            {"a.jsonl": '{"x":1,"y":"a"}\n', "b.jsonl": '{"x":"q","y":"b"}\n'},
            'column "x" is int64 in data/a.jsonl and',
            "data/b.jsonl",
        ),
        case(
            "Parquet of two types",
            {"a.parquet": table(x=pa.array([1, 2])), "b.parquet": table(x=pa.array(["1", "2"]))},
            'column "x" is int64 in data/a.parquet and',
            "string in data/b.parquet",
        ),
        case(
            "Parquet that floats would round",
            {"a.parquet": table(x=pa.array([2**53 + 1, 1])), "b.parquet": table(x=pa.array([1.5, 2]))},
            'column "x" cannot be read as double',
        ),
        case(
            "with and without zone",
            {
                "a.parquet": table(x=pa.array([1, 2], pa.timestamp("s"))),
                "b.parquet": table(x=pa.array([1, 2], pa.timestamp("s", "UTC"))),
            },
            'column "x" is timestamp',
        ),
        case("truncated Parquet", {"a.parquet": WHOLE[:-100]}, "data/a.parquet is no whole Parquet file"),
        case("one truncated Parquet", {"a.parquet": WHOLE, "b.parquet": WHOLE[:500]}, "data/b.parquet is no whole"),
        case("no Parquet", {"a.parquet": b"PAR1nonsensePAR1"}, "data/a.parquet is no whole Parquet file"),
        case(
            "Parquet of lists", {"a.parquet": table(x=pa.array([[1], [2]]))}, 'column "x" holds list', "single values"
        ),
        case("Parquet of structs", {"a.parquet": table(x=pa.array([{"q": 1}] * 2))}, 'column "x" holds struct'),
        case("Parquet of bytes", {"a.parquet": table(x=pa.array([b"1", b"2"]))}, 'column "x" holds binary'),
        case("CSV called Parquet", {"a.parquet": GOOD}, "no whole Parquet file"),
        case("Parquet called CSV", {"a.csv": WHOLE}, error=AssayError),
        case(
            "no data file",
            {"README.md": "hello", ".a.csv": GOOD, "_b.csv": GOOD},
            "no data file",
            ".csv",
            error=ConfigError,
        ),
        case(
            "several formats", {"a.csv": GOOD, "b.parquet": WHOLE}, "several formats", "a.csv (csv)", error=ConfigError
        ),
        case(
            "another format", {"a.csv": GOOD}, 'no data file in "data"', ".parquet", error=ConfigError, format="parquet"
        ),
        case("other columns", {"a.csv": GOOD, "b.csv": "1,a\n2,b\n"}, "data/b.csv has other columns", "begin with"),
        case("folders unlike", {"k=1/a.csv": GOOD, "a.csv": GOOD}, "folders do not say the same"),
        case("key and column", {"x=1/a.csv": GOOD}, "x is a column and a key"),
        case("key and column of Parquet", {"x=1/a.parquet": WHOLE}, "x is a column of the file and a key"),
        case("key and column of JSON", {"x=1/a.jsonl": '{"x":1,"y":"a"}\n'}, "x is a key"),
    ],
)
def test_what_cannot_be_read_is_explained(
    tmp_path: Path, files: dict[str, Any], data: dict[str, Any], error: type[AssayError], says: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        frame(tmp_path, files, **data)
    for text in says:
        assert text in str(caught.value), str(caught.value)
    assert caught.value.where
    assert caught.value.allowed or caught.value.next
    assert str(tmp_path) not in str(caught.value)


def test_a_file_whose_name_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be told from its name"):
        source(tmp_path, {"rows": GOOD}, "data/rows")


def test_damaged_pages_are_explained_when_they_are_read(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no whole Parquet file"):
        list(source(tmp_path, {"a.parquet": BROKEN_PAGES}).chunks())


def test_a_packed_file_that_is_not_whole(tmp_path: Path) -> None:
    write(tmp_path / "data", {"a.csv.gz": GOOD * 100})
    file = tmp_path / "data/a.csv.gz"
    file.write_bytes(file.read_bytes()[:-12])
    with pytest.raises(ProjectError, match="cannot be unpacked"):
        open_source(config(), tmp_path, None)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.csv": "x,c,gone,y\n1,5,,a\n2,5,,b\n"}, ["int64", "int64", "float64"], id="constant, missing"),
        pytest.param({"a.csv": "x,c,y\ninf,-inf,a\n1,2,b\n"}, ["float64", "float64"], id="infinities"),
        pytest.param({"a.csv.d/b.csv": "x,y\n1,a\n2,b\n"}, ["int64"], id="a folder that is called like a file"),
        pytest.param({"a.csv": "x,z,y\n1,,a\n2\n3,4,b\n".replace("2\n", "2,,b\n")}, ["int64", "float64"], id="gaps"),
    ],
)
def test_what_looks_hostile_and_is_not(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    assert frame(tmp_path, files).dtypes.astype(str).tolist()[:-1] == expected


def test_a_hundred_thousand_categories(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(100_000)]
    rows = pd.DataFrame({"t": names, "c": pd.Categorical(names), "y": ["a", "b"] * 50_000})
    opened = source(tmp_path, {"a.parquet": rows})
    chunks = list(opened.chunks(30_000))
    assert {len(chunk["c"].cat.categories) for chunk in chunks} == {100_000}
    assert pd.concat([chunk["c"] for chunk in chunks]).tolist() == names
    assert len(opened.column("t").cat.categories) == 100_000


def test_times_before_1677_and_after_2262_survive(tmp_path: Path) -> None:
    days = pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)])
    assert str(frame(tmp_path, {"a.parquet": table(x=days)})["x"].dtype) == "datetime64[us]"


def test_a_field_may_be_longer_than_pythons_csv_likes(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="never closed") as caught:
        source(tmp_path, {"a.csv": 'x,y\n1,a\n"2,b\n' + "3,c\n" * 50_000})
    assert caught.value.where == "data/a.csv line 3"


def test_texts_in_parquet_that_are_none_are_explained(tmp_path: Path) -> None:
    texts = pa.array([b"\xff\xfe", b"ok"]).cast(pa.string(), safe=False)
    for column in (texts, texts.dictionary_encode()):
        with pytest.raises(ProjectError, match='column "x" holds texts that are no UTF-8'):
            frame(tmp_path, {"a.parquet": table(x=column)})
