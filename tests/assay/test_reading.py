from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from places import config, frame

from assay.data.reading.files import File, Files
from assay.data.reading.json_lines import read_json_lines

if TYPE_CHECKING:
    from pathlib import Path

Y = "y\n1\n0\n"


def csv(folder: Path, text: str | bytes, name: str = "a.csv", **data: Any) -> pd.DataFrame:
    return frame(folder, {name: text}, f"data/{name}", **data)


def lines(folder: Path, text: str | bytes, **data: Any) -> pd.DataFrame:
    return frame(folder, {"a.jsonl": text}, "data/a.jsonl", **data)


@pytest.mark.parametrize(
    ("text", "name", "data"),
    [
        pytest.param("a,b,y\n1.5,x,1\n2,z,0\n", "a.csv", {}, id="plain"),
        pytest.param("\ufeffa,b,y\n1.5,x,1\n2,z,0\n", "a.csv", {}, id="byte order mark"),
        pytest.param("a,b,y\r\n1.5,x,1\r\n2,z,0\r\n", "a.csv", {}, id="CRLF"),
        pytest.param("a,b,y\n1.5,x,1\n\n2,z,0\n\n", "a.csv", {}, id="blank lines"),
        pytest.param('"a","b",y\n1.5,"x",1\n"2",z,0\n', "a.csv", {}, id="quotes"),
        pytest.param("a\tb\ty\n1.5\tx\t1\n2\tz\t0\n", "a.tsv", {}, id="tabs"),
        pytest.param("a;b;y\n1,5;x;1\n2;z;0\n", "a.txt", {"csv": {"delimiter": ";", "decimal": ","}}, id="comma"),
        pytest.param("a,b,y\n1.5,x,1\n2,z,0\n".encode("utf-16"), "a.csv", {"csv": {"encoding": "utf-16"}}, id="UTF-16"),
        pytest.param("a,b,y\n1.5,x,1\n2,z,0", "a.csv.gz", {}, id="packed, no newline at the end"),
        pytest.param("a,b,y\n1.5,x,1\n2,z,0\n", "a.data", {"format": "csv"}, id="named otherwise"),
    ],
)
def test_the_same_table_however_it_is_written(
    tmp_path: Path, text: str | bytes, name: str, data: dict[str, Any]
) -> None:
    expected = pd.DataFrame({"a": [1.5, 2], "b": pd.Series(["x", "z"], dtype="str"), "y": [1, 0]})
    pd.testing.assert_frame_equal(csv(tmp_path, text, name, **data), expected)


def test_fields_may_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    found = csv(tmp_path, 'a,y\n"1, ""Main"" St\nTown",1\n"é",0\n')
    assert found["a"].tolist() == ['1, "Main" St\nTown', "é"]


def test_latin_1_is_read_where_it_is_named(tmp_path: Path) -> None:
    assert csv(tmp_path, "a,y\ncafé,1\nx,0\n".encode("latin-1"), csv={"encoding": "latin-1"})["a"][0] == "café"


