"""Pages of webhooks: the list, one with its log, a test and a second delivery."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from ..kernel.pages import page
from ..kernel.web import Clean, House, Router, Who
from . import jobs, service

routes = Router(include_in_schema=False)
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


@routes.on("GET /webhooks", permission="webhooks.view")
async def list_webhooks(request: Request, app: House, caller: Who) -> Response:
    """Every webhook and its state."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.webhooks(tx)
    return page(request, "webhooks/list.html", found=found)


@routes.on("GET /webhooks/{webhook_id}", permission="webhooks.view")
async def read_webhook(request: Request, app: House, caller: Who, webhook_id: Number) -> Response:
    """One webhook and its newest attempts."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
        log = await service.deliveries(tx, webhook_id)
    return page(request, "webhooks/one.html", one=one, log=log)


@routes.on("POST /webhooks/{webhook_id}/test", permission="webhooks.manage")
async def test_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """Sends a test and shows the log."""
    async with app.db.transaction(caller) as tx:
        await jobs.test(tx, webhook_id)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


@routes.on("POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", permission="webhooks.manage")
async def redeliver(app: House, caller: Who, webhook_id: Number, delivery_id: Clean) -> Response:
    """Sends a delivery again and shows the log."""
    async with app.db.transaction(caller) as tx:
        await jobs.redeliver(tx, webhook_id, delivery_id)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)
