"""Pages of webhooks: the list, one with its log, the forms; a secret is drawn once, by the answer that made it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field, ValidationError

from ..kernel.errors import CountersignError, Invalid
from ..kernel.pages import page
from ..kernel.web import Clean, House, Router, Who
from . import jobs, service
from .api import NewWebhook
from .models import Webhook
from .registry import KNOWN

routes = Router(include_in_schema=False)
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
PER_PAGE = 50
NEW: dict[str, Any] = {"name": "", "url": "", "events": [], "retry_count": 3, "timeout_seconds": 30}


@routes.on("GET /webhooks", permission="webhooks.view")
async def list_webhooks(request: Request, app: House, caller: Who) -> Response:
    """Every webhook and its state."""
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.webhooks(tx)
    return page(request, "webhooks/list.html", found=found)


@routes.on("GET /webhooks/new", permission="webhooks.manage")
async def ask_webhook(request: Request) -> Response:
    """The form of a new webhook."""
    return page(request, "webhooks/form.html", one=None, values=NEW, known=KNOWN)


@routes.on("POST /webhooks/new", permission="webhooks.manage")
async def create_webhook(request: Request, app: House, caller: Who) -> Response:
    """Creates it and shows the secret, this once; or the form again with what is wrong."""
    values = await _read(request)
    try:
        made, secret = await service.create(app, caller, **_checked(values))
    except CountersignError as error:
        return _again(request, None, values, error)
    return page(request, "webhooks/secret.html", one=made, secret=secret, overlap=None)


@routes.on("GET /webhooks/{webhook_id}", permission="webhooks.view")
async def read_webhook(
    request: Request,
    app: House,
    caller: Who,
    webhook_id: Number,
    status: Annotated[Clean, Query(max_length=20)] = "",
    event: Annotated[Clean, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """One webhook and its attempts, newest first; how they went and the event narrow them."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
        log = await service.deliveries(tx, webhook_id, before=before, most=PER_PAGE + 1, status=status, event=event)
        waiting = await service.waiting(tx, webhook_id)
    return page(
        request,
        "webhooks/one.html",
        one=one,
        log=log[:PER_PAGE],
        older=log[PER_PAGE - 1].id if len(log) > PER_PAGE else None,
        waiting=waiting,
        known=KNOWN,
        chosen=status,
        event=event,
        before=before,
    )


@routes.on("GET /webhooks/{webhook_id}/edit", permission="webhooks.manage")
async def ask_change(request: Request, app: House, caller: Who, webhook_id: Number) -> Response:
    """The form of a webhook that exists."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
    values = {name: getattr(one, name) for name in NEW}
    return page(request, "webhooks/form.html", one=one, values=values, known=KNOWN)


@routes.on("POST /webhooks/{webhook_id}/edit", permission="webhooks.manage")
async def change_webhook(request: Request, app: House, caller: Who, webhook_id: Number) -> Response:
    """Changes it, or shows the form again with what is wrong."""
    values = await _read(request)
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
    try:
        await service.update(app, caller, webhook_id, **_checked(values))
    except CountersignError as error:
        return _again(request, one, values, error)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


@routes.on("POST /webhooks/{webhook_id}/rotate", permission="webhooks.manage")
async def rotate_secret(
    request: Request,
    app: House,
    caller: Who,
    webhook_id: Number,
    overlap: Annotated[float, Form(ge=0, le=720)] = 24,
) -> Response:
    """A new secret, shown this once."""
    secret = await service.rotate(app, caller, webhook_id, overlap)
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
    return page(request, "webhooks/secret.html", one=one, secret=secret, overlap=overlap)


@routes.on("POST /webhooks/{webhook_id}/active", permission="webhooks.manage")
async def switch(app: House, caller: Who, webhook_id: Number, active: Annotated[bool, Form()]) -> Response:
    """Switches it on or off."""
    await service.update(app, caller, webhook_id, is_active=active)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


@routes.on("POST /webhooks/{webhook_id}/delete", permission="webhooks.manage")
async def delete_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """Deletes it and shows those that are left."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, webhook_id)
    return RedirectResponse("/webhooks", 303)


@routes.on("POST /webhooks/{webhook_id}/test", permission="webhooks.manage")
async def test_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """Sends a test and shows the log."""
    async with app.db.transaction(caller) as tx:
        await jobs.test(tx, webhook_id)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


@routes.on("GET /webhooks/{webhook_id}/deliveries/{delivery_id}", permission="webhooks.view")
async def read_delivery(request: Request, app: House, caller: Who, webhook_id: Number, delivery_id: Clean) -> Response:
    """One delivery: what was sent, and how each attempt went."""
    async with app.db.transaction(caller, read_only=True) as tx:
        one = await service.webhook(tx, webhook_id)
        attempts = await service.attempts(tx, webhook_id, delivery_id)
    return page(request, "webhooks/delivery.html", one=one, delivery=delivery_id, attempts=attempts)


@routes.on("POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", permission="webhooks.manage")
async def redeliver(app: House, caller: Who, webhook_id: Number, delivery_id: Clean) -> Response:
    """Sends a delivery again and shows the log."""
    async with app.db.transaction(caller) as tx:
        await jobs.redeliver(tx, webhook_id, delivery_id)
    return RedirectResponse(f"/webhooks/{webhook_id}", 303)


async def _read(request: Request) -> dict[str, Any]:
    """What the form says, as it was typed."""
    form = await request.form()
    values: dict[str, Any] = {name: str(form.get(name, "")).strip() for name in NEW}
    return {**values, "events": [str(value) for value in form.getlist("events")]}


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The same by the rules of the API. Raises ``Invalid``."""
    try:
        return NewWebhook.model_validate(values).model_dump()
    except ValidationError as error:
        raise Invalid.from_fields(error.errors()) from error


def _again(request: Request, one: Webhook | None, values: dict[str, Any], error: CountersignError) -> Response:
    return page(request, "webhooks/form.html", status=error.status, one=one, values=values, known=KNOWN, error=error)
