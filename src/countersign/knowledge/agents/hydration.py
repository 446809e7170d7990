"""What an agent may answer from: the registry of tables, and the choice that an agent makes of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from ...kernel.database import Tx
from .models import BadHydration, BadKey, Hydratable, NotInTemplate, Registry, TemplateAlone, UnknownName, UnknownTable

KEYS = ("table", "key", "fields", "relations")
DEFAULT_KEY = "db_id"
EVERY_FIELD = "*"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FIELD = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_registries: list[Registry] = []


def describe_with(registry: Registry) -> Registry:
    """Registers ``async def f(tx) -> {name: Hydratable}``; the room that hydrates knows its tables."""
    if registry not in _registries:
        _registries.append(registry)
    return registry


async def tables(tx: Tx) -> dict[str, Hydratable]:
    """Every table that an agent may answer from, by name."""
    found: dict[str, Hydratable] = {}
    for registry in _registries:
        found |= await registry(tx)
    return dict(sorted(found.items()))


def check(config: Any, known: dict[str, Hydratable]) -> dict[str, Any]:
    """*config* as it is stored: only names that *known* holds. Raises ``BadHydration`` with what may be named."""
    if not isinstance(config, dict):
        raise BadHydration("hydration_config is an object with table, key, fields and relations.")
    given = cast("dict[Any, Any]", config)
    if unknown := [key for key in given if key not in KEYS]:
        raise BadHydration(f"hydration_config knows no {_named(unknown)}; it has {', '.join(KEYS)}.")
    name = given.get("table")
    table = known.get(name) if isinstance(name, str) else None
    if table is None:
        raise UnknownTable(named=_named([name]), known=", ".join(known))
    key = given.get("key", DEFAULT_KEY)
    if not isinstance(key, str) or not _IDENTIFIER.fullmatch(key):
        raise BadKey()
    fields = _names("fields", given.get("fields", [EVERY_FIELD]), (EVERY_FIELD, *table.fields), table)
    relations = _names("relations", given.get("relations", []), table.relations, table)
    return {
        "table": table.name,
        "key": key,
        "fields": [EVERY_FIELD] if EVERY_FIELD in fields or not fields else fields,
        "relations": relations,
    }


def check_template(template: str | None, table: Hydratable | None, fields: Sequence[str] = ()) -> str | None:
    """*template* if each ``{{field}}`` in it is among the *fields* chosen; None when empty. Raises ``BadHydration``."""
    if template is None or not template.strip():
        return None
    if table is None:
        raise TemplateAlone()
    known = table.fields if EVERY_FIELD in fields else fields
    if unknown := [name for name in _FIELD.findall(template) if name not in known]:
        raise NotInTemplate(named=_named(unknown), known=", ".join(known))
    return template


def _names(what: str, given: Any, known: Sequence[str], table: Hydratable) -> list[str]:
    if not isinstance(given, list):
        raise BadHydration(f"{what} is a list of names.")
    asked = cast("list[Any]", given)
    if unknown := [name for name in asked if not isinstance(name, str) or name not in known]:
        raise UnknownName(table=table.name, what=what, named=_named(unknown), known=", ".join(known) or "none")
    return list(dict.fromkeys(cast("list[str]", asked)))


def _named(unknown: Sequence[Any]) -> str:
    """At most three of *unknown* as a message may repeat them: short, and whole characters only."""
    return ", ".join(f"“{str(name)[:60].encode(errors='replace').decode()}”" for name in unknown[:3])
