"""Agents on screen: made, changed, compared, restored, tried without a trace, and shown to whom they concern."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from countersign.kernel.access import Caller
from tests.conftest import Tenants
from tests.fakes.scripted_model import Rule
from tests.knowledge.agents.conftest import PRICES
from tests.knowledge.conftest import CSRF, Site, Visit

FORM: dict[str, Any] = {
    "csrf": CSRF,
    "name": "Métreur",
    "slug": "metreur",
    "description": "Prix",
    "icon": "rulers",
    "color": "#336699",
    "language": "fr",
    "system_prompt": "Tu es métreur.\r\nSois bref.",
    "strict": "on",
    "is_active": "on",
    "retrieval_mode": "SQL_HYDRATION",
    "table": "ouvrages",
    "every_field": "no",
    "fields": ["unit_price", "unit"],
    "relations": ["components"],
    "key": "db_id",
    "qdrant_collection": "",
    "top_k": "3",
    "temperature": "0,25",
    "max_tokens": "256",
    "context_window_size": "4",
    "model": "",
    "ollama_port": "",
    "min_score": "",
}


def field(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found[1].replace("&#34;", '"')


async def test_an_agent_is_made_changed_and_restored_by_forms(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        assert "Nouvel agent" in (await client.get("/agents/new")).text
        made = await client.post("/agents/new", data=FORM)
        assert made.status_code == 303, made.text
        shown = (await client.get("/api/v1/agents/metreur")).json()
        assert shown["hydration_config"] == {
            "table": "ouvrages", "key": "db_id", "fields": ["unit_price", "unit"], "relations": ["components"]
        }  # fmt: skip
        assert (shown["temperature"], shown["qdrant_collection"], shown["model"]) == ("0.25", "agent_metreur", None)
        assert (shown["strict"], shown["direct_answer"], shown["system_prompt"]) == (
            True,
            False,
            "Tu es métreur.\nSois bref.",
        )

        text = (await client.get("/agents/metreur/edit")).text
        seen = field(text, "seen")
        assert 'value="unit_price" checked' in text and 'value="code" checked' not in text
        change = {
            **FORM,
            "system_prompt": "Tu es métreur.\r\nSois très bref.",
            "change_note": "plus court",
            "seen": seen,
        }
        assert (await client.post("/agents/metreur/edit", data=change)).status_code == 303
        late = await client.post("/agents/metreur/edit", data={**change, "name": "Perdu ?"})
        assert late.status_code == 412
        assert "Quelqu’un d’autre a modifié cet agent" in late.text and "Perdu ?" in late.text, "what was typed stays"

        compared = (await client.get("/agents/metreur/prompt?old=1&new=2")).text
        assert re.search(r"<mark>\s*très\s*</mark>", compared)
        assert "plus court" in compared
        await client.post("/agents/metreur/prompt/1/restore", data={"csrf": CSRF})
        assert (await client.get("/api/v1/agents/metreur")).json()["prompt_version"] == 3

        copy = await client.post("/agents/metreur/duplicate", data={"csrf": CSRF})
        assert copy.headers["location"] == "/agents/metreur-copie/edit"
        await client.post("/agents/metreur/active", data={"csrf": CSRF, "on": "0"})
        listed = (await client.get("/agents")).text
        assert listed.count("arrêté") >= 2
        await client.post("/agents/metreur/delete", data={"csrf": CSRF})
        assert (await client.get("/agents/metreur")).status_code == 404


async def test_what_is_wrong_is_said_beside_what_was_typed(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        taken = await client.post("/agents/new", data={**FORM, "slug": "support"})
        assert taken.status_code == 409 and "Métreur" in taken.text
        wrong = await client.post("/agents/new", data={**FORM, "table": "users; DROP TABLE agents", "top_k": "many"})
        assert wrong.status_code == 422 and 'role="alert"' in wrong.text
        empty = await client.post("/agents/new", data={"csrf": CSRF, "name": "x"})
        assert empty.status_code == 422 and "Adresse – À remplir" in empty.text
        forged = await client.post("/agents/new", data={**FORM, "table": "users; DROP TABLE agents"})
        assert forged.status_code == 422 and "Sont connues\u00a0: ouvrages" in forged.text


async def test_the_fields_of_a_table_are_shown_and_its_json(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        part = (
            await client.get(
                "/agents/hydration?table=ouvrages&every_field=no&fields=code&relations=children&fields=evil"
            )
        ).text
        assert "&#34;fields&#34;:[&#34;code&#34;]" in part and "evil" not in part and "<html" not in part
        other = (await client.get("/agents/hydration?table=nothing&key=<script>")).text
        assert "&#34;table&#34;:&#34;ouvrages&#34;" in other and "<script>" not in other


async def test_each_sees_what_they_may_do(visit: Visit, tenants: Tenants, caller: Callable[..., Caller]) -> None:
    async with visit(tenants.a.caller) as client:
        await client.post("/api/v1/agents/support/deactivate")
    async with visit(caller("agents.view")) as reader:
        text = (await reader.get("/agents")).text
        assert "/agents/new" not in text and "Support" not in text
        assert (await reader.get("/agents/support")).status_code == 404
        text = (await reader.get("/agents/expert-btp")).text
        assert not re.search(r"expert-btp/(edit|delete|duplicate|active|test)\b", text)
        for path in ("new", "expert-btp/edit", "expert-btp/test"):
            assert (await reader.get(f"/agents/{path}")).status_code == 403
        for path in ("edit", "duplicate", "active", "delete", "test", "prompt/1/restore"):
            refused = await reader.post(f"/agents/expert-btp/{path}", data={"csrf": CSRF, "on": "0"})
            assert refused.status_code == 403, path
    async with visit(tenants.b.caller) as stranger:
        assert "Aucun agent" in (await stranger.get("/agents")).text
        for path in ("", "/edit", "/prompt", "/test"):
            assert (await stranger.get(f"/agents/expert-btp{path}")).status_code == 404
        tried = await stranger.post("/agents/expert-btp/test", data={"csrf": CSRF, "content": "prix ?"})
        assert tried.status_code == 404


async def test_a_trial_shows_everything_and_leaves_no_history(site: Callable[..., Awaitable[Site]], owner: Any) -> None:
    made = await site([Rule("CLO-PLA-001", "Le prix est de 45,50 €/m² [1], livré en 999 jours.")])
    client: httpx.AsyncClient = await made.client("admin")
    body = {"content": "Quel est le prix de CLO-PLA-001 ?"}
    saved = (await client.post("/api/v1/agents/expert-btp/test", json=body)).json()
    assert saved["content"].startswith("Le prix est de 45,50") and saved["sources"][0]["code"] == "CLO-PLA-001"
    assert [n["status"] for n in saved["checks"]["numbers"] if n["text"].startswith("999")] == ["unsupported"]
    assert saved["prompt"][0]["role"] == "system" and "économiste" in saved["prompt"][0]["content"]
    assert saved["model"] and saved["usage"]["input"]
    changes = {"system_prompt": "Tu es pressé.", "top_k": 1}
    edited = (await client.post("/api/v1/agents/expert-btp/test", json={**body, "changes": changes})).json()
    assert "Tu es pressé." in edited["prompt"][0]["content"]
    assert len([s for s in edited["sources"] if s["kind"] != "quote"]) == 1
    assert (await client.get("/api/v1/agents/expert-btp")).json()["prompt_version"] == 1
    refused = await client.post("/api/v1/agents/expert-btp/test", json={**body, "changes": {"top_k": 99}})
    assert refused.status_code == 422
    off = {"content": body["content"], "changes": {"hydration_config": {"table": "users"}}}
    assert (await client.post("/api/v1/agents/expert-btp/test", json=off)).status_code == 422
    for table in ("ai_sessions", "ai_messages"):
        row = await (await owner.execute(f"SELECT count(*) FROM {table}")).fetchone()
        assert row[0] == 0, table
    row = await (await owner.execute("SELECT count(*) FROM ai_interactions")).fetchone()
    assert row[0] == 2, "what it cost is known"
    reader = await made.client("user")
    assert (await reader.post("/api/v1/agents/expert-btp/test", json=body)).status_code == 403


async def test_a_trial_by_the_form_takes_what_is_not_saved(visit: Visit, tenants: Tenants) -> None:
    async with visit(tenants.a.caller) as client:
        await client.post("/api/v1/agents", json=PRICES)
        page = await client.post(
            "/agents/metreur/test", data={**FORM, "content": "zzzz qqqq ?", "min_score": "", "model": "local:smollm2"}
        )
        assert page.status_code == 200, page.text
        assert "pas encore enregistré" in page.text
        empty = await client.post("/agents/metreur/test", data={"csrf": CSRF, "content": " "})
        assert empty.status_code == 422 and 'role="alert"' in empty.text
        part = await client.post(
            "/agents/metreur/test", data={"csrf": CSRF, "content": " "}, headers={"HX-Request": "true"}
        )
        assert part.status_code == 200 and "<html" not in part.text
        assert (await client.get("/api/v1/agents/metreur")).json()["name"] == "Métreur"
