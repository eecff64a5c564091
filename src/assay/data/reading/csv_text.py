"""One CSV file as text: its rows with their lines, its header, and what is wrong with its bytes."""

from __future__ import annotations

import csv
import io
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.config import Data
    from assay.data.reading.files import File

WHERE = "pyproject.toml tool.assay.data.csv"
_LONGEST = 2**31 - 1


@dataclass(frozen=True)
class Text:
    """One CSV file and how it is written.

    Attributes:
        file: The file.
        data: `[tool.assay.data]`.
    """

    file: File
    data: Data

    @property
    def delimiter(self) -> str:
        """The character between fields; a tab in .tsv unless another than the comma is configured."""
        given = self.data.csv.delimiter
        return "\t" if given == "," and self.file.path.name.lower().endswith((".tsv", ".tsv.gz")) else given

    @property
    def encoding(self) -> str:
        """The encoding; a byte order mark belongs to UTF-8, not to the first name."""
        given = self.data.csv.encoding
        return "utf-8-sig" if given.lower().replace("-", "").replace("_", "") == "utf8" else given

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, header included, with the number of its first line."""
        text = io.TextIOWrapper(io.BytesIO(self.file.read()), encoding=self.encoding, newline="")
        # pandas has no such limit, and behind a quote that is never closed there may be all of the file
        csv.field_size_limit(_LONGEST)
        reader, line = csv.reader(text, delimiter=self.delimiter), 1
        for fields in reader:
            if len(fields) > 1 or any(field.strip() for field in fields):
                yield line, fields
            line = reader.line_num + 1

    def line(self, row: int) -> str:
        """Where the row at a position (from 0, without the header) is."""
        line, _ = next(itertools.islice(self.records(), row + 1, None), (0, []))
        return f"{self.file.name} line {line}"

    def header(self) -> list[str]:
        """The names of the columns.

        Raises:
            ProjectError: There is none, or it cannot be read.
        """
        try:
            _, names = next(self.records(), (0, []))
        except UnicodeDecodeError as error:
            raise self.undecodable(error) from None
        except csv.Error as error:
            raise ProjectError(f"{self.file.name} is no CSV: {error}", f"{self.file.name} line 1") from None
        _check_header(names, self.file.name)
        return names

    def undecodable(self, error: UnicodeDecodeError) -> ProjectError:
        """The explanation of bytes that are no text in this encoding."""
        raw, start, byte = self.file.read(), error.start, error.object[error.start]
        try:
            raw.decode(self.encoding)
        except UnicodeDecodeError as whole:
            start, byte = whole.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0), whole.object[whole.start]
        line = raw.count(b"\n", 0, start) + 1
        encoding = self.data.csv.encoding
        what = f"{self.file.name} is not {encoding}: byte 0x{byte:02x} at offset {start}, in line {line}"
        guess = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "cp1252"
        return ProjectError(what, f"{WHERE}.encoding", next=f'name the right encoding: perhaps encoding = "{guess}"')


def _check_header(names: Sequence[str], where: str) -> None:
    if not names:
        raise ProjectError(f"{where} is empty", where, "a line with the names of the columns, and at least one row")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        shown = ", ".join(name or "(no name)" for name in twice)
        raise ProjectError(f"more than one column is called {shown}", f"{where} line 1", "each name once")
    if "" in names:
        then = "name it; if pandas wrote its index there: to_csv(..., index=False)"
        raise ProjectError(
            f"column {names.index('') + 1} has no name", f"{where} line 1", "a name for each column", then
        )
