"""The search for parameters and cross-validation: on real fits, interrupted, failing, and what they refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from helpers import wait_until
from modelkit import kit

from assay.config import Dimension, Search
from assay.errors import ConfigErrors, ProjectError
from assay.stages import train
from assay.training.choosing import _journal
from assay.training.fitting import Recipe
from assay.training.search import Trial, best, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelkit import Kit

SPACE = {"x": Dimension(low=-3.0, high=3.0), "n": Dimension(low=1, high=9), "kind": Dimension(choices=("a", "b"))}


def _score(params: Mapping[str, Any]) -> float:
    """At its best, 0, for x = 1, n = 3 and kind a."""
    return float(-((params["x"] - 1) ** 2) - abs(params["n"] - 3) - (params["kind"] == "b"))


def _search(journal: Path, trials: int, score: Any = _score, **more: Any) -> list[Trial]:
    settings = Search(space=SPACE, trials=trials, **more)
    return search(settings, score, maximize=True, seed=7, journal=journal, told=lambda _: None)


def test_it_finds_what_is_better_than_chance(tmp_path: Path) -> None:
    found = best(_search(tmp_path / "j", 60), maximize=True)
    assert found.value is not None
    assert found.value > -0.3
    assert found.params["kind"] == "a"
    assert isinstance(found.params["n"], int)


def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = _search(tmp_path / "whole", 25)
    _search(tmp_path / "parts", 11)
    asked: list[float] = []

    def counted(params: Mapping[str, Any]) -> float:
        asked.append(params["x"])
        return _score(params)

    assert _search(tmp_path / "parts", 25, counted) == whole
    assert len(asked) == 14, "what was tried is not tried again"


def test_smaller_is_better_where_that_is_asked_for() -> None:
    trials = [Trial(number=n, params={}, value=v) for n, v in enumerate((3.0, 1.0, None, 1.0, 2.0))]
    assert best(trials, maximize=True).number == 0
    assert best(trials, maximize=False).number == 1, "the earliest of equal ones"


def test_a_trial_that_raises_is_a_failed_one(tmp_path: Path) -> None:
    def sometimes(params: Mapping[str, Any]) -> float:
        if params["kind"] == "a":
            raise ProjectError("kind a does not work")
        return 1.0

    trials = _search(tmp_path / "j", 8, sometimes)
    assert len(trials) == 8
    assert {trial.value for trial in trials} == {None, 1.0}
    assert {trial.to_dict()["state"] for trial in trials} == {"failed", "complete"}


def test_a_search_in_which_nothing_works_says_why(tmp_path: Path) -> None:
    def never(_: Mapping[str, Any]) -> float:
        raise ProjectError("model.fit raised ValueError: no")

    with pytest.raises(ProjectError, match=r"model\.fit raised ValueError: no"):
        _search(tmp_path / "j", 3, never)


def test_the_time_is_up_after_at_least_one_trial(tmp_path: Path) -> None:
    assert len(_search(tmp_path / "j", 1000, timeout="0s")) == 1


# ---- through the stage ----

RIDGE = """
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

def numbers(x):
    return x[["a", "n"]]

def build(params):
    if params.get("alpha", 1) > 1e3:
        raise ValueError("alpha is too large")
    return make_pipeline(FunctionTransformer(numbers), Ridge(**params))

def metrics(model, x, y):
    return {"own": float(abs(model.predict(x) - y).mean())}
