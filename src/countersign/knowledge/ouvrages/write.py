"""Changing ouvrages: every change is one transaction with its audit row, its event and its marks in the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from ...index import service as index
from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.events import publish
from ...kernel.json import dumps
from . import service
from .indexing import KIND
from .models import (
    TYPES,
    BadQuantity,
    CodeTaken,
    ComponentTwice,
    CostUnknown,
    NoSuchComponent,
    NoSuchOuvrage,
    NoSuchParent,
    NotComposed,
    Ouvrage,
    OuvrageChanged,
    OuvrageInUse,
    Part,
    StillComposed,
    UnitMismatch,
    UnknownType,
    ValueMissing,
)

queries = sql.load(__package__ or "")

FIELDS = (
    "code",
    "name",
    "description",
    "type",
    "category",
    "subcategory",
    "unit",
    "unit_price",
    "currency",
    "technical_specs",
    "parent_id",
)
NEEDED = ("code", "name", "type", "unit", "currency")


async def create(tx: Tx, values: Mapping[str, Any], *, tags: tuple[str, ...] = ()) -> Ouvrage:
    """A new ouvrage. Raises ``Invalid``, ``CodeTaken``. *tags* go into its audit row."""
    given = await _checked(tx, {"type": "simple", "currency": "EUR", "technical_specs": {}, **values})
    try:
        made = int(await tx.value(queries.add_ouvrage, **given))
    except psycopg.errors.UniqueViolation as error:
        raise CodeTaken() from error
    one = await service.ouvrage(tx, made)
    await audit(tx, "create", "ouvrage", one.id, new=_values(one), tags=tags)
    await publish(tx, "ouvrage.created", **_news(one))
    await _mark(tx, [one.id], one.parent_id)
    return one


async def update(tx: Tx, ouvrage_id: int, values: Mapping[str, Any], *, seen: str | None = None) -> Ouvrage:
    """Changes what *values* names, its place in the tree too; *seen* is the etag of what was read.

    Raises ``OuvrageChanged``, ``Invalid``, ``CodeTaken``; 409 when it would stand below itself.
    """
    old = await _locked(tx, ouvrage_id, seen)
    given = await _checked(tx, {**_values(old), **values})
    if old.type == "compose" != given["type"] and await service.components(tx, [old.id]):
        raise StillComposed()
    try:
        await tx.run(queries.change_ouvrage, id=old.id, **given)
    except psycopg.errors.UniqueViolation as error:
        raise CodeTaken() from error
    one = await service.ouvrage(tx, old.id)
    before, now = _values(old), _values(one)
    changed = [name for name in FIELDS if before[name] != now[name]]
    if changed:
        await audit(
            tx,
            "update",
            "ouvrage",
            one.id,
            old={name: before[name] for name in changed},
            new={name: now[name] for name in changed},
        )
        await publish(tx, "ouvrage.updated", **_news(one), changed=changed, old_unit_price=old.unit_price)
        await _mark(tx, [one.id], old.parent_id, one.parent_id)
    return one


async def compose(tx: Tx, ouvrage_id: int, parts: Sequence[Part], *, seen: str | None = None) -> Ouvrage:
    """Makes the ouvrage of exactly *parts*, in their order. Raises as ``update``; 409 when it would contain itself."""
    old = await _locked(tx, ouvrage_id, seen)
    if old.type != "compose" and parts:
        raise NotComposed()
    fit = await _fit(tx, parts)
    before = await service.components(tx, [old.id])
    await tx.run(queries.cut_components, id=old.id, kept=[row["component_id"] for row in fit])
    await tx.run(queries.change_components, id=old.id, parts=dumps(fit))
    await tx.run(queries.add_components, id=old.id, parts=dumps(fit))
    now = await service.components(tx, [old.id])
    if before == now:
        return old
    await tx.run(queries.renew_ouvrage, id=old.id)
    one = await service.ouvrage(tx, old.id)
    shown = [
        {"components": [{"code": c.code, "quantity": c.quantity, "unit": c.unit} for c in parts]}
        for parts in (before, now)
    ]
    await audit(tx, "update", "ouvrage", one.id, old=shown[0], new=shown[1])
    await publish(tx, "ouvrage.updated", **_news(one), changed=["components"], old_unit_price=old.unit_price)
    await _mark(tx, [one.id])
    return one


async def take_over(tx: Tx, ouvrage_id: int, *, seen: str | None = None) -> Ouvrage:
    """What the components cost becomes the stored price, to four decimals. Raises ``CostUnknown`` and as ``update``."""
    one = await _locked(tx, ouvrage_id, seen)
    if one.type != "compose" or one.cost is None:
        raise CostUnknown()
    return await update(tx, one.id, {"unit_price": one.cost})


async def delete(tx: Tx, ouvrage_id: int, *, seen: str | None = None) -> None:
    """Takes it out of sight: it answers nothing once committed. Raises ``OuvrageInUse``, ``OuvrageChanged``."""
    old = await _locked(tx, ouvrage_id, seen)
    if held := [row["code"] for row in await tx.all(Row, queries.holding, id=old.id)]:
        raise OuvrageInUse(about=held)
    await tx.run(queries.delete_ouvrage, id=old.id)
    await audit(tx, "delete", "ouvrage", old.id, old=_values(old))
    await publish(tx, "ouvrage.deleted", **_news(old))
    await index.forget(tx, KIND, [old.id])
    await _mark(tx, [], old.parent_id)


async def _locked(tx: Tx, ouvrage_id: int, seen: str | None) -> Ouvrage:
    if await tx.value(queries.lock_ouvrage, id=ouvrage_id) is None:
        raise NoSuchOuvrage()
    one = await service.ouvrage(tx, ouvrage_id)
    if seen is not None and seen != one.etag:
        raise OuvrageChanged()
    return one


async def _checked(tx: Tx, values: Mapping[str, Any]) -> Row:
    """Every field as it is stored. Raises ``Invalid``."""
    given: Row = {name: values.get(name) for name in FIELDS}
    for name in FIELDS:
        if isinstance(given[name], str):
            given[name] = given[name].strip() or None
    if missing := [name for name in NEEDED if not given[name]]:
        raise ValueMissing(about=missing)
    if given["type"] not in TYPES:
        raise UnknownType()
    if given["parent_id"] is not None:
        try:
            await service.ouvrage(tx, given["parent_id"])
        except NoSuchOuvrage:
            raise NoSuchParent() from None
    given["technical_specs"] = dumps(given["technical_specs"] or {})
    return given


async def _fit(tx: Tx, parts: Sequence[Part]) -> list[Row]:
    """The lines as they are stored. Raises ``Invalid``."""
    lines = [
        {"component_id": part.component_id, "quantity": part.quantity, "unit": part.unit, "place": place}
        for place, part in enumerate(parts)
    ]
    fit = await tx.all(Row, queries.fit_parts, parts=dumps(lines))
    known: set[int] = set()
    for row in fit:
        if row["missing"]:
            raise NoSuchComponent(about=[row["component_id"]])
        if row["component_id"] in known:
            raise ComponentTwice(about=[row["code"]])
        if row["mismatch"]:
            raise UnitMismatch(about=[row["code"]])
        if row["quantity"] <= 0 or row["quantity"] >= 1_000_000 or row["quantity"] != round(row["quantity"], 4):
            raise BadQuantity(about=[row["code"]])
        known.add(row["component_id"])
    return fit


async def _mark(tx: Tx, ids: Sequence[int], *places: int | None) -> None:
    """These, whatever is made of them, and those above that they join or leave are read again by the index."""
    read = [row["id"] for row in await tx.all(Row, queries.made_of, ids=list(ids))]
    read += [place for place in places if place is not None]
    if not read:
        return
    for each in await tx.all(Row, queries.reading_collections):
        await index.mark(tx, each["name"], KIND, read)
    await index.touch(tx, KIND, read)


def _values(one: Ouvrage) -> Row:
    return {name: getattr(one, name) for name in FIELDS}


def _news(one: Ouvrage) -> Row:
    """What others are told: small, and exact."""
    return {name: getattr(one, name) for name in ("id", "code", "name", "type", "unit", "unit_price", "currency")}
