"""An entry of the run cache: what a stage made, its report, and a receipt of what both are for. Standard library only.

Whoever can write to a store can put anything there. An entry is laid out in a folder of its own and held against its
receipt before anybody sees a byte of it; what does not fit in every detail is a `BadEntry`, and so a miss.
"""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO

from assay import artifacts
from assay.cache import INPUT, key_of
from assay.reports import STAGE_FILE, StageReport, read_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.plan import Step

SCHEMA_VERSION = 1
RECEIPT_FILE = "entry.json"
_TOP = "entry"
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}
_LARGEST_HEADER = 2**20
_LARGEST_REPORT = 2**24


class BadEntry(Exception):
    """An entry that must not be used; its text says why, to follow "it"."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What an entry is for.

    Attributes:
        stage: The stage that made it.
        key: Digest of everything that the result depends on.
        inputs: Digests of the artifacts that were read, by name.
        outputs: Where what was made lies.
        name: What the store knows the entry by.
    """

    stage: str
    key: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def name(self) -> str:
        """File name without its end, and tag in a registry."""
        return f"{self.stage}-{self.key}"

    def to_json(self) -> str:
        """The receipt as it lies in the entry, letter by letter."""
        return json.dumps({**asdict(self), "name": self.name}, sort_keys=True)

    @staticmethod
    def parse(text: str) -> Receipt:
        """The receipt that `to_json` wrote."""
        data = {name: value for name, value in json.loads(text).items() if name != "name"}
        return Receipt(**{**data, "outputs": tuple(data["outputs"])})


def receipt_of(step: Step, components: Mapping[str, str]) -> Receipt:
    """The receipt of a result of `step` that depends on `components`."""
    inputs = {name.removeprefix(INPUT): value for name, value in components.items() if name.startswith(INPUT)}
    outputs = tuple(slot.path for slot in step.outputs)
    return Receipt(stage=step.stage, key=key_of(components), inputs=inputs, outputs=outputs)


def pack(outputs: Path, receipt: Receipt, file: Path) -> None:
    """Write the entry of what lies in `outputs` to `file`, a tar archive that is also the layer of an image."""
    with tarfile.open(file, "w") as archive:
        _add(archive, RECEIPT_FILE, receipt.to_json().encode())
        _add(archive, STAGE_FILE, outputs / STAGE_FILE)
        for path in receipt.outputs:
            _add_artifact(archive, outputs, path)


def unpack(files: Sequence[Path], folder: Path) -> None:
    """Lay out the archives of an entry, one over the other, in `folder`.

    Raises:
        BadEntry: Anything in it that is neither a plain file nor a folder, or leads elsewhere.
    """
    try:
        for file in files:
            with file.open("rb") as raw, tarfile.open(fileobj=_Wary(raw), mode="r:") as archive:
                for member in archive:
                    _lay(archive, member, folder)
    except (tarfile.TarError, EOFError, UnicodeError, ValueError) as error:
        raise BadEntry(f"is no archive, or not whole ({error})") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise BadEntry("has two files of one name") from None


def check(folder: Path, receipt: Receipt) -> StageReport:
    """The report of the entry in `folder`, where it is the one that `receipt` stands for and whole.

    Raises:
        BadEntry: It is not.
    """
    found = list(_plain_files(folder))
    if RECEIPT_FILE not in found or (folder / RECEIPT_FILE).read_bytes() != receipt.to_json().encode():
        raise BadEntry("belongs to another stage, key or project")
    if STAGE_FILE not in found or (folder / STAGE_FILE).stat().st_size > _LARGEST_REPORT:
        raise BadEntry("has no report")
    report = read_report(folder)
    if report is None or not _is_readable(report):
        raise BadEntry("has a report that cannot be read")
    _check_report(report, receipt)
    _check_files(found, folder, report)
    return report


