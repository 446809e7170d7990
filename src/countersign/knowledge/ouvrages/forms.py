"""What the forms of ouvrages send, read into what the service takes, and values as the fields of a form show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from ...kernel.database import Tx
from ...kernel.errors import Invalid
from . import service
from .api import NewBody
from .models import BadPrice, BadQuantity, NoSuchOuvrage, NoSuchParent, Ouvrage, Part, ValueMissing

FIELDS = (
    "code",
    "name",
    "type",
    "category",
    "subcategory",
    "unit",
    "unit_price",
    "currency",
    "description",
    "parent",
    "specs",
)
MOST_LINES = 500


class BadFields(Invalid):
    """A value is too long or holds what cannot be stored. Correct the fields that are named."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the composition editor, as text."""

    id: int
    quantity: str
    unit: str


def entered(text: str, locale: str) -> Decimal | None:
    """The number that somebody wrote: ``1 234,5`` or ``1234.5``; None when it is none. English groups by commas."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    if locale == "en" and re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"-?\d{1,15}([.,]\d{1,10})?", plain, re.ASCII):
        return None
    try:
        return Decimal(plain.replace(",", "."))
    except InvalidOperation:
        return None


def written(value: Decimal | None, locale: str) -> str:
    """A number as its reader writes it, without the zeros that say nothing."""
    if value is None:
        return ""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(".", ",") if locale == "fr" else text


def texts(one: Ouvrage, locale: str) -> dict[str, str]:
    """The fields of an ouvrage as its form shows them."""
    shown = {name: str(getattr(one, name, None) or "") for name in FIELDS}
    specs = "\n".join(f"{name}: {value}" for name, value in one.technical_specs.items())
    return {**shown, "unit_price": written(one.unit_price, locale), "parent": one.parent_code or "", "specs": specs}


def sent(form: FormData) -> dict[str, str]:
    """The fields as they were typed, to be shown again."""
    return {name: str(form.get(name, "")).replace("\r\n", "\n").strip() for name in FIELDS}


async def read_fields(tx: Tx, typed: dict[str, str], locale: str) -> dict[str, Any]:
    """Values by column. Raises ``ValueMissing``, ``BadPrice``, ``NoSuchParent``, ``BadFields``."""
    if missing := [name for name in ("code", "name", "unit") if not typed[name]]:
        raise ValueMissing(about=missing)
    found: dict[str, Any] = {name: typed[name] or None for name in FIELDS if name not in ("parent", "specs")}
    found |= {
        "code": typed["code"],
        "name": typed["name"],
        "unit": typed["unit"],
        "unit_price": None,
        "parent_id": None,
    }
    if typed["unit_price"]:
        found["unit_price"] = entered(typed["unit_price"], locale)
        if found["unit_price"] is None:
            raise BadPrice()
    if typed["parent"]:
        try:
            found["parent_id"] = (await service.by_code(tx, typed["parent"])).id
        except NoSuchOuvrage:
            raise NoSuchParent() from None
    lines = [line.partition(":") for line in typed["specs"].splitlines() if line.strip()]
    found["technical_specs"] = {name.strip(): value.strip() for name, _, value in lines}
    try:
        return NewBody.model_validate(found).model_dump()
    except ValidationError as error:
        named = {str(wrong["loc"][0]) for wrong in error.errors()}
        if named == {"unit_price"}:
            raise BadPrice() from None
        raise BadFields(about=sorted(named)) from None


def read_lines(form: FormData) -> list[Line]:
    """The lines ``c0-id``, ``c0-quantity``, ``c0-unit``…, until one is missing."""
    found: list[Line] = []
    while len(found) < MOST_LINES and str(form.get(f"c{len(found)}-id", "")).isdecimal():
        at = f"c{len(found)}-"
        number = int(str(form[f"{at}id"])[:18])
        found.append(Line(number, str(form.get(f"{at}quantity", "")), str(form.get(f"{at}unit", "")).strip()[:20]))
    return found


def arranged(lines: list[Line], action: str) -> list[Line]:
    """The lines after ``up-2``, ``down-0`` or ``remove-1``."""
    verb, _, at = action.partition("-")
    if not at.isdecimal() or int(at) >= len(lines):
        return lines
    place, moved = int(at), list(lines)
    line = moved.pop(place)
    if verb == "up":
        moved.insert(max(0, place - 1), line)
    elif verb == "down":
        moved.insert(place + 1, line)
    return moved if verb in ("up", "down", "remove") else lines


def parts(lines: list[Line], locale: str) -> list[Part]:
    """The lines as a composition. Raises ``BadQuantity``."""
    found: list[Part] = []
    for line in lines:
        quantity = entered(line.quantity, locale)
        if quantity is None:
            raise BadQuantity()
        found.append(Part(line.id, quantity, line.unit or None))
    return found
