"""Every page for a caller with and without its permission, in both languages; what each must show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.routing import APIRoute

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.web import PUBLIC, SIGNED_IN
from countersign.knowledge.documents import service as documents
from countersign.knowledge.documents.models import NewDocument
from countersign.main import ROUTES
from tests.web.conftest import Sample, Visit, add_answer

PAGES = [
    (route.path, (route.openapi_extra or {})["x-permission"])
    for routes in ROUTES
    for route in routes.routes
    if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.include_in_schema
]
LEADS_ON = {"/", "/sign-in", "/nowhere"}


def address(path: str, sample: Sample) -> str:
    values = {
        "{slug}": "expert-btp",
        "/sessions/{uuid}": f"/sessions/{sample.session}",
        "/messages/{uuid}": f"/messages/{sample.answer}",
        "{share}": str(sample.share),
        "{kind}": "pdf",
        "/documents/{uuid}": f"/documents/{sample.answer}",
        "/imports/files/{uuid}": f"/imports/files/{sample.file}",
        "{import_id}": str(sample.brought),
        "{n}": "1",
        "{name}": "modeles",
        "{number}": "1",
        "{ouvrage_id}": str(sample.ouvrage),
        "{webhook_id}": str(sample.webhook),
        "{delivery_id}": "msg_1",
    }
    for name, value in values.items():
        path = path.replace(name, value)
    return path


SHOWN = [path for path, _ in PAGES if "/documents/" not in path and not path.startswith("/docs/")]


async def test_a_document_is_read_where_texts_link_to_it(sample: Sample, visit: Visit, house: App) -> None:
    new = NewDocument(
        collection="agent_support_docs",
        title="Les modèles",
        source="modeles.md",
        content="# Les modèles\n\nUn texte.",
        url="/docs/modeles",
    )
    async with house.db.transaction(sample.caller) as tx:
        await documents.add(tx, new)
    async with visit(sample.caller) as client:
        led = await client.get("/docs/modeles")
        assert led.status_code == 303
        text = (await client.get(led.headers["location"])).text
        assert "Un texte." in text and text.count("<h1") == 1
        assert (await client.get("/docs/none")).status_code == 404
        assert "Les modèles" in (await client.get("/ask/support")).text


@pytest.mark.parametrize("locale", ["fr", "en"])
async def test_every_page_is_drawn(locale: str, sample: Sample, visit: Visit) -> None:
    async with visit(replace(sample.caller, locale=locale)) as client:
        for path in SHOWN:
            answer = await client.get(address(path, sample))
            if path in LEADS_ON:
                assert answer.status_code == 303
                continue
            assert answer.status_code == 200, f"{path}: {answer.text[:2000]}"
            if "text/html" not in answer.headers["content-type"]:
                continue
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            if "<html" in answer.text:
                assert f'<html lang="{locale}"' in answer.text, path
                assert answer.text.count("<h1") == 1, path


PAGES_WITH_QUERY = [
    (route.path, parameter.alias)
    for routes in ROUTES
    for route in routes.routes
    if isinstance(route, APIRoute) and route.path in {path for path, _ in PAGES} and "GET" in route.methods
    for parameter in route.dependant.query_params
]
REFUSED = re.compile("Écrivez|contient le caractère|Dites|ne désigne rien")


async def test_what_cannot_be_read_is_said_in_the_language_of_the_page(sample: Sample, visit: Visit) -> None:
    refused: set[str] = set()
    async with visit(sample.caller) as client:
        for path, name in PAGES_WITH_QUERY:
            answer = await client.get(address(path, sample), params={name: "\x01" * 9_000})
            if answer.status_code == 422:
                asked = await client.get(str(answer.url), headers={"Accept": "application/json"})
                assert REFUSED.search(answer.text) and REFUSED.search(asked.json()["detail"]), answer.text
                refused.add(path)
    assert len(refused) > 15


async def test_an_address_that_cannot_exist_is_not_found(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        for path in ("/records/ouvrages/abc", "/sessions/1", "/webhooks/0", "/agents/expert-btp/evaluation/x"):
            answer = await client.get(path)
            assert answer.status_code == 404 and "Il n’y a rien ici" in answer.text, answer.text
    async with visit(replace(sample.caller, locale="en")) as client:
        assert (await client.get("/api/v1/ouvrages/abc")).status_code == 422


async def test_without_its_permission_a_page_says_who_can_grant_it(
    sample: Sample, visit: Visit, caller: Callable[..., Caller]
) -> None:
    every = {permission for _, permission in PAGES}
    for path, permission in PAGES:
        if permission in (PUBLIC, SIGNED_IN):
            continue
        async with visit(caller(*(every - {permission}))) as client:
            answer = await client.get(address(path, sample))
        assert answer.status_code == 403, path
        assert permission in answer.text and "administrateur" in answer.text


async def test_who_is_not_signed_in_signs_in_first(sample: Sample, visit: Visit) -> None:
    async with visit(None) as client:
        for path, permission in PAGES:
            if permission == PUBLIC:
                continue
            target = address(path, sample)
            answer = await client.get(target)
            part = await client.get(target, headers={"HX-Request": "true"})
            assert answer.status_code == 303, path
            assert answer.headers["location"] == ("/sign-in" if target == "/" else f"/sign-in?next={target}")
            assert part.headers["hx-redirect"].startswith("/sign-in")


async def test_the_rail_shows_what_one_may_see(visit: Visit, sample: Sample, caller: Callable[..., Caller]) -> None:
    async with visit(caller("agents.view")) as client:
        text = (await client.get("/agents")).text
    rail = re.search(r'<nav class="rail".*?</nav>', text, re.DOTALL)
    assert rail
    assert re.findall(r'href="(/[a-z/]+)"', rail[0]) == ["/agents", "/learned"]


async def test_home_is_the_first_place_one_may_see(visit: Visit, caller: Callable[..., Caller]) -> None:
    for permissions, place in (
        (("ai-sessions.view", "agents.view"), "/ask"),
        (("ouvrages.view",), "/records/ouvrages"),
        ((), "/nowhere"),
    ):
        async with visit(caller(*permissions)) as client:
            assert (await client.get("/")).headers["location"] == place
    async with visit(caller()) as client:
        assert (await client.get("/nowhere")).status_code == 403


async def test_asking_offers_questions_about_live_records(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        text = (await client.get("/ask")).text
    assert "CLO-PLA-001" in text
    assert "Prix de la cloison" in text
    assert "Cloison 72/48 &lt;b&gt;" in text


async def test_an_empty_instance_says_what_to_do_first(visit: Visit, caller: Callable[..., Caller]) -> None:
    async with visit(caller("*")) as client:
        for path in ("/ask", "/agents", "/records/ouvrages"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "countersign up --demo" in answer.text


async def test_an_answer_cites_doubts_and_waits_for_its_seal(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        text = (await client.get(f"/sessions/{sample.session}")).text
        part = (await client.get(f"/messages/{sample.answer}/fragment", headers={"HX-Request": "true"})).text
    for shown in (text, part):
        assert f'href="/messages/{sample.answer}/sources/1" class="cite"' in shown
        assert ">3 jours</span>" in shown and "Ce chiffre n’est pas dans les sources." in shown
        assert "pas encore validé" in shown and 'class="seal waiting"' in shown
        assert "COUNTERSIGN_MODEL=ollama:mistral" in shown
        assert "1,2\u00a0s" in shown and "800 lus, 40 écrits" in shown
    assert "<html" not in part


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"notice": "quoted"}, "Aucun modèle n’a répondu"),
        ({"degraded": "embedder-unreachable"}, "La recherche par le sens n’a pas répondu"),
        ({"fallback": True}, "son remplaçant smollm2"),
        ({"sources": [], "hydrated_data": {}, "checks": {"numbers": []}}, "Pourquoi cette réponse"),
    ],
    ids=["quoted", "degraded", "fallback", "without sources"],
)
async def test_an_answer_says_how_it_came_about(
    context: dict[str, object], said: str, sample: Sample, visit: Visit, house: App
) -> None:
    async with house.db.transaction(sample.caller) as tx:
        _, answer = await add_answer(tx, sample.session, sample.ouvrage, **context)
    async with visit(sample.caller) as client:
        assert said in (await client.get(f"/messages/{answer}/fragment")).text
        assert (await client.get(f"/messages/{answer}/sources")).status_code == 200


async def test_an_unfinished_answer_says_so(sample: Sample, visit: Visit, house: App) -> None:
    expected = {
        "stopped": "incomplète",
        "failed": "n’a pas pu être terminée",
        "streaming": "en cours de rédaction",
    }
    for status, said in expected.items():
        async with house.db.transaction(sample.caller) as tx:
            _, answer = await add_answer(tx, sample.session, sample.ouvrage, status)
        async with visit(sample.caller) as client:
            assert said in (await client.get(f"/messages/{answer}/fragment")).text
    async with house.db.transaction(sample.caller) as tx:
        await tx.run("UPDATE ai_messages SET status = 'interrupted' WHERE uuid = %(uuid)s", uuid=answer)
    async with visit(sample.caller) as client:
        assert "Interrompue" in (await client.get(f"/messages/{answer}/fragment")).text


async def test_a_signed_answer_carries_the_seal(sample: Sample, visit: Visit, house: App) -> None:
    async with house.db.transaction(sample.caller) as tx:
        await tx.run(
            "UPDATE ai_messages SET validation_status = 'validated', validated_by = %(user)s, "
            "validated_at = '2026-03-12T10:00Z', corrected_content = 'Corrigé : **45,50 €** [1]' WHERE uuid = %(uuid)s",
            user=sample.caller.user_id,
            uuid=sample.answer,
        )
    async with visit(sample.caller) as client:
        text = (await client.get(f"/messages/{sample.answer}/fragment")).text
    assert 'class="seal signed"' in text and "validé par Fixture, 12 mars" in text
    assert "Corrigé : <strong>45,50 €</strong>" in text
    assert "voir l’original" in text


async def test_the_evidence_shows_the_record_and_what_changed_since(
    sample: Sample, visit: Visit, house: App, caller: Callable[..., Caller]
) -> None:
    path = f"/messages/{sample.answer}/sources/1"
    async with visit(sample.caller) as client:
        text = (await client.get(path)).text
        assert "45,50\u00a0€" in text and "Plaque BA13" in text
        assert f'href="/records/ouvrages/{sample.ouvrage}"' in text
        assert "a changé depuis" not in text
        async with house.db.transaction(sample.caller) as tx:
            await tx.run("UPDATE ouvrages SET unit_price = 47.20 WHERE id = %(id)s", id=sample.ouvrage)
        assert "maintenant de 47,20\u00a0€" in (await client.get(path)).text
        async with house.db.transaction(sample.caller) as tx:
            await tx.run("UPDATE ouvrages SET deleted_at = now() WHERE id = %(id)s", id=sample.ouvrage)
        assert "supprimée depuis" in (await client.get(path)).text
        assert (await client.get(f"/messages/{sample.answer}/sources/2")).status_code == 404
    async with visit(caller("ai-sessions.view", email=sample.caller.email)) as client:
        assert "/records/ouvrages" not in (await client.get(path)).text


async def test_somebody_elses_conversation_is_not_there(
    sample: Sample, visit: Visit, caller: Callable[..., Caller]
) -> None:
    async with visit(caller("ai-sessions.view", email="other@tenant1.example")) as client:
        for path in (
            f"/sessions/{sample.session}",
            f"/messages/{sample.answer}/fragment",
            f"/messages/{sample.answer}/sources/1",
        ):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert "quelqu’un d’autre" in answer.text


async def test_conversations_are_found_renamed_and_deleted(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        part = await client.get("/sessions", params={"q": "cloison"}, headers={"HX-Request": "true"})
        assert str(sample.session) in part.text and "<html" not in part.text
        assert str(sample.session) not in (await client.get("/sessions", params={"q": "toiture"})).text
        renamed = await client.post(f"/sessions/{sample.session}/title", data={"title": "  Devis   7 "})
        assert renamed.status_code == 303
        assert "Devis 7" in (await client.get("/sessions")).text
        assert (await client.post(f"/sessions/{sample.session}/delete")).status_code == 303
        assert (await client.get(f"/sessions/{sample.session}")).status_code == 404


async def test_a_form_from_elsewhere_changes_nothing(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        client.headers.pop("X-CSRF-Token")
        for data in ({}, {"csrf": "guessed"}):
            assert (await client.post(f"/sessions/{sample.session}/delete", data=data)).status_code == 403
        elsewhere = await client.post(
            f"/sessions/{sample.session}/delete", data={"csrf": "x"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert elsewhere.status_code == 403
        assert (await client.get(f"/sessions/{sample.session}")).status_code == 200


async def test_ouvrages_are_searched_filtered_and_exported(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        assert "Plaque BA13" in (await client.get("/records/ouvrages?q=plaque")).text
        assert "Plaque BA13" not in (await client.get("/records/ouvrages?type=compose")).text
        nothing = await client.get("/records/ouvrages?q=zzz")
        assert "Aucun résultat" in nothing.text
        part = await client.get("/records/ouvrages?q=plaque", headers={"HX-Request": "true"})
        assert "<html" not in part.text and "Plaque BA13" in part.text
        file = await client.get("/records/ouvrages.csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    lines = file.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "code;name;type;category;unit;unit_price;currency"
    assert "CLO-PLA-001;Cloison 72/48 <b>;compose;Cloisons;m²;45,5000;EUR" in lines
    assert "X-NUL;'=Sans prix;simple;;U;;EUR" in lines


async def test_an_ouvrage_shows_its_composition_exactly(sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        text = (await client.get(f"/records/ouvrages/{sample.ouvrage}")).text
        used = (await client.get(f"/records/ouvrages/{sample.supply}")).text
        missing = await client.get("/records/ouvrages/999999999")
    assert "24,50\u00a0€" in text and "21,00\u00a0€" in text and "45,50\u00a0€" in text
    assert 'aria-label="Fournitures 24,50\u00a0€, main-d’œuvre 21,00\u00a0€"' in text
    assert "CLO-PLA-001" in used
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/ask/nobody",
        "/agents/nobody",
        "/sessions/00000000-0000-0000-0000-000000000000",
        "/nope",
        "/records/ouvrages/abc",
    ],
)
async def test_what_is_not_there_is_said(path: str, sample: Sample, visit: Visit) -> None:
    async with visit(sample.caller) as client:
        answer = await client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["x-request-id"] in answer.text


async def test_languages_and_theme_are_remembered(visit: Visit) -> None:
    async with visit(None) as client:
        text = (await client.get("/sign-in", headers={"Accept-Language": "de, en;q=0.8, fr;q=0.5"})).text
        assert '<html lang="en"' in text
        assert '<html lang="fr"' in (await client.get("/sign-in", headers={"Accept-Language": "de"})).text
        changed = await client.post("/preferences", data={"locale": "en", "next": "/sign-in?next=/agents"})
        assert changed.headers["location"] == "/sign-in?next=/agents"
        assert '<html lang="en"' in (await client.get("/sign-in")).text
        await client.post("/preferences", data={"theme": "dark"})
        assert 'data-theme="dark"' in (await client.get("/sign-in")).text
        for wrong in ({"locale": "xx"}, {"theme": "<script>"}):
            assert "set-cookie" not in (await client.post("/preferences", data=wrong)).headers


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
async def test_nobody_is_led_elsewhere(target: str, visit: Visit) -> None:
    async with visit(None) as client:
        assert (await client.post("/preferences", data={"next": target})).headers["location"] == "/"
        assert 'name="next" value="/"' in (await client.get("/sign-in", params={"next": target})).text
