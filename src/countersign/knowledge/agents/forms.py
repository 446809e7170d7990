"""The form of an agent: what it sends, read into what the service takes, and what it shows again."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData

from .fields import DEFAULTS
from .hydration import DEFAULT_KEY, EVERY_FIELD
from .models import SQL_HYDRATION, Hydratable

ICONS = (
    "robot", "buildings", "bricks", "rulers", "tools", "hammer", "lightning-charge", "droplet", "paint-bucket", "house",
    "truck", "box-seam", "cart", "calculator", "currency-euro", "file-text", "journal-text", "book", "bank", "people",
    "headset", "life-preserver", "chat-square-text", "shield-check",
)  # fmt: skip
REQUIRED = ("name", "slug", "icon", "color", "language", "system_prompt", "retrieval_mode")
NUMBERS = ("context_window_size", "max_tokens", "temperature", "top_k")
MAY_BE_EMPTY = (
    "description", "source_template", "ollama_host", "ollama_port", "model", "fallback_model", "min_score",
    "learned_min_score",
)  # fmt: skip
SWITCHES = ("direct_answer", "strict", "is_active")


def values_of(form: FormData) -> dict[str, Any]:
    """What the form says of an agent; fields that it does not have are absent."""
    found: dict[str, Any] = {}
    for name in (*REQUIRED, *NUMBERS, *MAY_BE_EMPTY, "qdrant_collection"):
        if name not in form:
            continue
        text = str(form[name]).replace("\r\n", "\n")
        if name == "system_prompt":
            found[name] = text
        elif text.strip():
            found[name] = (
                text.strip().replace(",", ".") if name in (*NUMBERS, "min_score", "learned_min_score") else text.strip()
            )
        elif name in MAY_BE_EMPTY:
            found[name] = None
        elif name != "qdrant_collection":
            found[name] = ""
    if "retrieval_mode" in form:
        found |= {name: name in form for name in SWITCHES}
        records = form["retrieval_mode"] == SQL_HYDRATION
        found["hydration_config"] = chosen(form) if records else None
        found["source_template"] = found.get("source_template") if records else None
    return found


def chosen(form: FormData) -> dict[str, Any]:
    """The choice of records as ``hydration_config``."""
    return {
        "table": str(form.get("table", "")),
        "key": str(form.get("key", "")).strip() or DEFAULT_KEY,
        "fields": [EVERY_FIELD]
        if form.get("every_field", "yes") == "yes"
        else [str(v) for v in form.getlist("fields")],
        "relations": [str(v) for v in form.getlist("relations")],
    }


def still_there(config: dict[str, Any] | None, known: dict[str, Hydratable]) -> dict[str, Any]:
    """*config* for the form: without what its table does not have; with the first table when it names none."""
    given = config or {}
    table = known.get(str(given.get("table")))
    if table is None:
        first = next(iter(known), "")
        return {"table": first, "key": DEFAULT_KEY, "fields": [EVERY_FIELD], "relations": []}
    fields = [name for name in given.get("fields", [EVERY_FIELD]) if name in (EVERY_FIELD, *table.fields)]
    relations = [name for name in given.get("relations", []) if name in table.relations]
    return {"table": table.name, "key": given.get("key", DEFAULT_KEY), "fields": fields, "relations": relations}


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """*values* over what is usual, for a form that is shown for the first time or again."""
    return {**DEFAULTS, **values}
