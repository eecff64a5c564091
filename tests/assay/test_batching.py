"""Adaptive batches: shared while the model is busy, at once while it is idle, and nobody pays for another's mistake."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import small
from sklearn.base import BaseEstimator

from assay.serving import model as models
from assay.serving.batching import MAX_ROWS, Batcher, split

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

Records = list[dict[str, Any]]


class Model:
    """Doubles numbers; waits for `gate`, and remembers what it was asked together."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls: list[list[int]] = []

    def predict(self, records: Sequence[Mapping[str, Any]]) -> dict[str, list[Any] | None]:
        self.gate.wait(10)
        self.calls.append([record["x"] for record in records])
        if any(record["x"] < 0 for record in records):
            raise ValueError("below zero")
        return {"predictions": [2 * record["x"] for record in records], "probabilities": None}


def _kind(records: Sequence[Mapping[str, Any]]) -> Hashable:
    return records[0].get("kind")


async def _asked(model: Model, requests: Sequence[Records], kind: Any = _kind) -> list[Any]:
    """The answers, or what was raised, where the first request is in the model while the others come."""
    with Batcher(model.predict, kind) as batcher:
        first = asyncio.create_task(batcher.ask(requests[0]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher.ask(records)) for records in requests[1:]]
        await asyncio.sleep(0.05)
        model.gate.set()
        return await asyncio.gather(first, *others, return_exceptions=True)


def _rows(*numbers: int, **more: Any) -> Records:
    return [{"x": number, **more} for number in numbers]


def test_what_waits_is_asked_together_and_everybody_gets_their_own() -> None:
    model = Model()
    answers = asyncio.run(_asked(model, [_rows(1), _rows(2, 3), _rows(4), _rows(5, 6, 7)]))
    assert [answer["predictions"] for answer in answers] == [[2], [4, 6], [8], [10, 12, 14]]
    assert {answer["probabilities"] for answer in answers} == {None}
    assert model.calls == [[1], [2, 3, 4, 5, 6, 7]]


def test_an_idle_model_is_asked_at_once() -> None:
    async def one_after_the_other() -> None:
        model = Model()
        model.gate.set()
        with Batcher(model.predict, _kind) as batcher:
            for number in range(3):
                assert (await batcher.ask(_rows(number)))["predictions"] == [2 * number]
        assert model.calls == [[0], [1], [2]]

    asyncio.run(one_after_the_other())


def test_a_request_that_fails_fails_alone() -> None:
    model = Model()
    answers = asyncio.run(_asked(model, [_rows(1), _rows(2), _rows(-3), _rows(4)]))
    assert [answers[n]["predictions"] for n in (0, 1, 3)] == [[2], [4], [8]]
    assert isinstance(answers[2], ValueError)
    assert model.calls == [[1], [2, -3, 4], [2], [-3], [4]]


def test_only_the_same_kind_shares_a_call_and_the_order_stays() -> None:
    model = Model()
    requests = [_rows(0), _rows(1, kind="a"), _rows(2, kind="a"), _rows(3, kind="b"), _rows(4, kind="a")]
    asyncio.run(_asked(model, requests))
    assert model.calls == [[0], [1, 2], [3], [4]]


def test_a_model_whose_rows_depend_on_each_other_is_asked_one_request_at_a_time() -> None:
    model = Model()
    asyncio.run(_asked(model, [_rows(1), _rows(2), _rows(3, 4)], kind=None))
    assert model.calls == [[1], [2], [3, 4]]


def test_a_batch_is_not_larger_than_it_may_be() -> None:
    model = Model()
    half = list(range(MAX_ROWS // 2 + 1))
    answers = asyncio.run(_asked(model, [_rows(0), _rows(*half), _rows(*half), _rows(*range(MAX_ROWS + 5))]))
    assert [len(call) for call in model.calls] == [1, len(half), len(half), MAX_ROWS + 5]
    assert len(answers[3]["predictions"]) == MAX_ROWS + 5, "one request is never torn apart"


def test_a_request_that_went_away_spoils_nothing() -> None:
    async def with_one_gone() -> list[Any]:
        model = Model()
        with Batcher(model.predict, _kind) as batcher:
            tasks = [asyncio.create_task(batcher.ask(_rows(number))) for number in range(4)]
            await asyncio.sleep(0.05)
            tasks[2].cancel()
            model.gate.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(with_one_gone())
    assert isinstance(answers[2], asyncio.CancelledError)
    assert [answers[n]["predictions"] for n in (0, 1, 3)] == [[0], [2], [6]]


def test_after_an_idle_while_it_goes_on() -> None:
    async def twice() -> list[list[int]]:
        model = Model()
        model.gate.set()
        with Batcher(model.predict, _kind) as batcher:
            await asyncio.gather(*(batcher.ask(_rows(n)) for n in range(3)))
            await asyncio.sleep(0.05)
            await asyncio.gather(*(batcher.ask(_rows(n)) for n in range(3)))
        return model.calls

    assert sorted(number for call in asyncio.run(twice()) for number in call) == [0, 0, 1, 1, 2, 2]


def test_split_gives_each_request_its_part() -> None:
    whole: dict[str, list[Any] | None] = {"predictions": [1, 2, 3], "probabilities": [[0.1], [0.2], [0.3]]}
    assert split(whole, [_rows(0, 0), _rows(0)]) == [
        {"predictions": [1, 2], "probabilities": [[0.1], [0.2]]},
        {"predictions": [3], "probabilities": [[0.3]]},
    ]


class Centred(BaseEstimator):  # type: ignore[misc]
    """A model that looks at all rows that it is given."""

    def fit(self, _x: Any, _y: Any) -> Centred:
        self.fitted_ = True
        return self

    def predict(self, x: Any) -> Any:
        hours = x["hours"].to_numpy()
        return hours - hours.mean()


class Plain(Centred):
    """One that does not."""

    def predict(self, x: Any) -> Any:
        return np.floor(x["hours"].to_numpy())


@pytest.mark.parametrize(("kind", "independent"), [(Centred, False), (Plain, True)])
def test_only_a_model_whose_rows_are_independent_gets_batches(
    kind: type[BaseEstimator], tmp_path: Path, *, independent: bool
) -> None:
    x = small.frame(40)
    inputs = small.write_inputs(tmp_path / "in", kind().fit(x, None), x, packages=("test_batching",))
    bundle = small.bundle_of(inputs, tmp_path)
    (bundle / "project" / "src" / "test_batching.py").write_text("")
    assert models.load(bundle).rows_are_independent is independent


def test_who_waits_no_longer_is_not_asked_for() -> None:
    async def given_up() -> list[list[int]]:
        model = Model()
        with Batcher(model.predict, _kind) as batcher:
            first = asyncio.create_task(batcher.ask(_rows(1)))
            await asyncio.sleep(0.05)
            second, third = [asyncio.create_task(batcher.ask(_rows(number))) for number in (2, 3)]
            await asyncio.sleep(0.05)
            second.cancel()
            await asyncio.sleep(0)
            model.gate.set()
            await asyncio.gather(first, third)
        return model.calls

    assert asyncio.run(given_up()) == [[1], [3]]
