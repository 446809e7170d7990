"""JSON routes of ouvrages: the list, the tree, one with its composition and its prices, and every change of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ...kernel.idempotency import Key, once
from ...kernel.json import dumps
from ...kernel.lists import After, Limit, Words
from ...kernel.web import Clean, House, Router, Who
from . import listing, service, write
from .models import Ouvrage, Part

routes = Router(prefix="/api/v1", tags=["ouvrages"])

MAX_ID = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=MAX_ID)]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Seen = Annotated[str | None, Header(alias="If-Match", max_length=100)]
Type = Literal["compose", "simple", "fourniture", "main_oeuvre"]
Price = Annotated[Decimal, Field(max_digits=12, decimal_places=4)]
Asked = Annotated[Decimal | None, Query(max_digits=12, decimal_places=4)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Fields(_Body):
    description: Annotated[Clean | None, Field(max_length=20_000)] = None
    type: Type | None = None
    category: Annotated[Clean | None, Field(max_length=100)] = None
    subcategory: Annotated[Clean | None, Field(max_length=100)] = None
    unit_price: Price | None = None
    currency: Annotated[str | None, Field(pattern="^[A-Z]{3}$")] = None
    technical_specs: Annotated[dict[Annotated[Clean, Field(max_length=100)], Clean] | None, Field(max_length=100)] = (
        None
    )
    parent_id: Id | None = None


class ChangeBody(_Fields):
    """What is absent stays. A unit such as « 100 m2 » is stored as m², the price divided by 100."""

    code: Annotated[Clean | None, Field(max_length=50)] = None
    name: Annotated[Clean | None, Field(max_length=255)] = None
    unit: Annotated[Clean | None, Field(max_length=20)] = None


class NewBody(_Fields):
    """A new ouvrage; *parent_id* is where it stands in the tree."""

    code: Annotated[Clean, Field(min_length=1, max_length=50)]
    name: Annotated[Clean, Field(min_length=1, max_length=255)]
    unit: Annotated[Clean, Field(min_length=1, max_length=20)]


class PartBody(_Body):
    """So much of one component; *unit* is its own when absent."""

    component_id: Id
    quantity: Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=4)]
    unit: Annotated[Clean | None, Field(max_length=20)] = None


class CompositionBody(_Body):
    """The whole composition, in its order."""

    items: Annotated[list[PartBody], Field(max_length=500)]


@routes.on("GET /ouvrages", permission="ouvrages.view")
async def list_ouvrages(
    app: House,
    caller: Who,
    q: Words = None,
    type: Annotated[Clean | None, Query(max_length=50)] = None,
    category: Annotated[Clean | None, Query(max_length=100)] = None,
    parent_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    price_min: Asked = None,
    price_max: Asked = None,
    sort: Annotated[Clean, Query(max_length=50)] = "code",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Ouvrages by words or the beginning of a code, type, trade, price, place; ``next`` begins the next page."""
    wanted = listing.Wanted(q, type, category, parent_id, price_min, price_max)
    async with app.db.transaction(caller, read_only=True) as tx:
        items, following = await listing.page(tx, wanted, sort=sort, after=after, limit=limit)
    return _reply({"items": items, "next": following})


@routes.on("POST /ouvrages", permission="ouvrages.import", status_code=201)
async def create_ouvrage(app: House, caller: Who, body: NewBody, key: Key = None) -> Response:
    """A new ouvrage; the same ``Idempotency-Key`` within a day makes it once."""
    values = body.model_dump(exclude_unset=True)
    async with app.db.transaction(caller) as tx:
        seen = await once(tx, "ouvrage", key, values)
        if seen.made is not None:
            return _one(await service.ouvrage(tx, seen.made), 201)
        return _one(await write.create(tx, _given(values), tags=seen.tags), 201)


@routes.on("GET /ouvrages/tree", permission="ouvrages.view")
async def read_tree(
    app: House,
    caller: Who,
    parent_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    after: Annotated[Clean | None, Query(max_length=50)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 200,
) -> Response:
    """What stands directly below *parent_id*, or at the top, by code; ``next`` is the code that *after* takes."""
    async with app.db.transaction(caller, read_only=True) as tx:
        if parent_id is not None:
            await service.ouvrage(tx, parent_id)
        found = await service.branches(tx, parent_id, after=after, most=limit + 1)
    return _reply({"items": found[:limit], "next": found[limit - 1].code if len(found) > limit else None})


@routes.on("GET /ouvrages/{number}", permission="ouvrages.view")
async def read_ouvrage(app: House, caller: Who, number: Number) -> Response:
    """One ouvrage with its exact cost by composition; its ``ETag`` is what a change sends back as ``If-Match``."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _one(await service.ouvrage(tx, number))


@routes.on("PATCH /ouvrages/{number}", permission="ouvrages.import")
async def update_ouvrage(app: House, caller: Who, number: Number, body: ChangeBody, seen: Seen = None) -> Response:
    """Changes what is named, its place in the tree too; 412 when ``If-Match`` is not its present ``ETag``."""
    async with app.db.transaction(caller) as tx:
        return _one(await write.update(tx, number, body.model_dump(exclude_unset=True), seen=seen))


@routes.on("DELETE /ouvrages/{number}", permission="ouvrages.import", status_code=204)
async def delete_ouvrage(app: House, caller: Who, number: Number, seen: Seen = None) -> Response:
    """Deletes it: it answers no question from now on. Refused while others stand below it or are made of it."""
    async with app.db.transaction(caller) as tx:
        await write.delete(tx, number, seen=seen)
    return Response(status_code=204)


@routes.on("POST /ouvrages/{number}/take-over", permission="ouvrages.import")
async def take_over(app: House, caller: Who, number: Number, seen: Seen = None) -> Response:
    """What its components cost becomes its stored price."""
    async with app.db.transaction(caller) as tx:
        return _one(await write.take_over(tx, number, seen=seen))


@routes.on("GET /ouvrages/{number}/components", permission="ouvrages.view")
async def list_components(app: House, caller: Who, number: Number) -> Response:
    """What one unit of it is made of, in order."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.components(tx, [one.id])}, etag=one.etag)


@routes.on("PUT /ouvrages/{number}/components", permission="ouvrages.import")
async def put_components(app: House, caller: Who, number: Number, body: CompositionBody, seen: Seen = None) -> Response:
    """The whole composition in its order: what is left out is taken out."""
    parts = [Part(line.component_id, line.quantity, line.unit) for line in body.items]
    async with app.db.transaction(caller) as tx:
        one = await write.compose(tx, number, parts, seen=seen)
        return _reply({"items": await service.components(tx, [one.id])}, etag=one.etag)


@routes.on("GET /ouvrages/{number}/breakdown", permission="ouvrages.view")
async def read_breakdown(app: House, caller: Who, number: Number) -> Response:
    """Its whole composition, root first, quantities multiplied through."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.breakdown(tx, one.id)})


@routes.on("GET /ouvrages/{number}/history", permission="ouvrages.view")
async def read_history(app: House, caller: Who, number: Number) -> Response:
    """Its latest 200 price changes, newest first: who made them, and from which import."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.prices(tx, one.id)})


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What is named and said: null in a new ouvrage is as good as absent."""
    return {name: value for name, value in values.items() if value is not None}


def _one(one: Ouvrage, status: int = 200) -> Response:
    return _reply(one, status, one.etag)


def _reply(value: Any, status: int = 200, etag: str | None = None) -> Response:
    headers = {"ETag": etag} if etag else None
    return Response(dumps(value), status, headers, media_type="application/json")
