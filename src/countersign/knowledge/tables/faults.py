"""Why a value does not fit its column. Each text goes on after the column's name; the catalogue translates it."""

from __future__ import annotations

from typing import Any

from ...kernel.errors import Invalid


class BadValue(Invalid):
    """does not fit"""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.template = " ".join((type(self).__doc__ or "").split())
        super().__init__(self.template % values)


class NoColumn(BadValue):
    """is no column of this table"""


class Missing(BadValue):
    """must be filled"""


class NotUnique(BadValue):
    """has the same value as in another row"""


class NoReference(BadValue):
    """names a row that does not exist"""


class NotText(BadValue):
    """is a text"""


class Unstorable(BadValue):
    """holds a character that cannot be stored"""


class TooLong(BadValue):
    """has %(count)s characters, %(most)s at most"""


class NotInteger(BadValue):
    """is a whole number"""


class TooLarge(BadValue):
    """is too large"""


class NotDecimal(BadValue):
    """is a number, such as 1234.50 or 1 234,50"""


class TooPrecise(BadValue):
    """has more than %(scale)s decimals"""


class TooManyDigits(BadValue):
    """is too large: %(most)s digits before the decimal sign at most"""


class NotBoolean(BadValue):
    """is yes or no"""


class NotDate(BadValue):
    """is a date, such as 2026-01-31 or 31/01/2026"""


class NotDatetime(BadValue):
    """is a date and a time, such as 2026-01-31T14:30"""


class NotJson(BadValue):
    """is JSON"""
