"""Somebody who listens to every event of an organisation, over a real receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook as Verifier

from countersign.kernel import jobs
from countersign.kernel.app import App
from countersign.webhooks import service
from countersign.webhooks.registry import check
from tests.conftest import Tenants
from tests.webhooks.receiver import Receiver, receiving


@dataclass
class Listening:
    """A receiver of everything, and how to let it hear what was published."""

    house: App
    owner: psycopg.AsyncConnection[Any]
    receiver: Receiver
    webhook: int
    secret: str

    async def hear(self) -> list[dict[str, Any]]:
        """Sends what waits; each delivery was verified by the standard's library and has its documented shape."""
        found = await self.owner.execute(
            "SELECT id FROM jobs WHERE name = 'webhooks.deliver' AND status = 'queued' ORDER BY id"
        )
        for (number,) in await found.fetchall():
            await jobs.work(self.house, number)
        heard: list[dict[str, Any]] = []
        for headers, body in self.receiver.received:
            news = Verifier(self.secret).verify(body, headers)
            check(news["type"], news["data"])
            heard.append(news)
        self.receiver.received.clear()
        return heard


@pytest.fixture
async def listening(house: App, tenants: Tenants, owner: psycopg.AsyncConnection[Any]) -> AsyncIterator[Listening]:
    async with receiving() as receiver:
        made, secret = await service.create(house, tenants.a.caller, name="all", url=receiver.url, events=["*"])
        yield Listening(house, owner, receiver, made.id, secret)
