"""One definition: Dagger functions, caching and layers say what `pipeline.py` says."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from assay_ci.main import Assay
from dagger.mod import default_module

from assay.pipeline import GRAPH, STAGES

ROOT = Path(__file__).parents[2]
FUNCTIONS = {f.name or f.original_name: f for f in default_module().get_object(Assay.__name__).functions.values()}


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).replace("_", "-").lower()


def test_every_stage_is_a_dagger_function_and_a_module() -> None:
    names = {kebab(name) for name in FUNCTIONS}
    assert {stage.name for stage in STAGES} <= names
    assert {"full", "run", "plan", "serve", "mlflow", "rollback", "history"} == names - {stage.name for stage in STAGES}
    modules = {path.stem for path in (ROOT / "src/assay/stages").glob("*.py")} - {"__init__"}
    assert modules == {stage.module for stage in GRAPH.stages}


def test_a_stage_that_cleans_up_has_the_function_for_it() -> None:
    written = {p.stem for p in (ROOT / "src/assay/stages").glob("*.py") if "\ndef clean_up(" in p.read_text()}
    assert written == {stage.module for stage in GRAPH.stages if stage.clean_up}


def touches_the_world(name: str) -> bool:
    """True where the stage, or one that it cannot run without, reads or changes the world."""
    return any(GRAPH.stage(supplier).world != "none" for supplier in GRAPH.suppliers([name]))


def test_functions_are_cached_exactly_where_nothing_touches_the_world() -> None:
    for name, function in FUNCTIONS.items():
        stage = kebab(name)
        touches = stage != "plan" and (stage not in GRAPH.by_stage or touches_the_world(stage))
        assert (function.meta.cache == "never") is touches, name


def test_checks() -> None:
    assert {kebab(name) for name, function in FUNCTIONS.items() if function.check} == {"code-test", "data-validate"}


LIGHT = [
    "agreement", "gpu", "values",
    "artifacts", "cache", "config", "context", "errors", "gates", "graph", "limits", "lines", "local",
    "pipeline", "plan", "progress", "project", "reports", "runner", "schema", "single", "supervisor", "watch",
]  # fmt: skip


LIGHT += [f"cli/{path.stem}" for path in (ROOT / "src/assay/cli").glob("*.py")]


@pytest.mark.parametrize("name", LIGHT)
def test_the_core_needs_the_standard_library_only(name: str) -> None:
    for module in imported(ROOT / f"src/assay/{name}.py"):
        assert module.split(".")[0] in {*sys.stdlib_module_names, "assay"}, f"{name} imports {module}"


def test_only_one_folder_speaks_to_mlflow() -> None:
    importers = {
        path.relative_to(ROOT / "src/assay").parts[0]
        for path in (ROOT / "src/assay").rglob("*.py")
        if any(module.startswith("mlflow") and "mlflow.models" not in module for module in imported(path))
    }
    assert importers == {"tracking", "models"}, "and models/modelfolder.py, which writes MLflow's format"


def imported(path: Path) -> list[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]


def test_no_file_is_long() -> None:
    long = {str(p.relative_to(ROOT)): n for p in ROOT.glob("[sct]*/**/*.py") if (n := lines(p)) > 300 and ours(p)}
    assert long == {}
    assert sum(lines(path) for path in (ROOT / "ci/src").rglob("*.py")) <= 1200


def ours(path: Path) -> bool:
    return "ci/sdk" not in str(path)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())
