"""Webhooks: who is told of what, and with which secret."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from ..kernel import sql
from ..kernel.access import Caller
from ..kernel.app import App
from ..kernel.audit import audit
from ..kernel.database import Tx
from ..kernel.errors import NotFound
from ..kernel.http import resolve
from ..kernel.json import dumps
from ..kernel.secrets import Vault
from .models import Delivery, NoAddress, NoEvent, UnknownEvents, Waiting, Webhook
from .registry import EVENTS

queries = sql.load(__package__ or "")


async def webhooks(tx: Tx) -> list[Webhook]:
    """Live webhooks, by name."""
    return await tx.all(Webhook, queries.webhooks, id=None)


async def webhook(tx: Tx, number: int) -> Webhook:
    """One live webhook. Raises ``NotFound``."""
    return await tx.one(Webhook, queries.webhooks, id=number)


async def create(
    app: App,
    caller: Caller,
    *,
    name: str,
    url: str,
    events: Sequence[str],
    retry_count: int = 3,
    timeout_seconds: int = 30,
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is shown this once. Raises ``UnknownEvents``, ``AddressRefused``."""
    chosen = known(events)
    await check_address(app, url)
    plain = _new_secret()
    values = {"name": name, "url": url, "retry_count": retry_count, "timeout_seconds": timeout_seconds}
    async with app.db.transaction(caller) as tx:
        sealed = Vault(app.settings).seal(plain).decode()
        number = await tx.value(queries.add_webhook, **values, secret=sealed, events=dumps(chosen))
        await audit(tx, "webhook.created", "webhook", number, new={**values, "events": chosen})
        return await webhook(tx, number), plain


async def update(app: App, caller: Caller, number: int, **changes: Any) -> Webhook:
    """Changes what is given of name, url, events, retry_count, timeout_seconds, is_active. Raises as ``create``."""
    if "events" in changes:
        changes["events"] = known(changes["events"])
    if "url" in changes:
        await check_address(app, changes["url"])
    async with app.db.transaction(caller) as tx:
        before = await webhook(tx, number)
        fields = ("name", "url", "events", "retry_count", "timeout_seconds", "is_active")
        old = {field: getattr(before, field) for field in fields}
        new = {**old, **changes}
        await tx.run(queries.change_webhook, **{**new, "events": dumps(new["events"])}, id=number)
        await audit(tx, "webhook.updated", "webhook", number, old=old, new=new)
        return await webhook(tx, number)


async def delete(tx: Tx, number: int) -> None:
    """Sends nothing there any more. Raises ``NotFound``."""
    if not await tx.run(queries.delete_webhook, id=number):
        raise NotFound()
    await audit(tx, "webhook.deleted", "webhook", number)


async def rotate(app: App, caller: Caller, number: int, overlap_hours: float = 24) -> str:
    """A new secret, shown this once; for *overlap_hours* the former one signs too. Raises ``NotFound``."""
    plain = _new_secret()
    async with app.db.transaction(caller) as tx:
        sealed = Vault(app.settings).seal(plain).decode()
        if not await tx.run(queries.rotate_secret, id=number, secret=sealed, overlap=overlap_hours * 3600):
            raise NotFound()
        await audit(tx, "webhook.rotated", "webhook", number, new={"overlap_hours": overlap_hours})
    return plain


async def deliveries(
    tx: Tx,
    number: int,
    *,
    before: int | None = None,
    most: int = 50,
    status: str | None = None,
    event: str | None = None,
    delivery: str | None = None,
) -> list[Delivery]:
    """Attempts, newest first; *status* (success, failed), *event* and *delivery* narrow them. Raises ``NotFound``."""
    await webhook(tx, number)
    narrowed = {"status": status or None, "event": event or None, "delivery": delivery or None}
    return await tx.all(Delivery, queries.deliveries, webhook=number, before=before, most=most, **narrowed)


async def attempts(tx: Tx, number: int, delivery: str) -> list[Delivery]:
    """Every attempt of one delivery, newest first. Raises ``NotFound``."""
    found = await deliveries(tx, number, delivery=delivery, most=200)
    if not found:
        raise NotFound()
    return found


async def waiting(tx: Tx, number: int) -> Waiting:
    """How many deliveries are still to be made."""
    return await tx.one(Waiting, queries.waiting, lane=lane(number))


def lane(number: int) -> str:
    """The lane of a webhook's deliveries."""
    return f"webhook:{number}"


def known(events: Sequence[str]) -> list[str]:
    """*events* once each, sorted. Raises ``NoEvent``, ``UnknownEvents`` with those that exist."""
    unknown = sorted(set(events) - {*EVENTS, "*"})
    if not events:
        raise NoEvent()
    if unknown:
        raise UnknownEvents(unknown=", ".join(unknown), events=", ".join(EVENTS), known=[*EVENTS, "*"])
    return sorted(set(events))


async def check_address(app: App, url: str) -> None:
    """Raises ``AddressRefused`` for a private address, ``NoAddress`` for what is not one."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise NoAddress() from error
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise NoAddress()
    await resolve(parts.hostname, port, allow_private=app.settings.allow_private_addresses)


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
