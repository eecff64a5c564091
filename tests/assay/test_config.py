"""Configuration errors: all at once, with file, line, key, what is allowed and what next."""

from __future__ import annotations

import datetime as dt
import textwrap
from typing import TYPE_CHECKING

import pytest
from helpers import MINIMAL, project

from assay.errors import ConfigError, ConfigErrors
from assay.lines import locate
from assay.project import load_project

if TYPE_CHECKING:
    from pathlib import Path


def test_all_errors_at_once_whole_text(tmp_path: Path) -> None:
    text = """\
    [tool.assay]
    name = "tiny"
    load = "tiny.load"
    model = "tiny:build"
    metrcis = "tiny:metrics"

    [tool.assay.data]
    targett = "y"
    holdout = 1.5

    [tool.assay.gates.model-validate]
    accuracy = { mim = 0.8 }
    """
    with pytest.raises(ConfigErrors) as caught:
        project(tmp_path, text)
    assert str(caught.value) == textwrap.dedent("""\
        6 configuration errors:
        1. "tiny.load" is not allowed
          where:   pyproject.toml:3 tool.assay.load
          allowed: "package.module:function"
        2. unknown key "metrcis"
          where:   pyproject.toml:5 tool.assay.metrcis
          allowed: name, load, model, train, metrics, requirements, code, data, params, training, search, evaluation, card, gates, serving, signing, deploy, monitor, resources, triggers, waivers
          next:    did you mean "metrics"?
        3. "target" is missing
          where:   pyproject.toml:7 tool.assay.data.target
          allowed: column to predict
        4. unknown key "targett"
          where:   pyproject.toml:8 tool.assay.data.targett
          allowed: path, pull, format, csv, missing, times, target, task, positive, holdout, seed, group, time, weight, exclude, sensitive, baseline, strict, ordered, identity, schema, expressions, suite, drift
          next:    did you mean "target"?
        5. 1.5 is not allowed
          where:   pyproject.toml:9 tool.assay.data.holdout
          allowed: a share between 0 and 1, or the name of a true/false column that marks holdout rows
        6. unknown bound "mim"
          where:   pyproject.toml:12 tool.assay.gates.model-validate.accuracy.mim
          allowed: min, max, max_drop, max_rise, max_drop_percent, max_rise_percent, severity
          next:    did you mean "min"?""")  # noqa: E501


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        pytest.param("[tool.assay.gates.trian]\nx = {min=1}", 'unknown stage "trian"', id="stage"),
        pytest.param("[tool.assay.gates.train]\nx = {min=1}", "train has no gates", id="no-gates"),
        pytest.param("[tool.assay.gates.code-test]\ncoverge = {min=1}", 'did you mean "coverage"?', id="gate"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = {min='x'}", "a finite number", id="bound-type"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = {min=nan}", "a finite number", id="bound-nan"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = {min=true}", "a finite number", id="bound-bool"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = {}", "a gate without a bound", id="bound-none"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = 5", 'unknown bound "coverage"', id="not-a-table"),
        pytest.param("[tool.assay.gates.code-test]\ncoverage = {min=1, severity='no'}", "fail, warn", id="severity"),
        pytest.param("[tool.assay.deploy]\naddress = ':8080'", "a host and a port", id="address-host"),
        pytest.param("[tool.assay.deploy]\naddress = '127.0.0.1:65536'", "a host and a port", id="address-port"),
        pytest.param("[tool.assay.resources.train]\ntimeout = '5 parsecs'", "a time span", id="timeout"),
        pytest.param("[tool.assay.resources.train]\nmemory = 'lots'", "a size such as", id="memory"),
        pytest.param("[tool.assay.deploy]\ntarget = 'lokal'", 'did you mean "local"?', id="literal"),
        pytest.param("[tool.assay.deploy]\ncanary = {steps = [50, 10]}", "rising percentages", id="steps"),
        pytest.param("[tool.assay.deploy]\ncanary = 3", "3 is not a table", id="table"),
        pytest.param("[tool.assay.triggers]\nnightly = ['tarin']", 'unknown stage "tarin"', id="trigger"),
        pytest.param("[tool.assay.data.schema.age]\ntype = 'integer'", '"int", "float"', id="schema-type"),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, addition: str, says: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        project(tmp_path, f"{MINIMAL}\n{addition}\n")
    assert says in str(caught.value)
    assert len(caught.value.errors) == 1
    line = MINIMAL.count("\n") + 1
    assert f"pyproject.toml:{line + 1}" in str(caught.value) or f"pyproject.toml:{line + 2}" in str(caught.value)


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        pytest.param('[tool.assay]\ntrain = "m:f"', "`model` and `train` are both given", id="model and train"),
        pytest.param('[tool.assay.data]\ngroup = "a"\ntime = "b"', "by group or by time", id="group and time"),
        pytest.param('[tool.assay.data]\nholdout = "t"\nexclude = ["t"]', "something else too", id="marker left out"),
        pytest.param('[tool.assay.data]\nholdout = "t"\nweight = "t"', "something else too", id="marker and weight"),
        pytest.param("[tool.assay.search.space]\nc = { low = 3, high = 1 }", "low below high", id="space"),
        pytest.param('[tool.assay.search]\nmetric = "f1"', "nothing to search for", id="nothing to search"),
    ],
)
def test_keys_that_do_not_agree(tmp_path: Path, addition: str, says: str) -> None:
    table, *_ = addition.split("\n")
    text = MINIMAL.replace(table, addition) if table in MINIMAL else MINIMAL + addition
    with pytest.raises(ConfigErrors) as caught:
        project(tmp_path, text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(None, "there is no pyproject.toml here", id="missing"),
        pytest.param("[tool.assay\n", "not valid TOML", id="broken"),
        pytest.param("[tool.other]\n", "no [tool.assay] table", id="no-table"),
        pytest.param("[tool.asay]\n", "rename [tool.asay] to [tool.assay]", id="near-table"),
        pytest.param(b"\xff\xfe", "codec can't decode", id="binary"),
    ],
)
def test_no_project(tmp_path: Path, text: str | bytes | None, says: str) -> None:
    if text is not None:
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert says in str(caught.value)


