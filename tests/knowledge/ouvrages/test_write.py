"""Changing ouvrages over HTTP: exact, guarded, told to the index, the audit and the webhooks, and nobody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.kernel.access import TenantId, system
from countersign.kernel.database import Row
from countersign.knowledge import demo
from countersign.knowledge.agents import service as agents
from countersign.knowledge.ouvrages import library, service
from tests.conftest import Tenants
from tests.knowledge.conftest import Site, work_off

Make = Callable[..., Awaitable[Site]]
URL = "/api/v1/ouvrages"
A = system(TenantId(1))


async def make(client: httpx.AsyncClient, code: str, **values: Any) -> dict[str, Any]:
    body = {"code": code, "name": f"Nom de {code}", "unit": "m2", **values}
    answered = await client.post(URL, json=body)
    assert answered.status_code == 201, answered.text
    return answered.json()


async def wall(client: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A house of 10 walls of 2 plates and half an hour each."""
    plate = await make(client, "T-PLA", type="fourniture", unit_price="12.25")
    hour = await make(client, "T-MO", type="main_oeuvre", unit="heure", unit_price="42")
    one = await make(client, "T-MUR", type="compose")
    house = await make(client, "T-MAI", type="compose", unit="U")
    lines = [{"component_id": plate["id"], "quantity": "2"}, {"component_id": hour["id"], "quantity": "0.5"}]
    assert (await client.put(f"{URL}/{one['id']}/components", json={"items": lines})).status_code == 200
    lines = [{"component_id": one["id"], "quantity": "10"}]
    assert (await client.put(f"{URL}/{house['id']}/components", json={"items": lines})).status_code == 200
    return plate, hour, one, house


async def rows(site: Site, statement: str) -> list[dict[str, Any]]:
    async with site.app.db.transaction(A) as tx:
        return await tx.all(Row, statement)


AUDIT = "SELECT action, auditable_id AS id, old_values, new_values FROM audit_logs WHERE auditable_type = 'ouvrage' ORDER BY audit_logs.id"
EVENTS = "SELECT name, data FROM events WHERE name LIKE 'ouvrage.%%' ORDER BY id"
STALE = "SELECT source_id FROM index_entries WHERE kind = 'ouvrage' AND is_stale AND deleted_at IS NULL"
SETTLE = "UPDATE index_entries SET is_stale = false"


async def test_an_ouvrage_is_made_changed_and_deleted_with_its_traces(site: Make) -> None:
    made = await site(demonstration=False)
    client = await made.client("admin")
    one = await make(client, "T-1", unit="100 m2", unit_price="1250", description="Peinture")
    assert (one["unit"], Decimal(one["unit_price"])) == ("m²", Decimal("12.5")), "a price for a hundred is that of one"
    changed = await client.patch(f"{URL}/{one['id']}", json={"unit_price": "13.75", "category": "Peinture"})
    assert Decimal(changed.json()["unit_price"]) == Decimal("13.75")
    assert (await client.patch(f"{URL}/{one['id']}", json={"category": "Peinture"})).status_code == 200
    history = (await client.get(f"{URL}/{one['id']}/history")).json()["items"]
    assert [(Decimal(h["old_unit_price"]), Decimal(h["new_unit_price"]), h["actor"], h["source"]) for h in history] == [
        (Decimal("12.5"), Decimal("13.75"), "admin", "edit")
    ]
    assert (await client.delete(f"{URL}/{one['id']}")).status_code == 204
    assert (await client.get(f"{URL}/{one['id']}")).status_code == 404
    assert [(r["action"], r["id"]) for r in await rows(made, AUDIT)] == [
        ("create", one["id"]),
        ("update", one["id"]),
        ("delete", one["id"]),
    ], "what changes nothing leaves no trace"
    events = await rows(made, EVENTS)
    assert [e["name"] for e in events] == ["ouvrage.created", "ouvrage.updated", "ouvrage.deleted"]
    assert events[1]["data"]["changed"] == ["category", "unit_price"]
    assert events[1]["data"]["old_unit_price"] == "12.5000"
    again = await make(client, "T-1")
    assert again["id"] != one["id"], "the code of a deleted ouvrage is free"


