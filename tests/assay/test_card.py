"""The model card: what stands in it, what does not, and that no name in it is more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay import config
from assay.evaluate import card_text, plots
from assay.evaluate.bootstrap import Interval
from assay.evaluate.card import Card
from assay.evaluate.card_html import html
from assay.evaluate.champion import Champion
from assay.evaluate.fairness import Group
from assay.evaluate.findings import Intervals
from assay.evaluate.metrics import Task
from assay.evaluate.skill import Constant
from assay.evaluate.slices import Slice
from assay.gates import GateResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK = Task(Path(), None, ("no", "yes"), "yes")
TAGS = {"data_fingerprint": "f" * 64, "lock_digest": "a" * 64}
HOSTILE = {
    "pipe": "a|b | --- |",
    "lines": "a\n\n## Gates\n\n| x |\r\n---\u2028b",
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "comment": "<!-- &lt; &#x3c; ]]>",
    "backticks": "``` a ` b ``",
    "link": "[x](javascript:alert(1)) ![y](plots/roc.png) <https://evil.example>",
    "emphasis": "**pass** _pass_ ~~gone~~ $x^2$",
    "emoji": "👩\u200d🔬",
    "right to left": "\u202eevil\u202c עברית",
    "long": "x" * 300,
    "unspaced reason": "|`" * 150,
    "half of a pair": "a\ud800b\x00\x1b[31m",
    "blank": " \n ",
    "escapes": "\\| \\\\| \\`",
    "blocks": "1. - # > =",
}


def part(column: str, group: str, rows: int, metrics: Mapping[str, float]) -> Slice:
    return Slice(column=column, group=group, rows=rows, metrics=metrics)


def card(**changed: Any) -> Card:
    given: dict[str, Any] = {
        "name": "tiny",
        "estimator": "Stump",
        "target": "bought",
        "task": TASK,
        "facts": {"fingerprint": "f" * 64, "rows": {"train": 4000, "holdout": 1000}, "columns": {"age": "int64"}},
        "digest": "d" * 64,
        "metrics": {"accuracy": 0.9, "log_loss": 0.3},
        "constant": Constant("accuracy", 0.5816, "no"),
        "champion": Champion(),
        "sure": Intervals({"accuracy": Interval(0.88, 0.92)}, {}),
        "gates": [],
        "groups": [],
        "notes": [],
        "told": config.Card(),
        "slices": [],
        "importance": {},
        "training": {"params": {}, "metrics": {}, "serialization": "skops", "seed": 7, "tags": TAGS},
        "smallest": (30, 100),
    }
    return Card(**{**given, **changed})


def section(markdown: str, title: str) -> str:
    return markdown.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0].strip()


class Page(HTMLParser):
    """Tags, attributes and words of a page, and the cells of each table row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.rows: list[int] = []
        self.headings: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        if tag == "tr":
            self.rows.append(0)
        if tag in {"td", "th"}:
            self.rows[-1] += 1
        if tag in {"h1", "h2"}:
            self.headings.append("")

    def handle_data(self, data: str) -> None:
        self.words += data


def hostile(name: str) -> Card:
    """A card in which everything that comes from data, project or people is `name`."""
    return card(
        name=name,
        estimator=name,
        target=name,
        task=Task(Path(), None, (name, "b"), name),
        facts={"fingerprint": "f" * 64, "columns": {name: "str", "age": "int64"}},
        metrics={name: 0.5, "accuracy": 0.9},
        champion=Champion(3, {name: 0.4}, name),
        gates=[
            GateResult(name, 0.5, ">=", 0.6, Verdict.FAIL, name),
            GateResult(name, 1, "", None, Verdict.WAIVED, name),
        ],
        groups=[Group(column=name, group=name, rows=9, metric=0.5), Group(column=name, group="b", rows=99, metric=1)],
        notes=[name],
        told=config.Card(intended_use=name, limitations=name, owners=(name,), licence=name, references=(name,)),
        slices=[part(name, name, 500, {name: 0.5, "accuracy": 0.4})],
        importance={name: 0.1},
        training={"params": {name: name}, "metrics": {name: 1.5}, "serialization": name, "tags": TAGS},
    )


def test_what_nobody_filled_in_says_so_with_its_key() -> None:
    found = card().render()
    for key in config.Card.__dataclass_fields__:
        assert f"`{key}` _in_ `[tool.assay.card]`" in found