WAIVER = """
[[tool.assay.waivers]]
gate = "model.accuracy"
reason = "issue 12"
approver = "ada"
expires = {expires}
"""


def test_waivers_expire(tmp_path: Path) -> None:
    text = MINIMAL + WAIVER.format(expires="2026-05-01")
    (tmp_path / "pyproject.toml").write_text(text)
    assert load_project(tmp_path, dt.date(2026, 5, 1)).config.waivers[0].expires == "2026-05-01"
    with pytest.raises(ConfigErrors, match="expired on 2026-05-01"):
        load_project(tmp_path, dt.date(2026, 5, 2))


def test_a_waiver_needs_a_date_and_an_approver(tmp_path: Path) -> None:
    text = MINIMAL + WAIVER.format(expires='"soon"').replace('approver = "ada"\n', "")
    with pytest.raises(ConfigErrors) as caught:
        project(tmp_path, text)
    assert "an ISO date such as" in str(caught.value)
    assert '"approver" is missing' in str(caught.value)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param(("tool", "a", "b"), 2, id="plain"),
        pytest.param(("tool", "a", "c", "d"), 4, id="below-a-header"),
        pytest.param(("tool", "a", "c", "x", "y"), 3, id="falls-back-to-the-header"),
        pytest.param(("tool", "a", "q.r"), 5, id="quoted"),
        pytest.param(("nowhere",), 0, id="nowhere"),
    ],
)
def test_locate(path: tuple[str, ...], line: int) -> None:
    text = '[tool.a]\nb = 1\n[tool.a.c]\nd = { e = 2 }\n[tool.a."q.r"]\n'
    assert locate(text, path) == line


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        pytest.param("rmse = { vs_champion = { max_drop = 1 } }", "use max_rise", id="rmse may not drop"),
        pytest.param("log_loss = { vs_champion = { max_drop_percent = 1 } }", "use max_rise_percent", id="percent"),
        pytest.param("accuracy = { vs_champion = { max_rise = 0.1 } }", "use max_drop", id="accuracy may not rise"),
    ],
)
def test_a_limit_that_would_refuse_the_better_model_is_an_error(tmp_path: Path, limit: str, says: str) -> None:
    with pytest.raises(ConfigErrors, match=says):
        project(tmp_path, f"{MINIMAL}\n[tool.assay.gates.model-validate]\n{limit}\n")


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        pytest.param("s3://bucket/folder/x.parquet", True, id="plain"),
        pytest.param("https://example.org/x.csv?version=3", True, id="a harmless question"),
        pytest.param("data/me@home.csv", True, id="a file"),
        pytest.param("https://me:made-up@example.org/x.csv", False, id="password"),
        pytest.param("https://example.org/x.csv?a=1&X-Amz-Signature=made-up", False, id="signature"),
    ],
)
def test_an_address_with_a_secret_is_refused_and_the_secret_is_not_shown(
    tmp_path: Path, path: str, *, fine: bool
) -> None:
    text = f'{MINIMAL}path = "{path}"\n'
    if fine:
        assert project(tmp_path, text).config.data.path == path
        return
    with pytest.raises(ConfigErrors, match="without password or signature") as caught:
        project(tmp_path, text)
    assert "made-up" not in str(caught.value)


def test_a_misspelt_metric_is_told_before_anything_runs(tmp_path: Path) -> None:
    gates = "[tool.assay.gates.model-validate]\nacuracy = { min = 0.8 }\n"
    with pytest.raises(ConfigErrors, match=r'unknown metric "acuracy"(.|\n)*did you mean "accuracy"'):
        project(tmp_path, MINIMAL + gates)
    text = MINIMAL.replace("[tool.assay]\n", '[tool.assay]\nmetrics = "tiny:metrics"\n') + gates
    assert "model.acuracy" in project(tmp_path, text).limits["model-validate"], "the project's own may be called so"


@pytest.mark.parametrize("gate", ['"acuracy*"', 'slcie = { "*" = { min = 1 } }\n"x*"'])
def test_a_family_of_ones_own_is_refused_because_it_might_match_nothing(gate: str, tmp_path: Path) -> None:
    text = MINIMAL + f"[tool.assay.gates.model-validate]\n{gate} = {{ min = 0.9 }}\n"
    with pytest.raises(ConfigErrors, match="unknown gate"):
        project(tmp_path, text)
    project(tmp_path, MINIMAL + '[tool.assay.gates.model-validate]\nfairness = { "*" = { max = 0.9 } }\n')
