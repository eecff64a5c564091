"""Builds frozen dataclasses from TOML tables: every problem collected, unknown keys refused.

The dataclasses are the only definition of a table: its keys, their types, defaults and descriptions. Standard library
only.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from assay.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Path = tuple[str, ...]
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a table, with the keys that lead to it."""

    path: Path
    what: str
    allowed: str = ""
    next: str = ""


def key(
    doc: str,
    default: Any = MISSING,  # noqa: ANN401
    *,
    check: Callable[[Any], str] | None = None,
    name: str = "",
    hidden: bool = False,
) -> Any:  # noqa: ANN401 - a field, whatever the type of the key
    """A documented key of a table.

    Args:
        doc: One line for people, with the unit.
        default: Absent means that the key is required.
        check: Gives what would be allowed where the value is wrong, else an empty string.
        name: The key in the file, where Python's name must differ.
        hidden: A wrong value is not shown: it may hold a secret.
    """
    metadata = {"doc": doc, "check": check, "name": name, "hidden": hidden}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    if dataclasses.is_dataclass(default):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def between(low: float, high: float) -> Callable[[float], str]:
    """A check that a number lies in [low, high]."""
    return lambda value: "" if low <= value <= high else f"a number from {low:g} to {high:g}"


def build(kind: type[T], table: object, path: Path, problems: list[Problem], *, partial: bool = False) -> T:
    """An instance of `kind` from `table`; what is wrong goes to `problems` and the default stands in.

    Args:
        kind: A frozen dataclass whose fields were made with `key`.
        table: The parsed TOML table.
        path: The keys that lead to it.
        problems: Receives everything that is wrong.
        partial: True for a slice: required keys may be absent and are then None, tables then hold defaults.
    """
    fields = {f.metadata.get("name") or f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    if not isinstance(table, Mapping):
        problems.append(Problem(path, f"{_show(table)} is not a table", allowed=", ".join(fields)))
        table = {}
        partial = True
    problems += [
        Problem((*path, name), f'unknown key "{name}"', ", ".join(fields), did_you_mean(name, fields))
        for name in table
        if name not in fields
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in table:
            values[field.name] = _value(hints[field.name], table[name], (*path, name), problems, partial=partial)
            _check(field, values[field.name], (*path, name), problems)
        elif field.default is MISSING and field.default_factory is MISSING:
            inner = dataclasses.is_dataclass(hints[field.name]) and partial
            values[field.name] = build(hints[field.name], {}, (*path, name), problems, partial=True) if inner else None
            if not partial:
                problems.append(Problem((*path, name), f'"{name}" is missing', allowed=field.metadata.get("doc", "")))
    return kind(**values)


def _check(field: dataclasses.Field[Any], value: object, path: Path, problems: list[Problem]) -> None:
    check = field.metadata.get("check")
    if check and value is not None and (allowed := check(value)):
        shown = "the value" if field.metadata["hidden"] else _show(value)
        problems.append(Problem(path, f"{shown} is not allowed", allowed))


def _value(hint: Any, value: Any, path: Path, problems: list[Problem], *, partial: bool) -> Any:  # noqa: ANN401, PLR0911 - a kind a line
    origin, args = get_origin(hint), get_args(hint)
    if origin in {types.UnionType, typing.Union} and len(others := [a for a in args if a is not type(None)]) == 1:
        hint, origin, args = others[0], get_origin(others[0]), get_args(others[0])
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return build(hint, value, path, problems, partial=partial)  # type: ignore[arg-type]
    if origin in {dict, Mapping}:
        return _table(args[1], value, path, problems, partial=partial)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(args[0], v, (*path, str(i)), problems, partial=partial) for i, v in enumerate(value))
    if origin is Literal:
        return _literal(args, value, path, problems)
    kinds = tuple(a for a in (args if origin in {types.UnionType, typing.Union} else (hint,)) if a is not type(None))
    if any(_fits(kind, value) for kind in kinds):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if float in kinds and int not in kinds and whole else value
    problems.append(Problem(path, f"{_show(value)} has the wrong type", " or ".join(_type_name(k) for k in kinds)))
    return None


def _literal(allowed: tuple[Any, ...], value: object, path: Path, problems: list[Problem]) -> object:
    if value in allowed:
        return value
    near = did_you_mean(str(value), allowed)
    problems.append(Problem(path, f"{_show(value)} is not allowed", ", ".join(f'"{a}"' for a in allowed), near))
    return allowed[0]


def _table(inner: Any, value: object, path: Path, problems: list[Problem], *, partial: bool) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        problems.append(Problem(path, f"{_show(value)} has the wrong type", "a table"))
        return {}
    return {name: _value(inner, item, (*path, name), problems, partial=partial) for name, item in value.items()}


def _fits(kind: Any, value: object) -> bool:  # noqa: ANN401
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, get_origin(kind) or kind)


def _type_name(kind: Any) -> str:  # noqa: ANN401
    if get_origin(kind) is tuple:
        return "a list"
    return _NAMES.get(kind, "a table")


def _show(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - one line in a message