@pytest.mark.parametrize(
    ("missing", "gaps", "left"),
    [
        pytest.param(("",), [False, False, True], ["NA", "?"], id="NA is Namibia"),
        pytest.param(("", "NA", "?"), [True, True, True], [], id="all of them"),
        pytest.param((), [False, False, False], ["NA", "?", ""], id="none"),
    ],
)
@pytest.mark.parametrize("read", ["csv", "jsonl", "parquet"])
def test_only_the_texts_in_missing_are_missing(
    tmp_path: Path, read: str, missing: tuple[str, ...], gaps: list[bool], left: list[str]
) -> None:
    content = {
        "csv": 'a,y\nNA,1\n?,0\n"",1\n',
        "jsonl": '{"a":"NA","y":1}\n{"a":"?","y":0}\n{"a":"","y":1}\n',
        "parquet": pd.DataFrame({"a": ["NA", "?", ""], "y": [1, 0, 1]}),
    }
    found = frame(tmp_path, {f"a.{read}": content[read]}, missing=missing)["a"]
    assert found.isna().tolist() == gaps
    assert found.dropna().tolist() == left


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        pytest.param(["1", "2"], "int64", [1, 2], id="whole"),
        pytest.param(["1", ""], "float64", [1.0, None], id="whole with a gap"),
        pytest.param(["9007199254740993", "1"], "int64", [9007199254740993, 1], id="beyond 2**53"),
        pytest.param(["9007199254740993", ""], "Int64", [9007199254740993, None], id="beyond 2**53 with a gap"),
        pytest.param(["1e300", ""], "float64", [1e300, None], id="a large float with a gap"),
        pytest.param(["1e17", "0.5"], "float64", [1e17, 0.5], id="a large float"),
        pytest.param(["18446744073709551615", "1"], "uint64", [2**64 - 1, 1], id="unsigned"),
        pytest.param(["18446744073709551615", ""], "UInt64", [2**64 - 1, None], id="unsigned with a gap"),
        pytest.param(["-9007199254740993", ""], "Int64", [-9007199254740993, None], id="below -2**53 with a gap"),
        pytest.param(["inf", "-Infinity"], "float64", [np.inf, -np.inf], id="infinite"),
        pytest.param(["True", "false"], "bool", [True, False], id="truth"),
        pytest.param(["true", ""], "boolean", [True, None], id="truth with a gap"),
        pytest.param(["", ""], "float64", [None, None], id="nothing"),
        pytest.param(["007", "8"], "int64", [7, 8], id="zeros in front"),
        pytest.param(["0.1", "1e-300"], "float64", [0.1, 1e-300], id="exact fractions"),
        pytest.param(["2024-01-01", "2024-01-02"], "str", ["2024-01-01", "2024-01-02"], id="dates stay text"),
        pytest.param(["a", ""], "str", ["a", None], id="text"),
    ],
)
def test_csv_types_follow_from_the_values(tmp_path: Path, values: list[str], dtype: str, expected: list[Any]) -> None:
    found = csv(tmp_path, f'a,y\n"{values[0]}",1\n"{values[1]}",0\n')["a"]
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found] == expected


def test_what_the_schema_calls_text_stays_as_it_is_written(tmp_path: Path) -> None:
    assert csv(tmp_path, "a,y\n007,1\n,0\n", schema={"a": "str"})["a"].tolist()[0] == "007"
    houses = csv(tmp_path, "a,y\n12,1\n13,0\n14,0\n12a,0\n", schema={"a": "str"})
    assert houses["a"].tolist() == ["12", "13", "14", "12a"]


def test_odd_values_in_what_the_schema_calls_a_number_are_left_to_the_schema(tmp_path: Path) -> None:
    assert csv(tmp_path, "a,y\n12,1\n13,0\nx,0\n", schema={"a": "int"})["a"].tolist() == ["12", "13", "x"]


def test_texts_of_which_less_than_half_are_numbers_are_texts(tmp_path: Path) -> None:
    assert csv(tmp_path, "a,y\n12,1\nx,0\nz,0\n")["a"].tolist() == ["12", "x", "z"]


