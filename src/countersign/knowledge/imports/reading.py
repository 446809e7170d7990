"""Files as rows of text, one after the other, so that memory does not grow with the file."""

from __future__ import annotations

import csv
import itertools
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from .arrays import array_records, line_records
from .models import ENCODINGS, Reading, UnreadableFile
from .parsing import decimal_sign
from .records import Found, Number, Record
from .texts import Encoding, csv_records, encoding_of, named, separator_of
from .workbooks import Row, Workbook, check_archive

KINDS = ("csv", "json", "jsonl", "excel")
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
MOST_BYTES = 1_000_000_000
SAMPLE = 200
AS_IT_IS = Reading()
_DAMAGE = (
    csv.Error, ValueError, LookupError, EOFError, OSError, RuntimeError, zlib.error, ExpatError, zipfile.BadZipFile,
)  # fmt: skip


def kind_of(name: str) -> str:
    """The kind that a file's ending promises. Raises ``UnreadableFile`` for any other."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise UnreadableFile(f"{name[:80]}: files end with {', '.join(ENDINGS)}.")
    return ENDINGS[ending]


def records(path: Path, kind: str, read: Reading = AS_IT_IS, *, most_bytes: int = MOST_BYTES) -> Iterator[Record]:
    """Every row of the file by the names of its columns. A row that cannot be one carries its error.

    What *read* does not tell is recognised; of a workbook it is the first sheet that is not empty.
    Raises ``UnreadableFile`` with the reason.
    """
    with _damage(path):
        _check(path, kind, most_bytes)
        yield from _open(path, kind, read, most_bytes)[1]


def inspect(path: Path, kind: str, read: Reading = AS_IT_IS, *, most_bytes: int = MOST_BYTES) -> Found:
    """How the file is written, and its first rows. Raises ``UnreadableFile`` with the reason."""
    with _damage(path):
        _check(path, kind, most_bytes)
        found, rows = _open(path, kind, read, most_bytes)
        sample = list(itertools.islice(rows, SAMPLE))
    if not sample:
        raise UnreadableFile(f"{path.name} holds no rows.")
    good = [record for record in sample if record.error is None] or sample
    names = tuple(dict.fromkeys(name for record in good for name in record))
    typed = (cell for record in good for cell in record.values() if cell and not isinstance(cell, Number))
    return Found(names, sample, decimal=decimal_sign(typed), **found)


def larger(path: Path, most: int) -> UnreadableFile:
    """A file of more bytes than an import reads."""
    return UnreadableFile(f"{path.name} has more than {most:,} bytes. Split it, or raise COUNTERSIGN_MAX_IMPORT_BYTES.")


def _check(path: Path, kind: str, most_bytes: int) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened: {error.strerror}.") from error
    if size > most_bytes:
        raise larger(path, most_bytes)
    if kind == "excel":
        check_archive(path)
    elif head.startswith(b"PK\x03\x04"):
        raise UnreadableFile(f"{path.name} is a ZIP archive or a workbook. Unpack it, or use `import excel`.")


def _open(path: Path, kind: str, read: Reading, most_bytes: int) -> tuple[dict[str, Any], Iterator[Record]]:
    """What is known of the file before its first row, and its rows."""
    if kind == "excel":
        return _sheet(path, read.sheet, most_bytes)
    # Bytes that the chosen encoding has not are refused with their row.
    encoding = Encoding(ENCODINGS[read.encoding], broken=True) if read.encoding else encoding_of(path)
    if kind == "csv":
        separator = read.separator or separator_of(path, encoding)
        return {"encoding": encoding.name, "separator": separator}, csv_records(path, encoding, separator)
    rows = array_records(path, encoding) if kind == "json" else line_records(path, encoding)
    return {"encoding": encoding.name}, rows


def _sheet(path: Path, sheet: str | None, most_bytes: int) -> tuple[dict[str, Any], Iterator[Record]]:
    """The rows of one sheet, by the names in its first row that is not empty."""
    book = Workbook(path, most_bytes)
    if sheet is None:
        sheet = next((name for name in book.sheets if next(book.rows(name), None)), next(iter(book.sheets)))
    elif sheet not in book.sheets:
        raise UnreadableFile(f"{path.name} has no sheet {sheet[:80]!r}, but {', '.join(book.sheets)[:200]}.")
    return {"sheet": sheet, "sheets": tuple(book.sheets)}, _sheet_records(path, book, sheet)


def _sheet_records(path: Path, book: Workbook, sheet: str) -> Iterator[Record]:
    with closing(book.archive):
        yield from _named(path, book.rows(sheet))


def _named(path: Path, rows: Iterator[Row]) -> Iterator[Record]:
    nothing: Row = (0, [])
    _, first = next(rows, nothing)
    names = named(path, [cell or "" for cell in first])
    for number, cells in rows:
        error = f"row {number}: {len(cells)} cells, {len(names)} expected" if len(cells) > len(names) else None
        cells += [None] * (len(names) - len(cells))
        beyond = (f"column {place}" for place in range(len(names) + 1, len(cells) + 1))
        yield Record(number, zip([*names, *beyond], cells, strict=True), error)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever damage shows becomes an ``UnreadableFile``."""
    try:
        yield
    except _DAMAGE as error:
        raise UnreadableFile(f"{path.name} is damaged or cut off: {error}.") from error
