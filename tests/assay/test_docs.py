"""The documentation is true: generated parts are up to date, links lead somewhere, settings and commands exist.

Commands in ```console blocks that need neither an engine nor minutes are executed in a copy of the example (`QUICK`);
of all others, `make`, `dagger` and slower ones of `assay`, it is checked that the command and each of its flags exist.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import generate
import messages
import pytest
from workflows import COPIED, calls, check_call

from assay.cli import _parser
from assay.config import Config
from assay.limits import parse_limits
from assay.pipeline import GRAPH
from assay.schema import Problem, build

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
each = pytest.mark.parametrize("name", PAGES)
# what is executed; everything else takes minutes, an engine, a cluster or a browser
QUICK = {"assay plan", "assay schema", "assay history"}
OTHERS = {"sed", "export", "gh", "cd", "mkdir", "git"}


def text(name: str) -> str:
    return PAGES[name].read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)


def prose(name: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL)


def commands(name: str) -> Iterator[str]:
    """What follows a prompt in a console block, and what looks like a whole command in the text."""
    for block in blocks(name, "console"):
        yield from (line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))
    yield from (c for c in re.findall(r"`((?:assay|dagger|make) [^`]*)`", prose(name)) if "..." not in c)


def test_the_generated_parts_are_up_to_date() -> None:
    for name, path in PAGES.items():
        assert generate.page(text(name)) == text(name), f"make docs: {path.name} is not what the code says"
    used = {part for name in PAGES for part in re.findall("<!-- generated: (.*?) -->", text(name))}
    assert used == set(generate.PARTS)


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@each
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        path, _, fragment = target.partition("#")
        if "://" in path:
            continue
        found = PAGES[name].parent / path if path else PAGES[name]
        assert found.exists(), f"{name}: {target}"
        headings = (
            [anchor(h) for h in re.findall(r"^#+ (.*)", found.read_text(encoding="utf-8"), re.MULTILINE)]
            if fragment
            else []
        )
        assert not fragment or fragment in headings, f"{name}: {target}"


def test_every_page_is_linked_from_the_readme() -> None:
    assert {f"docs/{name}" for name in PAGES if name != "README.md"} <= set(
        re.findall(r"\((docs/[\w-]+\.md)\)", text("README.md"))
    )


@each
def test_settings_are_ones_that_assay_takes(name: str) -> None:
    for block in blocks(name, "toml"):
        table = tomllib.loads(block)["tool"]["assay"]
        problems: list[Problem] = []
        config = build(Config, table, ("tool", "assay"), problems, partial=True)
        for stage, limits in (config.gates or {}).items():
            parse_limits(GRAPH.stage(stage), limits, problems)
        assert problems == [], f"{name}:\n{block}"


def test_variables_are_ones_that_something_reads() -> None:
    readers = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "ci/src").rglob("*.py"),
        *(ROOT / ".github").rglob("*.yml"),
        *COPIED,
    ]
    known = {word for path in readers for word in re.findall(r"ASSAY_\w+", path.read_text(encoding="utf-8"))}
    assert {word for name in PAGES for word in re.findall(r"ASSAY_\w+", text(name))} <= known


@each
def test_commands_and_their_flags_exist(name: str) -> None:
    for command in commands(name):
        first, *rest = shlex.split(command, comments=True)
        program = Path(first).name
        if program == "assay":
            understood(rest)
        elif program == "make":
            assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
        elif program == "dagger":
            dagger(command, rest)
        else:
            assert program in OTHERS, f"{name}: {command}"


@each
def test_calls_in_ci_files_are_ones_that_the_module_understands(name: str) -> None:
    for block in blocks(name, "yaml") + blocks(name, "groovy"):
        for called in calls(block):
            check_call([word.rstrip("'") for word in called])


def understood(words: list[str]) -> None:
    """The command line takes these words; those that are required may be left out in a text."""
    parser = _parser()
    parser.exit_on_error = False
    try:
        parser.parse_args(words)
    except SystemExit:
        known = generate.options(words[0])
        assert {word.partition("=")[0] for word in words[1:] if word.startswith("-")} <= known, words


def dagger(command: str, words: list[str]) -> None:
    found = calls(command.replace("[SETTINGS] FUNCTION [FLAGS]", "full").replace("FUNCTION", "full"))
    assert found or words[:1] in (["check"], ["core"]), command
    for called in found:
        settings = all(word.startswith("-") for word in called)
        check_call([*called, "full"] if settings else called)


def test_quick_commands_do_what_they_are_said_to(tmp_path: Path) -> None:
    for folder in ("src/income", "data", "requirements", "tests/unit"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("pyproject.toml", "Dockerfile"):
        shutil.copy(ROOT / file, tmp_path / file)
    quick = {c for name in PAGES for c in map(plain, commands(name)) if any(c.startswith(q) for q in QUICK)}
    assert {q for q in QUICK if any(c.startswith(q) for c in quick)} == QUICK, "each of them stands somewhere"
    for command in sorted(quick):
        done = execute(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout, command


def plain(command: str) -> str:
    return command.partition(" #")[0].strip().removeprefix(".venv/bin/")


def execute(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *shlex.split(command)]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{folder / 'src'}", "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_first_runs_gate_is_the_one_that_it_changes(tmp_path: Path) -> None:
    (sed,) = [c for c in commands("first-run.md") if c.startswith("sed ")]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    subprocess.run(shlex.split(sed), cwd=tmp_path, check=True)
    changed = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert changed["tool"]["assay"]["gates"]["model-validate"]["accuracy"]["min"] == 0.95


def test_messages_are_read_from_the_source_as_they_are_raised() -> None:
    found = {(m.code, m.what): m.next for m in messages.messages()}
    assert found[2, "DVC is not installed"] == 'pip install "dvc[s3,gs]"'
    assert found[2, 'no run has made the artifact "…" yet'].startswith("assay run --until")
    assert len(found) > 60
