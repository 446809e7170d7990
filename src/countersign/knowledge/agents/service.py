"""Agents: finding them, making and changing them, and the history of what they were told."""

from __future__ import annotations

from typing import Any

from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Tx
from ...kernel.json import dumps
from ...kernel.reasons import MISSING
from ...providers.models import BadModelName, ModelName
from . import collections, hydration
from .diff import lines as difference
from .fields import DEFAULTS, AgentChange, read
from .forms import values_of
from .hydration import describe_with
from .models import (
    SQL_HYDRATION,
    Agent,
    AgentChanged,
    AgentId,
    BadAgent,
    Hydratable,
    NoSuchAgent,
    NoSuchVersion,
    PromptVersion,
    SlugTaken,
)

__all__ = [
    "AgentChange",
    "add",
    "agent",
    "agent_by_id",
    "agents",
    "create",
    "delete",
    "describe_with",
    "difference",
    "drafted",
    "duplicate",
    "hydratable",
    "prompt_version",
    "prompt_versions",
    "restore",
    "update",
    "values_of",
]

queries = sql.load(__package__ or "")

REQUIRED = ("name", "slug", "system_prompt")
OF_COPIES = {"fr": "copie", "en": "copy"}


async def agents(tx: Tx, *, q: str | None = None, inactive: bool = False) -> list[Agent]:
    """Live agents of the caller's tenant, by name; those that are switched off come last, if asked for."""
    return await tx.all(Agent, queries.agents, q=q or None, slug=None, inactive=inactive)


async def agent(tx: Tx, slug: str, *, inactive: bool = False) -> Agent:
    """One live agent, active unless *inactive* is allowed. Raises ``NoSuchAgent``."""
    # What no agent can be called is not asked for: PostgreSQL takes no NUL.
    named = slug.isprintable()
    found = await tx.first(Agent, queries.agents, q=None, slug=slug, inactive=inactive) if named else None
    if found is None:
        raise NoSuchAgent()
    return found


async def agent_by_id(tx: Tx, agent_id: int) -> Agent:
    """One live agent, whatever it is called now. Raises ``NoSuchAgent``."""
    slug = await tx.value(queries.agent_by_id, id=agent_id)
    return await agent(tx, slug or "", inactive=True)


async def hydratable(tx: Tx) -> dict[str, Hydratable]:
    """Every table that an agent may answer from, by name."""
    return await hydration.tables(tx)


# -- making and changing


async def create(tx: Tx, values: dict[str, Any], *, tags: tuple[str, ...] = ()) -> Agent:
    """A new agent; its collection is filled after the commit.

    Raises ``BadAgent``, ``BadHydration``, ``SlugTaken``, ``CollectionTaken``.
    """
    known = await hydratable(tx)
    whole = {**DEFAULTS, **read(values)}
    if lacking := [name for name in REQUIRED if not whole[name]]:
        raise BadAgent.of_fields((name, MISSING) for name in lacking)
    whole = _fit(whole, known)
    await tx.run(queries.lock_slugs)
    await tx.run(queries.note_change, note=None)
    made = await tx.value(queries.add_agent, values=dumps(whole))
    if made is None:
        raise SlugTaken(slug=whole["slug"])
    await audit(tx, "create", "agent", made, new=whole, tags=tags)
    new = await agent(tx, whole["slug"], inactive=True)
    await collections.settle(tx, None, new, known)
    return new


async def update(
    tx: Tx, slug: str, changes: dict[str, Any], *, note: str | None = None, seen: str | None = None
) -> Agent:
    """Changes what *changes* names; *seen* is the ``etag`` of what was read, *note* is kept with a new prompt.

    Raises ``NoSuchAgent``, ``AgentChanged``, and as ``create``.
    """
    old = await _locked(tx, slug, seen)
    known = await hydratable(tx)
    new = _fit({**old.values, **read(changes)}, known)
    before = old.values
    changed = [name for name in new if new[name] != before[name]]
    if not changed:
        return old
    if "slug" in changed:
        await tx.run(queries.lock_slugs)
    await tx.run(queries.note_change, note=note)
    if await tx.value(queries.change_agent, id=old.id, values=dumps(new)) is None:
        raise SlugTaken(slug=new["slug"])
    shown = {name: new[name] for name in changed} | ({"change_note": note} if note else {})
    await audit(tx, "update", "agent", old.id, old={name: before[name] for name in changed}, new=shown)
    now = await agent(tx, new["slug"], inactive=True)
    await collections.settle(tx, old, now, known)
    return now