@pytest.mark.parametrize(
    ("texts", "expected", "dtype"),
    [
        pytest.param(["2024-01-31", ""], [dt.datetime(2024, 1, 31), None], "datetime64[us]", id="dates"),
        pytest.param(["2024-01-31T12:30:00", "2024-01-01 00:00"], None, "datetime64[us]", id="times"),
        pytest.param(["2024-01-31T12:00:00Z", ""], None, "datetime64[us, UTC]", id="UTC"),
        pytest.param(
            ["2024-01-31T12:00:00+01:00", "2024-07-31T12:00:00+02:00"], None, "datetime64[us, UTC]", id="zones"
        ),
        pytest.param(["2024-01-31T12:00:00.123456789", "2024-01-01"], None, "datetime64[ns]", id="nanoseconds"),
        pytest.param(["0001-01-01", "9999-12-31"], None, "datetime64[us]", id="far away"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_times_are_parsed_where_they_are_named(
    tmp_path: Path, form: str, texts: list[str], expected: list[Any] | None, dtype: str
) -> None:
    content = {
        "csv": f"t,y\n{texts[0]},1\n{texts[1]},0\n",
        "jsonl": f'{{"t":"{texts[0]}","y":1}}\n{{"t":"{texts[1]}","y":0}}\n',
        "parquet": pd.DataFrame({"t": texts, "y": [1, 0]}),
    }
    found = frame(tmp_path, {f"a.{form}": content[form]}, times=("t",))["t"]
    assert str(found.dtype) == dtype
    assert found[0] == pd.Timestamp(texts[0])
    if expected:
        assert found.astype(object).where(found.notna(), None).tolist() == expected


def test_a_column_that_the_schema_calls_a_time_is_parsed_if_all_of_it_can_be(tmp_path: Path) -> None:
    good = csv(tmp_path, "t,y\n2024-01-01,1\n2024-01-02,0\n", schema={"t": "datetime"})
    bad = csv(tmp_path, "t,y\n2024-01-01,1\nsoon,0\n", schema={"t": "datetime"})
    assert (str(good["t"].dtype), str(bad["t"].dtype)) == ("datetime64[us]", "str")


@pytest.mark.parametrize(
    ("first", "second", "dtype"),
    [
        pytest.param("1", "2", "int64", id="same"),
        pytest.param("1", "2.5", "float64", id="whole and fraction"),
        pytest.param("1", "12a", "str", id="number and text"),
        pytest.param("", "12a", "str", id="nothing and text"),
        pytest.param("", "1", "float64", id="nothing and number"),
        pytest.param("", "True", "boolean", id="nothing and truth"),
        pytest.param("9007199254740993", "", "Int64", id="wide and nothing"),
    ],
)
def test_types_are_settled_over_all_csv_files(tmp_path: Path, first: str, second: str, dtype: str) -> None:
    files = {"one.csv": f"a,y\n{first},1\n", "two.csv": f"y,a\n0,{second}\n"}
    found = frame(tmp_path, files)
    assert list(found.columns) == ["a", "y"]
    assert str(found["a"].dtype) == dtype
    assert found["y"].tolist() == [1, 0]
    assert [("" if pd.isna(v) else str(v)) for v in found["a"].astype(object)][1] in {second, f"{second}.0"}


def test_a_csv_file_with_a_header_only_adds_nothing(tmp_path: Path) -> None:
    found = frame(tmp_path, {"one.csv": "a,y\n", "two.csv": "a,y\n1,1\n2,0\n"})
    assert found.dtypes.astype(str).to_dict() == {"a": "int64", "y": "int64"}


def test_json_lines_have_the_keys_of_all_objects(tmp_path: Path) -> None:
    found = lines(tmp_path, '{"a":1,"y":1}\n\n{"y":0,"b":"2024-01-01"}\n')
    assert found.dtypes.astype(str).to_dict() == {"a": "float64", "y": "int64", "b": "str"}
    assert found["b"].tolist()[1] == "2024-01-01"


@pytest.mark.parametrize(
    ("one", "two", "dtype", "expected"),
    [
        pytest.param("1", "2.5", "float64", [1.0, 2.5], id="whole and fraction"),
        pytest.param("1", "null", "float64", [1.0, None], id="whole and nothing"),
        pytest.param("9007199254740993", "null", "Int64", [9007199254740993, None], id="wide and nothing"),
        pytest.param("true", "null", "boolean", [True, None], id="truth and nothing"),
        pytest.param('"2024-01-01"', '"soon"', "str", ["2024-01-01", "soon"], id="a date and a text"),
        pytest.param("1e20", "1", "float64", [1e20, 1.0], id="a large float"),
        pytest.param('"é\\n\\u00e9"', '"x"', "str", ["é\né", "x"], id="escapes"),
    ],
)
@pytest.mark.parametrize("apart", [False, True], ids=["one file", "two files"])
def test_json_types_follow_from_the_values(
    tmp_path: Path, one: str, two: str, dtype: str, expected: list[Any], *, apart: bool
) -> None:
    first, second = f'{{"a":{one},"y":1}}\n', f'{{"a":{two},"y":0}}\n'
    files = {"a.jsonl": first, "b.jsonl.gz": second} if apart else {"a.ndjson": first + second}
    found = frame(tmp_path, files)["a"]
    assert str(found.dtype) == dtype
    assert [None if pd.isna(value) else value for value in found] == expected


@pytest.mark.parametrize("block", [1, 30, 100, 10_000])
def test_blocks_of_json_lines_leave_no_trace(tmp_path: Path, block: int) -> None:
    text = "".join(f'{{"a":{n if n % 3 else "null"},"b":"t{n}","y":{n % 2}}}\n' for n in range(50))
    (tmp_path / "a.jsonl").write_text("\n" + text)
    files = Files("a.jsonl", "jsonl", (File(tmp_path / "a.jsonl", "a.jsonl"),))
    found, parts = read_json_lines(files, config().data, block)
    assert sum(rows for _, rows in parts) == 50
    assert found["b"].tolist() == [f"t{n}" for n in range(50)]
    assert found["a"].dropna().tolist() == [n for n in range(50) if n % 3]
    last, rows = parts[-1]
    assert last.line(rows - 1) == "a.jsonl line 51"
