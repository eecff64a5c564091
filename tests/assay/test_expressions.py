from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checking import check, failures, rules

from assay.config import Expression
from assay.errors import ConfigError, ProjectError

ABSENT: Any = None
ROWS = pd.DataFrame(
    {
        "low": [1, 5, 3],
        "high": pd.array([2, 4, None], dtype="Int64"),
        "seen": pd.to_datetime(["2020-01-01", "2021-01-01", ABSENT], utc=True),
        "text": ["a@b", "c", None],
        "from": pd.Categorical(["x", "y", "y"]),
        "to": pd.Categorical(["x", "z", None]),
        "two words": [1, 2, 3],
    }
)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        pytest.param("low <= high", [1], id="missing is not judged"),
        pytest.param("high.notna()", [2], id="unless the rule does"),
        pytest.param("high.isna() | (low < high)", [1], id="or judges it"),
        pytest.param("low > 1 or high > 1", [], id="or"),
        pytest.param("not (low > 4)", [1], id="not"),
        pytest.param("0 < low < 5", [1], id="chain"),
        pytest.param("low == `two words`", [1], id="name in backticks"),
        pytest.param("`from` == to", [1], id="different categories"),
        pytest.param("seen >= '2020-06-01'", [0], id="time in a zone"),
        pytest.param("seen.dt.year == 2020", [1], id="part of a time"),
        pytest.param("text == 'a@b'", [1], id="at sign in a text"),
        pytest.param("text in ['c', 'a@b']", [], id="in"),
        pytest.param("text.str.len() > 1", [1], id="length of a text"),
        pytest.param("low / 0 > 1", [], id="division by zero"),
    ],
)
@pytest.mark.parametrize("size", [1, 3], ids=["row by row", "at once"])
def test_expressions(tmp_path: Path, rule: str, broken: list[int], size: int) -> None:
    chunks = [ROWS.iloc[start : start + size] for start in range(0, len(ROWS), size)]
    checked = check(tmp_path, rules(expressions={"rule": Expression(rule=rule)}), *chunks)
    assert checked.codes == ("expressions",)
    assert [(code, name, row) for code, name, row, _ in failures(tmp_path)] == [
        ("expressions", "rule", row) for row in broken
    ]
    assert [f.rows for f in checked.findings] == ([tuple(broken)] if broken else [])


def test_failing_rows_of_an_expression_show_its_columns(tmp_path: Path) -> None:
    data = rules(expressions={"e": Expression(rule="low <= high and text == 'x'")})
    (finding,) = check(tmp_path, data, ROWS).findings
    assert finding.examples == ("low=1, high=2, text=a@b", "low=5, high=4, text=c")


@pytest.mark.parametrize(
    ("rule", "error", "what"),
    [
        pytest.param("low <", ConfigError, "is no expression", id="syntax"),
        pytest.param("low = 1", ConfigError, "is no expression", id="assignment"),
        pytest.param("two words > 1", ConfigError, "is no expression", id="name without backticks"),
        pytest.param("low > @limit", ConfigError, '"@"', id="variable"),
        pytest.param("1 < 2", ConfigError, "names no column", id="no column"),
        pytest.param("low > low.mean()", ConfigError, '"low.mean" may look at other rows', id="mean"),
        pytest.param("low == low[0]", ConfigError, "may look at other rows", id="another row"),
        pytest.param("low.__class__", ConfigError, "may look at other rows", id="insides"),
        pytest.param("seen < Timestamp.now()", ConfigError, "may look", id="clock"),
        pytest.param("lov > 1", ProjectError, 'no column "lov"', id="unknown column"),
        pytest.param("index > 1", ProjectError, 'no column "index"', id="the index is no column"),
        pytest.param("low", ProjectError, "gives int64, not true or false", id="no boolean"),
        pytest.param("[low]", ProjectError, "gives list, not true or false", id="no column of booleans"),
        pytest.param("text > 1", ProjectError, "cannot be evaluated: TypeError", id="types that do not compare"),
        pytest.param("evil(low)", ProjectError, "cannot be evaluated", id="unknown function"),
    ],
)
def test_expressions_that_cannot_be_evaluated(tmp_path: Path, rule: str, error: type[Exception], what: str) -> None:
    with pytest.raises((ConfigError, ProjectError)) as caught:
        check(tmp_path, rules(expressions={"e": Expression(rule=rule)}), ROWS)
    assert type(caught.value) is error
    assert what in caught.value.what
    assert caught.value.where == "pyproject.toml tool.assay.data.expressions.e.rule"
