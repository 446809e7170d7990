"""What every kind of file is read into: rows by the names of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

BROKEN = re.compile("[\0\ud800-\udfff]")  # characters that no database keeps
MOST_COLUMNS = 200
MOST_TEXT = 1_000_000  # characters of one line, one element of an array, one cell of a sheet


class Number(str):
    """A number that the file holds as one: its point is the decimal sign, whatever people type in other cells."""

    __slots__ = ()


class Record(dict[str, str | None]):
    """One row. *line* is where it stands in the file, *error* why it cannot be a row at all."""

    __slots__ = ("error", "line")

    def __init__(self, line: int, cells: Iterable[tuple[str, str | None]], error: str | None = None) -> None:
        super().__init__(cells)
        self.line = line
        self.error = error


@dataclass(frozen=True, slots=True)
class Found:
    """How a file is written, and its first rows. *decimal* is the sign that its numbers as text show, if any does."""

    names: tuple[str, ...]
    sample: list[Record]
    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