async def test_a_creation_that_is_sent_twice_happens_once(site: Make) -> None:
    client = await (await site(demonstration=False)).client("admin")
    body = {"code": "T-1", "name": "Un", "unit": "U"}
    first, second = [await client.post(URL, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"] and second.status_code == 201
    other = await client.post(URL, json={**body, "name": "Deux"}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 422
    taken = await client.post(URL, json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "code-taken")


async def test_what_somebody_changed_meanwhile_is_not_overwritten(site: Make) -> None:
    client = await (await site(demonstration=False)).client("admin")
    plate, _, one, _ = await wall(client)
    seen = (await client.get(f"{URL}/{one['id']}")).headers["etag"]
    lines = {"items": [{"component_id": plate["id"], "quantity": "3"}]}
    assert (await client.put(f"{URL}/{one['id']}/components", json=lines)).status_code == 200
    old = {"If-Match": seen}
    for answer in (
        await client.patch(f"{URL}/{one['id']}", json={"name": "x"}, headers=old),
        await client.put(f"{URL}/{one['id']}/components", json={"items": []}, headers=old),
        await client.post(f"{URL}/{one['id']}/take-over", headers=old),
        await client.delete(f"{URL}/{one['id']}", headers=old),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "ouvrage-changed")
    now = (await client.get(f"{URL}/{one['id']}")).headers["etag"]
    assert (await client.patch(f"{URL}/{one['id']}", json={"name": "x"}, headers={"If-Match": now})).status_code == 200


async def test_nothing_stands_below_itself_or_contains_itself(site: Make) -> None:
    client = await (await site(demonstration=False)).client("admin")
    top = await make(client, "T-A")
    middle = await make(client, "T-B", parent_id=top["id"])
    low = await make(client, "T-C", parent_id=middle["id"])
    for under in (low, middle, top):
        assert (await client.patch(f"{URL}/{top['id']}", json={"parent_id": under["id"]})).status_code == 409
    moved = await client.patch(f"{URL}/{low['id']}", json={"parent_id": None})
    assert (moved.json()["parent_id"], moved.json()["depth"]) == (None, 0)
    assert (await client.patch(f"{URL}/{low['id']}", json={"parent_id": 999999})).status_code == 422
    _, _, one, house = await wall(client)
    ring = {"items": [{"component_id": house["id"], "quantity": "1"}]}
    answered = await client.put(f"{URL}/{one['id']}/components", json=ring)
    assert answered.status_code == 409 and "would contain itself" in answer_text(answered)
    assert len((await client.get(f"{URL}/{one['id']}/components")).json()["items"]) == 2


def answer_text(answered: httpx.Response) -> str:
    return str(answered.json()["detail"])


async def test_a_composition_is_replaced_in_its_order_and_its_units_are_one(site: Make) -> None:
    made = await site(demonstration=False)
    client = await made.client("admin")
    plate, hour, one, _ = await wall(client)
    lines = [
        {"component_id": hour["id"], "quantity": "0.25"},
        {"component_id": plate["id"], "quantity": "0.5", "unit": "10 m2"},
    ]
    answered = await client.put(f"{URL}/{one['id']}/components", json={"items": lines})
    assert [(c["code"], Decimal(c["quantity"]), c["unit"]) for c in answered.json()["items"]] == [
        ("T-MO", Decimal("0.25"), "h"),
        ("T-PLA", Decimal("5"), "m²"),
    ]
    cost = Decimal((await client.get(f"{URL}/{one['id']}")).json()["cost"])
    assert cost == Decimal("0.25") * 42 + 5 * Decimal("12.25")
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        ([{"component_id": plate["id"], "quantity": "1"}] * 2, "twice"),
        ([{"component_id": 999999, "quantity": "1"}], "to be a component"),
        ([{"component_id": plate["id"], "quantity": "1", "unit": "kg"}], "cannot be counted"),
        ([{"component_id": plate["id"], "quantity": "0"}], "more than 0"),
        ([{"component_id": plate["id"], "quantity": "999999", "unit": "100 m2"}], "below a million"),
    ]
    for items, said in wrong:
        refused = await client.put(f"{URL}/{one['id']}/components", json={"items": items})
        assert refused.status_code == 422 and said in answer_text(refused), refused.text
    simple = await client.put(f"{URL}/{plate['id']}/components", json={"items": lines[:1]})
    assert simple.status_code == 422 and "composed" in answer_text(simple)
    assert (await client.patch(f"{URL}/{one['id']}", json={"type": "simple"})).status_code == 422
    changes = await rows(made, AUDIT)
    assert changes[-1]["new_values"]["components"][0]["code"] == "T-MO"


async def test_the_price_of_a_component_changes_what_its_parents_cost_and_marks_them(site: Make) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(A) as tx:
        await agents.add(tx, demo.EXPERT_BTP)
    client = await made.client("admin")
    plate, hour, one, house = await wall(client)
    async with made.app.db.transaction(A) as tx:
        assert {row["source_id"] for row in await tx.all(Row, STALE)} == {x["id"] for x in (plate, hour, one, house)}
        await tx.run(SETTLE)
    assert Decimal((await client.get(f"{URL}/{house['id']}")).json()["cost"]) == Decimal("455")
    assert (await client.patch(f"{URL}/{plate['id']}", json={"unit_price": "13.25"})).status_code == 200
    assert {row["source_id"] for row in await rows(made, STALE)} == {x["id"] for x in (plate, one, house)}
    assert Decimal((await client.get(f"{URL}/{house['id']}")).json()["cost"]) == Decimal("475")
    taken = await client.post(f"{URL}/{house['id']}/take-over")
    assert Decimal(taken.json()["unit_price"]) == Decimal("475")
    history = (await client.get(f"{URL}/{house['id']}/history")).json()["items"]
    assert [h["new_unit_price"] for h in history] == ["475.0000"]
    await client.patch(f"{URL}/{plate['id']}", json={"unit_price": None})
    unknown = await client.post(f"{URL}/{house['id']}/take-over")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "cost-unknown")


async def test_what_others_rest_on_is_not_deleted(site: Make) -> None:
    client = await (await site(demonstration=False)).client("admin")
    plate, _, one, house = await wall(client)
    top = await make(client, "T-TOP")
    await client.patch(f"{URL}/{house['id']}", json={"parent_id": top["id"]})
    for held, by in ((plate, "T-MUR"), (one, "T-MAI"), (top, "T-MAI")):
        refused = await client.delete(f"{URL}/{held['id']}")
        assert refused.status_code == 409 and by in refused.json()["about"]
    for free in (house, one, plate, top):
        assert (await client.delete(f"{URL}/{free['id']}")).status_code == 204


async def test_a_deleted_ouvrage_is_answered_no_more_though_its_vector_is_there(site: Make) -> None:
    made = await site(demonstration=False)
    await demo.load(made.app)
    client = await made.client("admin")
    one = await make(client, "ZZZ-PHO-001", name="Photophore violoncelle", type="simple", unit="U", unit_price="3")
    await work_off(made.app)
    search = "/api/v1/agents/expert-btp/search"
    found = (await client.get(search, params={"q": "photophore violoncelle"})).json()["items"]
    assert found[0]["code"] == "ZZZ-PHO-001"
    assert (await client.delete(f"{URL}/{one['id']}")).status_code == 204
    assert await rows(made, f"SELECT 1 AS there FROM index_entries WHERE source_id = {one['id']} AND kind = 'ouvrage'")
    for words in ("photophore violoncelle", "ZZZ-PHO-001"):
        found = (await client.get(search, params={"q": words})).json()["items"]
        assert "ZZZ-PHO-001" not in [item["code"] for item in found]


# -- the list and the tree


@pytest.mark.parametrize("sort", ["code", "-code", "name", "-name", "unit_price", "-unit_price"])
async def test_pages_of_the_list_hold_each_ouvrage_once(site: Make, sort: str) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(A) as tx:
        await library.load_demonstration(tx)
        total = await service.count(tx)
    client = await made.client()
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"sort": sort, "limit": 100}
    while True:
        answer = (await client.get(URL, params=params)).json()
        seen += answer["items"]
        if not answer["next"]:
            break
        params["after"] = answer["next"]
    assert len(seen) == len({one["id"] for one in seen}) == total
    if sort.endswith("price"):
        known = [Decimal(one["unit_price"]) for one in seen if one["unit_price"] is not None]
        assert known == sorted(known, reverse=sort.startswith("-"))
    assert await client.get(URL, params={"sort": "code" if sort != "code" else "name", "after": params.get("after")})


