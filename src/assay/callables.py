"""The user's callables: their contracts, how a dotted path becomes one, and how their failures are told from ours."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from assay.errors import ProjectError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    import pandas as pd

_PACKAGE = str(Path(__file__).parent)


class Load(Protocol):
    """`[tool.assay] load`: reads the project's data."""

    def __call__(self, data_dir: Path) -> pd.DataFrame:
        """Rows with all features and the target, one row an example."""
        ...


class Model(Protocol):
    """What `Build` returns: anything with fit and predict; `predict_proba` too for a classifier."""

    def fit(self, x: pd.DataFrame, y: pd.Series) -> object:
        """Learn from features `x` of shape (rows, columns) and target `y` of shape (rows,)."""
        ...

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        """Predictions of shape (rows,)."""
        ...


class Build(Protocol):
    """`[tool.assay] model`: makes an estimator that is not fitted yet."""

    def __call__(self, params: Mapping[str, Any]) -> Model:
        """The estimator for `[tool.assay.params]`."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Rows with their answers, as `[tool.assay.data]` describes them.

    Attributes:
        x: Features of shape (rows, columns).
        y: Target of shape (rows,).
        weights: Weight of each row; None where no column is named.
        groups: Which rows belong together; None where no column is named.
        times: When each row was; None where no column is named.
        aside: The columns that are no features, shape (rows, columns).
    """

    x: pd.DataFrame
    y: pd.Series
    weights: pd.Series | None = None
    groups: pd.Series | None = None
    times: pd.Series | None = None
    aside: pd.DataFrame | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.x)

    def take(self, rows: np.ndarray) -> Dataset:
        """Some rows, by position or by a mask, with an index that starts at 0."""

        def some(part: Any) -> Any:  # noqa: ANN401 - a frame, a column, or None
            return None if part is None else part.iloc[rows].reset_index(drop=True)

        return Dataset(**{name: some(getattr(self, name)) for name in self.__dataclass_fields__})


class Train(Protocol):
    """`[tool.assay] train`: fits a model of any kind, in place of `model`."""

    def __call__(self, dataset: Dataset, params: Mapping[str, Any]) -> Model:
        """A model that has learnt from the train rows: anything with predict, or an MLflow PythonModel."""
        ...


class Metrics(Protocol):
    """`[tool.assay] metrics`: further metrics of a fitted model."""

    def __call__(self, model: Model, x: pd.DataFrame, y: pd.Series) -> Mapping[str, float]:
        """Metrics by name, for holdout features `x` and target `y`."""
        ...


def resolve(dotted: str, project: Path, key: str) -> Callable[..., Any]:
    """The callable that `dotted` names, imported from the project's `src/` or its root.

    Args:
        dotted: `"package.module:function"`.
        project: The project's folder.
        key: The key of `[tool.assay]` it stands at, for messages.

    Raises:
        ProjectError: No such module, no such name, not callable, or the module raised on import.
    """
    add_to_path(project)
    name, _, attribute = dotted.partition(":")
    where = f'pyproject.toml tool.assay.{key} = "{dotted}"'
    module = _import(name, where, project)
    found = getattr(module, attribute, None)
    if found is None:
        names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise ProjectError(
            f'module {name} has no "{attribute}"', where, ", ".join(names), did_you_mean(attribute, names)
        )
    if not callable(found):
        raise ProjectError(f'"{attribute}" in module {name} is not callable', where, "a function or a class")
    return found  # type: ignore[no-any-return]


def add_to_path(project: Path) -> None:
    """Let the project's packages be imported, from `src/` before its root."""
    for folder in (project, project / "src"):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def packages(project: Path) -> tuple[str, ...]:
    """Top-level names that the project's own code can be imported by, for `modelfolder.load`."""
    below_src = [path for path in (project / "src").glob("*") if path.is_dir() or path.suffix == ".py"]
    in_root = [*project.glob("*.py"), *(path.parent for path in project.glob("*/__init__.py"))]
    names = {path.stem for path in (*below_src, *in_root)}
    return tuple(sorted(name for name in names if name.isidentifier() and name != "assay"))


def _import(name: str, where: str, project: Path) -> object:
    try:
        with user_code(f"importing {name}", project):
            return importlib.import_module(name)
    except ProjectError as error:
        cause = error.__cause__
        if not isinstance(cause, ModuleNotFoundError):
            raise
        missing = cause.name or ""
        if name == missing or name.startswith(f"{missing}."):
            what, then = f"there is no module {name}", f"looked in {project / 'src'} and {project}"
        else:
            what, then = f"{name} imports {missing}, which is not installed", "add it to [tool.assay] requirements"
        raise ProjectError(what, where, next=then) from cause


@contextlib.contextmanager
def user_code(doing: str, project: Path) -> Iterator[None]:
    """Everything that raises inside is the project's failure: `ProjectError` with the project's own frames.

    Args:
        doing: What was asked of the code, for the message: `"model.fit"`.
        project: The project's folder; frames outside it, and Assay's own, are left out.
    """
    process = os.getpid()
    try:
        yield
    except ProjectError:
        raise
    except (Exception, SystemExit) as error:
        what = f"{doing} raised {type(error).__name__}: {error}"
        raise ProjectError(what, trace=trimmed(error, project)) from error
    finally:
        if os.getpid() != process:
            # the project's code forked, and this is its child: it must not go on as if it were the stage
            os._exit(1)


def trimmed(error: BaseException, project: Path) -> str:
    """The traceback of `error` with only the frames inside `project`, paths relative to it."""
    root = str(project.resolve())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename, root)]
    lines = [f"  {Path(f.filename).resolve().relative_to(root)}:{f.lineno} in {f.name}\n    {f.line}" for f in frames]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def _is_users(filename: str, root: str) -> bool:
    path = str(Path(filename).resolve())
    ours = path.startswith(_PACKAGE) or "site-packages" in path
    return path.startswith(root + "/") and not ours
