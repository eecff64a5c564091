"""Every error message of the toolkit that says what to do next, read out of its source."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src/assay"
KINDS = {"ConfigError": 2, "ArtifactError": 2, "ProjectError": 4, "ServiceError": 5}
_PARTS = ("what", "where", "allowed", "next")


@dataclass(frozen=True, order=True)
class Message:
    """One message: its exit code, its text and what to do; `…` stands for what differs from case to case."""

    code: int
    what: str
    next: str


def messages() -> list[Message]:
    """All of them, by exit code and text."""
    found = {message for path in SOURCE.rglob("*.py") for message in _in(ast.parse(path.read_text(encoding="utf-8")))}
    return sorted(found)


def _in(module: ast.Module) -> Iterator[Message]:
    shared = _texts(module)
    scopes = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    for scope in scopes:
        known = shared | _texts(scope)
        for call in ast.walk(scope):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS:
                given = dict(zip(_PARTS, call.args, strict=False)) | {k.arg or "": k.value for k in call.keywords}
                what, then = (_text(given.get(part), known) for part in ("what", "next"))
                if what.strip("… ") and then.strip("… "):
                    yield Message(KINDS[call.func.id], what, then)


def _texts(scope: ast.Module | ast.FunctionDef) -> dict[str, str]:
    """Names that a scope gives to a text, where it gives each only one."""
    found: dict[str, str] = {}
    for node in scope.body if isinstance(scope, ast.Module) else ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, text = node.targets[0].id, _text(node.value, {})
            found[name] = text if name not in found else "…"
    return found


def _text(node: ast.expr | None, known: dict[str, str]) -> str:
    """What an expression says, as far as it is written down."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name, "…")
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, known) for part in parts)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return _text(left, known) + _text(right, known)
        case None:
            return ""
    return "…"
