"""CSV and JSON Lines: how a text is encoded and separated, and its rows, with no more than one line in memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .models import SEPARATORS, UnreadableFile
from .records import BROKEN, MOST_COLUMNS, MOST_TEXT, Record

CHUNK = 1 << 20
SAMPLE = 1 << 16
_HINT = re.compile(r"sep=([,;\t|])\s*")  # a first line that spreadsheets write and read


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become characters; *broken* when some of them do not."""

    name: str
    broken: bool = False

    def open(self, path: Path) -> IO[str]:
        """The text; what cannot be read becomes a lone surrogate."""
        return path.open(
            encoding=self.name, errors="replace" if self.name == "utf-16" else "surrogateescape", newline=""
        )


def encoding_of(path: Path) -> Encoding:
    """UTF-16 by its mark; UTF-8 when it is, or nearly is; else Windows-1252.

    One damaged byte must not garble every accent of the file.
    """
    with path.open("rb") as file:
        start = file.read(3)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return Encoding("utf-16")
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        accents = broken = 0
        while part := file.read(CHUNK):
            if not part.isascii() or decoder.getstate()[0]:
                good, bad = _counted(decoder.decode(part))
                accents, broken = accents + good, broken + bad
        broken += _counted(decoder.decode(b"", final=True))[1]
    if not broken or start == codecs.BOM_UTF8 or accents > broken:
        return Encoding("utf-8-sig", broken > 0)
    return Encoding("cp1252", True)


def _counted(text: str) -> tuple[int, int]:
    """Characters beyond ASCII that UTF-8 spelled, and bytes that it does not spell."""
    beyond = len(text.encode("ascii", "ignore"))
    broken = len(text) - len(text.encode("utf-8", "ignore").decode())
    return len(text) - beyond - broken, broken


class Lines(Iterator[str]):
    """Lines with their numbers; those of the row that is being read can be put back.

    *bad* is the last line with bytes that are no characters.
    """

    def __init__(self, file: IO[str], name: str, encoding: Encoding) -> None:
        self.file, self.name, self.encoding = file, name, encoding
        self.number = self.start = self.bad = 0
        self.taken: list[str] = []
        self.back: deque[str] = deque()

    def __next__(self) -> str:
        line = self.back.popleft() if self.back else self.file.readline(MOST_TEXT)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MOST_TEXT and line[-1] not in "\r\n":
            raise UnreadableFile(f"{self.name}, line {self.number}: longer than {MOST_TEXT:,} characters.")
        if ("\0" in line or self.encoding.broken) and BROKEN.search(line):
            line, self.bad = BROKEN.sub("\N{REPLACEMENT CHARACTER}", line), self.number
        self.taken.append(line)
        return line

    def begin(self) -> None:
        """The next line begins a row."""
        self.taken.clear()
        self.start = self.number + 1

    def put_back(self) -> str:
        """Gives all but the first line of this row back to be read again; the first one."""
        first, *rest = self.taken
        self.back.extendleft(reversed(rest))
        self.number = self.start
        return first

    def fault(self) -> str | None:
        """Why this row may not be brought."""
        return f"line {self.bad}: a character cannot be read or stored" if self.bad >= self.start else None


def separator_of(path: Path, encoding: Encoding) -> str:
    """The sign that cuts the first lines most evenly into several cells; quoted cells are read as such."""
    with encoding.open(path) as file:
        sample = file.read(SAMPLE)
    lines = io.StringIO(sample, newline="").readlines()
    if lines and (hint := _HINT.fullmatch(lines[0])):
        return hint[1]
    whole = lines[:-1] if len(sample) == SAMPLE else lines
    return max(SEPARATORS, key=lambda sign: _evenness(whole or lines, sign))


def _evenness(lines: list[str], separator: str) -> tuple[float, int]:
    """How many rows have as many cells as the first one, and how many that is."""
    cells: list[int] = []
    rows = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            cells += (len(row) for row in rows if row)
            break
        except csv.Error:
            cells.append(0)
    if not cells or cells[0] < 2:
        return 0.0, 0
    return round(Counter(cells)[cells[0]] / len(cells), 1), cells[0]


def csv_records(path: Path, encoding: Encoding, separator: str) -> Iterator[Record]:
    """Rows by the names in the first one; a row that does not fit them carries its error."""
    with encoding.open(path) as file:
        lines = Lines(file, path.name, encoding)
        rows = csv.reader(lines, delimiter=separator, strict=True)
        names = _names(path, lines, rows)
        while True:
            lines.begin()
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                # Only the line where the quotation mark stands is lost, not all that follows it.
                error = f"line {lines.start}: a quotation mark is opened or closed in the wrong place"
                yield Record(lines.start, [(names[0], lines.put_back().rstrip("\r\n"))], error)
                continue
            if any(row):
                yield _record(lines, names, row)


def _names(path: Path, lines: Lines, rows: Iterator[list[str]]) -> list[str]:
    """The names of the columns; one that is empty is called by its place."""
    try:
        titles = (row for row in rows if any(map(str.strip, row)) and not _HINT.fullmatch("".join(lines.taken)))
        first = next(titles, list[str]())
    except csv.Error as error:
        raise UnreadableFile(f"{path.name}: the line of the column names is damaged: {error}.") from error
    return named(path, first)


def named(path: Path, cells: list[str]) -> list[str]:
    """Names of columns from the cells that hold them. Raises ``UnreadableFile`` when none, too many, or two alike."""
    if not cells:
        raise UnreadableFile(f"{path.name} is empty.")
    if len(cells) > MOST_COLUMNS:
        raise UnreadableFile(f"{path.name} has more than {MOST_COLUMNS} columns.")
    names = [cell.strip() or f"column {place}" for place, cell in enumerate(cells, 1)]
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise UnreadableFile(f"{path.name} has two columns of the same name: {', '.join(twice)[:200]}.")
    return names


def _record(lines: Lines, names: list[str], row: list[str]) -> Record:
    error = lines.fault() if lines.bad else None
    if len(row) == len(names):
        return Record(lines.start, zip(names, row, strict=True), error)
    beyond = (f"column {place}" for place in range(len(names) + 1, MOST_COLUMNS + 1))
    error = error or f"line {lines.start}: {len(row)} cells, {len(names)} expected"
    return Record(lines.start, zip([*names, *beyond], row, strict=False), error)
