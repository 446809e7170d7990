"""JSON routes of ouvrages: one, what it is made of, its breakdown, how its price changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from ...kernel.json import dumps
from ...kernel.web import House, Router, Who
from . import service

routes = Router(prefix="/api/v1", tags=["ouvrages"])

MAX_ID = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=MAX_ID)]


@routes.on("GET /ouvrages/{number}", permission="ouvrages.view")
async def read_ouvrage(app: House, caller: Who, number: Number) -> Response:
    """One ouvrage with its exact cost by composition."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply(await service.ouvrage(tx, number))


@routes.on("GET /ouvrages/{number}/components", permission="ouvrages.view")
async def list_components(app: House, caller: Who, number: Number) -> Response:
    """What one unit of it is made of, in order."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.components(tx, [one.id])})


@routes.on("GET /ouvrages/{number}/breakdown", permission="ouvrages.view")
async def read_breakdown(app: House, caller: Who, number: Number) -> Response:
    """Its whole composition, root first, quantities multiplied through."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.breakdown(tx, one.id)})


@routes.on("GET /ouvrages/{number}/history", permission="ouvrages.view")
async def read_history(app: House, caller: Who, number: Number) -> Response:
    """Its latest 200 price changes, newest first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.ouvrage(tx, number)
        return _reply({"items": await service.prices(tx, one.id)})


def _reply(value: Any) -> Response:
    return Response(dumps(value), media_type="application/json")
