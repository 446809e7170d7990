"""Records of a file as rows of their target: each column is prepared once, short texts are known again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .models import BadMapping, Column, Mapping
from .parsing import date_fr, decimal
from .records import Number, Record
from .targets import OUVRAGES, Field, Target

KNOWN = 2_000  # texts of one column whose values are kept at hand
_NEW = object()
Read = Callable[[Record], tuple[dict[str, Any], str | None]]


def reader(mapping: Mapping, target: Target = OUVRAGES) -> Read:
    """What makes a row of a record as the target wants it, and tells why it is refused, if it is."""
    known: list[dict[Any, Any]] = [{} for _ in mapping.columns]
    columns = [
        (name, column.source, _cell(target.fields[name], column), before)
        for (name, column), before in zip(mapping.columns.items(), known, strict=True)
    ]

    def read(record: Record) -> tuple[dict[str, Any], str | None]:
        row: dict[str, Any] = {}
        if record.error is not None:
            return row, record.error
        for name, source, cell, before in columns:
            text = None if source is None else record.get(source)
            # A number of the file itself is not the text of the same digits.
            value = _NEW if type(text) is Number else before.get(text, _NEW)
            if value is _NEW:
                try:
                    value = cell(text)
                except BadMapping as error:
                    return row, f"{name}: {error.detail}"
                if len(before) < KNOWN and type(text) is not Number and len(text or "") <= 100:
                    before[text] = value
            row[name] = value
        return row, None

    return read


def values(mapping: Mapping, record: Record, target: Target = OUVRAGES) -> tuple[dict[str, Any], str | None]:
    """One row of its own."""
    return reader(mapping, target)(record)


def _cell(field: Field, column: Column) -> Callable[[str | None], Any]:
    """What makes a value of one column of its text. Raises ``BadMapping``."""
    case = str.upper if "upper" in column.transforms else str.lower if "lower" in column.transforms else None
    sign = "," if "decimal_fr" in column.transforms else "." if "decimal_en" in column.transforms else None
    french = "date_fr" in column.transforms
    needed = column.required or field.needed
    words, default, low, high, number, read = (
        column.map, column.default, column.min, column.max, field.is_number, field.read,
    )  # fmt: skip

    def cell(text: str | None) -> Any:
        if text is not None and type(text) is not Number:
            text = case(text.strip()) if case else text.strip()
        if text and words:
            text = words.get(text.casefold(), text)
        text = text or default
        if not text:
            if needed:
                raise BadMapping("is missing")
            return field.default
        if not number:
            return read(date_fr(text) if french else text)
        amount = decimal(text, sign)
        if (low is not None and amount < low) or (high is not None and amount > high):
            raise BadMapping(f"{amount} is outside the limits")
        return read(amount)

    return cell
