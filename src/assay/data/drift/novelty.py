"""Categories that only one of two samples has: which of them are news, and which are rare and absent by chance."""

from __future__ import annotations

import numpy as np

from assay.data.drift.measures import same_p


def novel(here: np.ndarray, there: np.ndarray, least: float, chance: float) -> np.ndarray:
    """Which categories that `here` has are truly missing `there`.

    Two ways to be news. A category is so frequent here that its absence there is no chance, however many categories
    there are to choose from. Or all that are only here are together: of Good and Turing we have it that a sample lacks
    about as large a share of the population as its categories that occur once hold of it.

    Args:
        here: Rows by category, shape (categories,).
        there: The same of the other sample.
        least: Share of `here` by which all together must exceed what is expected.
        chance: Probability below which something is no chance.

    Returns:
        Booleans of shape (categories,).
    """
    rows, others = here.sum(), there.sum()
    alone = np.asarray((here > 0) & (there == 0))
    if not others or not alone.any():
        return alone
    # where a row is drawn from either sample at random, so probable it is that all rows of a category come from here
    found = alone & ((rows / (rows + others)) ** here * len(here) < chance)
    share, expected = here[alone].sum() / rows, there[there <= 1].sum() / others
    # ten rows of one category are one surprise and not ten
    size = min(rows, others, rows * here[alone].sum() / (here[alone] ** 2).sum())
    unlike = same_p(np.array([expected, 1 - expected]) * others, np.array([share, 1 - share]) * size) < chance
    return alone if unlike and share - expected >= least else np.asarray(found)
