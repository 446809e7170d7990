"""Why a row was refused, taken apart, so that a page can say it in the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = {
    "missing": r"is missing",
    "number": r"« (?P<value>.*) » is not a number",
    "date": r"« (?P<value>.*) » is not a date.*",
    "long": r"is longer than (?P<value>\d+) characters",
    "large": r"is too large",
    "limits": r"(?P<value>\S+) is outside the limits",
    "none-of": r"« (?P<value>.*) » is none of (?P<row>.*)",
    "doubled": r"code (?P<value>.*) stands in row (?P<row>\S+) already",
    "exists": r"code (?P<value>.*) exists already",
    "cells": r"row \d+: (?P<value>\d+) cells, (?P<row>\d+) expected",
}
_KINDS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in KINDS.items()}
_FIELD = re.compile(r"(?P<field>[a-z_]+): (?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reason:
    """The *kind* of a refusal with what it names; ``text`` is what the import wrote, for kinds that are not known."""

    text: str
    kind: str = ""
    field: str = ""
    value: str = ""
    row: str = ""


def explained(text: str) -> Reason:
    """*text* as an import wrote it, taken apart."""
    named = _FIELD.fullmatch(text)
    field, rest = (named["field"], named["rest"]) if named else ("", text)
    for kind, pattern in _KINDS.items():
        if found := pattern.fullmatch(rest):
            return Reason(text, kind, field, **found.groupdict(""))
    return Reason(text)