"""
WIDE = "[tool.assay.search]\ntrials = 6\nspace = { alpha = { low = 1e-3, high = 1e6, log = true } }\n"


def _ridge(root: Path, rest: str, top: str = "") -> Kit:
    made = kit(root, task="regression", data="", rest=rest, top=top)
    (made.project / "src" / f"{made.module}.py").write_text(textwrap.dedent(RIDGE), encoding="utf-8")
    return made


def _training(made: Kit, outputs: str = "out") -> Any:
    train.run(made.context("train", outputs))
    return json.loads((made.root / outputs / "training" / "training.json").read_text())


def test_the_best_trial_is_what_is_fitted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = _ridge(tmp_path, WIDE)
    report = _training(made)
    trials = report["search"]["trials"]
    assert len(trials) == 6
    assert report["search"]["metric"] == "rmse"
    scored = [trial for trial in trials if trial["value"] is not None]
    assert report["params"]["alpha"] == min(scored, key=lambda trial: trial["value"])["params"]["alpha"]
    assert 0 < len(scored) < 6, "a large alpha raises, which is a failed trial"
    told = capsys.readouterr().out
    assert "trial 6 of 6: alpha" in told
    assert "failed, model raised ValueError: alpha is too large" in told
    assert _training(made, "again") == report, "from the journal, without a trial"


def test_more_trials_go_on_where_the_search_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = _ridge(tmp_path, WIDE)
    before = _training(made)["search"]["trials"]
    capsys.readouterr()
    text = (made.project / "pyproject.toml").read_text().replace("trials = 6", "trials = 8")
    (made.project / "pyproject.toml").write_text(text)
    assert _training(made)["search"]["trials"][:6] == before
    assert capsys.readouterr().out.count("trial ") == 2


def test_other_data_is_another_search(tmp_path: Path) -> None:
    made = _ridge(tmp_path, WIDE)
    _training(made)
    facts = made.root / "in" / "dataset" / "dataset.json"
    facts.write_text(facts.read_text().replace("f" * 64, "e" * 64))
    _training(made)
    assert len(list((made.project / ".assay" / "search").glob("*.journal"))) == 2


def test_a_search_that_is_killed_in_a_trial_is_taken_up(tmp_path: Path) -> None:
    made = _ridge(tmp_path, WIDE.replace("trials = 6", "trials = 400").replace("1e6", "1e2"))
    code = (
        "import pathlib, sys\nfrom assay.single import run_stage\nroot = pathlib.Path(sys.argv[1])\n"
        "run_stage('train', root / 'project', root / 'in', root / 'out', 600, 0)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(train.__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.DEVNULL)
    log = tmp_path / "out" / "stage.log"
    assert wait_until(lambda: log.exists() and "trial 4 of" in log.read_text(), 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = log.read_text().count("trial ")
    text = (made.project / "pyproject.toml").read_text().replace("trials = 400", f"trials = {done + 2}")
    (made.project / "pyproject.toml").write_text(text)
    report = _training(made, "again")
    assert [trial["number"] for trial in report["search"]["trials"]] == list(range(done + 2))


def test_a_metric_of_ones_own_needs_a_direction(tmp_path: Path) -> None:
    own = WIDE + 'metric = "own"\n'
    made = _ridge(tmp_path / "none", own, 'metrics = "{module}:metrics"')
    with pytest.raises(ProjectError, match='nothing tells which way "own" is better'):
        _training(made)
    made = _ridge(tmp_path / "said", f'{own}direction = "minimize"\n', 'metrics = "{module}:metrics"')
    trials = _training(made)["search"]["trials"]
    assert min(trial["value"] for trial in trials if trial["value"] is not None) < 1


def test_an_unknown_metric_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match='the models have no metric "accuracy"') as caught:
        _training(_ridge(tmp_path, WIDE + 'metric = "accuracy"\n'))
    assert "rmse, mae" in caught.value.allowed


WRONG = {
    "a range and choices": ("{ low = 1, high = 2, choices = [1] }", "choices alone, or low and high"),
    "half a range": ("{ low = 1 }", "low and high, or choices"),
    "upside down": ("{ low = 2, high = 1 }", "low below high"),
    "orders of magnitude from nothing": ("{ low = 0, high = 1, log = true }", "low above 0 where log = true"),
    "texts": ('{ low = "a", high = 1 }', "a number"),
}


@pytest.mark.parametrize(("text", "allowed"), WRONG.values(), ids=WRONG)
def test_a_wrong_space_is_a_configuration_error(text: str, allowed: str, tmp_path: Path) -> None:
    made = kit(tmp_path, rest=f"[tool.assay.search.space]\nalpha = {text}\n")
    with pytest.raises(ConfigErrors) as caught:
        made.context("train")
    assert allowed in str(caught.value)
    assert "tool.assay.search.space.alpha" in str(caught.value)


def test_cross_validation_tells_mean_and_folds(tmp_path: Path) -> None:
    report = _training(_ridge(tmp_path, "[tool.assay.training]\ncross_validation = 4\n"))
    about = report["cross_validation"]["r2"]
    assert len(about["folds"]) == 4
    assert about["mean"] == pytest.approx(np.mean(about["folds"]))
    assert about["std"] == pytest.approx(np.std(about["folds"]))
    assert report["metrics"]["cross_validation.r2"] == about["mean"] > 0.5
    assert "search" not in report


@pytest.mark.parametrize("change", ['exclude = ["n"]', 'weight = "n"', 'group = "sex"'])
def test_other_columns_are_another_search(change: str, tmp_path: Path) -> None:
    made = _ridge(tmp_path, WIDE)
    config = made.context("train").config
    toml = made.project / "pyproject.toml"
    toml.write_text(toml.read_text().replace('target = "y"', f'target = "y"\n{change}'))
    changed = made.context("train").config
    recipes = [Recipe(one, made.project) for one in (config, changed, config)]
    first, other, again = (_journal(recipe, "the same data") for recipe in recipes)
    assert first == again != other
