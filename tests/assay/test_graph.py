"""The graph refuses what cannot be run, and computes edges from names."""

import pytest

from assay.errors import ConfigError
from assay.graph import Artifact, Graph, Stage
from assay.pipeline import GRAPH, STAGES, TRIGGERS


def stage(name: str, reads: str = "", writes: str = "") -> Stage:
    """A stage that reads and writes one artifact at most."""
    return Stage(name=name, doc="", reads=tuple(filter(None, [reads])), writes=tuple(filter(None, [writes])))


A, B = Artifact("a", "a/", "one"), Artifact("b", "b/", "two")


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        pytest.param((stage("x", writes="a"), stage("y", writes="a")), "x and y", id="two-makers"),
        pytest.param((stage("x", reads="a"),), 'no stage makes "a"', id="nobody-makes-it"),
        pytest.param((stage("x", writes="zzz"),), 'unknown artifact "zzz"', id="unknown"),
        pytest.param((stage("x", reads="b", writes="a"), stage("y", reads="a", writes="b")), "x -> y", id="cycle"),
    ],
)
def test_refuses(stages: tuple[Stage, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Graph((A, B), stages)
    text = str(caught.value)
    assert says in text or " -> ".join(reversed(says.split(" -> "))) in text


def test_eight_stages_in_the_documented_order() -> None:
    assert [stage.name for stage in STAGES] == [
        "code-test", "data-validate", "train", "model-validate", "register", "package", "deploy", "monitor",
    ]  # fmt: skip
    helpers = ("resolve", "rival", "fetch", "expectations")
    order = [name for name in GRAPH.order(GRAPH.by_stage) if name not in helpers]
    assert order == [stage.name for stage in STAGES]


def test_edges_come_from_the_artifacts() -> None:
    assert GRAPH.needs("train") == ("data-validate", "expectations")
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