async def duplicate(tx: Tx, slug: str, values: dict[str, Any] | None = None, *, tags: tuple[str, ...] = ()) -> Agent:
    """A copy with all settings, switched off until somebody switches it on; *values* are set otherwise.

    It searches the same collection. Raises ``NoSuchAgent``, and as ``create``.
    """
    old = await agent(tx, slug, inactive=True)
    word = OF_COPIES.get(old.language[:2], OF_COPIES["fr"])
    await tx.run(queries.lock_slugs)
    base = f"{old.slug[:80]}-{word}"
    taken = set(await tx.value(queries.like_slugs, slug=base))
    free = next(name for n in range(1, len(taken) + 2) if (name := base if n == 1 else f"{base}-{n}") not in taken)
    copy = {**old.values, "slug": free, "name": f"{old.name[:240]} ({word})", "is_active": False}
    return await create(tx, {**copy, **(values or {})}, tags=tags)


async def delete(tx: Tx, slug: str, *, seen: str | None = None) -> None:
    """Takes an agent out of use; its conversations stay and can be read. Raises ``NoSuchAgent``, ``AgentChanged``."""
    old = await _locked(tx, slug, seen)
    await tx.run(queries.delete_agent, id=old.id)
    await audit(tx, "delete", "agent", old.id, old={"name": old.name, "slug": old.slug})
    await collections.settle(tx, old, None, await hydratable(tx))


async def drafted(tx: Tx, slug: str, changes: dict[str, Any]) -> Agent:
    """The agent as it would be with *changes*, which are not saved. Raises as ``update``."""
    old = await agent(tx, slug, inactive=True)
    new = _fit({**old.values, **read(changes)}, await hydratable(tx))
    kept = (old.id, old.prompt_version, old.created_at, old.updated_at)
    return Agent(**new, id=kept[0], prompt_version=kept[1], created_at=kept[2], updated_at=kept[3])


async def add(tx: Tx, values: dict[str, Any]) -> Agent | None:
    """The agent, unless its slug is taken; None then. *values* are known to fit; its records are marked apart."""
    added = await tx.value(queries.add_agent, values=dumps({**DEFAULTS, **values}))
    if added is None:
        return None
    await audit(tx, "create", "agent", added, new=values)
    return await agent(tx, values["slug"])


# -- what it was told


async def prompt_versions(tx: Tx, slug: str) -> list[PromptVersion]:
    """Every version of the agent's prompt, newest first. Raises ``NoSuchAgent``."""
    found = await agent(tx, slug, inactive=True)
    return await tx.all(PromptVersion, queries.prompt_versions, agent=found.id, version=None)


async def prompt_version(tx: Tx, agent_id: AgentId, version: int) -> PromptVersion:
    """One version. Raises ``NoSuchVersion``."""
    found = await tx.first(PromptVersion, queries.prompt_versions, agent=agent_id, version=version)
    if found is None:
        raise NoSuchVersion()
    return found


async def restore(tx: Tx, slug: str, version: int, *, note: str | None = None, seen: str | None = None) -> Agent:
    """The prompt of *version* again, as a new version. Raises ``NoSuchVersion``, and as ``update``."""
    found = await agent(tx, slug, inactive=True)
    text = (await prompt_version(tx, found.id, version)).system_prompt
    word = "Retour à la version" if found.language.startswith("fr") else "Back to version"
    return await update(tx, slug, {"system_prompt": text}, note=note or f"{word} {version}", seen=seen)


async def _locked(tx: Tx, slug: str, seen: str | None) -> Agent:
    if await tx.value(queries.lock_agent, slug=slug) is None:
        raise NoSuchAgent()
    found = await agent(tx, slug, inactive=True)
    if seen is not None and seen not in ("*", found.etag):
        raise AgentChanged()
    return found


def _fit(values: dict[str, Any], known: dict[str, Hydratable]) -> dict[str, Any]:
    """All fields of an agent, checked against each other. Raises ``BadAgent``, ``BadHydration``."""
    values = dict(values)
    for name in ("model", "fallback_model"):
        if values[name] is not None:
            try:
                ModelName.parse(values[name])
            except BadModelName as error:
                raise BadAgent.of_fields([(name, error.detail)]) from error
    table, fields = None, list[str]()
    if values["retrieval_mode"] == SQL_HYDRATION:
        values["hydration_config"] = hydration.check(values["hydration_config"], known)
        table, fields = known[values["hydration_config"]["table"]], values["hydration_config"]["fields"]
    else:
        values["hydration_config"] = None
    values["source_template"] = hydration.check_template(values["source_template"], table, fields)
    values["qdrant_collection"] = values["qdrant_collection"] or collection_of(values["slug"], table)
    return values


def collection_of(slug: str, table: Hydratable | None) -> str:
    """The collection of an agent that names none: that of its table, or one of its own."""
    return (table.collection if table else None) or f"agent_{slug.replace('-', '_')[:90]}"