def test_numbers_beside_a_verdict_tell_what_they_are(tmp_path: Path) -> None:
    gates = [GateResult("model.f1", 0.7, ">=", 0.5, Verdict.PASS, "well")]
    page = html(card(gates=gates).render(), tmp_path)
    assert re.search(r'<td style="text-align:right" data-label="observed">0\.7</td>', page)
    assert re.search(r'data-label="limit">&gt;= 0\.5</td>', page)
    assert page.count("data-label=") == 2, "of all tables, only those with verdicts are stacked"


def test_what_a_constant_reaches_stands_beside_the_metrics() -> None:
    told = section(card().render(), "Metrics on the holdout rows")
    assert told.startswith("To beat: who always answers `no` reaches accuracy 0.5816.\n\n")
    assert "`none`" not in section(card(constant=None).render(), "Metrics on the holdout rows").lower()
    mean = card(constant=Constant("rmse", 2.0)).render()
    assert "who always answers the mean of these rows reaches rmse 2." in mean


def test_the_same_card_is_right_before_and_after_its_own_model_serves() -> None:
    told = section(card().render(), "Metrics on the holdout rows")
    assert "No other model serves" in told
    assert "yet" not in told


def test_what_people_stated_stands_in_its_section() -> None:
    told = config.Card(
        intended_use="Sorting letters.\n\n- at home\n- at work",
        out_of_scope="People",
        limitations="Night",
        ethical_considerations="None known",
        owners=("Ann", "Bob"),
        licence="MIT",
        references=("https://example.org/a_b", "javascript:alert(1)"),
    )
    found = card(told=told).render()
    assert "Not stated" not in found
    assert section(found, "Intended use") == "Sorting letters.\n\n- at home\n- at work"
    assert section(found, "Out of scope") == "People"
    assert "### Outside of the data\n\nNight" in section(found, "Limits")
    assert "- Owners: Ann, Bob\n- Licence: MIT" in found
    assert section(found, "References") == "- <https://example.org/a_b>\n- javascript:alert(1)"


def test_stated_words_cannot_open_a_section() -> None:
    told = config.Card(intended_use="Fine.\n\n## Gates\n\nNone of 9 said no.\n\n---\n\n1. x")
    assert card(told=told).render().count("\n## Gates\n") == 1
    assert Page(html(card(told=told).render(), Path())).headings == [""] * 14


def test_metrics_without_and_with_a_champion() -> None:
    assert "| accuracy | 0.9 | 0.88 to 0.92 |" in card().render()
    against = Champion(3, {"accuracy": 0.85}, "version 3 has no probabilities")
    sure = Intervals({}, {"accuracy": Interval(0.01, 0.09)})
    found = section(card(champion=against, sure=sure, constant=None).render(), "Metrics on the holdout rows")
    assert found.startswith("version 3 has no probabilities\n\n| metric | this model | 95 % interval | version 3 |")
    assert "| accuracy | 0.9 | - | 0.85 | 0.01 to 0.09 |" in found
    assert "cannot be used" in section(card(metrics={}).render(), "Metrics on the holdout rows")


def test_waived_gates_stand_apart() -> None:
    why = "waived until 2030-01-01 by Ann: the labels are late"
    gates = [
        GateResult("model.accuracy", 0.9, ">=", 0.8, Verdict.PASS),
        GateResult("model.f1", 0.1, ">=", 0.5, Verdict.FAIL, "low"),
        GateResult("model.recall", 0.2, ">=", 0.5, Verdict.WAIVED, why),
    ]
    judged, waived = section(card(gates=gates).render(), "Gates").split("### Waived: 1 of 3")
    assert judged.startswith("1 of 2 said no; 1 more were waived.")
    assert "| **fail** | model.f1 | 0.1 | >= 0.5 | low |" in judged
    assert "model.recall" not in judged
    assert f"| **waived** | model.recall | 0.2 | >= 0.5 | {why} |" in waived