async def test_the_list_is_narrowed_by_words_type_trade_price_and_place(site: Make) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(A) as tx:
        await library.load_demonstration(tx)
        chapter = await service.by_code(tx, "CLO-PLA")
    client = await made.client()

    async def codes(**params: Any) -> list[str]:
        answer = await client.get(URL, params={"limit": 200, **params})
        assert answer.status_code == 200, answer.text
        return [one["code"] for one in answer.json()["items"]]

    assert "CLO-PLA-001" in await codes(q="cloison")
    assert await codes(q="clo-pla-001") == ["CLO-PLA-001"]
    assert "CLO-PLA-001" in await codes(parent_id=chapter.id, type="compose")
    assert await codes(q="CLO-PLA-001", price_min="45.5", price_max="45.5") == ["CLO-PLA-001"]
    assert await codes(q="CLO-PLA-001", price_min="45.51") == []
    assert await codes(category="Nothing") == []


async def test_the_tree_is_read_branch_by_branch(site: Make) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(A) as tx:
        await library.load_demonstration(tx)
    client = await made.client()
    top = (await client.get(f"{URL}/tree")).json()["items"]
    assert all(one["parent_id"] is None for one in top)
    trade = next(one for one in top if one["code"] == "CLO")
    below = (await client.get(f"{URL}/tree", params={"parent_id": trade["id"]})).json()["items"]
    assert len(below) == trade["below"] and {one["parent_id"] for one in below} == {trade["id"]}
    first = (await client.get(f"{URL}/tree", params={"parent_id": trade["id"], "limit": 1})).json()
    rest = (await client.get(f"{URL}/tree", params={"parent_id": trade["id"], "after": first["next"]})).json()
    assert first["items"] + rest["items"] == below


TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "code; DROP TABLE ouvrages",
            "code) FROM ouvrages --",
            "'||pg_sleep(9)||'",
            "1=1",
            "-id",
            "unit_price DESC",
            "%s",
            "%(q)s",
        ]
    ),
)


async def test_sort_filter_and_cursor_take_no_sql(site: Make) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(A) as tx:
        await library.load_demonstration(tx)
        total = await service.count(tx)
    client = await made.client()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.sampled_from(["q", "sort", "after", "type", "category", "price_min", "parent_id"]), value=TEXT)
    def attempts(name: str, value: str) -> None:
        tried.append((name, value))

    tried: list[tuple[str, str]] = []
    attempts()
    for name, value in tried:
        answer = await client.get(URL, params={name: value.encode("utf-8", "replace")})
        assert answer.status_code in (200, 422), (name, value, answer.text)
        if name == "sort" and answer.status_code == 200:
            assert value.strip("-") in ("code", "name", "unit_price")
        if name == "after" and value:
            assert answer.status_code == 422, value
    async with made.app.db.transaction(A) as tx:
        assert await service.count(tx) == total


# -- whose it is


async def test_no_route_touches_another_tenants_ouvrage(site: Make, tenants: Tenants) -> None:
    made = await site(demonstration=False)
    async with made.app.db.transaction(tenants.b.caller) as tx:
        await library.load_demonstration(tx)
        theirs = await service.by_code(tx, "CLO-PLA-001")
    client = await made.client("admin")
    mine = await make(client, "T-1", type="compose")
    at = f"{URL}/{theirs.id}"
    for answer in (
        await client.get(at),
        await client.patch(at, json={"name": "x"}),
        await client.delete(at),
        await client.post(f"{at}/take-over"),
        await client.put(f"{at}/components", json={"items": []}),
        await client.get(f"{URL}/tree", params={"parent_id": theirs.id}),
    ):
        assert answer.status_code == 404
    lines = {"items": [{"component_id": theirs.id, "quantity": "1"}]}
    assert (await client.put(f"{URL}/{mine['id']}/components", json=lines)).status_code == 422
    assert (await client.patch(f"{URL}/{mine['id']}", json={"parent_id": theirs.id})).status_code == 422
    assert [one["code"] for one in (await client.get(URL)).json()["items"]] == ["T-1"]
    assert [one["code"] for one in (await client.get(f"{URL}/tree")).json()["items"]] == ["T-1"]
    assert (await client.get(URL, params={"parent_id": theirs.parent_id})).json()["items"] == []
    async with made.app.db.transaction(tenants.b.caller) as tx:
        assert (await service.ouvrage(tx, theirs.id)).name == theirs.name


async def test_who_may_only_look_changes_nothing(site: Make) -> None:
    made = await site(demonstration=False)
    admin, user = await made.client("admin"), await made.client()
    one = await make(admin, "T-1")
    assert (await user.get(f"{URL}/{one['id']}")).status_code == 200
    for answer in (
        await user.post(URL, json={"code": "X", "name": "X", "unit": "U"}),
        await user.patch(f"{URL}/{one['id']}", json={"name": "x"}),
        await user.delete(f"{URL}/{one['id']}"),
    ):
        assert (answer.status_code, answer.json()["permission"]) == (403, "ouvrages.import")
