"""What is wrong with a value that was sent, said to whoever typed it: one sentence for each fault that pydantic names.

Pydantic's own sentences are for programmers, and English. These say what to write instead, and are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _(text: str) -> str:
    """Marks a text for the catalogue."""
    return text


MISSING = _("Fill this in.")
OTHER = _("This value cannot be used here. Correct it.")
CONTROL = _("holds the control character %(character)s; remove it")
_WHOLE = _("Write a whole number.")
_NUMBER = _("Write a number.")
_DATE = _("Write a date, such as 2026-01-31.")
_MOMENT = _("Write a date and a time, such as 2026-01-31T09:00:00Z.")
_ADDRESS = _("Write a whole address, such as https://example.org.")
_LIST = _("Send a list.")
_OBJECT = _("Send an object with named values.")
_ITEMS_LEAST = _("Give at least %(least)s.")
_CHOICE = _("Choose one of these: %(words)s.")
_DIGITS = _("Write at most %(most)s digits in all.")

# By pydantic's name of the fault, or by the first word of it.
SAID = {
    "missing": MISSING,
    "extra_forbidden": _("Nothing of this name is known here. Check its spelling or leave it out."),
    "int": _WHOLE,
    "int_parsing_size": _("This number is too large."),
    "float": _NUMBER,
    "decimal": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_max_digits": _DIGITS,
    "decimal_max_places": _("Write at most %(most)s digits after the decimal mark."),
    "decimal_whole_digits": _("Write at most %(most)s digits before the decimal mark."),
    "greater_than": _("Write more than %(least)s."),
    "greater_than_equal": _("Write %(least)s or more."),
    "less_than": _("Write less than %(most)s."),
    "less_than_equal": _("Write %(most)s or less."),
    "string": _("Write a text."),
    "string_too_short": _("Write at least %(least)s characters."),
    "string_too_long": _("Write at most %(most)s characters."),
    "string_pattern_mismatch": _("This is not written as it must be: %(pattern)s"),
    "too_short": _ITEMS_LEAST,
    "too_long": _("Give at most %(most)s, not %(found)s."),
    "bool": _("Say yes or no: true or false."),
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "date": _DATE,
    "datetime": _MOMENT,
    "timezone": _MOMENT,
    "url": _ADDRESS,
    "uuid": _("This is not the identifier of anything here. Open the page again and repeat."),
    "list": _LIST,
    "set": _LIST,
    "tuple": _LIST,
    "dict": _OBJECT,
    "model": _OBJECT,
}
# What pydantic calls its limits, as the sentences above name them.
_PLACES = {
    "least": ("gt", "ge", "min_length"),
    "most": ("lt", "le", "max_length", "max_digits", "decimal_places", "whole_digits"),
    "found": ("actual_length",),
    "pattern": ("pattern",),
}


def said(fault: Mapping[str, Any]) -> str:
    """The sentence for one of pydantic's *fault*\\s; what our own checks raised speaks for itself."""
    kind: str = fault["type"]
    given: Mapping[str, Any] = fault.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):
        return str(given.get("error") or fault["msg"])
    text = SAID.get(kind) or SAID.get(kind.split("_")[0]) or OTHER
    if kind in ("string_too_short", "too_short") and given.get("min_length") == 1:
        return MISSING
    places = {name: next((given[key] for key in keys if key in given), "") for name, keys in _PLACES.items()}
    places["words"] = str(given.get("expected", "")).replace(" or ", ", ").replace("'", "")
    return text % places
