"""What an agent answers from: only registered names pass, whatever is sent, and its collection follows the choice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.kernel.app import App
from countersign.kernel.errors import CountersignError
from countersign.kernel.json import dumps
from countersign.knowledge.agents import hydration, service
from countersign.knowledge.agents.models import BadHydration, CollectionTaken, Hydratable
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.models import NewDocument
from countersign.knowledge.retrieval import service as retrieval
from countersign.knowledge.tables import rows
from countersign.knowledge.tables import service as tables
from tests.conftest import Tenants
from tests.knowledge.agents.conftest import PRICES
from tests.knowledge.conftest import Visit, work_off

KNOWN = {
    "ouvrages": Hydratable("ouvrages", "ouvrage", ("code", "name", "unit_price"), ("components", "children")),
    "produits": Hydratable("produits", "produits", ("nom", "prix"), (), "produits"),
}
ATTACKS = [
    "ouvrages; DROP TABLE agents",
    "ouvrages--",
    'ouvrages" UNION SELECT password FROM users --',
    "public.users",
    "users",
    "pg_catalog.pg_authid",
    "OUVRAGES",
    "ouvrages\u0000",
    "'); DELETE FROM agents; --",
    "(SELECT 1)",
    "*",
    "",
]
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([*ATTACKS, *KNOWN]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(hydration.KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
ALMOST = st.fixed_dictionaries(
    {"table": st.sampled_from(list(KNOWN)) | ANYTHING},
    optional={
        "key": st.sampled_from(["db_id", "product_id"]) | ANYTHING,
        "fields": st.lists(st.sampled_from(["code", "name", "nom", "prix", "*", *ATTACKS]) | st.text(), max_size=4)
        | ANYTHING,
        "relations": st.lists(st.sampled_from(["components", "children", *ATTACKS]) | st.text(), max_size=4) | ANYTHING,
    },
)


@given(ANYTHING | ALMOST)
def test_only_names_of_the_registry_come_through(config: Any) -> None:
    try:
        found = hydration.check(config, KNOWN)
    except BadHydration as refused:
        refused.detail.encode()
        assert refused.status == 422
        return
    table = KNOWN[found["table"]]
    assert set(found) == {"table", "key", "fields", "relations"}
    assert found["fields"] == ["*"] or set(found["fields"]) <= set(table.fields)
    assert set(found["relations"]) <= set(table.relations)
    assert found["key"].isascii() and found["key"].replace("_", "a").isalnum()
    assert hydration.check(found, KNOWN) == found


@given(st.text() | st.sampled_from(ATTACKS))
def test_a_template_names_only_fields(name: str) -> None:
    template = f"Prix : {{{{{name}}}}}"
    try:
        assert hydration.check_template(template, KNOWN["ouvrages"], ["*"]) == template
    except BadHydration:
        return
    assert {part.strip() for part in hydration._FIELD.findall(template)} <= set(KNOWN["ouvrages"].fields)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused_with_what_may_be_named(visit: Visit, tenants: Tenants, attack: str) -> None:
    good = PRICES["hydration_config"]
    async with visit(tenants.a.caller) as client:
        for part in ({"table": attack}, {"key": attack}, {"fields": [attack]}, {"relations": [attack]}, {attack: 1}):
            if part in ({"fields": ["*"]}, {"key": "users"}):  # every field; a word that may name a key
                continue
            refused = await client.post("/api/v1/agents", json={**PRICES, "hydration_config": {**good, **part}})
            assert refused.status_code == 422, (part, refused.text)
            refused = await client.patch("/api/v1/agents/expert-btp", json={"hydration_config": {**good, **part}})
            assert refused.status_code == 422, (part, refused.text)
        named = await client.post("/api/v1/agents", json={**PRICES, "hydration_config": {"table": attack}})
        assert "Known: ouvrages" in named.json()["detail"]
        assert (await client.get("/api/v1/agents/expert-btp")).status_code == 200


async def test_tables_of_users_can_be_chosen_and_those_of_others_cannot(
    house: App, visit: Visit, tenants: Tenants
) -> None:
    async with house.db.transaction(tenants.a.caller) as tx:
        columns = [{"name": "nom", "type": "string"}, {"name": "prix", "type": "decimal(10,2)"}]
        table = await tables.create(tx, "produits", {"columns": columns}, template="{{nom}}")
        for name, price in (("Perceuse", "129.90"), ("Scie sauteuse", "75")):
            await rows.add(tx, table, {"nom": name, "prix": price})
    await work_off(house)
    config = {"table": "produits", "fields": ["nom", "prix"]}
    body = {**PRICES, "slug": "produits", "hydration_config": config, "min_score": None} | {
        "qdrant_collection": "agent_produits"
    }
    async with visit(tenants.a.caller) as client:
        known = {t["table"]: t for t in (await client.get("/api/v1/hydration-tables")).json()["items"]}
        assert known["produits"] == {"table": "produits", "fields": ["nom", "prix"], "relations": []}
        assert known["ouvrages"]["relations"] == ["children", "components", "fournitures", "main_oeuvres"]
        assert not {"tenant_id", "deleted_at", "is_indexed"} & set(known["ouvrages"]["fields"])
        assert (await client.post("/api/v1/agents", json=body)).status_code == 201
        await work_off(house)
        found = (await client.get("/api/v1/agents/produits/search?q=perceuse")).json()["items"]
        assert found[0]["payload"]["prix"] == "129.90" and "129,90" in found[0]["content"]
        # A row that comes later is marked for this agent too, and for the table itself.
        async with house.db.transaction(tenants.a.caller) as tx:
            late = await rows.add(tx, await tables.table(tx, "produits"), {"nom": "Ponceuse", "prix": "88"})
            marked = "SELECT array_agg(collection::text ORDER BY collection) FROM index_entries WHERE kind = 'produits' AND source_id = %(id)s"
            assert await tx.value(marked, id=late["id"]) == ["agent_produits", "produits"]
        template = {"source_template": "{{nom}} coûte {{ prix }} €."}
        assert (await client.patch("/api/v1/agents/produits", json=template)).status_code == 200
        found = (await client.get("/api/v1/agents/produits/search?q=perceuse")).json()["items"]
        assert found[0]["content"] == "Perceuse coûte 129,90 €."
    async with visit(tenants.b.caller) as stranger:
        refused = await stranger.post("/api/v1/agents", json=body)
        assert refused.status_code == 422 and "Known: ouvrages." in refused.json()["detail"]


async def test_the_collection_is_filled_emptied_and_kept_to_one_kind(house: App, tenants: Tenants, owner: Any) -> None:
    caller = tenants.a.caller

    async def entries(collection: str) -> int:
        async with house.db.transaction(caller, read_only=True) as tx:
            return int(
                await tx.value(
                    "SELECT count(*) FROM index_entries WHERE collection = %(c)s AND deleted_at IS NULL", c=collection
                )
            )

    async with house.db.transaction(caller) as tx:
        made = await service.create(tx, PRICES)
    all_of_them = await entries("agent_btp_ouvrages")
    assert await entries("agent_metreur") == all_of_them > 250, "marked in the transaction that made the agent"
    await work_off(house)
    found = await retrieval.find(house, caller, made, "cloison de séparation")
    assert found.sources

    async with house.db.transaction(caller) as tx:
        moved = await service.update(tx, "metreur", {"qdrant_collection": "agent_autre"})
    assert (await entries("agent_metreur"), await entries("agent_autre")) == (0, all_of_them)
    async with house.db.transaction(caller) as tx:
        await service.update(tx, "metreur", {"qdrant_collection": "agent_btp_ouvrages"})
        assert moved.qdrant_collection == "agent_autre"
    async with house.db.transaction(caller) as tx:
        await service.delete(tx, "metreur")
    assert (await entries("agent_autre"), await entries("agent_btp_ouvrages")) == (0, all_of_them), "shared: kept"

    text = {"retrieval_mode": "TEXT_ONLY"}
    for values in (
        {**PRICES, **text, "qdrant_collection": "agent_btp_ouvrages"},
        {**PRICES, "qdrant_collection": "agent_support_docs"},
    ):
        async with house.db.transaction(caller) as tx:
            with pytest.raises(CollectionTaken):
                await service.create(tx, values)
            await tx.run("ROLLBACK AND CHAIN")
    new = NewDocument(collection="agent_litiges", title="Bail", source="bail.md", content="# Bail\n\nUn bail.")
    async with house.db.transaction(caller) as tx:
        await documents.add(tx, new)
        with pytest.raises(CollectionTaken, match="document"):
            await service.create(tx, {**PRICES, "qdrant_collection": "agent_litiges"})


async def test_an_agent_made_now_answers_from_what_is_there(house: App, tenants: Tenants) -> None:
    """Nothing of an agent's hydration is read before it is checked: a stored name that went is said, not run."""
    async with house.db.transaction(tenants.a.caller) as tx:
        made = await service.create(tx, PRICES)
        await tx.run(
            "UPDATE agents SET hydration_config = %(c)s::jsonb WHERE id = %(id)s",
            c=dumps({"table": "users; DROP TABLE agents"}),
            id=made.id,
        )
    async with house.db.transaction(tenants.a.caller, read_only=True) as tx:
        stored = await service.agent(tx, "metreur")
    with pytest.raises(CountersignError, match="cannot be hydrated"):
        await retrieval.find(house, tenants.a.caller, stored, "prix")
