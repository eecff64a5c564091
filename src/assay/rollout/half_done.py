"""What a deploy or rollback to `local` has left that was killed: one version is champion, and another may serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import AssayError
from assay.rollout.local_serving import in_doubt, keeps_serving, settle, start_keeper

if TYPE_CHECKING:
    from pathlib import Path

    from assay.config import Config
    from assay.tracking.registry import Registry


def put_right(config: Config, project: Path) -> str:
    """Let the champion serve; says what was done, empty for nothing.

    Raises:
        ArtifactError: It cannot be served.
        ServiceError: The keeper or the registry does not answer.
    """

    def decide(version: int, _back: bool) -> bool:  # noqa: FBT001 - as it is called
        # MLflow takes seconds to import
        from assay.tracking.registry import Registry, store_of

        champion = Registry(store_of(project)).champion(config.name)
        return champion is not None and champion.version == version

    return settle(project, decide)


def put_right_first(project: Path) -> str:
    """The same at the start of whatever comes next, which must not fail for it."""
    if not in_doubt(project):
        return ""
    from assay.project import load_project

    try:
        config = load_project(project).config
        if not keeps_serving(config.deploy):
            return ""
        start_keeper(project)
        return put_right(config, project)
    except AssayError as error:
        return f"a deploy or rollback died half-way, and cannot be put right: {error}"


def lead_back(config: Config, project: Path, registry: Registry) -> str:
    """Lead back to what served before a deploy that died, or to what a rollback that died wanted; empty for neither.

    Raises:
        ArtifactError: That version cannot be served.
        ServiceError: The keeper or the registry does not answer.
    """

    def decide(version: int, back: bool) -> bool:  # noqa: FBT001 - as it is called
        champion = registry.champion(config.name)
        moved = champion is not None and champion.version == version
        if moved != back:
            registry.rollback(config.name)
        return back

    if not in_doubt(project):
        return ""
    start_keeper(project)
    return settle(project, decide)
