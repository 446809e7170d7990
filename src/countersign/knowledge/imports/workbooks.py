"""Excel workbooks (.xlsx): the cells of one sheet as a stream; neither a large sheet nor a bomb fills memory."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.parsers import expat

from .models import UnreadableFile
from .records import MOST_COLUMNS, MOST_TEXT, Number

MOST_SHARED = 100_000_000  # bytes of texts that cells share, and of what describes the workbook: they stay in memory
MOST_DEPTH = 50
MOST_LISTING = 1_000_000  # bytes of the list of its files
CHUNK = 1 << 16
DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))  # formats that every workbook knows
_LITERAL = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')
Row = tuple[int, list[str | None]]


class Workbook:
    """An opened workbook: the names of its sheets, and the rows of one."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path, self.most_bytes = path, most_bytes
        self.archive = zipfile.ZipFile(path)
        files = self._targets()
        self.sheets = {name: files[key] for name, key in self._described() if key in files}
        if not self.sheets:
            raise UnreadableFile(f"{path.name} holds no sheets.")
        self.shared = self._shared()
        self.dates = self._date_styles()

    def rows(self, sheet: str) -> Iterator[Row]:
        """``(number, cells)`` of each row that holds something."""
        ready: list[Row] = []
        reader = _SheetReader(self, ready)
        for _ in self._parse(self.sheets[sheet], reader.start, reader.end, reader.text, self.most_bytes):
            yield from ready
            ready.clear()

    def _described(self) -> list[tuple[str, str]]:
        """``(name, relation)`` of each sheet, in order, and which of two calendars the dates count in."""
        found: list[tuple[str, str]] = []
        self.first_day = datetime(1899, 12, 30)  # noqa: DTZ001 -- sheets know no zones

        def start(tag: str, given: dict[str, str]) -> None:
            if tag == "sheet":
                found.append((given.get("name", ""), next((v for k, v in given.items() if k.endswith(":id")), "")))
            elif tag == "workbookPr" and given.get("date1904") in ("1", "true"):
                self.first_day = datetime(1904, 1, 1)  # noqa: DTZ001

        self._read("xl/workbook.xml", start)
        return found

    def _targets(self) -> dict[str, str]:
        """The file of each relation of the workbook."""
        found: dict[str, str] = {}

        def start(tag: str, given: dict[str, str]) -> None:
            if tag == "Relationship":
                target = given.get("Target", "")
                found[given.get("Id", "")] = target[1:] if target.startswith("/") else f"xl/{target}"

        self._read("xl/_rels/workbook.xml.rels", start)
        return found

    def _shared(self) -> list[str]:
        """Texts that cells share; phonetic hints are no part of them."""
        texts: list[str] = []
        parts: list[str] = []
        inside: list[str] = []

        def start(tag: str, given: dict[str, str]) -> None:
            inside.append(tag)
            if tag == "si":
                parts.clear()

        def end(tag: str) -> None:
            inside.pop()
            if tag == "si":
                texts.append("".join(parts))

        def text(data: str) -> None:
            if inside[-1] == "t" and "rPh" not in inside:
                parts.append(data)

        if "xl/sharedStrings.xml" in self.archive.namelist():
            self._read("xl/sharedStrings.xml", start, end, text)
        return texts

    def _date_styles(self) -> frozenset[int]:
        """Places of the styles that show a number as a date."""
        formats: set[int] = set(DATES)
        styles: list[int] = []
        inside: list[str] = []

        def start(tag: str, given: dict[str, str]) -> None:
            inside.append(tag)
            if tag == "numFmt" and re.search("[dmyhs]", _LITERAL.sub("", given.get("formatCode", "")).lower()):
                formats.add(int(given.get("numFmtId", "0")))
            elif tag == "xf" and inside[-2:-1] == ["cellXfs"]:
                styles.append(int(given.get("numFmtId", "0")))

        def end(_tag: str) -> None:
            inside.pop()

        if "xl/styles.xml" in self.archive.namelist():
            self._read("xl/styles.xml", start, end)
        return frozenset(place for place, number in enumerate(styles) if number in formats)

    def _read(self, name: str, start: Any, end: Any = None, text: Any = None) -> None:
        for _ in self._parse(name, start, end, text, MOST_SHARED):
            pass

    def _parse(self, name: str, start: Any, end: Any, text: Any, most: int) -> Iterator[None]:
        """Feeds a file of the archive to a parser, piece by piece."""
        depth = 0

        def opened(tag: str, given: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > MOST_DEPTH:
                raise UnreadableFile(f"{self.path.name}: {name} is nested too deeply.")
            start(_plain(tag), given)

        def closed(tag: str) -> None:
            nonlocal depth
            depth -= 1
            if end:
                end(_plain(tag))

        parser = expat.ParserCreate(namespace_separator=None)
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = opened, closed, text
        parser.StartDoctypeDeclHandler = self._forbidden
        if name not in self.archive.NameToInfo:
            raise UnreadableFile(f"{self.path.name} is no workbook: it has no {name}.")
        entry = self.archive.getinfo(name)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableFile(f"{self.path.name} is compressed in a way that no spreadsheet uses.")
        done = 0
        with self.archive.open(entry) as file:
            while part := file.read(CHUNK):
                done += len(part)
                if done > most:
                    raise UnreadableFile(f"{self.path.name}: {name} unpacks to more than {most:,} bytes.")
                parser.Parse(part, False)
                if done - parser.CurrentByteIndex > MOST_TEXT:
                    raise UnreadableFile(f"{self.path.name}: {name} is no sheet that a spreadsheet would write.")
                yield
            parser.Parse(b"", True)
            yield

    def _forbidden(self, *_: Any) -> None:
        raise UnreadableFile(f"{self.path.name} declares a document type, which no spreadsheet does.")


class _SheetReader:
    """What the parser calls; whole rows are added to *ready*."""

    def __init__(self, book: Workbook, ready: list[Row]) -> None:
        self.book, self.ready = book, ready
        self.number = self.place = self.length = 0
        self.kind = self.style = ""
        self.cells: list[str | None] = []
        self.parts: list[str] = []
        self.listening = False

    def start(self, tag: str, given: dict[str, str]) -> None:
        if tag == "c":
            self.place = _column(given["r"]) if "r" in given else self.place + 1
            self.kind, self.style = given.get("t", "n"), given.get("s", "")
            self.parts.clear()
            self.length = 0
        elif tag in ("v", "t"):
            self.listening = True
        elif tag == "row":
            self.number = int(given.get("r", self.number + 1))
            self.place, self.cells = 0, []
        elif tag == "rPh":
            self.kind = "phonetic"

    def text(self, data: str) -> None:
        if self.listening and self.kind != "phonetic":
            self.parts.append(data)
            self.length += len(data)
            if self.length > MOST_TEXT:
                raise UnreadableFile(
                    f"{self.book.path.name}, row {self.number}: a cell of over {MOST_TEXT:,} characters."
                )

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self.listening = False
        elif tag == "rPh":
            self.kind = "inlineStr"
        elif tag == "c" and self.parts:
            self.keep(self.value("".join(self.parts)))
        elif tag == "row" and any(self.cells):
            self.ready.append((self.number, self.cells))

    def keep(self, value: str | None) -> None:
        if not value:
            return
        place = min(self.place, MOST_COLUMNS + 1)  # a stray cell far to the right refuses its row, and is kept near
        self.cells += [None] * (place - len(self.cells))
        self.cells[place - 1] = value

    def value(self, text: str) -> str | None:
        if self.kind == "s":
            return self.book.shared[int(text)]
        if self.kind == "b":
            return "true" if text.strip() == "1" else "false"
        if self.kind != "n":
            return text
        if self.style and int(self.style) in self.book.dates:
            return _moment(self.book.first_day, float(text))
        # Fifteen digits are what a spreadsheet keeps and shows; the rest is noise of its binary numbers.
        return Number(f"{float(text):.15g}")


def _plain(tag: str) -> str:
    return tag.rpartition(":")[2]


def _column(reference: str) -> int:
    """1 for A7, 28 for AB7."""
    number = 0
    for letter in reference[:4]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number


def _moment(first_day: datetime, days: float) -> str:
    """A day, a time, or both, to the second."""
    try:
        moment = first_day + timedelta(seconds=round(days * 86400))
    except (OverflowError, ValueError):
        return f"{days:.15g}"
    if 0 <= days < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}".removesuffix("T00:00:00")


def check_archive(path: Path) -> None:
    """Looks at the end of the archive before it is opened. Raises ``UnreadableFile`` when that is no workbook's."""
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, path.stat().st_size - 65_557))
        tail = file.read()
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(f"{path.name} is an old .xls, or protected by a password. Save it as .xlsx without one.")
    end = len(tail) - 22 if tail[-22:-18] == b"PK\x05\x06" else tail.rfind(b"PK\x05\x06")
    if not head.startswith(b"PK\x03\x04") or end < 0:
        raise UnreadableFile(f"{path.name} is no .xlsx workbook, or it is cut off.")
    listing = int.from_bytes(tail[end + 12 : end + 16], "little")
    if listing > MOST_LISTING or tail[max(0, end - 20) : end].startswith(b"PK\x06\x07"):
        raise UnreadableFile(f"{path.name} is an archive of too many files for a workbook.")
