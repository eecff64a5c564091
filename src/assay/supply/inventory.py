"""What an image consists of, read from its root file system or, where there is no image, from the bundle's lock."""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from assay.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

# wherever they lie: a project may bring a Dockerfile of its own
_SITES = ("site-packages", "dist-packages")
# the image is Linux's, wherever the stage runs
_IMAGE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A package in an image.

    Attributes:
        kind: Its type in a package URL: `pypi`, `deb`, `generic`.
        name: Its name.
        version: Its version; empty where it is not fixed.
        namespace: Who makes packages of that kind, `debian`.
        licence: Its terms as its makers put them; empty where they do not.
        qualifiers: What else tells it from others: architecture, distribution.
        hashes: SHA-256 of each file that it may be installed from, hexadecimal.
    """

    kind: str
    name: str
    version: str
    namespace: str = ""
    licence: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    hashes: tuple[str, ...] = ()


def of_image(root: Path) -> tuple[Part, ...]:
    """What is installed below `root`: the interpreter, Python distributions, Debian packages.

    Raises:
        ArtifactError: There are no Python distributions: this is no image of a model.
    """
    found = [_distribution(one.metadata.json) for one in distributions(path=_sites(root))]
    if not found:
        allowed = f"a folder that holds a folder {' or '.join(_SITES)}"
        raise ArtifactError("the image's file system has no Python packages", where=str(root), allowed=allowed)
    return _sorted([*found, *_interpreters(root), *_debian(root)])


def largest(root: Path, count: int = 3) -> dict[str, int]:
    """Bytes of the `count` largest Python distributions below `root`, by name, the largest first."""
    sizes = {one.name: _size(one) for one in distributions(path=_sites(root))}
    return dict(sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))[:count])


def _sites(root: Path) -> list[str]:
    # through all of an image once
    return [str(site) for site in sorted(root.rglob("*-packages")) if site.name in _SITES]


def _size(one: Distribution) -> int:
    paths = (Path(str(file.locate())) for file in one.files or ())
    # an image may have been slimmed after the installation
    return sum(path.lstat().st_size for path in paths if path.is_file())


def of_bundle(bundle: Path) -> tuple[Part, ...]:
    """What the image of `bundle` would get: its lock, and the project's requirements as they stand."""
    lock, own = bundle / "requirements.lock", bundle / "project-requirements.txt"
    return _sorted([part for file in (lock, own) if file.exists() for part in _requirements(file)])


def _sorted(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(sorted(set(parts), key=lambda part: (part.kind, part.name.lower(), part.version)))


def _distribution(about: dict[str, Any]) -> Part:
    return Part(
        kind="pypi", name=str(about.get("name")), version=str(about.get("version", "")), licence=_licence(about)
    )


def _licence(about: dict[str, Any]) -> str:
    given = about.get("license_expression") or about.get("license") or ""
    # some put the whole text there, where a name was meant
    if given and "\n" not in given and given != "UNKNOWN":
        return str(given)
    classified = [name for name in about.get("classifier", []) if name.startswith("License ::")]
    return "; ".join(name.rpartition(" :: ")[2] for name in classified)


def _interpreters(root: Path) -> Iterator[Part]:
    for file in root.glob("opt/venv/pyvenv.cfg"):
        lines = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
        for version in (value.strip() for name, _, value in lines if name.strip() == "version"):
            yield Part(kind="generic", name="python", version=version, licence="PSF-2.0")


def _debian(root: Path) -> Iterator[Part]:
    # images without a package manager have a file for each package
    files = [root / "var/lib/dpkg/status", *sorted(root.glob("var/lib/dpkg/status.d/*"))]
    release = _release(root)
    for file in files:
        if file.is_file() and not file.name.endswith(".md5sums"):
            for paragraph in file.read_text(encoding="utf-8", errors="replace").split("\n\n"):
                about = HeaderParser().parsestr(paragraph.strip())
                if about["Package"] and about.get("Status", "install ok installed").endswith(" installed"):
                    yield _package(about, release)


def _package(about: Message, release: dict[str, str]) -> Part:
    maker = release.get("ID", "debian")
    distro = f"{maker}-{release['VERSION_ID']}" if "VERSION_ID" in release else ""
    told = (("arch", str(about["Architecture"] or "")), ("distro", distro))
    return Part(
        kind="deb",
        namespace=maker,
        name=str(about["Package"]),
        version=str(about["Version"] or ""),
        qualifiers=tuple((name, value) for name, value in told if value),
    )


def _release(root: Path) -> dict[str, str]:
    file = root / "usr/lib/os-release"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines)
    return {name: value.strip("\"'") for name, _, value in pairs}


def _requirements(file: Path) -> Iterator[Part]:
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text, *hashes = line.partition(" #")[0].split(" --hash=")
        try:
            wanted = Requirement(text.strip())
        except InvalidRequirement:
            continue  # an option, a comment, or a path: nothing that has a name
        if wanted.marker is None or wanted.marker.evaluate(_IMAGE):
            pins = [one.version for one in wanted.specifier if one.operator == "=="]
            sums = tuple(sorted(one.strip().removeprefix("sha256:") for one in hashes if "sha256:" in one))
            yield Part(kind="pypi", name=wanted.name, version=pins[0] if pins else "", hashes=sums)
