"""Every event of the registry on its way to a real receiver: signed, and in the shape that is documented."""

from __future__ import annotations

from decimal import Decimal

from countersign.kernel import events
from countersign.kernel.app import App
from countersign.knowledge.ouvrages import service as ouvrages
from countersign.knowledge.ouvrages import write
from countersign.webhooks import jobs as webhook_jobs
from countersign.webhooks.registry import EVENTS, KNOWN, SENT, TEST
from tests.conftest import Tenants
from tests.webhooks.conftest import Listening


async def test_every_event_arrives_signed_and_in_its_shape(house: App, tenants: Tenants, listening: Listening) -> None:
    sent = [event for event in KNOWN if event.example]
    async with house.db.transaction(tenants.a.caller) as tx:
        for event in sent:
            await events.publish(tx, event.name, **event.example or {})
        await webhook_jobs.test(tx, listening.webhook)
    heard = await listening.hear()
    assert [news["type"] for news in heard] == [*(event.name for event in sent), TEST]
    assert [news["data"] for news in heard[:-1]] == [event.example for event in sent]
    assert {event.name for event in sent} | {TEST} == set(SENT)


async def test_what_happens_to_an_ouvrage_is_told(house: App, tenants: Tenants, listening: Listening) -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        one = await write.create(tx, {"code": "A-1", "name": "Été", "unit": "U", "unit_price": Decimal("12.50")})
        await write.update(tx, one.id, {"unit_price": Decimal("13")})
        await write.delete(tx, (await ouvrages.by_code(tx, "A-1")).id)
    made, changed, gone = await listening.hear()
    assert [n["type"] for n in (made, changed, gone)] == ["ouvrage.created", "ouvrage.updated", "ouvrage.deleted"]
    assert (made["data"]["name"], changed["data"]["changed"]) == ("Été", ["unit_price"])
    assert Decimal(changed["data"]["old_unit_price"]) == Decimal("12.50")


async def test_an_event_without_a_name_in_the_registry_is_told_to_nobody(
    house: App, tenants: Tenants, listening: Listening
) -> None:
    assert "secret.event" not in EVENTS
    async with house.db.transaction(tenants.a.caller) as tx:
        await events.publish(tx, "secret.event", id=1)
    assert await listening.hear() == []