def _check_report(report: StageReport, receipt: Receipt) -> None:
    if report.stage != receipt.stage:
        raise BadEntry(f"has the report of {report.stage}")
    if not report.passed or report.exit_code or report.blocking:
        raise BadEntry("has the report of a stage that did not pass")
    if any(receipt.inputs.get(ref.name, ref.sha256) != ref.sha256 for ref in report.inputs):
        raise BadEntry("was made from other inputs")
    if any(ref.path not in receipt.outputs for ref in report.outputs):
        raise BadEntry("has something that the stage does not make")


def _is_readable(report: StageReport) -> bool:
    """True where everything in it is of the kind that whoever shows it expects."""
    texts = [report.message, report.run_id]
    texts += [text for gate in report.gates for text in (gate.gate, gate.operator, gate.message)]
    texts += [text for ref in (*report.inputs, *report.outputs) for text in (ref.name, ref.path, ref.sha256)]
    numbers = [report.seconds, report.peak_memory, *(ref.bytes for ref in report.outputs)]
    numbers += [value for gate in report.gates for value in (gate.observed, gate.limit) if value is not None]
    is_table = isinstance(report.summary, dict)
    return is_table and all(isinstance(t, str) for t in texts) and all(isinstance(n, int | float) for n in numbers)


def _check_files(found: Sequence[str], folder: Path, report: StageReport) -> None:
    allowed = tuple(ref.path for ref in report.outputs)
    for name in found:
        # what no digest covers (byte code) could run all the same
        covered = any(name == path or (path.endswith("/") and name.startswith(path)) for path in allowed)
        if name not in {RECEIPT_FILE, STAGE_FILE} and not (covered and artifacts.counts(PurePosixPath(name))):
            raise BadEntry("has a file that its report does not name")
    for ref in report.outputs:
        path = folder / ref.path
        if not path.exists() or artifacts.size(path) != ref.bytes or artifacts.digest(path) != ref.sha256:
            raise BadEntry(f"has another {ref.name} than its report says")


def _plain_files(folder: Path) -> Iterator[str]:
    """Every file below `folder`; anything else that is no folder is refused, and so is a link."""
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            kind = Path(root, name).lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise BadEntry("has a link or a device in it")
        yield from (Path(root, name).relative_to(folder).as_posix() for name in names)


def _lay(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    parts = PurePosixPath(member.name).parts
    parts = parts[1:] if parts[:1] in {("/",), (".",)} else parts
    if not parts and member.isdir():
        return
    if parts[:1] != (_TOP,) or ".." in parts:
        raise BadEntry("has a file that leads out of it")
    target = folder.joinpath(*parts[1:])
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = archive.extractfile(member) if member.type in _PLAIN and not member.issparse() else None
    if content is None or len(parts) == 1:
        raise BadEntry("has a link or a device in it")
    _write(content, target, member)


def _write(content: IO[bytes], target: Path, member: tarfile.TarInfo) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while piece := content.read(2**20):
            file.write(piece)
    if target.stat().st_size != member.size:
        raise BadEntry("is not whole")
    if member.mode & stat.S_IXUSR:
        target.chmod(target.stat().st_mode | 0o111)


def _add_artifact(archive: tarfile.TarFile, outputs: Path, path: str) -> None:
    source = outputs / path
    if source.is_dir():
        folder = tarfile.TarInfo(f"{_TOP}/{path.rstrip('/')}")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for file in artifacts.files_below(source):
            _add(archive, file.relative_to(outputs).as_posix(), file)
    elif source.exists():
        _add(archive, path, source)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    """A file without owner and clock, so that the same result is the same entry."""
    about = tarfile.TarInfo(f"{_TOP}/{name}")
    if isinstance(content, bytes):
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
        return
    with content.open("rb") as file:
        status = os.fstat(file.fileno())
        about.size, about.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(about, file)


class _Wary(io.RawIOBase):
    """A file that no header can make `tarfile` read into memory as a whole."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        if size > _LARGEST_HEADER:
            raise BadEntry("has a header that is too large")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
