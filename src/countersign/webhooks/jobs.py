"""Deliveries: one job for each webhook that wants an event, stored in the transaction of the event.

The deliveries of one webhook are a lane: one is on its way at a time, so that who hangs holds up only their own. They
are done aside: a worker that waits for receivers works on.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime
from typing import Any

from ..kernel import events, sql
from ..kernel.audit import audit
from ..kernel.database import Row, Tx
from ..kernel.jobs import JobContext, enqueue, job
from ..kernel.json import dumps
from ..kernel.secrets import Vault, WrongKey
from ..kernel.settings import Settings
from . import sending, service
from .models import FAILURES_IN_A_ROW, Answer, Delivery, KeepsFailing, NotSent, Target
from .registry import EVENTS, TEST

queries = sql.load(__package__ or "")
DELIVER = "webhooks.deliver"
DELAYS = (60, 300, 1800, 3600)  # seconds before each retry; the last one for all that follow
SWITCHED_OFF = Answer(None, None, 0, NotSent().detail)


@events.witness
async def follow(tx: Tx, event: str, event_id: int, data: dict[str, Any]) -> None:
    """Stores one delivery for each webhook that wants *event*."""
    if event not in EVENTS or tx.caller is None:
        return
    for row in await tx.all(Row, queries.subscribed, event=event):
        await _start(tx, row["id"], event, data)


async def test(tx: Tx, number: int) -> str:
    """Sends a ``webhook.test`` event now, also to one that is switched off; returns its delivery id."""
    await service.webhook(tx, number)
    return await _start(tx, number, TEST, {"webhook": number}, forced=True)


async def redeliver(tx: Tx, number: int, delivery: str) -> None:
    """Sends *delivery* again under its id, so that the receiver can tell. Raises ``NotFound``."""
    await service.webhook(tx, number)
    last = await tx.one(Delivery, queries.last_attempt, webhook=number, delivery=delivery)
    await enqueue(
        tx,
        DELIVER,
        lane=service.lane(number),
        webhook=number,
        delivery=delivery,
        event_name=last.event,
        body=dumps(last.payload),
        attempt=last.attempt_number + 1,
        retried=0,
        forced=True,
    )
    await audit(tx, "webhook.redelivered", "webhook", number, new={"delivery": delivery})


async def _start(tx: Tx, number: int, event: str, data: dict[str, Any], *, forced: bool = False) -> str:
    delivery = f"msg_{uuid.uuid4().hex}"
    body = dumps({"type": event, "timestamp": datetime.now(UTC).isoformat(), "data": data})
    await enqueue(
        tx,
        DELIVER,
        lane=service.lane(number),
        webhook=number,
        delivery=delivery,
        event_name=event,
        body=body,
        attempt=1,
        retried=0,
        forced=forced,
    )
    return delivery


@job(DELIVER, attempts=20, aside=True)
async def deliver(
    ctx: JobContext, webhook: int, delivery: str, event_name: str, body: str, attempt: int, retried: int, forced: bool
) -> dict[str, Any]:
    """One attempt; a failed one stores the next in the transaction that logs it."""
    settings = ctx.app.settings
    async with ctx.app.db.transaction(ctx.caller) as tx:
        target = await tx.first(Target, queries.target, id=webhook, delivery=delivery, attempt=attempt)
    if target is None or target.already_sent:
        return {"sent": False}
    if not (target.is_active or forced):
        async with ctx.app.db.transaction(ctx.caller) as tx:
            await _log(tx, webhook, delivery, event_name, body, attempt, SWITCHED_OFF, None)
        return {"sent": False}
    answer = await _send(settings, target, delivery, body)
    again = answer.error is not None and retried < target.retry_count
    delay = DELAYS[min(retried, len(DELAYS) - 1)] * random.uniform(1, 1.2) if again else None
    async with ctx.app.db.transaction(ctx.caller) as tx:
        await _log(tx, webhook, delivery, event_name, body, attempt, answer, delay)
        await _count(tx, webhook, answer)
        if delay is not None:
            args: dict[str, Any] = {**ctx.job.args, "attempt": attempt + 1, "retried": retried + 1}
            await enqueue(tx, DELIVER, key=None, lane=service.lane(webhook), delay=delay, priority=0, **args)
    return {"sent": True, "status_code": answer.status_code, "error": answer.error}


async def _send(settings: Settings, target: Target, delivery: str, body: str) -> Answer:
    vault = Vault(settings)
    try:
        secrets = [vault.open(s.encode()) for s in (target.secret, target.previous_secret) if s]
    except WrongKey as error:
        return Answer(None, None, 0, error.detail)
    return await sending.send(
        target.url,
        delivery,
        body.encode(),
        secrets,
        timeout=target.timeout_seconds,
        allow_private=settings.allow_private_addresses,
    )


async def _log(
    tx: Tx, webhook: int, delivery: str, event: str, body: str, attempt: int, answer: Answer, delay: float | None
) -> None:
    await tx.run(
        queries.add_log,
        webhook=webhook,
        delivery=delivery,
        event=event,
        payload=body,
        status_code=answer.status_code,
        body=answer.body,
        milliseconds=answer.milliseconds,
        status="failed" if answer.error else "success",
        error=answer.error,
        attempt=attempt,
        delay=delay,
    )


async def _count(tx: Tx, webhook: int, answer: Answer) -> None:
    if answer.error is None:
        await tx.run(queries.count_success, id=webhook)
        return
    if await tx.value(queries.count_failure, id=webhook) < FAILURES_IN_A_ROW:
        return
    reason = KeepsFailing(count=FAILURES_IN_A_ROW, why=answer.error).detail
    if await tx.run(queries.deactivate, id=webhook, reason=reason):
        await audit(tx, "webhook.deactivated", "webhook", webhook, new={"is_active": False, "reason": reason})
        await events.publish(tx, "webhook.deactivated", id=webhook, reason=reason)
