"""Files as rows of text, one after the other, so that memory does not grow with the file."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from .models import UnreadableFile

KINDS = ("csv", "json", "jsonl", "excel")
MOST_COLUMNS = 200
MOST_IN_MEMORY = 50_000_000  # bytes of a JSON array or a workbook, which are read as a whole
Record = dict[str, str | None]


def records(path: Path, kind: str) -> Iterator[Record]:
    """Every row of the file by the names in its first one. Raises ``UnreadableFile`` with the reason."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened: {error.strerror}.") from error
    if kind != "excel" and head.startswith(b"PK\x03\x04"):
        raise UnreadableFile(f"{path.name} is a ZIP archive or a workbook. Unpack it, or use `import excel`.")
    if kind in ("json", "excel") and path.stat().st_size > MOST_IN_MEMORY:
        raise UnreadableFile(f"{path.name} is over {MOST_IN_MEMORY // 1_000_000} MB. Send it as CSV or JSON Lines.")
    reader = {"csv": _csv, "json": _json, "jsonl": _lines, "excel": _excel}[kind]
    try:
        for record in reader(path):
            if len(record) > MOST_COLUMNS:
                raise UnreadableFile(f"{path.name} has more than {MOST_COLUMNS} columns.")
            yield record
    except (csv.Error, json.JSONDecodeError, UnicodeDecodeError, CalamineError) as error:
        raise UnreadableFile(f"{path.name} is damaged or cut off: {error}.") from error


def encoding_of(path: Path) -> str:
    """UTF-16 by its mark, UTF-8 when all of it is, else Windows-1252."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while part := file.read(1 << 20):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _csv(path: Path) -> Iterator[Record]:
    with path.open(encoding=encoding_of(path), newline="") as file:
        first = file.readline(1 << 20)
        file.seek(0)
        separator = max(",;\t|", key=lambda sign: str.count(first, sign))
        rows = csv.reader(file, delimiter=separator, strict=True)
        names = [name.strip() for name in next(rows, list[str]())]
        if not any(names):
            raise UnreadableFile(f"{path.name} is empty.")
        if len(set(names)) < len(names):
            raise UnreadableFile(f"{path.name} has two columns of the same name.")
        if len(names) > MOST_COLUMNS:
            raise UnreadableFile(f"{path.name} has more than {MOST_COLUMNS} columns.")
        for row in rows:
            if not row:
                continue
            if len(row) != len(names):
                raise UnreadableFile(f"{path.name}, line {rows.line_num}: {len(row)} cells, {len(names)} expected.")
            yield dict(zip(names, row, strict=True))


def _object(value: Any) -> Record:
    if not isinstance(value, dict):
        raise UnreadableFile("Every element must be an object with named values.")
    return {str(key): _text(cell) for key, cell in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, (dict, list)) else str(cell)


def _json(path: Path) -> Iterator[Record]:
    value = json.loads(path.read_text(encoding=encoding_of(path)), parse_float=str)
    if not isinstance(value, list):
        raise UnreadableFile(f"{path.name} must hold an array of objects.")
    yield from map(_object, value)  # pyright: ignore[reportUnknownArgumentType]


def _lines(path: Path) -> Iterator[Record]:
    with path.open(encoding=encoding_of(path)) as file:
        for line in file:
            if line.strip():
                yield _object(json.loads(line, parse_float=str))


def _excel(path: Path) -> Iterator[Record]:
    opened: Any = CalamineWorkbook.from_path(path)  # pyright: ignore[reportUnknownMemberType]
    with opened as book:
        rows: Iterator[list[Any]] = iter(book.get_sheet_by_index(0).iter_rows())
        names = [str(name).strip() for name in next(rows, list[Any]())]
        if len(set(names)) < len(names):
            raise UnreadableFile(f"{path.name} has two columns of the same name.")
        for row in rows:
            yield {name: _text(cell) for name, cell in zip(names, row, strict=False)}
