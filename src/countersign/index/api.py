"""JSON routes of the index: how far it is, what failed, trying again, rebuilding."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import Response

from ..kernel.json import dumps
from ..kernel.web import Clean, House, Router, Who
from . import service

routes = Router(prefix="/api/v1", tags=["index"])
Name = Annotated[Clean, Path(max_length=100)]


@routes.on("GET /index", permission="ouvrages.index")
async def read_index(app: House, caller: Who) -> Response:
    """Every collection: entries, points, what waits and what failed, backend, embedder, and the work under way."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.stats(tx, app)
        work = await service.work(tx)
    return _reply({"items": [{**asdict(one), "work": work.get(one.collection)} for one in found]})


@routes.on("GET /index/errors", permission="ouvrages.index")
async def read_errors(
    app: House,
    caller: Who,
    collection: Annotated[Clean | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Entries that could not be indexed, with the reason and when they are tried again; those that gave up first."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": await service.failures(tx, collection, limit)})


@routes.on("POST /index/{collection}/retry", permission="ouvrages.index", status_code=202)
async def retry(app: House, caller: Who, collection: Name) -> Response:
    """Tries at once what failed in a collection."""
    async with app.db.transaction(caller) as tx:
        await service.known(tx, app, collection)
        return _reply({"entries": await service.retry(tx, collection)}, 202)


@routes.on("POST /index/{collection}/reindex", permission="ouvrages.index", status_code=202)
async def reindex(app: House, caller: Who, collection: Name) -> Response:
    """Builds the collection anew beside the one that answers, then swaps, unless validated questions find less."""
    async with app.db.transaction(caller) as tx:
        await service.known(tx, app, collection)
        return _reply({"job": await service.reindex(tx, collection)}, 202)


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
