"""The page that says how the index is: per collection what is there, what waits, what failed and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import RedirectResponse, Response

from ..kernel.pages import page
from ..kernel.web import Clean, House, Router, Who
from . import service

routes = Router(include_in_schema=False)
Name = Annotated[Clean, Path(max_length=100)]

SHOWN = 20  # failed entries of a collection


@routes.on("GET /records/index", permission="ouvrages.index")
async def read_health(request: Request, app: House, caller: Who) -> Response:
    """Every collection; while something is being indexed the page renews itself."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.stats(tx, app)
        work = await service.work(tx)
        failures = {one.collection: await service.failures(tx, one.collection, SHOWN) for one in found if one.errors}
    alive = any(one.status in ("queued", "running") for one in work.values())
    return page(request, "index/health.html", found=found, work=work, failures=failures, alive=alive)


@routes.on("POST /records/index/{collection}/retry", permission="ouvrages.index")
async def retry(app: House, caller: Who, collection: Name) -> Response:
    """Tries at once what failed."""
    async with app.db.transaction(caller) as tx:
        await service.known(tx, app, collection)
        await service.retry(tx, collection)
    return RedirectResponse("/records/index", 303)


@routes.on("POST /records/index/{collection}/reindex", permission="ouvrages.index")
async def reindex(app: House, caller: Who, collection: Name) -> Response:
    """Rebuilds a collection beside the one that answers."""
    async with app.db.transaction(caller) as tx:
        await service.known(tx, app, collection)
        await service.reindex(tx, collection)
    return RedirectResponse("/records/index", 303)
