"""Ouvrages as JSON: exact decimals, who changed a price, one statement however long the history is, nothing of another tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from countersign.kernel.access import TenantId, system
from countersign.kernel.database import Database
from countersign.knowledge.ouvrages import library, service
from countersign.knowledge.ouvrages.models import NoSuchOuvrage
from tests.conftest import Tenants
from tests.knowledge.conftest import Site

Make = Callable[..., Awaitable[Site]]
WALL = "CLO-PLA-001"
REPRICE = "UPDATE ouvrages SET unit_price = %(price)s WHERE id = %(id)s"


async def test_prices_arrive_as_exact_decimals_and_the_leaves_add_up(site: Make) -> None:
    made = await site()
    async with made.app.db.transaction(system(TenantId(1))) as tx:
        await library.load_demonstration(tx)
        wall = await service.by_code(tx, WALL)
    client = await made.client()
    one = (await client.get(f"/api/v1/ouvrages/{wall.id}")).json()
    lines: list[dict[str, Any]] = (await client.get(f"/api/v1/ouvrages/{wall.id}/breakdown")).json()["items"]
    parts: list[dict[str, Any]] = (await client.get(f"/api/v1/ouvrages/{wall.id}/components")).json()["items"]
    assert one["code"] == WALL and Decimal(one["cost"]) == Decimal("45.50")
    assert sum(Decimal(line["total"]) for line in lines if line["is_leaf"]) == Decimal("45.50")
    assert sum(Decimal(part["total"]) for part in parts) == Decimal("45.50")
    assert (await client.get(f"/api/v1/ouvrages/{wall.id}/history")).json() == {"items": []}


@pytest.mark.parametrize("part", ["", "/components", "/breakdown", "/history"])
async def test_what_does_not_exist_is_404(site: Make, part: str) -> None:
    client = await (await site()).client()
    assert (await client.get(f"/api/v1/ouvrages/999999999{part}")).status_code == 404


async def test_every_price_change_says_who_and_from_what_to_what(db: Database, tenants: Tenants) -> None:
    async with db.transaction(tenants.a.caller) as tx:
        await library.load_demonstration(tx)
        wall = await service.by_code(tx, WALL)
    for price in ("46.00", "47.25"):
        async with db.transaction(tenants.a.caller) as tx:
            await tx.run(REPRICE, id=wall.id, price=Decimal(price))
    async with db.transaction(tenants.a.caller) as tx:
        before = tx.statements
        found = await service.prices(tx, wall.id)
        assert tx.statements - before == 1
    assert [(c.old_unit_price, c.new_unit_price) for c in found] == [
        (Decimal("46.00"), Decimal("47.25")),
        (Decimal("45.50"), Decimal("46.00")),
    ]
    assert all(c.actor for c in found)
    async with db.transaction(tenants.b.caller) as tx:
        assert await service.prices(tx, wall.id) == []
        with pytest.raises(NoSuchOuvrage):
            await service.ouvrage(tx, wall.id)


@pytest.mark.parametrize("part", ["", "/components", "/breakdown", "/history"])
async def test_another_tenants_ouvrage_is_404(site: Make, tenants: Tenants, part: str) -> None:
    made = await site()
    async with made.app.db.transaction(tenants.b.caller) as tx:
        await library.load_demonstration(tx)
        wall = await service.by_code(tx, WALL)
    client = await made.client()
    assert (await client.get(f"/api/v1/ouvrages/{wall.id}{part}")).status_code == 404
