"""Secrets are shown once, addresses are checked, names of events exist."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from countersign.kernel.app import App
from countersign.kernel.errors import Invalid, NotFound
from countersign.kernel.http import AddressRefused
from countersign.kernel.settings import Settings
from countersign.webhooks import service
from countersign.webhooks.models import UnknownEvents
from countersign.webhooks.registry import EVENTS
from tests.conftest import Tenants

GIVEN: dict[str, Any] = {"name": "ERP", "url": "http://127.0.0.1:9/", "events": ["*"]}


def given(**more: Any) -> dict[str, Any]:
    return {**GIVEN, **more}


async def test_the_secret_rests_sealed_and_is_in_no_audit_row(
    house: App, tenants: Tenants, owner: psycopg.AsyncConnection[Any]
) -> None:
    _, secret = await service.create(house, tenants.a.caller, **GIVEN)
    found = await owner.execute("SELECT w.secret, (SELECT json_agg(a)::text FROM audit_logs a) FROM webhooks w")
    row = await found.fetchone()
    assert row is not None
    assert secret.startswith("whsec_")
    assert secret not in row[0] + row[1]
    assert "webhook.created" in row[1]


async def test_an_event_that_does_not_exist_is_refused_with_those_that_do(house: App, tenants: Tenants) -> None:
    with pytest.raises(UnknownEvents) as refused:
        await service.create(house, tenants.a.caller, **given(events=["ouvrage.eaten"]))
    assert all(event in refused.value.detail for event in EVENTS)


@pytest.mark.parametrize("url", ["ftp://x.example/", "https://", "https://a:b@x.example/", "http://[", "nonsense"])
async def test_what_is_not_an_address_is_refused(house: App, tenants: Tenants, url: str) -> None:
    with pytest.raises(Invalid):
        await service.create(house, tenants.a.caller, **given(url=url))


async def test_a_private_address_is_refused_at_save(settings: Settings, tenants: Tenants) -> None:
    async with App(settings.model_copy(update={"allow_private_addresses": False})) as strict:
        with pytest.raises(AddressRefused):
            await service.create(strict, tenants.a.caller, **GIVEN)


async def test_one_that_was_deleted_or_belongs_to_others_is_not_there(house: App, tenants: Tenants) -> None:
    made, _ = await service.create(house, tenants.a.caller, **GIVEN)
    with pytest.raises(NotFound):
        await service.rotate(house, tenants.b.caller, made.id)
    async with house.db.transaction(tenants.a.caller) as tx:
        await service.delete(tx, made.id)
    with pytest.raises(NotFound):
        await service.update(house, tenants.a.caller, made.id, name="x")
