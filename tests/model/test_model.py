"""How a trained income model has to behave; ASSAY_MODEL is the folder that train made."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

PERSON: dict[str, Any] = {
    "age": 38,
    "workclass": "Private",
    "fnlwgt": 178_000,
    "education": "HS-grad",
    "education_num": 9,
    "marital_status": "Married-civ-spouse",
    "occupation": "Sales",
    "relationship": "Husband",
    "race": "White",
    "sex": "Male",
    "capital_gain": 0,
    "capital_loss": 0,
    "hours_per_week": 40,
    "native_country": "United-States",
}
PEOPLE: dict[str, dict[str, Any]] = {
    "clerk": {"age": 24, "marital_status": "Never-married", "relationship": "Own-child", "occupation": "Adm-clerical"},
    "manager": {"age": 52, "occupation": "Exec-managerial", "workclass": "Self-emp-inc", "hours_per_week": 55},
    "nurse": {
        "sex": "Female",
        "marital_status": "Divorced",
        "relationship": "Unmarried",
        "occupation": "Prof-specialty",
    },
}
EDUCATION = {3: "5th-6th", 9: "HS-grad", 10: "Some-college", 13: "Bachelors", 14: "Masters", 16: "Doctorate"}


@pytest.fixture(scope="session")
def model() -> Any:
    from assay.models.modelfolder import load

    return load(Path(os.environ["ASSAY_MODEL"]))


def _rich(model: Any, *people: dict[str, Any]) -> Any:
    """Probability of more than 50,000 dollars, for each of `people`."""
    rich = list(model.classes_).index(">50K")
    return model.predict_proba(pd.DataFrame([PERSON | person for person in people]))[:, rich]


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_the_weight_of_the_survey_does_not_matter(model: Any, person: dict[str, Any]) -> None:
    light, heavy = _rich(model, person | {"fnlwgt": 20_000}, person | {"fnlwgt": 900_000})
    assert light == heavy


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_a_person_is_judged_alone(model: Any, person: dict[str, Any]) -> None:
    assert _rich(model, person)[0] == pytest.approx(_rich(model, *PEOPLE.values(), person)[-1], abs=1e-12)


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_more_education_is_not_lower(model: Any, person: dict[str, Any]) -> None:
    steps = [person | {"education_num": years, "education": name} for years, name in EDUCATION.items()]
    assert (np.diff(_rich(model, *steps)) >= 0).all()


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_a_large_capital_gain_is_higher(model: Any, person: dict[str, Any]) -> None:
    without, with_gain = _rich(model, person, person | {"capital_gain": 50_000})
    assert with_gain > without


def test_people_differ_the_way_everybody_expects(model: Any) -> None:
    clerk, manager = _rich(model, PEOPLE["clerk"], PEOPLE["manager"])
    assert clerk < 0.2
    assert manager > 0.5


@pytest.mark.parametrize("column", PERSON)
def test_a_missing_value_is_accepted(model: Any, column: str) -> None:
    assert 0 < _rich(model, {column: None})[0] < 1


@pytest.mark.parametrize("column", [name for name, value in PERSON.items() if isinstance(value, str)])
def test_a_category_never_seen_is_accepted(model: Any, column: str) -> None:
    assert 0 < _rich(model, {column: "Never-seen"})[0] < 1
