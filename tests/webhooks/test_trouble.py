"""What a receiver can do wrong, from the delivery to its line in the log."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from countersign.kernel import events, jobs
from countersign.kernel.app import App
from countersign.kernel.settings import Settings
from countersign.webhooks import jobs as webhook_jobs
from countersign.webhooks import service
from countersign.webhooks.models import Delivery
from tests.conftest import Tenants
from tests.webhooks.receiver import Receiver, receiving

Owner = psycopg.AsyncConnection[Any]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


async def delivered(house: App, tenants: Tenants, owner: Owner, webhook: int) -> Delivery:
    """How the newest attempt of an event went that happens now."""
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, "import.failed", id=1, error="none")
    found = await owner.execute("SELECT max(id) FROM jobs WHERE name = 'webhooks.deliver' AND status = 'queued'")
    row = await found.fetchone()
    assert row is not None
    await jobs.work(house, row[0])
    async with house.db.transaction(tenants.a.caller) as tx:
        return (await service.deliveries(tx, webhook))[0]


async def subscribe(house: App, tenants: Tenants, url: str, **more: Any) -> int:
    made, _ = await service.create(house, tenants.a.caller, name="x", url=url, events=["*"], **more)
    return made.id


async def test_down_is_logged_with_the_time_of_the_next_attempt(house: App, tenants: Tenants, owner: Owner) -> None:
    async with receiving() as gone:
        pass
    attempt = await delivered(house, tenants, owner, await subscribe(house, tenants, gone.url))
    assert (attempt.status, attempt.status_code) == ("failed", None)
    assert attempt.error_message and attempt.next_attempt_at
    assert 55 <= (attempt.next_attempt_at - attempt.created_at).total_seconds() <= 75


async def test_a_redirect_to_this_machine_is_refused(
    house: App, tenants: Tenants, owner: Owner, receiver: Receiver
) -> None:
    async with receiving() as inside:
        receiver.answer = f"HTTP/1.1 307 Go\r\nlocation: {inside.url}\r\ncontent-length: 0\r\n\r\n".encode()
        attempt = await delivered(house, tenants, owner, await subscribe(house, tenants, receiver.url))
        assert inside.received == []
    assert (attempt.status, attempt.status_code) == ("failed", 307)
    assert "not followed" in (attempt.error_message or "")


async def test_a_name_that_has_become_private_since_it_was_saved_is_not_connected_to(
    settings: Settings, tenants: Tenants, owner: Owner, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    answers = ["93.184.215.14", "127.0.0.1"]

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    async with App(settings.model_copy(update={"allow_private_addresses": False})) as strict:
        monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)
        number = await subscribe(strict, tenants, f"http://turning.example:{port}/hook")
        attempt = await delivered(strict, tenants, owner, number)
    assert receiver.received == []
    assert (attempt.status, answers) == ("failed", [])
    assert "private" in (attempt.error_message or "")


async def test_ten_megabytes_are_logged_as_their_beginning(
    house: App, tenants: Tenants, owner: Owner, receiver: Receiver
) -> None:
    receiver.answer, receiver.endless = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n", True
    attempt = await delivered(house, tenants, owner, await subscribe(house, tenants, receiver.url))
    assert (attempt.status, len(attempt.response_body or "")) == ("success", 5000)


async def test_a_compressed_answer_counts_by_its_status(
    house: App, tenants: Tenants, owner: Owner, receiver: Receiver
) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx"
    attempt = await delivered(house, tenants, owner, await subscribe(house, tenants, receiver.url))
    assert (attempt.status, attempt.status_code, attempt.response_body) == ("success", 200, None)


async def test_a_secret_of_another_key_is_said_and_tried_again(
    house: App, settings: Settings, tenants: Tenants, owner: Owner, receiver: Receiver
) -> None:
    number = await subscribe(house, tenants, receiver.url)
    (settings.home / "secret.key").write_text("another key")
    attempt = await delivered(house, tenants, owner, number)
    assert receiver.received == []
    assert "COUNTERSIGN_SECRET_KEY" in (attempt.error_message or "") and attempt.next_attempt_at


async def test_what_waits_when_it_is_switched_off_is_logged_and_can_be_sent_later(
    house: App, tenants: Tenants, owner: Owner, receiver: Receiver
) -> None:
    number = await subscribe(house, tenants, receiver.url)
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, "import.failed", id=1, error="none")
        assert (await service.waiting(tx, number)).total == 1
    await service.update(house, tenants.a.caller, number, is_active=False)
    await work_all(house, owner)
    async with house.db.transaction(tenants.a.caller) as tx:
        [kept] = await service.deliveries(tx, number)
        assert "switched off" in (kept.error_message or "")
        assert (await service.webhook(tx, number)).failure_count == 0, "it was not the receiver's fault"
        await webhook_jobs.redeliver(tx, number, kept.delivery_id)
    await work_all(house, owner)
    [(headers, _)] = receiver.received
    assert headers["webhook-id"] == kept.delivery_id


async def work_all(house: App, owner: Owner) -> None:
    found = await owner.execute("SELECT id FROM jobs WHERE name = 'webhooks.deliver' AND status = 'queued'")
    for (number,) in await found.fetchall():
        await jobs.work(house, number)
