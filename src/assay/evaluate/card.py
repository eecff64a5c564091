"""The model card: what a person who decides about a model has to know, as Markdown and as one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.evaluate import card_results as results
from assay.evaluate import card_sections as sections
from assay.evaluate.card_html import html
from assay.evaluate.card_text import bullets, link, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from assay import config
    from assay.evaluate.champion import Champion
    from assay.evaluate.fairness import Group
    from assay.evaluate.findings import Intervals
    from assay.evaluate.metrics import Task
    from assay.evaluate.skill import Constant
    from assay.evaluate.slices import Slice
    from assay.gates import GateResult


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the card tells.

    Attributes:
        name: Name of the model.
        estimator: Its class.
        target: The column it predicts.
        task: With which labels.
        facts: dataset.json.
        digest: The model digest.
        metrics: On the holdout rows.
        constant: What always the same answer reaches on them; None where that is not known.
        champion: The model it was compared with.
        sure: 95 % intervals of the metrics, and of the differences to the champion.
        gates: Verdicts.
        groups: Results by group of the sensitive columns.
        notes: What stood out, one sentence each.
        told: What only people know, from `[tool.assay.card]`.
        slices: Results by group of the columns that are looked at one by one.
        importance: By column, the largest first: how much worse the model gets when it is shuffled.
        training: training.json.
        smallest: Rows below which a group counts in no fairness gate, and a slice in no slice gate.
    """

    name: str
    estimator: str
    target: str
    task: Task
    facts: Mapping[str, Any]
    digest: str
    metrics: Mapping[str, float]
    constant: Constant | None
    champion: Champion
    sure: Intervals
    gates: Sequence[GateResult]
    groups: Sequence[Group]
    notes: Sequence[str]
    told: config.Card
    slices: Sequence[Slice]
    importance: Mapping[str, float]
    training: Mapping[str, Any]
    smallest: tuple[int, int]

    def render(self, plots: Collection[str] = ()) -> str:
        """The card as Markdown.

        Args:
            plots: Names of the plots in the folder `plots` beside the card, without `.png`.
        """
        told, stated = self.told, sections.stated
        found = (
            ("Intended use", stated(told.intended_use, "intended_use")),
            ("Out of scope", stated(told.out_of_scope, "out_of_scope")),
            ("Data", sections.data(self)),
            ("Training", sections.training(self)),
            ("Metrics on the holdout rows", results.metrics(self, plots)),
            ("Gates", results.gates(self)),
            ("Slices", results.slices(self, plots)),
            ("Fairness", results.fairness(self)),
            ("What the model leans on", results.leans_on(self, plots)),
            ("Limits", sections.limits(self)),
            ("Ethical considerations", stated(told.ethical_considerations, "ethical_considerations")),
            ("How to reproduce", sections.reproduce(self)),
            ("References", bullets(map(link, told.references)) or stated(None, "references")),
        )
        head = f"# {text(self.name)}\n\n{sections.what(self)}\n"
        return head + "".join(f"\n## {title}\n\n{body}\n" for title, body in found)

    def write(self, folder: Path) -> None:
        """Write model_card.md and model_card.html into `folder`, with the plots that are in its folder `plots`."""
        markdown = self.render(sorted(path.stem for path in (folder / "plots").glob("*.png")))
        (folder / "model_card.md").write_text(markdown, encoding="utf-8")
        (folder / "model_card.html").write_text(html(markdown, folder), encoding="utf-8")
