"""Agents by the API: every field goes in and comes out, changes meet nobody else's, what went is gone, who may does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from countersign.kernel.access import Caller
from tests.conftest import Tenants
from tests.knowledge.agents.conftest import PRICES
from tests.knowledge.conftest import Visit

AT = "/api/v1/agents"
COUNT = "SELECT count(*) FROM agents WHERE deleted_at IS NULL"


async def value(owner: Any, statement: str, *given: Any) -> Any:
    row = await (await owner.execute(statement, given)).fetchone()
    return row[0] if row else None


async def test_every_field_is_kept_and_audited(visit: Visit, tenants: Tenants, owner: Any) -> None:
    async with visit(tenants.a.caller) as client:
        made = await client.post(AT, json=PRICES)
        assert made.status_code == 201, made.text
        assert made.headers["location"] == f"{AT}/metreur"
        read = await client.get(f"{AT}/metreur")
    assert read.headers["etag"] == made.headers["etag"]
    assert {name: read.json()[name] for name in PRICES} == PRICES
    assert read.json()["prompt_version"] == 1 and "id" not in read.json()
    columns = await (
        await owner.execute(
            "SELECT array_agg(column_name::text) FROM information_schema.columns WHERE table_name = 'agents'"
        )
    ).fetchone()
    assert set(columns[0]) - set(PRICES) == {
        "id", "tenant_id", "prompt_version", "created_at", "updated_at", "deleted_at"
    }, "a new column is a new field"  # fmt: skip
    noted = await value(
        owner,
        "SELECT new_values FROM audit_logs WHERE auditable_type = 'agent' AND action = 'create' ORDER BY id DESC LIMIT 1",
    )
    assert noted["slug"] == "metreur" and noted["hydration_config"]["table"] == "ouvrages"


async def test_three_fields_are_enough(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        made = await client.post(AT, json={"name": "Aide", "slug": "aide", "system_prompt": "Aide."})
        assert made.status_code == 201, made.text
        shown = made.json()
    assert (shown["qdrant_collection"], shown["retrieval_mode"], shown["top_k"]) == ("agent_aide", "TEXT_ONLY", 5)
    assert (shown["temperature"], shown["max_tokens"], shown["is_active"]) == ("0.70", 2048, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "name"),
        ({"slug": "No Slug"}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"system_prompt": ""}, "system_prompt"),
        ({"system_prompt": "x" * 50_001}, "system_prompt"),
        ({"name": "a\u0000"}, "U+0000"),
        ({"icon": "<b>"}, "icon"),
        ({"color": "red"}, "color"),
        ({"language": "de"}, "language"),
        ({"qdrant_collection": "a;b"}, "qdrant_collection"),
        ({"retrieval_mode": "GUESS"}, "retrieval_mode"),
        ({"ollama_host": "http://user:pw@host"}, "ollama_host"),
        ({"ollama_host": "file:///etc/passwd"}, "ollama_host"),
        ({"ollama_port": 70_000}, "ollama_port"),
        ({"model": "a model"}, "model"),
        ({"fallback_model": "ollama:"}, "fallback_model"),
        ({"context_window_size": -1}, "context_window_size"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "NaN"}, "temperature"),
        ({"top_k": 51}, "top_k"),
        ({"min_score": 1.5}, "min_score"),
        ({"source_template": "{{password}}"}, "password"),
        ({"hydration_config": None}, "hydration_config"),
        ({"tenant_id": 2}, "tenant_id"),
        ({"prompt_version": 7}, "prompt_version"),
    ],
)
async def test_what_does_not_fit_is_refused_and_named(
    visit: Visit, tenants: Tenants, owner: Any, change: dict[str, Any], says: str
) -> None:
    before = await value(owner, COUNT)
    async with visit(tenants.a.caller) as client:
        refused = await client.post(AT, json={**PRICES, **change})
        assert refused.status_code == 422, refused.text
        assert says in refused.json()["detail"]
        assert (await client.patch(f"{AT}/expert-btp", json=change)).status_code == 422
    assert await value(owner, COUNT) == before


async def test_a_slug_is_taken_once(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        refused = await client.post(AT, json={**PRICES, "slug": "support"})
        assert (refused.status_code, refused.json()["code"]) == (409, "slug-taken")
        moved = await client.patch(f"{AT}/expert-btp", json={"slug": "support"})
        assert moved.status_code == 409
        moved = await client.patch(f"{AT}/expert-btp", json={"slug": "expert"})
        assert moved.json()["slug"] == "expert"
        assert (await client.get(f"{AT}/expert-btp")).status_code == 404


async def test_a_change_meets_what_it_was_made_on(visit: Visit, tenants: Tenants, owner: Any) -> None:
    async with visit(tenants.a.caller) as client:
        first = (await client.get(f"{AT}/support")).headers["etag"]
        changed = await client.patch(f"{AT}/support", json={"top_k": 7}, headers={"If-Match": first})
        assert (changed.status_code, changed.json()["top_k"]) == (200, 7)
        late = await client.patch(f"{AT}/support", json={"top_k": 9}, headers={"If-Match": first})
        assert (late.status_code, late.json()["code"]) == (412, "agent-changed")
        for verb, path in (("DELETE", ""), ("POST", "/deactivate"), ("POST", "/prompt-versions/1/restore")):
            assert (await client.request(verb, f"{AT}/support{path}", headers={"If-Match": first})).status_code == 412
        assert (await client.get(f"{AT}/support")).json()["top_k"] == 7
        same = await client.patch(f"{AT}/support", json={"top_k": 7})
        assert same.headers["etag"] == changed.headers["etag"], "what changes nothing is no change"
    noted = await value(
        owner,
        "SELECT jsonb_build_array(old_values, new_values) FROM audit_logs WHERE action = 'update' AND auditable_type = 'agent'",
    )
    assert noted == [{"top_k": 5}, {"top_k": 7}]


async def test_a_creation_sent_twice_happens_once(visit: Visit, tenants: Tenants, owner: Any) -> None:
    key = {"Idempotency-Key": "7f3a"}
    async with visit(tenants.a.caller) as client:
        made = [await client.post(AT, json=PRICES, headers=key) for _ in range(2)]
        assert [m.status_code for m in made] == [201, 201]
        assert made[0].json() == made[1].json()
        other = await client.post(AT, json={**PRICES, "slug": "autre"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "key-reused")
        copies = [await client.post(f"{AT}/metreur/duplicate", headers={"Idempotency-Key": "c"}) for _ in range(2)]
        assert copies[0].json()["slug"] == copies[1].json()["slug"] == "metreur-copie"
    async with visit(tenants.b.caller) as client:
        assert (await client.post(AT, json=PRICES, headers=key)).status_code == 201, "a key belongs to its sender"
    assert await value(owner, COUNT) == 2 + 2 + 1


async def test_a_copy_has_everything_and_waits(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await client.post(AT, json=PRICES)
        copy = (await client.post(f"{AT}/metreur/duplicate")).json()
        otherwise = {"slug", "name", "is_active"}
        assert {k: copy[k] for k in PRICES if k not in otherwise} == {
            k: PRICES[k] for k in PRICES if k not in otherwise
        }
        assert (copy["slug"], copy["name"], copy["is_active"]) == ("metreur-copie", "Métreur (copie)", False)
        again = (await client.post(f"{AT}/metreur/duplicate", json={"name": "Autre", "is_active": True})).json()
        assert (again["slug"], again["name"], again["is_active"]) == ("metreur-copie-2", "Autre", True)


async def test_switched_off_is_unknown_to_those_who_ask(
    visit: Visit, tenants: Tenants, caller: Callable[..., Caller]
) -> None:
    async with visit(tenants.a.caller) as client:
        session = await client.post(f"{AT}/support/sessions")
        off = await client.post(f"{AT}/support/deactivate")
        assert off.json()["is_active"] is False
        assert (await client.get(f"{AT}/support")).status_code == 200, "who manages it still sees it"
        listed = (await client.get(AT)).json()["items"]
        assert "support" not in [a["slug"] for a in listed]
        every = (await client.get(f"{AT}?inactive=true")).json()["items"]
        assert "support" in [a["slug"] for a in every]
        asked = await client.post(f"/api/v1/sessions/{session.json()['uuid']}/messages", json={"content": "et ?"})
        assert asked.status_code == 404
    async with visit(caller("agents.view", "ai-sessions.view")) as reader:
        for path in ("", "/prompt-versions", "/search?q=x", "/sessions"):
            assert (await reader.get(f"{AT}/support{path}")).status_code == 404, path
        assert (await reader.get(f"{AT}?inactive=true")).status_code == 403
    async with visit(tenants.a.caller) as client:
        assert (await client.post(f"{AT}/support/activate")).json()["is_active"] is True
        assert (await client.get(f"{AT}/support/search?q=x")).status_code == 200


async def test_deleted_is_gone_and_what_it_said_stays(visit: Visit, tenants: Tenants, owner: Any) -> None:
    async with visit(tenants.a.caller) as client:
        session = (await client.post(f"{AT}/expert-btp/sessions")).json()["uuid"]
        assert (await client.delete(f"{AT}/expert-btp")).status_code == 204
        assert (await client.get(f"{AT}/expert-btp")).status_code == 404
        assert (await client.delete(f"{AT}/expert-btp")).status_code == 404
        assert (await client.get(f"/api/v1/sessions/{session}")).status_code == 200
        again = await client.post(AT, json={**PRICES, "slug": "expert-btp"})
        assert again.status_code == 201, "its address is free again"
    left = "SELECT count(*) FROM index_entries WHERE collection = 'agent_btp_ouvrages' AND deleted_at IS NULL"
    assert await value(owner, left) == 0
    assert await value(owner, "SELECT count(*) FROM agents WHERE slug = 'expert-btp'") == 2
    assert await value(owner, "SELECT old_values ->> 'slug' FROM audit_logs WHERE action = 'delete'") == "expert-btp"


async def test_each_act_needs_its_own_permission(visit: Visit, caller: Callable[..., Caller]) -> None:
    acts = {
        "agents.create": [("POST", AT, PRICES), ("POST", f"{AT}/support/duplicate", None)],
        "agents.update": [
            ("PATCH", f"{AT}/support", {"top_k": 6}),
            ("POST", f"{AT}/support/deactivate", None),
            ("POST", f"{AT}/support/activate", None),
            ("POST", f"{AT}/support/prompt-versions/1/restore", None),
        ],
        "agents.delete": [("DELETE", f"{AT}/support", None)],
    }
    for permission in acts:
        async with visit(caller("agents.view", permission)) as client:
            for needed, tried in acts.items():
                for verb, path, body in tried if needed != permission else []:
                    refused = await client.request(verb, path, json=body)
                    assert (refused.status_code, refused.json()["permission"]) == (403, needed), path
    for permission, tried in acts.items():
        async with visit(caller("agents.view", permission)) as client:
            for verb, path, body in tried:
                assert (await client.request(verb, path, json=body)).status_code < 300, path


async def test_another_organisations_agents_are_never_seen(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        assert (await client.post(AT, json=PRICES)).status_code == 201
    async with visit(tenants.b.caller) as stranger:
        assert (await stranger.get(AT)).json()["items"] == []
        assert (await stranger.get(f"{AT}?inactive=true")).json()["items"] == []
        for verb, path in (
            ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/duplicate"), ("POST", "/activate"),
            ("POST", "/deactivate"), ("GET", "/prompt-versions"), ("GET", "/prompt-versions/1/diff/1"),
            ("POST", "/prompt-versions/1/restore"),
        ):  # fmt: skip
            refused = await stranger.request(verb, f"{AT}/metreur{path}", json={} if verb != "GET" else None)
            assert (refused.status_code, refused.json()["code"]) == (404, "no-such-agent"), path
        own = await stranger.post(AT, json={**PRICES, "name": "À nous"})
        assert own.status_code == 201, "an address is taken within one organisation"
    async with visit(tenants.a.caller) as client:
        assert (await client.get(f"{AT}/metreur")).json()["name"] == "Métreur"


async def test_prompts_are_kept_compared_and_restored(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await client.post(AT, json=PRICES)
        new = {"system_prompt": "Tu es métreur.\nTu réponds en deux phrases.", "change_note": "plus long"}
        assert (await client.patch(f"{AT}/metreur", json=new)).json()["prompt_version"] == 2
        told = (await client.get(f"{AT}/metreur/prompt-versions/1/diff/2")).json()
        assert "-Tu réponds en une phrase.\n+Tu réponds en deux phrases." in told["diff"]
        assert (told["new"]["change_note"], told["old"]["author"]) == ("plus long", "Fixture")
        restored = await client.post(f"{AT}/metreur/prompt-versions/1/restore")
        assert (restored.json()["prompt_version"], restored.json()["system_prompt"]) == (3, PRICES["system_prompt"])
        versions = (await client.get(f"{AT}/metreur/prompt-versions")).json()["items"]
        assert [(v["version"], v["change_note"]) for v in versions] == [
            (3, "Retour à la version 1"), (2, "plus long"), (1, None)
        ]  # fmt: skip
        for path in ("9/restore", "0/restore"):
            refused = await client.post(f"{AT}/metreur/prompt-versions/{path}")
            assert refused.status_code in (404, 422)
        assert (await client.get(f"{AT}/metreur/prompt-versions/1/diff/9")).status_code == 404
