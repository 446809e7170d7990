"""An event reaches who wants it, signed, again and again until it is taken or given up; nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook as Verifier

from countersign.kernel import events, jobs
from countersign.kernel.app import App
from countersign.webhooks import jobs as webhook_jobs
from countersign.webhooks import service
from countersign.webhooks.models import FAILURES_IN_A_ROW, Webhook
from tests.conftest import Tenants
from tests.webhooks.receiver import Receiver, receiving

NEWS = {"message": "0190f5f0-3c1e-7a55-9a51-0f5a2c1d9e77", "status": "été"}
Owner = psycopg.AsyncConnection[Any]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def subscribed(house: App, tenants: Tenants, receiver: Receiver, **more: Any) -> tuple[Webhook, str]:
    given: dict[str, Any] = {"name": "ERP", "url": receiver.url, "events": ["message.created"], **more}
    return await service.create(house, tenants.a.caller, **given)


async def happen(house: App, tenants: Tenants, event: str = "message.created") -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, event, **NEWS)


async def waiting(owner: Owner) -> list[tuple[int, float]]:
    found = await owner.execute(
        "SELECT id, extract(epoch FROM run_at - created_at)::float FROM jobs WHERE name = 'webhooks.deliver' "
        "AND status = 'queued' ORDER BY id"
    )
    return await found.fetchall()


async def work_all(house: App, owner: Owner) -> list[float]:
    """Does every delivery as if its time had come; returns in how many seconds each would have."""
    due = await waiting(owner)
    await owner.execute("UPDATE jobs SET run_at = now() WHERE name = 'webhooks.deliver' AND status = 'queued'")
    for number, _ in due:
        await jobs.work(house, number)
    return [seconds for _, seconds in due]


async def logged(house: App, tenants: Tenants, webhook: Webhook):
    async with house.db.transaction(tenants.a.caller) as tx:
        return await service.deliveries(tx, webhook.id)


async def read(house: App, tenants: Tenants, webhook: Webhook) -> Webhook:
    async with house.db.transaction(tenants.a.caller) as tx:
        return await service.webhook(tx, webhook.id)


async def test_the_bytes_sent_verify_with_the_standard_library(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    webhook, secret = await subscribed(house, tenants, receiver)
    await happen(house, tenants)
    await work_all(house, owner)
    [(headers, body)] = receiver.received
    assert Verifier(secret).verify(body, headers)["data"] == NEWS
    [attempt] = await logged(house, tenants, webhook)
    assert (attempt.status, attempt.status_code, attempt.response_body) == ("success", 200, "ok")
    assert headers["webhook-id"] == attempt.delivery_id


async def test_both_secrets_verify_while_they_overlap_and_one_after(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    webhook, old = await subscribed(house, tenants, receiver)
    new = await service.rotate(house, tenants.a.caller, webhook.id)
    await happen(house, tenants)
    await work_all(house, owner)
    headers, body = receiver.received[0]
    for secret in (old, new):
        Verifier(secret).verify(body, headers)
    await owner.execute("UPDATE webhooks SET previous_secret_expires_at = now()")
    await happen(house, tenants)
    await work_all(house, owner)
    headers, body = receiver.received[1]
    Verifier(new).verify(body, headers)
    assert len(headers["webhook-signature"].split()) == 1


async def test_only_who_wants_the_event_and_is_of_the_tenant_hears_it(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    await subscribed(house, tenants, receiver)
    await subscribed(house, tenants, receiver, events=["*"])
    await subscribed(house, tenants, receiver, events=["import.failed"])
    await service.create(house, tenants.b.caller, name="other", url=receiver.url, events=["*"])
    await happen(house, tenants)
    assert len(await waiting(owner)) == 2


async def test_an_event_that_is_rolled_back_is_told_to_nobody(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    await subscribed(house, tenants, receiver)
    with pytest.raises(RuntimeError):
        async with house.db.transaction(tenants.a.caller) as tx:
            await events.publish(tx, "message.created", **NEWS)
            raise RuntimeError
    assert await waiting(owner) == []


async def test_retries_come_after_one_five_and_thirty_minutes_then_hourly(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    webhook, _ = await subscribed(house, tenants, receiver, retry_count=5)
    receiver.answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
    await happen(house, tenants)
    delays = [(await work_all(house, owner))[0] for _ in range(6)]
    for seconds, least in zip(delays[1:], (60, 300, 1800, 3600, 3600), strict=True):
        assert least <= seconds <= least * 1.2
    assert await waiting(owner) == [], "retry_count is the end"
    attempts = await logged(house, tenants, webhook)
    assert [a.attempt_number for a in attempts] == [6, 5, 4, 3, 2, 1]
    assert len({a.delivery_id for a in attempts}) == 1


async def test_twenty_failures_in_a_row_switch_it_off_and_say_why(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    webhook, _ = await subscribed(house, tenants, receiver, retry_count=0)
    receiver.answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
    for _ in range(FAILURES_IN_A_ROW):
        assert (await read(house, tenants, webhook)).is_active
        await happen(house, tenants)
        await work_all(house, owner)
    off = await read(house, tenants, webhook)
    assert not off.is_active
    assert "500" in (off.deactivated_reason or "")
    told = await owner.execute("SELECT count(*) FROM events WHERE name = 'webhook.deactivated'")
    assert await told.fetchone() == (1,)
    found = await owner.execute("SELECT new_values ->> 'reason' FROM audit_logs WHERE action = 'webhook.deactivated'")
    assert await found.fetchall() == [(off.deactivated_reason,)]
    on = await service.update(house, tenants.a.caller, webhook.id, is_active=True)
    assert (on.is_active, on.consecutive_failures, on.deactivated_reason) == (True, 0, None)


async def test_a_worker_killed_after_its_attempt_was_logged_does_not_send_again(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    await subscribed(house, tenants, receiver)
    await happen(house, tenants)
    [(number, _)] = await waiting(owner)
    found = await owner.execute("SELECT args FROM jobs WHERE id = %s", (number,))
    row = await found.fetchone()
    assert row is not None
    await work_all(house, owner)
    async with house.db.transaction(tenants.a.caller) as tx:
        await jobs.enqueue(tx, webhook_jobs.DELIVER, **row[0])
    await work_all(house, owner)
    assert len(receiver.received) == 1


async def test_a_delivery_is_sent_again_under_its_id_and_a_test_even_when_off(
    house: App, tenants: Tenants, receiver: Receiver, owner: Owner
) -> None:
    webhook, secret = await subscribed(house, tenants, receiver)
    await happen(house, tenants)
    await work_all(house, owner)
    [first] = await logged(house, tenants, webhook)
    await service.update(house, tenants.a.caller, webhook.id, is_active=False)
    async with house.db.transaction(tenants.a.caller) as tx:
        await webhook_jobs.redeliver(tx, webhook.id, first.delivery_id)
        await webhook_jobs.test(tx, webhook.id)
    await work_all(house, owner)
    again, test = receiver.received[1:]
    assert again[0]["webhook-id"] == first.delivery_id
    for headers, body in (again, test):
        Verifier(secret).verify(body, headers)
    assert b"webhook.test" in test[1]