def test_slices_are_ordered_by_direction_and_small_ones_are_marked() -> None:
    parts = [
        part("age", "young", 900, {"log_loss": 0.2, "accuracy": 0.7}),
        part("age", "old", 800, {"log_loss": 0.5, "accuracy": 0.8}),
        part("age", "none", 5, {"log_loss": 9.0, "accuracy": 0.0}),
        part("age", "empty", 100, {"log_loss": float("nan"), "accuracy": 0.75}),
    ]
    found = section(card(slices=parts).render(), "Slices")
    assert "| log_loss | 0.3 | age = old (0.5), age = young (0.2) |" in found
    assert "| accuracy | 0.9 | age = young (0.7), age = empty (0.75), age = old (0.8) |" in found
    assert re.findall(r"^\| age \| (\w+) \| (\d+(?: \\\*)?) ", found, re.MULTILINE) == [
        ("none", r"5 \*"),
        ("old", "800"),
        ("young", "900"),
        ("empty", "100"),
    ]
    assert "fewer than 100 rows" in found


def test_the_four_fifths_rule_leaves_out_small_groups() -> None:
    shares = (("a", 100, 0.5), ("b", 100, 0.3), ("c", 9, 0.01))
    groups = [Group(column="sex", group=g, rows=n, metric=0.9, selected=share) for g, n, share in shares]
    level = [
        Group(column="race", group=g, rows=50, metric=0.9, selected=share) for g, share in (("x", 0.4), ("y", 0.5))
    ]
    found = section(card(groups=[*groups, *level]).render(), "Fairness")
    assert "- sex: 0.6 (b against a), **not kept**" in found
    assert "- race: 0.8 (x against y), kept" in found
    assert r"| sex | c | 9 \* | 0.9 | 0.01 | - | - |" in found


def test_training_search_and_cross_validation() -> None:
    training = {
        "params": {"depth": 3, "loss": "log"},
        "metrics": {"train_accuracy": 0.95},
        "seed": 7,
        "tags": TAGS,
        "cross_validation": {"accuracy": {"mean": 0.9, "std": 0.01, "folds": [0.89, 0.91]}},
        "search": {"metric": "accuracy", "trials": [{"state": "complete"}, {"state": "failed"}]},
    }
    found = card(training=training).render()
    for words in ("| depth | 3 |", "| accuracy | 0.9 | 0.01 | 0.89, 0.91 |", "2 trials, 1 of them failed"):
        assert words in section(found, "Training")
    bare = section(card().render(), "Training")
    assert "Search: none" in bare
    assert "Cross-validation: none" in bare


def test_how_to_reproduce_names_everything_that_the_result_depends_on() -> None:
    found = section(card().render(), "How to reproduce")
    for words in ("assay run --until model-validate", "f" * 64, "a" * 64, "Seed: 7", "requirements.txt", "d" * 64):
        assert words in found


def test_only_plots_that_are_there_are_shown(tmp_path: Path) -> None:
    plots.importance({"age": 0.2}, "accuracy", tmp_path / "plots")
    card(importance={"age": 0.2}).write(tmp_path)
    markdown, page = ((tmp_path / f"model_card.{kind}").read_text() for kind in ("md", "html"))
    assert re.findall(r"\((plots/.*?)\)", markdown) == ["plots/importance.png"]
    assert page.count('src="data:image/png;base64,iVBOR') == 1
    assert not re.search(r"(?:src|href)=\"(?!data:image/png|https://)", page)


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        plots.importance({"age": 0.2}, "accuracy", tmp_path / name / "plots")
        card().write(tmp_path / name)
    pages = [[(tmp_path / n / f"model_card.{kind}").read_bytes() for kind in ("md", "html")] for n in ("one", "two")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_only_text(name: str, tmp_path: Path) -> None:
    plain = hostile("harmless")
    found = hostile(name)
    found.write(tmp_path)
    markdown = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    page, expected = (
        Page((tmp_path / "model_card.html").read_text(encoding="utf-8")),
        Page(html(plain.render(), tmp_path)),
    )
    assert (page.rows, page.headings) == (expected.rows, expected.headings)
    assert page.tags <= expected.tags
    assert {key for key, _ in page.attributes} <= {key for key, _ in expected.attributes}
    assert re.findall(r"^#+ ", markdown, re.MULTILINE) == re.findall(r"^#+ ", plain.render(), re.MULTILINE)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", markdown)


@pytest.mark.parametrize("name", [n for key, n in HOSTILE.items() if key not in {"long", "unspaced reason"}])
def test_a_reason_reads_in_the_page_as_it_was_written(name: str) -> None:
    gate = GateResult("model.f1", 0.1, ">=", 0.5, Verdict.WAIVED, name)
    assert card_text.plain(name) in Page(html(card(gates=[gate]).render(), Path())).words
