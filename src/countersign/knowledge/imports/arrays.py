"""JSON: an array of objects, or an object a line, with no more than one of them in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

from .models import UnreadableFile
from .records import BROKEN, MOST_COLUMNS, MOST_TEXT, Number, Record
from .texts import Encoding, Lines

CHUNK = 1 << 16
_SPACE = re.compile(r"[ \t\r\n]*")
# Decimal keeps every digit and cannot overflow; NaN and Infinity, which JSON has not, stay words.
_decode = json.JSONDecoder(parse_int=Decimal, parse_float=Decimal, parse_constant=str).raw_decode


def line_records(path: Path, encoding: Encoding) -> Iterator[Record]:
    """An object a line; a line that is none carries its error."""
    with encoding.open(path) as file:
        lines = Lines(file, path.name, encoding)
        for line in lines:
            lines.taken.clear()
            lines.start = lines.number
            text = line.strip()
            if not text:
                continue
            try:
                value, end = _decode(text)
                if end < len(text):
                    raise ValueError("something follows the object")
                yield _record(lines.number, value, f"line {lines.number}", lines.fault())
            except (ValueError, RecursionError) as error:
                yield Record(lines.number, [("line", text[:1000])], f"line {lines.number}: {_reason(error)}")


def array_records(path: Path, encoding: Encoding) -> Iterator[Record]:
    """The objects of an array. Raises ``UnreadableFile`` where it stops being JSON: nothing after that is sure."""
    with encoding.open(path) as file:
        for number, value in enumerate(_Window(file, path.name).elements(), 1):
            yield _record(number, value, f"element {number}")


class _Window:
    """The part of the text that is being read."""

    def __init__(self, file: IO[str], name: str) -> None:
        self.file, self.name = file, name
        self.text, self.at, self.ended = "", 0, False

    def elements(self) -> Iterator[Any]:
        first = self.sign()
        if first != "[":
            wrong = (
                "is empty" if not first else "must hold an array of objects; objects one a line are JSON Lines (.jsonl)"
            )
            raise UnreadableFile(f"{self.name} {wrong}.")
        self.at += 1
        number = 0
        while (sign := self.sign()) != "]":
            if number:
                if sign != ",":
                    raise self.damaged(number, "no comma follows it")
                self.at += 1
                self.sign()
            number += 1
            yield self.element(number)
        self.at += 1
        if self.sign():
            raise self.damaged(number, "something follows the array")

    def sign(self) -> str:
        """The next character that is no space, or nothing at the end of the file."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more()

    def more(self) -> None:
        """Doubles what is known of the element, so that a long one is not read again and again."""
        rest = self.text[self.at :]
        part = self.file.read(max(CHUNK, len(rest)))
        self.text, self.at, self.ended = rest + part, 0, not part

    def element(self, number: int) -> Any:
        while True:
            reason = f"longer than {MOST_TEXT:,} characters"
            try:
                value, end = _decode(self.text, self.at)
                if end < len(self.text) or self.ended:
                    self.at = end
                    return value
            except RecursionError as error:
                raise self.damaged(number, _reason(error)) from error
            except ValueError as error:
                reason = f"{_reason(error)}, or {reason}"
                if self.ended:
                    raise self.damaged(number, _reason(error)) from error
            if len(self.text) - self.at > MOST_TEXT:
                raise self.damaged(number, reason)
            self.more()

    def damaged(self, number: int, reason: str) -> UnreadableFile:
        return UnreadableFile(f"{self.name} is damaged or cut off at element {number}: {reason}.")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


def _record(number: int, value: Any, place: str, error: str | None = None) -> Record:
    if not isinstance(value, dict):
        return Record(number, [("value", _whole(value)[:1000])], f"{place}: not an object with named values")
    cells = cast("dict[str, Any]", value)
    if len(cells) > MOST_COLUMNS:
        raise UnreadableFile(f"{place} has {len(cells)} values, {MOST_COLUMNS} at most.")
    row: list[tuple[str, str | None]] = []
    for name, cell in cells.items():
        text = _text(cell)
        if BROKEN.search(name) or (text and BROKEN.search(text)):
            error = error or f"{place}: a character cannot be read or stored"
            name, text = (BROKEN.sub("\N{REPLACEMENT CHARACTER}", part or "") for part in (name, text))
        row.append((name.strip(), text))
    return Record(number, row, error)


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return Number(cell) if isinstance(cell, Decimal) else _whole(cell)


def _whole(value: Any) -> str:
    """JSON text again, every digit as it was."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return (
            "{"
            + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_whole(each)}" for name, each in pairs.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_whole, cast("list[Any]", value))) + "]"
    return json.dumps(value, ensure_ascii=False)
