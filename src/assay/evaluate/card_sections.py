"""Sections of a model card that tell what a model is, where it comes from and what is known against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.evaluate.card_text import Right, bullets, code, name, number, prose, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.evaluate.card import Card

_SHOWN = 100


def stated(words: str | None, key: str) -> str:
    """What the project says in `[tool.assay.card]`, or that it does not and under which key it should."""
    if words and words.strip():
        return prose(words)
    return f"_Not stated: fill_ `{key}` _in_ `[tool.assay.card]` _before others rely on the model._"


def what(card: Card) -> str:
    """Estimator, task, labels, owners, licence and digest."""
    kind = "regression"
    if card.task.labels:
        positive = f", positive: {code(card.task.positive)}" if card.task.positive is not None else ""
        kind = f"classification ({_names(card.task.labels)}{positive})"
    facts = (
        f"Owners: {', '.join(map(text, card.told.owners)) or stated(None, 'owners')}",
        f"Licence: {text(card.told.licence) if card.told.licence else stated(None, 'licence')}",
        f"Digest: `{card.digest}`",
    )
    return f"{text(card.estimator)}, predicts {code(card.target)}: {kind}.\n\n{bullets(facts)}"


def data(card: Card) -> str:
    """Rows, fingerprint and columns."""
    rows = card.facts.get("rows", {})
    aside = card.facts.get("aside", [])
    features = [column for column in card.facts.get("columns", {}) if column not in {card.target, *aside}]
    facts = (
        f"Rows: {number(rows.get('train'))} to learn from, {number(rows.get('holdout'))} held out",
        f"Fingerprint: `{card.facts['fingerprint']}`",
        f"Features ({len(features)}): {_names(features)}",
        *([f"Not for the model: {_names(aside)}"] if aside else []),
    )
    return bullets(facts)


def training(card: Card) -> str:
    """Parameters, seed, search and cross-validation."""
    known = card.training
    params = known.get("params") or {}
    learned = {n: value for n, value in known.get("metrics", {}).items() if not n.startswith("cross_validation.")}
    facts = [
        f"Seed: {number(known.get('seed'))}",
        f"Written as: {text(known.get('serialization', '-'))}",
        *(f"On the rows it learned from: {name(n)} {number(value)}" for n, value in learned.items()),
        f"Search: {_search(known.get('search') or {})}",
        *([] if known.get("cross_validation") else ["Cross-validation: none"]),
    ]
    rows = [(name(key), number(value)) for key, value in params.items()]
    given = (
        table(("parameter", Right("value")), rows) if rows else "No parameters were given: the model's own defaults."
    )
    return "\n\n".join(filter(None, (bullets(facts), given, _folds(known.get("cross_validation") or {}))))


def _search(found: Mapping[str, Any]) -> str:
    trials = found.get("trials")
    if not trials:
        return "none"
    failed = sum(trial.get("state") == "failed" for trial in trials)
    note = f", {failed} of them failed" if failed else ""
    return f"{len(trials)} trials{note}, decided by {text(found.get('metric'))}"


def _folds(found: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("cross-validation", Right("mean"), Right("deviation"), Right("folds"))
    rows = [(name(n), number(f.get("mean")), number(f.get("std")), _each(f.get("folds"))) for n, f in found.items()]
    return table(head, rows) if rows else ""


def _each(folds: object) -> str:
    return ", ".join(map(number, folds)) if isinstance(folds, (list, tuple)) else number(folds)


def limits(card: Card) -> str:
    """What stood out in the evaluation, and what people know beyond it."""
    found = bullets(map(text, card.notes)) or "Nothing stood out in the evaluation."
    return f"{found}\n\n### Outside of the data\n\n{stated(card.told.limitations, 'limitations')}"


def reproduce(card: Card) -> str:
    """The command, and everything that the result depends on."""
    tags = card.training.get("tags", {})
    facts = (
        f"Data fingerprint: `{card.facts['fingerprint']}`",
        f"Lock digest: `{tags.get('lock_digest') or 'unknown'}`",
        f"Seed: {number(card.training.get('seed'))}",
        "Python and libraries: pinned in `requirements.txt` of the model's folder",
        "Commit: a tag of the registered version",
    )
    ends = f"The same commit, data and lock give the same model, digest `{card.digest}`."
    return f"```sh\nassay run --until model-validate\n```\n\n{bullets(facts)}\n\n{ends}"


def _names(values: Iterable[object]) -> str:
    every = [code(value) for value in values]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
