"""`dvc pull`, in a folder of its own so that the project is only read."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.data.fetching import dvc_cache, dvc_failure, dvc_settings
from assay.data.fetching.addresses import WHERE
from assay.data.fetching.dvc_tracked import tracked_at
from assay.data.fetching.remote import Fetched
from assay.errors import ConfigError, ServiceError
from assay.watch import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.data.fetching.credentials import Hidden
    from assay.data.fetching.dvc_tracked import Tracked

# the stage's own limit comes first; this one ends what runs without a supervisor
_LONGEST_SECONDS = 12 * 3600
_MOST_REVISIONS = 3
_SCRATCH = "assay-dvc-"


def pull(path: str, project: Path, folder: Path, store: Path, hidden: Hidden) -> Fetched:
    """Bring what DVC tracks at `path` into `folder`/data.

    Args:
        path: A file or folder in the project.
        project: The project's folder; nothing is written to it.
        folder: An existing folder; what lies below `data` there is replaced.
        store: Folder for DVC's cache; what the project's own cache has is linked into it.
        hidden: What may not be shown.

    Raises:
        ConfigError: DVC is not installed or set up, or tracks nothing there.
        ServiceError: The remote failed, does not have the data or has something else.
    """
    target = _checked(path, project)
    tracked = tracked_at(target, project)
    work = folder / ".dvc-pull"
    # settings hold passwords: they never lie where artifacts lie, also not when this process is killed
    _forget_killed()
    with tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-") as scratch:
        settings = dvc_settings.read(project, Path(scratch))
        hidden = hidden.also(*dvc_settings.secrets(settings))
        dvc_settings.write(Path(scratch), settings)
        cache = dvc_cache.place_of(store, work, tracked)
        shutil.rmtree(work, ignore_errors=True)
        try:
            _lay_out(work, cache, tracked, project)
            dvc_cache.seed(cache, dvc_settings.cache_of(project, settings), tracked)
            _pull_sound(work, Path(scratch), target, tracked, cache, settings, hidden)
            if not (work / target).exists():
                raise _not_brought(target, tracked)
            brought = _move(work / target, folder / "data")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Fetched(brought, f"dvc:{target}", revision=_revision(tracked))


def _forget_killed() -> None:
    """Remove the settings of pulls that were killed and could not do so themselves."""
    for left in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        number = left.name.removeprefix(_SCRATCH).partition("-")[0]
        if number.isdigit() and not Path("/proc", number).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)


def _checked(path: str, project: Path) -> str:
    if importlib.util.find_spec("dvc") is None:
        raise ConfigError(
            "DVC is not installed", "pyproject.toml tool.assay.data.pull", next='pip install "dvc[s3,gs]"'
        )
    target = os.path.normpath(path)
    if "://" in path or target in {"..", "."} or target.startswith(("/", "../")):
        what = f'"{path}" is no path that `pull = "dvc"` can bring'
        raise ConfigError(what, WHERE, "a file or folder in the project, as DVC tracks it")
    if not (project / ".dvc" / "config").is_file():
        what = "the project is not a DVC repository: it has no .dvc/config"
        raise ConfigError(what, "pyproject.toml tool.assay.data.pull", next="dvc init in the project's folder")
    return target


def _lay_out(work: Path, cache: Path, tracked: Sequence[Tracked], project: Path) -> None:
    """A repository in `work` with nothing but what is to be pulled."""
    for one in tracked:
        if one.file.suffix == ".dvc":
            copy = work / one.file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / one.file, copy)
        else:
            # dvc.yaml may need further files to be read (params.yaml, vars); pulling needs the locked hash only
            place = work / one.path
            place.parent.mkdir(parents=True, exist_ok=True)
            outs = {"outs": [{**one.entry, "path": place.name}]}
            place.with_name(f"{place.name}.dvc").write_text(json.dumps(outs), encoding="utf-8")
    dvc_settings.isolate(work / ".dvc", cache)


def _pull_sound(
    work: Path,
    scratch: Path,
    target: str,
    tracked: Sequence[Tracked],
    cache: Path,
    settings: dict[str, Any],
    hidden: Hidden,
) -> None:
    targets = [target] if len(tracked) == 1 else [str(one.path) for one in tracked]
    # DVC trusts what lies in a cache and what a remote sends; what proves wrong is fetched again, once
    for _ in range(2):
        dvc_cache.forget_damaged(cache, tracked, listings_only=True)
        said = _run(work, scratch, targets)
        if said is not None:
            raise dvc_failure.failure(said, target, tracked, settings, hidden)
        if not dvc_cache.forget_damaged(cache, tracked):
            return
        shutil.rmtree(work / target, ignore_errors=True)
        (work / target).unlink(missing_ok=True)
    what = f"DVC's remote is damaged: it has something else than {target} under its hash"
    raise ServiceError(what, WHERE, next="remove the object from the remote and dvc push it from where it is whole")


def _run(work: Path, scratch: Path, targets: Sequence[str]) -> str | None:
    """None where `dvc pull` succeeded, else what it said."""
    own = {"DVC_GLOBAL_CONFIG_DIR": scratch, "DVC_SYSTEM_CONFIG_DIR": scratch, "DVC_SITE_CACHE_DIR": scratch / "site"}
    fixed = {"DVC_NO_ANALYTICS": "1", "DVC_DAEMON": "0", "GIT_TERMINAL_PROMPT": "0"}
    first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    log = scratch / "log"
    with log.open("wb") as file:
        try:
            done = subprocess.run(
                # told more than is shown, because without it DVC hides why a remote could not be read
                [sys.executable, "-m", "dvc", "pull", "--verbose", "--", *targets],
                cwd=work,
                env={**os.environ, **{name: str(value) for name, value in own.items()}, **fixed, "PATH": first},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=_LONGEST_SECONDS,
                check=False,
                # in this stage's session, which its supervisor kills; and also gone where the stage is killed alone
                preexec_fn=die_with_parent,
            )
        except subprocess.TimeoutExpired:
            raise ServiceError(f"dvc pull did not end within {_LONGEST_SECONDS} s", WHERE) from None
    return None if done.returncode == 0 else log.read_text(encoding="utf-8", errors="replace")


def _not_brought(target: str, tracked: Sequence[Tracked]) -> ConfigError:
    known = str(tracked[0].path)
    if len(known) < len(target):
        return ConfigError(f'DVC tracks "{known}", but there is no "{target}" in it', WHERE, next="dvc list . -R")
    what, then = f'DVC does not keep "{target}"', "take `cache: false` out of dvc.yaml, or leave `pull` out"
    return ConfigError(what, WHERE, next=then)


def _move(source: Path, data: Path) -> str:
    shutil.rmtree(data, ignore_errors=True)
    if source.is_dir():
        for note in source.rglob("*.dvc"):
            note.unlink()
        source.rename(data)
        return "data"
    data.mkdir()
    source.rename(data / source.name)
    return f"data/{source.name}"


def _revision(tracked: Sequence[Tracked]) -> str:
    first = ", ".join(one.revision for one in tracked[:_MOST_REVISIONS])
    more = len(tracked) - _MOST_REVISIONS
    return f"dvc md5 {first}" + (f" and {more} more" if more > 0 else "")
