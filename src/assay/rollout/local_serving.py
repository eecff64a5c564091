"""Target `local` with an address: what was promoted serves there on, in the care of the keeper process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError, ServiceError
from assay.rollout.asking import KEEP, LOG, conversation
from assay.rollout.shelf import Shelf, State
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.config import Deploy

CANDIDATE_VARIABLE = "ASSAY_CANDIDATE_URL"
"""Names the candidate's server where somebody else runs it; what serves after the stage is then theirs too."""
_FOLDER = ".assay/serving"
_PACKAGE = Path(__file__).parents[1]
_START_SECONDS = 20.0


def start_keeper(project: Path) -> None:
    """Start the keeper of `project` unless it runs. Not from a stage, whose processes all end with it.

    A failure is told by whoever asks it next.
    """
    folder = (project / _FOLDER).resolve()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        folder.mkdir(parents=True, exist_ok=True)
        # it lives for long: secrets and settings of this run are not its business
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "MLFLOW_"))}
        environment["PYTHONPATH"] = str(_PACKAGE.parent)
        with (folder / LOG).open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "assay.rollout.keeper", str(folder)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_START_SECONDS,
                check=False,
            )


@contextlib.contextmanager
def keeper_for(project: Path, deploy: Deploy) -> Iterator[None]:
    """The keeper runs, where the project has an address; a keeper that got nothing to serve ends with the block."""
    if not keeps_serving(deploy):
        yield
        return
    start_keeper(project)
    yield
    if not serves(project):
        down(project)


def keeps_serving(deploy: Deploy) -> bool:
    """True where what is promoted is to serve on after the stage."""
    return deploy.target == "local" and deploy.address is not None and not os.environ.get(CANDIDATE_VARIABLE)


def check_address(project: Path, deploy: Deploy) -> None:
    """Find out early whether the address can be had.

    Raises:
        ConfigError: Somebody else has it.
        ServiceError: The keeper does not answer.
    """
    with conversation(project / _FOLDER) as ask:
        ask({"do": "hold", "address": deploy.address})


def go_live(project: Path, deploy: Deploy, version: int, bundle: Path | None, then: Callable[[], None]) -> str:
    """Let `version` serve at the address, without losing a request, and call `then`; if that raises, swap back.

    Args:
        project: The project's folder.
        deploy: `[tool.assay.deploy]`, with an address.
        version: The version.
        bundle: Its bundle, which is copied; None takes the copy that was kept.
        then: What belongs to it: moving the alias.

    Returns:
        What was done, in a sentence.

    Raises:
        ArtifactError: The version cannot be served; what served before still does.
        ConfigError: Somebody else has the address.
        ServiceError: The keeper does not answer.
    """
    assert deploy.address is not None  # noqa: S101 - see above
    request = {"address": deploy.address, "version": version, "bundle": str(bundle) if bundle else None}
    with conversation(project / _FOLDER) as ask:
        found = ask({"do": "serve", "seconds": to_seconds(deploy.ready_timeout)} | request)
        try:
            then()
        except BaseException:
            with contextlib.suppress(AssayError):
                ask(None)
            raise
        ask(KEEP)
    anew = f"; what served at {deploy.address} was gone and was started anew" if found["gone"] else ""
    instead = f" in place of version {found['was']}" if found["changed"] and found["was"] else ""
    return f"version {version} serves at {found['url']}{instead}{anew}"


def serve_again(project: Path, deploy: Deploy, version: int | None, then: Callable[[], None]) -> str:
    """Let `version`, if any, which served here before, serve again where something does, and call `then`.

    Returns:
        What was done, in a sentence; empty where nothing serves here.

    Raises:
        ArtifactError: Its bundle is not kept any more; what served before still does.
        ServiceError: The keeper does not answer.
    """
    if version is None or not keeps_serving(deploy) or not serves(project):
        then()
        return ""
    start_keeper(project)
    return go_live(project, deploy, version, None, then)


def in_doubt(project: Path) -> bool:
    """True where a deploy or rollback was killed, or is at work, of which the keeper did not hear the end."""
    shelf = Shelf(project / _FOLDER)
    return shelf.wanted() not in {State(), shelf.state()}


def settle(project: Path, decide: Callable[[int, bool], bool]) -> str:
    """Put right what a deploy or rollback that was killed may have left: an alias on another version than serves.

    Args:
        project: The project's folder.
        decide: Tells whether the version that was wanted shall serve, else what serves goes on; is given the version,
            and whether it is the one before: a rollback.

    Returns:
        What was done, in a sentence; empty for nothing.

    Raises:
        ArtifactError: The version cannot be served.
        ServiceError: The keeper does not answer, or the registry, if `decide` asks it.
    """
    if not in_doubt(project):
        return ""
    with conversation(project / _FOLDER) as ask:
        found = ask({"do": "settle"})
        # whoever is still at work talks to the keeper first
        if found["wanted"] is None:
            return ""
        serve = decide(found["wanted"], found["back"])
        url = ask(KEEP if serve else None)["url"]
    told = f"version {found['wanted']} was to serve: it " + (f"serves at {url}" if serve else "does not")
    return f"a deploy or rollback died half-way; {told}"


def serves(project: Path) -> bool:
    """True where something was taken live here, and not stopped since."""
    return bool(Shelf(project / _FOLDER).state().current)


def down(project: Path) -> str:
    """Stop what serves, and the keeper; what is in flight is answered. Gives what was done, in a sentence."""
    folder = project / _FOLDER
    state = Shelf(folder).state()
    # without a keeper nothing serves any more, and the next one is not to begin with it
    with contextlib.suppress(ServiceError), conversation(folder, patience=0) as ask:
        ask({"do": "stop"})
    if state.current or in_doubt(project):
        Shelf(folder).keep(State())
    if not state.current:
        return "nothing serves here"
    return f"version {state.version} serves no more at {state.address}"
