"""Numbers and names as a model card writes them."""

from __future__ import annotations

import pytest

from assay.evaluate import card_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (3, "3"),
        (16281.0, "16,281"),
        (0.123456, "0.1235"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
        (True, "True"),
        ("a|b", r"a\|b"),
    ],
    ids=str,
)
def test_numbers(value: object, shown: str) -> None:
    assert card_text.number(value) == shown


def test_underscores_within_a_name_stay_readable() -> None:
    assert card_text.text("hours_per_week __init__ _x_") == r"hours_per_week \_\_init\_\_ \_x\_"
