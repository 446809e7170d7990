"""Which column goes where: read from a mapping, or guessed by the names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from .models import CONFLICTS, ENCODINGS, SEPARATORS, TRANSFORMS, BadMapping, Column, Mapping, Reading
from .parsing import decimal, decimal_sign, shows_french_date
from .records import BROKEN, Number, Record
from .targets import OUVRAGES, Field, Target

TYPE_WORDS = {
    "material": "fourniture", "materiau": "fourniture", "matériau": "fourniture", "equipment": "fourniture",
    "abstract material": "fourniture", "electricity": "fourniture", "fourniture": "fourniture",
    "fournitures": "fourniture", "labor": "main_oeuvre", "labour": "main_oeuvre", "operator": "main_oeuvre",
    "main d'oeuvre": "main_oeuvre", "main d'œuvre": "main_oeuvre", "main d’œuvre": "main_oeuvre", "ouvrage": "simple",
}  # fmt: skip
WORDS_OF = {"type": TYPE_WORDS, "currency": {"€": "EUR", "euro": "EUR", "euros": "EUR", "eur": "EUR"}}
SYNONYMS = {
    "code": ("code", "resource_code", "code_article", "reference", "ref", "article"),
    "name": ("name", "nom", "designation", "libelle", "intitule"),
    "description": ("description", "details", "descriptif"),
    "type": ("type", "nature"),
    "category": ("category", "categorie", "famille"),
    "subcategory": ("subcategory", "sous_categorie", "sous_famille"),
    "unit": ("unit", "unite", "u"),
    "unit_price": (
        "unit_price", "price_avg", "price", "prix", "prix_unitaire", "pu", "pu_ht", "prix_ht", "prix_unitaire_ht",
    ),
    "currency": ("currency", "devise", "monnaie"),
    "default_quantity": ("default_quantity", "quantite", "quantity", "qte"),
}  # fmt: skip
WORDS = {"from", "required", "type", "min", "max", "map", "default", "transform"}
MOST_NAME = 500
SIGNS = {",": "decimal_fr", ".": "decimal_en"}


def _plain(name: str) -> str:
    flat = unicodedata.normalize("NFKD", name.replace("œ", "oe")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", flat).strip("_")


def guess(names: Iterable[str], target: Target = OUVRAGES, sample: Sequence[Record] = ()) -> Mapping:
    """A mapping by names and synonyms; how numbers and dates are written shows in *sample*.

    Raises ``BadMapping`` when no column could be what finds a row again, or none fits at all.
    """
    columns = fitting(names, target, sample)
    if missing := [name for name in target.key if name not in columns]:
        raise BadMapping(f"No column looks like {missing[0]}. Name one in a mapping.")
    if not columns:
        raise BadMapping(f"No column has the name of one of {target.name}. Say which goes where in a mapping.")
    return Mapping(columns, key=target.key)


def fitting(names: Iterable[str], target: Target = OUVRAGES, sample: Sequence[Record] = ()) -> dict[str, Column]:
    """The columns that names and synonyms tell, be they enough for a mapping or not."""
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(_plain(name), name)
    columns: dict[str, Column] = {}
    for name in target.fields:
        words = (name, *(SYNONYMS.get(name, ()) if target is OUVRAGES else ()))
        source = next((by_name[word] for word in words if word in by_name), None)
        if source is not None:
            columns[name] = filled(name, source, target, sample)
    return columns


def filled(name: str, source: str, target: Target = OUVRAGES, sample: Sequence[Record] = ()) -> Column:
    """The column *name* of the target from *source* of the file, read as the first rows show it is written."""
    field = target.fields[name]
    known = WORDS_OF.get(name, {}) if target is OUVRAGES else {}
    transforms = ("trim", "unit") if target is OUVRAGES and name == "unit" else ("trim",)
    sign = decimal_sign(_typed(cell for record in sample for cell in record.values())) if field.is_number else None
    told = _told(field, list(_typed(record.get(source) for record in sample)), sign)
    return Column(source, field.needed, transforms + told, map=dict(known))


def _typed(cells: Iterable[str | None]) -> Iterator[str]:
    """Those that somebody typed, and that are no numbers of the file itself."""
    return (cell for cell in cells if cell and not isinstance(cell, Number))


def _told(field: Field, texts: list[str], sign: str | None) -> tuple[str, ...]:
    """The transforms that the first values of a column ask for; *sign* is what the other columns show."""
    if field.is_number:
        sign = decimal_sign(texts) or sign
        thousands = any("," in text for text in texts)
        return ("decimal_fr",) if sign == "," else ("decimal_en",) if sign == "." and thousands else ()
    return ("date_fr",) if field.is_date and any(map(shows_french_date, texts)) else ()


def parse(value: Any, target: Target = OUVRAGES) -> Mapping:
    """A mapping as people write it. Raises ``BadMapping`` with what is wrong."""
    try:
        key: list[Any] = list(value.get("key", target.key))
        conflict = value.get("on_conflict", "update")
        columns = {str(name): _column(str(name), each, target) for name, each in value["columns"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise BadMapping("A mapping is an object with columns, each an object with from or default.") from error
    if unknown := set(value) - {"key", "on_conflict", "columns", "read"}:
        raise BadMapping(f"{_list(unknown)} means nothing in a mapping.")
    if isinstance(value.get("key"), str) or not all(isinstance(name, str) for name in key):
        raise BadMapping("key is a list of columns that find a row again.")
    if target is OUVRAGES and tuple(key) != OUVRAGES.key:
        raise BadMapping('Ouvrages are found again by their code: key must be ["code"].')
    if not isinstance(conflict, str) or conflict not in CONFLICTS:
        raise BadMapping("on_conflict must be update, skip or error.")
    if missing := [name for name in key if name not in columns]:
        raise BadMapping(f"The mapping must say where {_list(missing)} comes from.")
    if not columns:
        raise BadMapping("The mapping names no column.")
    return Mapping(columns, conflict, tuple(key), reading(value.get("read") or {}))


def reading(value: Any) -> Reading:
    """How to read the file, as people write it. Raises ``BadMapping``."""
    if not isinstance(value, dict) or set(said := cast("dict[str, Any]", value)) - {"encoding", "separator", "sheet"}:
        raise BadMapping("read is an object with encoding, separator or sheet.")
    told = {name: each for name, each in said.items() if each not in (None, "")}
    if told.get("encoding") not in (None, *ENCODINGS):
        raise BadMapping(f"encoding must be one of {_list(ENCODINGS)}.")
    if told.get("separator") not in (None, "tab", *SEPARATORS):
        raise BadMapping("separator must be a comma, a semicolon, tab or a vertical bar.")
    if not isinstance(told.get("sheet", ""), str) or BROKEN.search(told.get("sheet", "")):
        raise BadMapping("sheet is the name of a sheet.")
    if told.get("separator") == "tab":
        told["separator"] = "\t"
    return Reading(**told)


def signed(mapping: Mapping, mark: str, target: Target = OUVRAGES) -> Mapping:
    """The mapping with the decimal sign *mark* for every number; each number shows its own without one."""
    if mark not in ("", *SIGNS):
        raise BadMapping("decimal must be a comma or a point.")

    def column(name: str, each: Column) -> Column:
        if not target.fields[name].is_number:
            return each
        others = tuple(transform for transform in each.transforms if transform not in SIGNS.values())
        return replace(each, transforms=others + ((SIGNS[mark],) if mark else ()))

    return replace(mapping, columns={name: column(name, each) for name, each in mapping.columns.items()})


def _list(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names)))[:200].encode(errors="replace").decode()


def _column(name: str, value: dict[str, Any], target: Target) -> Column:
    if name not in target.fields:
        raise BadMapping(f"{target.name} has no column {_list([name])}.")
    field = target.fields[name]
    if unknown := set(value) - WORDS:
        raise BadMapping(f"{name}: {_list(unknown)} means nothing here.")
    source, default, kind = value.get("from"), value.get("default"), value.get("type")
    words: dict[Any, Any] = value.get("map") or {}
    if not isinstance(source, str | None) or len(source or "") > MOST_NAME:
        raise BadMapping(f"{name}: from is the name of a column of the file.")
    if source is None and default is None:
        raise BadMapping(f"{name}: say from which column, or a default.")
    given = value.get("transform", [])
    transforms = (given,) if isinstance(given, str) else tuple(given)
    if wrong := set(transforms) - TRANSFORMS:
        raise BadMapping(f"{name}: there is no transform {_list(wrong)}.")
    if kind not in (None, field.type):
        raise BadMapping(f"{name}: type must be {field.type}.")
    low, high = (None if value.get(end) is None else decimal(str(value[end])) for end in ("min", "max"))
    if (low, high) != (None, None) and not field.is_number:
        raise BadMapping(f"{name}: min and max are for numbers.")
    texts = {str(word).casefold(): str(meant) for word, meant in words.items()}
    default = None if default is None else str(default)
    if any(BROKEN.search(text) for text in (source or "", default or "", *texts, *texts.values())):
        raise BadMapping(f"{name}: a character cannot be stored.")
    return Column(source, bool(value.get("required")), transforms, low, high, texts, default)


def written(mapping: Mapping) -> dict[str, Any]:
    """The mapping as people write it: ``parse`` reads it back."""
    columns: dict[str, dict[str, Any]] = {}
    for name, column in mapping.columns.items():
        shown = {
            "from": column.source, "required": column.required or None, "transform": list(column.transforms) or None,
            "min": column.min and str(column.min), "max": column.max and str(column.max), "map": column.map or None,
            "default": column.default,
        }  # fmt: skip
        columns[name] = {word: value for word, value in shown.items() if value is not None}
    read = {name: value for name, value in asdict(mapping.read).items() if value}
    said = {"key": list(mapping.key), "on_conflict": mapping.on_conflict, "columns": columns}
    return {**said, "read": read} if read else said
