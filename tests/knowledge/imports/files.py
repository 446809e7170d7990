"""The same rows written as each kind of file that a company may send."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

Rows = Sequence[dict[str, str]]
Write = Callable[[Path, Rows, frozenset[str]], None]


def semicolons(path: Path, rows: Rows, numbers: frozenset[str]) -> None:
    """Windows-1252, ``;``, decimal commas, thousands with a no-break space: what a French spreadsheet saves."""
    with path.open("w", encoding="cp1252", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows({k: french(v) if k in numbers else v for k, v in row.items()} for row in rows)


def french(number: str) -> str:
    """``1234.5`` as ``1 234,5``."""
    whole, point, rest = number.partition(".")
    return (f"{int(whole):,}".replace(",", "\u00a0") if whole else "") + ("," + rest if point else "")


def tabs(path: Path, rows: Rows, numbers: frozenset[str]) -> None:
    """UTF-16 and tabs: « Unicode text »."""
    with path.open("w", encoding="utf-16", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


def typed(row: dict[str, str], numbers: frozenset[str]) -> dict[str, Any]:
    """The row with its numbers as numbers, and nothing where nothing is."""
    return {k: float(v) if k in numbers and v else v or None for k, v in row.items()}


def array(path: Path, rows: Rows, numbers: frozenset[str]) -> None:
    path.write_text(json.dumps([typed(row, numbers) for row in rows], indent=1), encoding="utf-8")


def lines(path: Path, rows: Rows, numbers: frozenset[str]) -> None:
    path.write_text("".join(json.dumps(typed(row, numbers), ensure_ascii=False) + "\r\n" for row in rows), "utf-8-sig")


def excel(path: Path, rows: Rows, numbers: frozenset[str]) -> None:
    """A workbook whose first sheet is empty; every tenth number was typed as text."""
    book: Any = xlsxwriter.Workbook(path, {"constant_memory": False, "strings_to_formulas": False})
    with book:
        book.add_worksheet("Notes")
        sheet: Any = book.add_worksheet("Tarif")
        sheet.write_row(1, 0, list(rows[0]))
        for place, row in enumerate(rows):
            for column, (name, cell) in enumerate(row.items()):
                if name in numbers and cell and place % 10:
                    sheet.write_number(place + 3, column, float(cell))
                elif cell:
                    sheet.write_string(place + 3, column, french(cell) if name in numbers else cell)


KINDS: dict[str, tuple[str, Write]] = {
    "semicolons": ("csv", semicolons),
    "tabs": ("csv", tabs),
    "array": ("json", array),
    "lines": ("jsonl", lines),
    "excel": ("excel", excel),
}
