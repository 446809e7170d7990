"""Numbers and dates as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from .models import BadMapping
from .records import Number

_EDGES = re.compile(r"^[\s€$£]+|(?:[\s€$£]|EUR)+$")
_GAPS = re.compile(r"(?<=[0-9])[ \u00a0\u2009\u202f'’](?=[0-9]{3}(?![0-9]))")
_THOUSANDS = {
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"),
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"),
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_SHORT = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,2}|\.[0-9]{4,15})?")  # no sign in it could group thousands
_COMMA = re.compile(r"[+-]?[0-9]{1,15},(?:[0-9]{1,2}|[0-9]{4,15})")
_UNSURE = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_WRITTEN = re.compile(r"[+-]?[0-9][0-9.,]*")
MOST_DIGITS = 100


def decimal(text: str, sign: str | None = None) -> Decimal:
    """``1 234,50 €``, ``1,234.50`` and ``1234.5`` are numbers; *sign* says what ``1.234`` is. Raises ``BadMapping``."""
    if _SHORT.fullmatch(text):
        return Decimal(text)
    if _COMMA.fullmatch(text):
        return Decimal(text.replace(",", "."))
    plain = text if isinstance(text, Number) else _plain(text, sign)
    if len(plain) > MOST_DIGITS or not _NUMBER.fullmatch(plain):
        raise BadMapping(f"« {text[:80]} » is not a number")
    return Decimal(plain)


def _plain(text: str, sign: str | None) -> str:
    """The text with a point and no thousands, so far as it is a number."""
    plain = _GAPS.sub("", _EDGES.sub("", text)).replace("−", "-")
    commas, points = plain.count(","), plain.count(".")
    if commas and points:
        last = "," if plain.rfind(",") > plain.rfind(".") else "."
    elif commas + points == 1:
        only = "," if commas else "."
        last = sign if sign and sign != only and _UNSURE.fullmatch(plain) else only
    else:
        last = "." if commas else ","
    other = "." if last == "," else ","
    if other in plain:
        if not _THOUSANDS[other].fullmatch(plain):
            return text
        plain = plain.replace(other, "")
    return plain.replace(",", ".")


def decimal_sign(texts: Iterable[str]) -> str | None:
    """The decimal sign that numbers among *texts* show; None when none does, or some show one and some the other."""
    found = {_shown(_GAPS.sub("", _EDGES.sub("", text))) for text in texts} - {None}
    return found.pop() if len(found) == 1 else None


def _shown(plain: str) -> str | None:
    commas, points = plain.count(","), plain.count(".")
    if not commas + points or not _WRITTEN.fullmatch(plain) or _UNSURE.fullmatch(plain):
        return None
    if commas and points:
        return "," if plain.rfind(",") > plain.rfind(".") else "."
    if commas + points == 1:
        return "," if commas else "."
    return "." if _THOUSANDS[","].fullmatch(plain) else "," if _THOUSANDS["."].fullmatch(plain) else None


MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv jan", "février fevrier févr fevr fév fev", "mars mar", "avril avr", "mai", "juin",
            "juillet juil", "août aout", "septembre sept sep", "octobre oct", "novembre nov",
            "décembre decembre déc dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_FRENCH = re.compile(r"([0-9]{1,2})(?:er)?[\s./-]+([0-9]{1,2}|[^\W\d_]+)\.?[\s./-]+([0-9]{4}|[0-9]{2})(?:[T\s]+(.+))?")


def date_fr(text: str) -> str:
    """``31/01/2026``, ``31.1.26``, ``1er février 2026`` or ISO, with a time perhaps, as ISO. Raises ``BadMapping``."""
    plain = text.strip()
    try:
        if french := _FRENCH.fullmatch(plain):
            day, month, year, time = french.groups()
            number = int(month) if month.isdigit() else MONTHS[month.casefold()]
            iso = date(int(year) + (2000 if len(year) == 2 else 0), number, int(day)).isoformat()
            return datetime.fromisoformat(f"{iso}T{time.replace('h', ':')}").isoformat() if time else iso
        whole = date.fromisoformat if len(plain) <= 10 else datetime.fromisoformat
        return whole(plain).isoformat()
    except (ValueError, KeyError) as error:
        raise BadMapping(f"« {text[:80]} » is not a date, such as 31/01/2026") from error


def shows_french_date(text: str) -> bool:
    """Whether *text* is a date with its day first."""
    return bool(_FRENCH.fullmatch(text.strip()))
