"""Typed values: what people or programs send for a column, read or refused in words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ...kernel.json import loads
from .faults import (
    BadValue,
    Missing,
    NoColumn,
    NotBoolean,
    NotDate,
    NotDatetime,
    NotDecimal,
    NotInteger,
    NotJson,
    NotText,
    TooLarge,
    TooLong,
    TooManyDigits,
    TooPrecise,
    Unstorable,
)
from .models import BadValues, Column

TRUE = {"true", "1", "yes", "oui", "vrai", "on"}
FALSE = {"false", "0", "no", "non", "faux", "off"}
MOST_TEXT = 1_000_000
_LARGEST = 2**63


def read(column: Column, value: Any) -> Any:
    """*value* as JSON that PostgreSQL reads as the column's type; None is empty. Raises ``BadValue``."""
    if value is None or (isinstance(value, str) and not value.strip() and column.type not in ("string", "text")):
        return None
    return _READERS[column.type](column, value)


def read_all(columns: list[Column], given: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Values by column. *whole*: of a new row, with what it must have. Raises ``BadValues`` with each fault."""
    known = {column.name: column for column in columns}
    faults: list[tuple[str, BadValue]] = [(name, NoColumn()) for name in given if name not in known]
    found: dict[str, Any] = {}
    for name, column in known.items():
        if name not in given and (not whole or column.nullable or column.default is not None):
            continue
        try:
            found[name] = read(column, given.get(name))
            if found[name] is None and not column.nullable:
                raise Missing()
        except BadValue as fault:
            faults.append((name, fault))
    if faults:
        raise BadValues.of(faults)
    return found


def _text(column: Column, value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise NotText()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise Unstorable()
    most = column.length or MOST_TEXT
    if len(text) > most:
        raise TooLong(count=len(text), most=most)
    return text


def _integer(_column: Column, value: Any) -> int:
    text = re.sub(r"[ \u00a0\u202f]", "", str(value))
    if isinstance(value, (bool, dict, list)) or not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise NotInteger()
    if not -_LARGEST <= int(text) < _LARGEST:
        raise TooLarge()
    return int(text)


def _decimal(column: Column, value: Any) -> str:
    text = re.sub(r"[ \u00a0\u202f€]", "", str(value))
    text = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    try:
        if isinstance(value, (bool, dict, list)) or not re.fullmatch(
            r"[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,2})?", text
        ):
            raise InvalidOperation
        number = Decimal(text)
    except InvalidOperation as error:
        raise NotDecimal() from error
    scale, precision = column.scale or 0, column.precision or 15
    told = number.normalize().as_tuple()
    exponent = told.exponent if isinstance(told.exponent, int) else 0
    if -exponent > scale:
        raise TooPrecise(scale=scale)
    if number and number.adjusted() + 1 > precision - scale:
        raise TooManyDigits(most=precision - scale)
    return format(number, "f")


def _boolean(_column: Column, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise NotBoolean()
    return word in TRUE


def _date(_column: Column, value: Any) -> str:
    text = str(value).strip()
    if french := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
        text = f"{french[3]}-{int(french[2]):02}-{int(french[1]):02}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise NotDate() from error


def _datetime(_column: Column, value: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(value).strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise NotDatetime() from error


def _json(_column: Column, value: Any) -> Any:
    try:
        found = loads(value) if isinstance(value, str) else value
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotJson() from error
    if len(text) > MOST_TEXT:
        raise TooLarge()
    if "\\u0000" in text or re.search(r"[\ud800-\udfff]", text):
        raise Unstorable()
    return found


_READERS: dict[str, Callable[[Column, Any], Any]] = {
    "string": _text,
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
}
