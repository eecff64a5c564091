"""JSON Lines: one object a line, read into Arrow; types are brought together over all files, keys need not be alike."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from pyarrow import types

from assay.data.reading.arrow import Facts, facts_of, fitted, form_of, simple, to_frame, together
from assay.data.reading.files import key_columns
from assay.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from assay.config import Data
    from assay.data.reading.files import File, Files

# the parser decides types within a block and cannot take a larger one
_BLOCK = 2**30
_CHANGED = re.compile(r"Column\(/(.*)\) changed from (\w+) to (\w+) in row (\d+)")
_ROW = re.compile(r"^(.*) in row (\d+)$")
_WIDE = 2.0**63
_ALLOWED = 'an object on each line: {"age": 39, "job": null}'


@dataclass(frozen=True)
class Block:
    """Lines of a file.

    Attributes:
        file: The file.
        raw: The lines, UTF-8.
        before: How many lines of the file come before.
    """

    file: File
    raw: bytes
    before: int

    def line(self, row: int) -> str:
        """Where the object number `row` (from 0) of this block is."""
        filled = (n for n, line in enumerate(io.BytesIO(self.raw), 1) if line.strip())
        return f"{self.file.name} line {self.before + next((n for at, n in enumerate(filled) if at == row), 1)}"


def read_json_lines(files: Files, data: Data, block: int = _BLOCK) -> tuple[pd.DataFrame, list[tuple[Block, int]]]:
    """All objects as rows; columns are the keys of all files, missing where an object lacks one.

    Texts stay texts, also those that look like times. Whole numbers are exact.

    Args:
        files: The files.
        data: `[tool.assay.data]`.
        block: Most bytes to be parsed at once.

    Returns:
        The frame, and the blocks of lines it was made of, with the number of rows of each.

    Raises:
        ProjectError: A line is no object, values of a column are of several types, or are objects or lists themselves.
    """
    folders = key_columns(files.all, [name for name, rule in data.schema.items() if rule.type == "str"])
    read: list[tuple[Block, pa.Table, dict[str, pa.DataType]]] = []
    for number, file in enumerate(files.all):
        for lines in _blocks(file, block):
            table = _parsed(lines)
            for key, values in folders.items():
                if key in table.column_names:
                    raise ProjectError(f"{key} is a key of the objects and of the folder", file.name, "one of them")
                table = table.append_column(key, pa.array([values[number]] * len(table)))
            read.append((lines, table, simple(table.schema, file.name)))
    kinds = together([(block.file.name, schema) for block, _, schema in read])
    forms = {name: form_of(kind, _facts(name, kind, [table for _, table, _ in read])) for name, kind in kinds.items()}
    batches = [
        fitted(batch, forms, data.missing, block.file.name)
        for block, table, _ in read
        for batch in table.combine_chunks().to_batches()
    ]
    schema = pa.schema([(name, form.kind) for name, form in forms.items()])
    frame = to_frame(pa.Table.from_batches(batches, schema), forms)
    return frame, [(block, len(table)) for block, table, _ in read]


def _facts(name: str, kind: pa.DataType, tables: Sequence[pa.Table]) -> Facts:
    facts = Facts()
    if types.is_integer(kind) or types.is_boolean(kind):
        for table in tables:
            here = name in table.column_names
            facts |= facts_of(table[name]) if here and not types.is_null(table[name].type) else Facts(len(table) > 0)
    return facts


def _blocks(file: File, size: int) -> Iterator[Block]:
    content, start, lines = file.read(), 0, 0
    _check_encoding(content, file)
    raw = content.removeprefix(b"\xef\xbb\xbf")
    while start < len(raw):
        # to the end of a line; a line that is longer than a block is a block of its own
        end = (
            len(raw)
            if len(raw) - start <= size
            else raw.rfind(b"\n", start, start + size) + 1 or raw.find(b"\n", start) + 1
        )
        part = raw[start : end or len(raw)]
        if part.strip():
            yield Block(file, part, lines)
        start, lines = start + len(part), lines + part.count(b"\n")


def _check_encoding(raw: bytes, file: File) -> None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"{file.name} is not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}, in line {line}"
        raise ProjectError(what, file.name, "JSON Lines in UTF-8") from None


def _parsed(block: Block) -> pa.Table:
    table = _table(block, pa.schema([]))
    # dates as text stay text unless `times` names them, as in CSV
    dates = [field.name for field in table.schema if types.is_timestamp(field.type)]
    if dates:
        table = _table(block, pa.schema([(name, pa.string()) for name in dates]))
    for field in table.schema:
        if types.is_floating(field.type):
            _check_wide(block, field.name, table[field.name])
    return table


def _table(block: Block, schema: pa.Schema) -> pa.Table:
    how = pyarrow.json.ParseOptions(explicit_schema=schema)
    try:
        whole = pyarrow.json.ReadOptions(block_size=len(block.raw) + 1)
        return pyarrow.json.read_json(io.BytesIO(block.raw), whole, how)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _explained(block, str(error).removeprefix("JSON parse error: ").splitlines()[0]) from None


def _explained(block: Block, reason: str) -> ProjectError:
    if found := _CHANGED.search(reason):
        name, one, two, row = found.groups()
        told, allowed, then = f"{one} changes to {two}", "one type in each column", "null means that a value is missing"
        if not name:
            return ProjectError(f"no {one} but {two}", block.line(int(row)), _ALLOWED)
        return ProjectError(f'column "{name}": {told}', block.line(int(row)), allowed, then)
    if found := _ROW.match(reason):
        return ProjectError(f"no JSON Lines: {found.group(1).strip(' .')}", block.line(int(found.group(2))), _ALLOWED)
    return ProjectError(f"no JSON Lines: {reason}", block.file.name, _ALLOWED)


def _check_wide(block: Block, name: str, column: pa.ChunkedArray) -> None:
    """Refuse whole numbers beyond 64 bits: the parser makes floats of them, which rounds."""
    largest: Any = pc.max(pc.abs(column)).as_py()
    if largest is None or largest < _WIDE:
        return
    if found := re.search(rb'"%s"\s*:\s*(-?\d{19,})\s*[,}]' % re.escape(name.encode()), block.raw):
        what = f'column "{name}" holds whole numbers beyond 64 bits, such as {found.group(1).decode()}'
        raise ProjectError(what, block.file.name, "numbers up to 2**63 - 1", "write them as texts")
