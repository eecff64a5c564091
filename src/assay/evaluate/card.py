"""The model card: what a person who decides about a model has to know, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.evaluate.fairness import SLICE, SMALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.champion import Champion
    from assay.evaluate.fairness import Group
    from assay.evaluate.metrics import Task
    from assay.evaluate.record import Intervals
    from assay.gates import GateResult

_UNFILLED = "_Not stated: neither the project nor the pipeline knows. Write it before others rely on the model._"


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
        champion: The model it was compared with.
        sure: 95 % intervals of the metrics, and of the differences to the champion.
        gates: Verdicts.
        groups: Results by group of the sensitive columns.
        notes: What stood out, one sentence each.
    """

    name: str
    estimator: str
    target: str
    task: Task
    facts: Mapping[str, Any]
    digest: str
    metrics: Mapping[str, float]
    champion: Champion
    sure: Intervals
    gates: Sequence[GateResult]
    groups: Sequence[Group]
    notes: Sequence[str]

    def render(self) -> str:
        """The card as Markdown."""
        sections = (
            ("Intended use", _UNFILLED),
            ("Data", self._data()),
            ("Metrics on the holdout rows", self._metrics()),
            ("Gates", self._gates()),
            ("Groups", self._groups()),
            ("Limits", "\n".join(f"- {note}" for note in self.notes) or "Nothing stood out in the evaluation."),
            ("Known limits outside the data", _UNFILLED),
        )
        head = f"# {self.name}\n\n{self._what()}\n"
        return head + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections)

    def _what(self) -> str:
        kind = "regression"
        if self.task.labels:
            positive = f", positive: `{self.task.positive}`" if self.task.positive is not None else ""
            labels = ", ".join(f"`{label}`" for label in self.task.labels)
            kind = f"classification ({labels}{positive})"
        return f"{self.estimator}, predicts `{self.target}`: {kind}. Digest `{self.digest}`."

    def _data(self) -> str:
        rows = self.facts.get("rows", {})
        columns = [name for name in self.facts.get("columns", {}) if name != self.target]
        names = ", ".join(f"`{name}`" for name in columns)
        counts = f"{rows.get('train', '?')} rows to learn from, {rows.get('holdout', '?')} held out"
        return f"{counts}. Fingerprint `{self.facts['fingerprint']}`.\n\n{len(columns)} features: {names}"

    def _metrics(self) -> str:
        if not self.metrics:
            return "None: the model's predictions cannot be used."
        sure, apart = self.sure.metrics, self.sure.differences
        if self.champion.version is None:
            rows = [(name, value, _range(sure.get(name))) for name, value in self.metrics.items()]
            return "No model serves yet.\n\n" + _table(("metric", "value", "95 % interval"), _numbers(rows))
        head = ("metric", "this model", "95 % interval", f"version {self.champion.version}", "difference, 95 %")
        known = self.champion.metrics
        compared = [
            (name, value, _range(sure.get(name)), known.get(name), _range(apart.get(name)))
            for name, value in self.metrics.items()
        ]
        note = f"{self.champion.problem}\n\n" if self.champion.problem else ""
        return note + _table(head, _numbers(compared))

    def _gates(self) -> str:
        rows = [
            (g.gate, g.observed, f"{g.operator} {_number(g.limit)}".strip(), g.status, g.message) for g in self.gates
        ]
        return _table(("gate", "observed", "limit", "verdict", ""), _numbers(rows)) if rows else "None were set."

    def _groups(self) -> str:
        if not self.groups:
            return "No sensitive columns are named in `[tool.assay.data]`, so nothing is known about groups."
        metric = "accuracy" if self.task.labels else "rmse"
        head = ("column", "group", "rows", metric, "predicted positive", "true positive rate", "false positive rate")
        rows = [
            (g.column, g.group, _rows(g.rows), g.metric, g.selected, g.true_positive, g.false_positive)
            for g in self.groups
        ]
        note = f"Groups below {SMALL} rows (*) count in no fairness gate, groups below {SLICE} in no slice gate."
        return f"{_table(head, _numbers(rows))}\n\n{note}"


def _rows(count: int) -> str:
    return f"{count}{' *' if count < SMALL else ''}"


def _range(interval: Interval | None) -> str:
    return f"{interval.low:.4g} to {interval.high:.4g}" if interval else "-"


def _number(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _numbers(rows: Iterable[Iterable[object]]) -> list[list[str]]:
    return [[_number(value).replace("|", "\\|").replace("\n", " ") for value in row] for row in rows]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
