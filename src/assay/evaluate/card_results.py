"""Sections of a model card that tell what was measured: metrics, gates, slices, groups and importance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from assay.evaluate.card_text import Right, bullets, code, name, number, picture, table, text
from assay.gates import Verdict
from assay.metric_names import HIGHER_IS_BETTER, LOWER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from assay.evaluate.bootstrap import Interval
    from assay.evaluate.card import Card
    from assay.evaluate.fairness import Group
    from assay.evaluate.slices import Slice
    from assay.gates import GateResult

_FOUR_FIFTHS = 0.8
_STAR = r" \*"
_WORST, _SLICES, _METRICS, _COLUMNS = 3, 50, 6, 20
_SAYS = {
    "roc": "ROC curve on the holdout rows",
    "precision-recall": "Precision and recall on the holdout rows",
    "calibration": "Promised probability against the share that came true",
    "confusion": "Predicted against true labels",
    "predicted": "Predicted against true values",
    "residuals": "Residuals by predicted value",
}


def metrics(card: Card, plots: Collection[str]) -> str:
    """Each metric with its interval and against the champion, and the plots of the holdout rows."""
    if not card.metrics:
        return "None: the model's predictions cannot be used."
    pictures = "\n".join(picture(plot, says) for plot, says in _SAYS.items() if plot in plots)
    version = card.champion.version
    rows = [(name(n), number(value), _range(card.sure.metrics.get(n))) for n, value in card.metrics.items()]
    head = ("metric", Right("this model"), Right("95 % interval"))
    if version is None:
        alone = "No other model serves, so there is none to compare with."
        return _parts(_constant(card), alone, table(head, rows), pictures)
    apart, known = card.sure.differences, card.champion.metrics
    against = [(number(known.get(n)), _range(apart.get(n))) for n in card.metrics]
    wider = (*head, Right(f"version {version}"), Right("difference, 95 %"))
    compared = table(wider, [(*row, *rest) for row, rest in zip(rows, against, strict=True)])
    return _parts(text(card.champion.problem), _constant(card), compared, pictures)


def _constant(card: Card) -> str:
    known = card.constant
    if known is None:
        return ""
    answer = "the mean of these rows" if known.answer is None else code(known.answer)
    return f"To beat: who always answers {answer} reaches {known.metric} {number(known.value)}."


def gates(card: Card) -> str:
    """Verdicts; waived gates apart, with who waived what until when and why."""
    if not card.gates:
        return "None were set."
    waived = [gate for gate in card.gates if gate.status is Verdict.WAIVED]
    others = [gate for gate in card.gates if gate.status is not Verdict.WAIVED]
    blocked = sum(gate.status.blocks for gate in others)
    says = f"{blocked or 'None'} of {len(others)} said no{f'; {len(waived)} more were waived' if waived else ''}."
    apart = f"### Waived: {len(waived)} of {len(card.gates)}\n\n{_verdicts(waived)}" if waived else ""
    return _parts(says, _verdicts(others) if others else "", apart)


def _verdicts(gates: Sequence[GateResult]) -> str:
    rows = [(f"**{g.status}**", name(g.gate), number(g.observed), _limit(g), text(g.message)) for g in gates]
    return table(("verdict", "gate", Right("observed"), Right("limit"), "note"), rows)


def _limit(gate: GateResult) -> str:
    return "-" if gate.limit is None else f"{gate.operator} {number(gate.limit)}"


def slices(card: Card, plots: Collection[str]) -> str:
    """The worst slices by metric, then all of them."""
    if not card.slices:
        return "None were measured: name columns in `slices` of `[tool.assay.evaluation]`."
    smallest = card.smallest[1]
    names = list(dict.fromkeys(n for part in card.slices for n in part.metrics))
    shown = names[:_METRICS]
    rows = [
        (name(part.column), name(part.group), _rows(part.rows, smallest), *(number(part.metrics.get(n)) for n in shown))
        for part in worst_first(card.slices, names[0] if names else "")
    ]
    head = ("column", "group", Right("rows"), *(Right(name(n)) for n in shown))
    left = "All slices and metrics are in evaluation.json. " if len(rows) > _SLICES or len(names) > _METRICS else ""
    note = f"The worst by the first metric on top. {left}\\* fewer than {smallest} rows: counts in no slice gate."
    drawn = picture("slices", "Each slice against all holdout rows") if "slices" in plots else ""
    return _parts(_worst(card, names, smallest), drawn, table(head, rows[:_SLICES]), note)


def _worst(card: Card, metrics: Sequence[str], smallest: int) -> str:
    large = [part for part in card.slices if part.rows >= smallest]
    known = [metric for metric in metrics if metric in LOWER_IS_BETTER | HIGHER_IS_BETTER]
    rows = [(name(metric), number(card.metrics.get(metric)), _named(large, metric)) for metric in known]
    return table(("metric", Right("all rows"), "worst slices"), rows) if rows and large else ""


def _named(slices: Sequence[Slice], metric: str) -> str:
    finite = [part for part in slices if math.isfinite(part.metrics.get(metric, math.nan))]
    told = (
        f"{name(part.column)} = {name(part.group)} ({number(part.metrics[metric])})"
        for part in worst_first(finite, metric)[:_WORST]
    )
    return ", ".join(told) or "-"


def worst_first(slices: Sequence[Slice], metric: str) -> list[Slice]:
    """`slices` by `metric`, the worst first; those without a number come last."""
    sign = -1 if metric in LOWER_IS_BETTER else 1

    def place(part: Slice) -> float:
        value = part.metrics.get(metric, math.nan)
        return sign * value if math.isfinite(value) else math.inf

    return sorted(slices, key=place)


def fairness(card: Card) -> str:
    """Rates by group of the sensitive columns, and the four-fifths rule."""
    if not card.groups:
        return "Nothing is known about groups: name columns in `sensitive` of `[tool.assay.data]`."
    smallest = card.smallest[0]
    metric = "accuracy" if card.task.labels else "rmse"
    rates = ("predicted positive", "true positive rate", "false positive rate")
    head = ("column", "group", Right("rows"), Right(metric), *map(Right, rates))
    rows = [(name(g.column), name(g.group), _rows(g.rows, smallest), *map(number, _rates(g))) for g in card.groups]
    note = f"\\* fewer than {smallest} rows: counts in no fairness gate."
    columns = dict.fromkeys(group.column for group in card.groups)
    ratios = bullets(filter(None, (_four_fifths(card.groups, column, smallest) for column in columns)))
    rule = (
        "Four-fifths rule: the group that is predicted positive least often should be so at least 0.8 times as often as"
        " the one that is most often. It is a convention to look closer by, no proof of fairness."
    )
    return _parts(table(head, rows), note, *((rule, ratios) if ratios else ()))


def _rates(group: Group) -> tuple[float | None, ...]:
    return group.metric, group.selected, group.true_positive, group.false_positive


def _four_fifths(groups: Sequence[Group], column: str, smallest: int) -> str:
    shares = {
        group.group: group.selected
        for group in groups
        if group.column == column and group.rows >= smallest and group.selected is not None
    }
    if len(shares) < 2 or max(shares.values()) == 0:  # noqa: PLR2004 - a ratio takes two
        return ""
    least, most = min(shares, key=lambda n: shares[n]), max(shares, key=lambda n: shares[n])
    ratio = shares[least] / shares[most]
    kept = "kept" if ratio >= _FOUR_FIFTHS else "**not kept**"
    return f"{name(column)}: {number(ratio)} ({name(least)} against {name(most)}), {kept}"


def leans_on(card: Card, plots: Collection[str]) -> str:
    """The columns that the model gets worse without."""
    if not card.importance:
        return "Not measured."
    lost = "accuracy" if card.task.labels else "R squared"
    shown = list(card.importance.items())[:_COLUMNS]
    left = len(card.importance) - len(shown)
    rows = table(("column", Right(f"{lost} lost")), [(name(n), number(value)) for n, value in shown])
    more = f" {left} columns below these are left out." if left else ""
    note = (
        f"What is lost when one column is shuffled.{more} Columns that tell the same share it, and it shows no cause."
    )
    drawn = picture("importance", f"{lost} lost by shuffled column") if "importance" in plots else ""
    return _parts(note, drawn, rows)


def _rows(count: int, smallest: int) -> str:
    return f"{count:,}{_STAR if count < smallest else ''}"


def _range(interval: Interval | None) -> str:
    return f"{interval.low:.4g} to {interval.high:.4g}" if interval else "-"


def _parts(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))
