"""Which column goes where: read from a mapping, or guessed by the names; and the values that result."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from .models import CONFLICTS, TRANSFORMS, BadMapping, Column, Mapping
from .reading import Record

LENGTHS = {"code": 50, "name": 255, "description": 100_000, "type": 50, "category": 100, "subcategory": 100, "unit": 20}
LENGTHS["currency"] = 3
NUMBERS = {"unit_price": 8, "default_quantity": 6}  # digits before the point
COLUMNS = (*LENGTHS, *NUMBERS)
NEEDED = ("code", "name", "unit", "type")
TYPES = ("compose", "simple", "fourniture", "main_oeuvre")
TYPE_WORDS = {
    "material": "fourniture", "materiau": "fourniture", "equipment": "fourniture", "abstract material": "fourniture",
    "electricity": "fourniture", "fourniture": "fourniture", "labor": "main_oeuvre", "labour": "main_oeuvre",
    "operator": "main_oeuvre", "main d'oeuvre": "main_oeuvre", "ouvrage": "simple",
}  # fmt: skip
SYNONYMS = {
    "code": ("code", "resource_code", "reference", "ref", "article"),
    "name": ("name", "nom", "designation", "libelle", "intitule"),
    "description": ("description", "details"),
    "type": ("type", "nature"),
    "category": ("category", "categorie", "famille"),
    "subcategory": ("subcategory", "sous_categorie", "sous_famille"),
    "unit": ("unit", "unite", "u"),
    "unit_price": ("unit_price", "price_avg", "price", "prix", "prix_unitaire", "pu", "pu_ht", "prix_ht"),
    "currency": ("currency", "devise", "monnaie"),
    "default_quantity": ("default_quantity", "quantite", "quantity"),
}


def _plain(name: str) -> str:
    flat = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", flat).strip("_")


def guess(names: Iterable[str]) -> Mapping:
    """A mapping by names and synonyms. Raises ``BadMapping`` when no column could be the code."""
    by_name = {_plain(name): name for name in names}
    columns: dict[str, Column] = {}
    for target, words in SYNONYMS.items():
        source = next((by_name[word] for word in words if word in by_name), None)
        if source is not None:
            transforms = ("trim", "unit") if target == "unit" else ("trim",)
            words_of_type = TYPE_WORDS if target == "type" else {}
            columns[target] = Column(source, target in NEEDED, transforms, map=dict(words_of_type))
    if "code" not in columns:
        raise BadMapping("No column looks like a code. Name one in a mapping.")
    return Mapping(columns)


def parse(value: Any) -> Mapping:
    """A mapping as people write it. Raises ``BadMapping`` with what is wrong."""
    try:
        key, conflict = value.get("key", ["code"]), value.get("on_conflict", "update")
        columns = {str(name): _column(str(name), each) for name, each in value["columns"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise BadMapping("A mapping is an object with columns, each an object with from or default.") from error
    if key != ["code"]:
        raise BadMapping('Ouvrages are found again by their code: key must be ["code"].')
    if conflict not in CONFLICTS:
        raise BadMapping("on_conflict must be update, skip or error.")
    if "code" not in columns:
        raise BadMapping("The mapping must say where code comes from.")
    return Mapping(columns, conflict)


def _column(name: str, value: dict[str, Any]) -> Column:
    if name not in COLUMNS:
        raise BadMapping(f"Ouvrages have no column {name!r}.")
    if unknown := set(value) - {"from", "required", "type", "min", "max", "map", "default", "transform"}:
        raise BadMapping(f"{name}: {', '.join(sorted(unknown))} means nothing here.")
    given = value.get("transform", [])
    transforms = (given,) if isinstance(given, str) else tuple(given)
    if wrong := set(transforms) - TRANSFORMS:
        raise BadMapping(f"{name}: there is no transform {', '.join(sorted(map(str, wrong)))}.")
    if value.get("type", "decimal" if name in NUMBERS else "text") != ("decimal" if name in NUMBERS else "text"):
        raise BadMapping(f"{name}: type must be {'decimal' if name in NUMBERS else 'text'}.")
    if "from" not in value and "default" not in value:
        raise BadMapping(f"{name}: say from which column, or a default.")
    limits = [decimal(str(value[end])) if value.get(end) is not None else None for end in ("min", "max")]
    words = {str(k).casefold(): str(v) for k, v in value.get("map", {}).items()}
    default = None if value.get("default") is None else str(value["default"])
    required = bool(value.get("required"))
    return Column(value.get("from"), required, transforms, limits[0], limits[1], words, default)


def decimal(text: str) -> Decimal:
    """``1 234,50 €``, ``1,234.50`` and ``1234.5`` are numbers. Raises ``BadMapping`` otherwise."""
    plain = re.sub(r"[\s€$'’]|EUR", "", text)
    if "," in plain and "." in plain:
        plain = plain.replace("." if plain.rfind(",") > plain.rfind(".") else ",", "")
    try:
        number = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadMapping(f"« {text} » is not a number")
    return number


def values(mapping: Mapping, record: Record) -> tuple[dict[str, str | Decimal | None], str | None]:
    """The row as the target wants it, and why it is refused, if it is."""
    row: dict[str, str | Decimal | None] = {}
    for name, column in mapping.columns.items():
        try:
            row[name] = _value(name, column, record.get(column.source) if column.source else None)
        except BadMapping as error:
            return row, f"{name}: {error.detail}"
    return row, None


def _value(name: str, column: Column, text: str | None) -> str | Decimal | None:
    if text is not None:
        if "\0" in text:
            raise BadMapping("holds a NUL character")
        text = text.strip()
        text = text.upper() if "upper" in column.transforms else text.lower() if "lower" in column.transforms else text
        text = column.map.get(text.casefold(), text)
    text = text or column.default
    if not text:
        if column.required or name in NEEDED:
            raise BadMapping("is missing")
        return None
    if name in NUMBERS:
        number = round(decimal(text), 4)
        if abs(number) >= 10 ** NUMBERS[name]:
            raise BadMapping("is too large")
        if (column.min is not None and number < column.min) or (column.max is not None and number > column.max):
            raise BadMapping(f"{number} is outside the limits")
        return number
    if name == "type" and text not in TYPES:
        raise BadMapping(f"« {text} » is none of {', '.join(TYPES)}")
    if len(text) > LENGTHS[name]:
        raise BadMapping(f"is longer than {LENGTHS[name]} characters")
    return text
