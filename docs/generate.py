"""Writes the parts of docs/*.md that the code itself defines: `make docs`.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; a test compares what is committed with what this
would write.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from messages import messages

from assay.cli import _parser
from assay.config import Config
from assay.errors import Exit
from assay.gates import Limit, Verdict, Waiver
from assay.pipeline import GRAPH, STAGES, TRIGGERS
from assay.render.text import meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.graph import Stage

FOLDER = Path(__file__).parent
_PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """A page with its generated parts as they should be."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in c) + " |" for c in lines)


def stages() -> str:
    """What each stage reads and writes."""
    rows = [(f"[{s.name}](#{s.name})", s.doc, _inputs(s), ", ".join(s.writes), str(s.world)) for s in STAGES]
    return table(("stage", "what it does", "reads", "writes", "world"), rows)


def _inputs(stage: Stage) -> str:
    sometimes = {a for a in stage.reads if a in GRAPH.makers and GRAPH.stage(GRAPH.makers[a]).only_with}
    return ", ".join([f"({a})" if a in sometimes else a for a in stage.reads] + [f"({a})" for a in stage.optional])


def gates() -> str:
    """A section for each stage: its gates, and what of the configuration it reads."""
    return "\n\n".join(_section(stage) for stage in GRAPH.stages)


def _section(stage: Stage) -> str:
    files = f"Files: {_code(stage.source)}. " if stage.source else ""
    lines = [
        f"### {stage.name}",
        f"{_sentence(stage.doc)} {files}Keys of `[tool.assay]`: {_code(stage.config) or '-'}.",
    ]
    rows = [(f"`{g.name}`", g.doc, _limit(g.default) if g.default else "") for g in stage.gates]
    if rows:
        lines.append(table(("gate", "what is measured", "limit without a word of yours"), rows))
    return "\n\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _limit(limit: Limit) -> str:
    given = {name: value for name, value in (("min", limit.min), ("max", limit.max)) if value is not None}
    text = ", ".join(f"{name} {value:g}" for name, value in given.items())
    return f"{text}, only told" if limit.severity == "warn" else text


def bounds() -> str:
    """The bounds that a limit can have."""
    return _attributes(Limit, "bound")


def waivers() -> str:
    """The keys of a waiver."""
    return _attributes(Waiver, "key")


def _attributes(kind: type, head: str) -> str:
    found = re.findall(r"^ {4,8}(\w+): (.+)", inspect.getdoc(kind) or "", re.MULTILINE)
    return table((head, "meaning"), [(f"`{name}`", text) for name, text in found])


def triggers() -> str:
    """The stages of each trigger."""
    return table(("trigger", "stages"), [(f"`{name}`", ", ".join(names)) for name, names in TRIGGERS.items()])


def exits() -> str:
    """The exit codes."""
    return table(("code", "meaning"), [(str(int(code)), meaning(code) if code else "passed") for code in Exit])


def verdicts() -> str:
    """What a gate can say."""
    return table(("verdict", "stops the run"), [(str(v), "yes" if v.blocks else "no") for v in Verdict])


def configuration() -> str:
    """All tables of `[tool.assay]` with their keys."""
    return "\n\n".join(_keys(kind) for kind in _tables(Config))


def _tables(kind: type) -> Iterator[type]:
    yield kind
    for hint in typing.get_type_hints(kind).values():
        for inner in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(inner) and inner is not Waiver:
                yield from _tables(typing.cast("type", inner))


def _keys(kind: type) -> str:
    title, _, text = (inspect.getdoc(kind) or "").partition(": ")
    hints = typing.get_type_hints(kind)
    rows = [
        (f"`{f.metadata['name'] or f.name}`", _type(hints[f.name]), _default(f), f.metadata["doc"])
        for f in dataclasses.fields(kind)
    ]
    return f"### {title}\n\n{_sentence(text.rstrip('.'))}\n\n{table(('key', 'type', 'default', 'meaning'), rows)}"


def _type(hint: Any) -> str:  # noqa: ANN401 - an annotation
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f'`"{value}"`' for value in args)
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(_type(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return "tables" if dataclasses.is_dataclass(args[0]) else "list"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
    return names.get(hint, "table")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "required"
    value = field.default
    if value is dataclasses.MISSING or value is None or value == ():
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else _toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def commands() -> str:
    """The commands of `assay`."""
    listed = _group()._choices_actions  # noqa: SLF001
    rows = [(f"`assay {a.dest}`", a.help or "", _code(_arguments(a.dest))) for a in listed]
    return table(("command", "what it does", "arguments"), rows)


def options(command: str) -> set[str]:
    """The flags that a command knows."""
    return {flag for action in _group().choices[command]._actions for flag in action.option_strings}  # noqa: SLF001


def _arguments(command: str) -> list[str]:
    actions = _group().choices[command]._actions  # noqa: SLF001
    named = [a.option_strings[-1] if a.option_strings else str(a.metavar or a.dest).upper() for a in actions]
    return [name for name in named if name not in {"--help", "--project"}]


def _group() -> argparse._SubParsersAction[argparse.ArgumentParser]:
    # argparse has no public way to what was added to it
    (group,) = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    return group


def module() -> str:
    """What `dagger call` takes: the settings that come before the function."""
    from assay_ci.main import Assay

    rows = [(f"`--{name.replace('_', '-')}`", _doc(hint)) for name, hint in _parameters(Assay)]
    return table(("setting", "meaning"), rows)


def functions() -> str:
    """The functions of the module."""
    from assay_ci.main import Assay
    from dagger.mod import default_module

    rows = []
    for found in default_module().get_object(Assay.__name__).functions.values():
        method = getattr(Assay, found.original_name)
        flags = _code([f"--{name.replace('_', '-')}" for name, _ in _parameters(method)])
        rows.append((f"`{(found.name or found.original_name).replace('_', '-')}`", inspect.getdoc(method) or "", flags))
    return table(("function", "what it does", "flags"), rows)


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    return [(name, hints[name]) for name in inspect.signature(function).parameters if name != "self"]


def _doc(hint: Any) -> str:  # noqa: ANN401 - an annotation
    return next((found.documentation for found in get_args(hint) if hasattr(found, "documentation")), "")


def errors() -> str:
    """Messages with what to do, by exit code."""
    rows = [(str(m.code), m.what, m.next) for m in messages()]
    return table(("exit", "message", "what to do"), rows)


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        *(stages, gates, bounds, waivers, triggers, exits, verdicts, configuration),
        *(commands, module, functions, errors),
    )
}


def main() -> None:
    """Write all pages anew."""
    for path in FOLDER.glob("*.md"):
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
