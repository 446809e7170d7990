"""How a record reads: labelled lines in the agent's language, numbers and money in its format, exact totals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from ..ouvrages.models import Component, Ouvrage, Quote
from .formats import money, number, price_per, quantity

LABELS: dict[str, dict[str, str]] = {
    "fr": {
        "type": "Type",
        "compose": "ouvrage composé",
        "simple": "ouvrage simple",
        "fourniture": "fourniture",
        "main_oeuvre": "main d'œuvre",
        "category": "Catégorie",
        "unit": "Unité",
        "unit_price": "Prix unitaire",
        "no_price": "non renseigné",
        "cost": "Coût par composition",
        "description": "Description",
        "specs": "Caractéristiques",
        "made_of": "Composition pour 1 {unit}",
        "total": "Total de la composition",
        "below": "Comprend dans l'arborescence",
        "quote": "Calcul exact pour {quantity} de {code}",
        "supplies": "dont fournitures",
        "labour": "dont main d'œuvre",
        "colon": "\u00a0: ",
    },
    "en": {
        "type": "Type",
        "compose": "composed item",
        "simple": "simple item",
        "fourniture": "supply",
        "main_oeuvre": "labour",
        "category": "Category",
        "unit": "Unit",
        "unit_price": "Unit price",
        "no_price": "not given",
        "cost": "Cost by composition",
        "description": "Description",
        "specs": "Specifications",
        "made_of": "Made of, for 1 {unit}",
        "total": "Total of the composition",
        "below": "Below it in the tree",
        "quote": "Exact computation for {quantity} of {code}",
        "supplies": "of which supplies",
        "labour": "of which labour",
        "colon": ": ",
    },
}


def labels(language: str) -> dict[str, str]:
    """Labels in *language*; French when it is not one of ours."""
    return LABELS.get(language[:2], LABELS["fr"])


def ouvrage_text(
    row: Ouvrage, made_of: Sequence[Component], below: Sequence[dict[str, Any]], language: str, fields: Collection[str]
) -> str:
    """One ouvrage as labelled lines. Only *fields* are shown; components come with exact line totals."""
    say = labels(language)
    colon = say["colon"]
    lines = [f"{row.code} — {row.name}"]
    if "unit_price" in fields:
        price = price_per(row.unit_price, row.unit, language) if row.unit_price is not None else say["no_price"]
        lines.append(f"{say['unit_price']}{colon}{price}")
    if "cost" in fields and row.differs and row.cost is not None:
        lines.append(f"{say['cost']}{colon}{price_per(row.cost, row.unit, language)}")
    if "type" in fields:
        lines.append(f"{say['type']}{colon}{say.get(row.type, row.type)}")
    if "category" in fields and row.category:
        lines.append(f"{say['category']}{colon}{' / '.join(c for c in (row.category, row.subcategory) if c)}")
    if "description" in fields and row.description:
        lines.append(f"{say['description']}{colon}{row.description}")
    if "technical_specs" in fields and row.technical_specs:
        lines.append(f"{say['specs']}{colon}{flat(row.technical_specs)}")
    if made_of:
        lines.append(say["made_of"].format(unit=row.unit) + colon.rstrip())
        lines += [_component(c, language) for c in made_of]
        totals = [c.total for c in made_of]
        if all(total is not None for total in totals):
            lines.append(f"{say['total']}{colon}{money(sum(filter(None, totals), Decimal(0)), language)}")
    if below:
        lines.append(say["below"] + colon + _below(row.id, below))
    return "\n".join(lines)


def _below(row_id: int, below: Sequence[dict[str, Any]], most: int = 20) -> str:
    """The first of what stands below, what is one level deeper in brackets; the upper level goes first."""
    upper = [b for b in below if b["parent_id"] == row_id][:most]
    deeper = [b for b in below if b["parent_id"] in {u["id"] for u in upper}][: most - len(upper)]
    parts: list[str] = []
    for one in upper:
        under = " ; ".join(f"{b['code']} {b['name']}" for b in deeper if b["parent_id"] == one["id"])
        parts.append(f"{one['code']} {one['name']}" + (f" ({under})" if under else ""))
    return " ; ".join(parts)


def _component(c: Component, language: str) -> str:
    amount = quantity(c.quantity, c.unit, language)
    if c.unit_price is None or c.total is None:
        return f"- {c.code} {c.name}{labels(language)['colon']}{amount}"
    price = price_per(c.unit_price, c.unit, language)
    return f"- {c.code} {c.name}{labels(language)['colon']}{amount} × {price} = {money(c.total, language)}"


def quote_text(q: Quote, language: str) -> str:
    """The exact price of a quantity, with its share of supplies and labour."""
    say = labels(language)
    amount = quantity(q.quantity, q.unit, language)
    head = say["quote"].format(quantity=amount, code=q.code)
    if q.unit_price is None or q.total is None:
        return f"{head}{say['colon']}{say['unit_price']} {say['no_price']}"
    lines = [f"{head}{say['colon']}{amount} × {price_per(q.unit_price, q.unit, language)} = {money(q.total, language)}"]
    for name, share in (("supplies", q.supplies), ("labour", q.labour)):
        if share is not None:
            lines.append(f"{say[name]}{say['colon']}{money(share, language)}")
    return "\n".join(lines)


def flat(specs: dict[str, Any]) -> str:
    """Technical specifications on one line."""
    return " ; ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in specs.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + flat({str(k): v for k, v in value.items()}) + ")"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return (
        number(Decimal(str(value)), "fr")
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else str(value)
    )
