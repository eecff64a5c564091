"""The graph refuses what cannot be run, and computes edges from names."""

import pytest

from assay.errors import ConfigError
from assay.graph import Artifact, Graph, Stage
from assay.pipeline import GRAPH, STAGES, TRIGGERS

A, B = Artifact("a", "a/", "one"), Artifact("b", "b/", "two")


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        pytest.param((Stage(name="x", doc="", writes=("a",)), Stage(name="y", doc="", writes=("a",))), "x and y", id="two-makers"),
        pytest.param((Stage(name="x", doc="", reads=("a",)),), 'no stage makes "a"', id="nobody-makes-it"),
        pytest.param((Stage(name="x", doc="", writes=("zzz",)),), 'unknown artifact "zzz"', id="unknown"),
        pytest.param(
            (Stage(name="x", doc="", reads=("b",), writes=("a",)), Stage(name="y", doc="", reads=("a",), writes=("b",))),
            "x -> y",
            id="cycle",
        ),
    ],
)  # fmt: skip
def test_refuses(stages: tuple[Stage, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Graph((A, B), stages)
    text = str(caught.value)
    assert says in text or " -> ".join(reversed(says.split(" -> "))) in text


def test_eight_stages_in_the_documented_order() -> None:
    assert [stage.name for stage in STAGES] == [
        "code-test", "data-validate", "train", "model-validate", "register", "package", "deploy", "monitor",
    ]  # fmt: skip
    assert list(GRAPH.order(GRAPH.by_stage)) == ["resolve", *(stage.name for stage in STAGES)]


def test_edges_come_from_the_artifacts() -> None:
    assert GRAPH.needs("train") == ("data-validate",)
    assert set(GRAPH.needs("register")) == {"train", "model-validate", "data-validate", "code-test"}
    assert "code-test" not in GRAPH.needs("register", optional=False)


def test_triggers() -> None:
    assert TRIGGERS["push"] == tuple(stage.name for stage in STAGES)
    assert TRIGGERS["data"][0] == "data-validate"
    assert TRIGGERS["schedule"][0] == "train"
    assert "code-test" not in TRIGGERS["data"]


def test_unknown_stage_is_explained() -> None:
    with pytest.raises(ConfigError) as caught:
        GRAPH.stage("tarin")
    assert "train" in caught.value.next
