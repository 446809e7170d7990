"""JSON routes of webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ..kernel.json import dumps
from ..kernel.web import Clean, House, Router, Who
from . import jobs, service
from .registry import KNOWN

routes = Router(prefix="/api/v1", tags=["webhooks"])
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class NewWebhook(BaseModel):
    """A webhook to create."""

    model_config = ConfigDict(extra="forbid")

    name: Clean = Field(min_length=1, max_length=255)
    url: Clean = Field(min_length=1, max_length=2048)
    events: list[Clean] = Field(max_length=50)
    retry_count: int = Field(default=3, ge=0, le=20)
    timeout_seconds: int = Field(default=30, ge=1, le=120)


class Changes(BaseModel):
    """What changes; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    name: Clean = Field(default="", min_length=1, max_length=255)
    url: Clean = Field(default="", min_length=1, max_length=2048)
    events: list[Clean] = Field(default=[], max_length=50)
    retry_count: int = Field(default=3, ge=0, le=20)
    timeout_seconds: int = Field(default=30, ge=1, le=120)
    is_active: bool = True


class Rotation(BaseModel):
    """How long both secrets sign."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(default=24, ge=0, le=720)


@routes.on("GET /webhooks", permission="webhooks.view")
async def list_webhooks(app: House, caller: Who) -> Response:
    """Webhooks, by name."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply({"items": await service.webhooks(tx)})


@routes.on("GET /webhooks/events", permission="webhooks.view")
async def list_events() -> Response:
    """Every event that a webhook can be told of: what it means, the JSON schema of its data, an example.

    An event without a schema is not published yet by this version; a webhook may wait for it all the same.
    """
    return _reply({"items": [event.as_json() for event in KNOWN]})


@routes.on("POST /webhooks", permission="webhooks.manage", status_code=201)
async def create_webhook(app: House, caller: Who, new: NewWebhook) -> Response:
    """Creates a webhook; the secret is in this answer and never again."""
    made, secret = await service.create(app, caller, **new.model_dump())
    return _reply({"webhook": made, "secret": secret}, 201)


@routes.on("GET /webhooks/{webhook_id}", permission="webhooks.view")
async def read_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """One webhook."""
    async with app.db.transaction(caller, read_only=True) as tx:
        return _reply(await service.webhook(tx, webhook_id))


@routes.on("PATCH /webhooks/{webhook_id}", permission="webhooks.manage")
async def update_webhook(app: House, caller: Who, webhook_id: Number, changes: Changes) -> Response:
    """Changes what is given; ``is_active: true`` switches it on again."""
    return _reply(await service.update(app, caller, webhook_id, **changes.model_dump(exclude_unset=True)))


@routes.on("DELETE /webhooks/{webhook_id}", permission="webhooks.manage", status_code=204)
async def delete_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """Sends nothing there any more."""
    async with app.db.transaction(caller) as tx:
        await service.delete(tx, webhook_id)
    return Response(status_code=204)


@routes.on("POST /webhooks/{webhook_id}/rotate", permission="webhooks.manage")
async def rotate_webhook(app: House, caller: Who, webhook_id: Number, rotation: Rotation) -> Response:
    """A new secret, shown this once; both sign while they overlap."""
    return _reply({"secret": await service.rotate(app, caller, webhook_id, rotation.overlap_hours)})


@routes.on("POST /webhooks/{webhook_id}/test", permission="webhooks.manage", status_code=202)
async def test_webhook(app: House, caller: Who, webhook_id: Number) -> Response:
    """Sends a ``webhook.test`` event."""
    async with app.db.transaction(caller) as tx:
        return _reply({"delivery_id": await jobs.test(tx, webhook_id)}, 202)


@routes.on("GET /webhooks/{webhook_id}/deliveries", permission="webhooks.view")
async def list_deliveries(
    app: House,
    caller: Who,
    webhook_id: Number,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    most: Annotated[int, Query(ge=1, le=200)] = 50,
    status: Annotated[Literal["success", "failed"] | None, Query()] = None,
    event: Annotated[Clean | None, Query(max_length=100)] = None,
    delivery: Annotated[Clean | None, Query(max_length=64)] = None,
) -> Response:
    """Attempts, newest first; narrowed by how they went, event or delivery. ``next`` is the ``before`` that follows."""
    narrowed: dict[str, Any] = {"status": status, "event": event, "delivery": delivery}
    async with app.db.transaction(caller, read_only=True) as tx:
        found = await service.deliveries(tx, webhook_id, before=before, most=most + 1, **narrowed)
    return _reply({"items": found[:most], "next": found[most - 1].id if len(found) > most else None})


@routes.on(
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", permission="webhooks.manage", status_code=202
)
async def redeliver(app: House, caller: Who, webhook_id: Number, delivery_id: Clean) -> Response:
    """Sends a delivery again, under the same id."""
    async with app.db.transaction(caller) as tx:
        await jobs.redeliver(tx, webhook_id, delivery_id)
    return _reply({"delivery_id": delivery_id}, 202)


def _reply(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status_code=status, media_type="application/json")
