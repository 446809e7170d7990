"""Documents by JSON and by page: several files in one form, larger than other requests may be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.agents import service as agents
from countersign.knowledge.demo import SUPPORT
from countersign.knowledge.documents import service, uploads
from tests.knowledge.conftest import work_off
from tests.knowledge.documents.files import pdf
from tests.web.conftest import CSRF, Visit


@pytest.fixture
async def everything(house: App, caller: Callable[..., Caller]) -> Caller:
    """Somebody who may do everything, where an agent answers from documents."""
    who = caller("*")
    async with house.db.transaction(who) as tx:
        await agents.add(tx, SUPPORT)
    return who


def file(name: str, data: bytes) -> tuple[str, tuple[str, bytes]]:
    """One file of a form."""
    return ("file", (name, data))


async def send(client: httpx.AsyncClient, *files: Any, **fields: str) -> httpx.Response:
    """A form of files for the support agent."""
    return await client.post("/api/v1/documents", files=files, data={"agent": "support", **fields})


async def test_files_go_in_are_read_listed_and_deleted(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        sent = await send(client, file("a.pdf", pdf("Une page.")), file("b.md", b"Un texte."))
        assert sent.status_code == 202, sent.text
        first = sent.json()["items"][0]
        assert (first["source"], first["status"], first["duplicate"]) == ("a.pdf", "pending", False)
        await work_off(house)
        one = (await client.get(f"/api/v1/documents/{first['uuid']}")).json()
        assert (one["status"], one["page_count"], one["collection"]) == ("ready", 1, "agent_support_docs")
        assert "id" not in one
        listed = (await client.get("/api/v1/documents", params={"sort": "title", "limit": 1})).json()
        assert [d["title"] for d in listed["items"]] == ["a"]
        following = {"sort": "title", "limit": 1, "after": listed["next"]}
        assert (await client.get("/api/v1/documents", params=following)).json()["items"][0]["title"] == "b"
        for wrong in ("x", "WzFd", listed["next"]):
            refused = await client.get("/api/v1/documents", params={"sort": "size", "after": wrong})
            assert refused.status_code == 422, wrong
        assert (await client.get("/api/v1/documents", params={"q": "B.MD"})).json()["items"][0]["source"] == "b.md"
        assert (await client.delete(f"/api/v1/documents/{first['uuid']}")).status_code == 204
        assert (await client.get(f"/api/v1/documents/{first['uuid']}")).status_code == 404


async def test_one_replaces_another(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        old = (await send(client, file("a.md", b"Ancien."))).json()["items"][0]["uuid"]
        await work_off(house)
        await send(client, file("autre.txt", b"Nouveau."), replace=old)
        await work_off(house)
        found = (await client.get("/api/v1/documents")).json()["items"]
        assert [(d["source"], d["media_type"]) for d in found] == [("a.md", "text/plain")]


@pytest.mark.parametrize(
    ("files", "fields", "status"),
    [
        ((file("a.exe", b"MZ"),), {}, 422),
        ((file("a.md", b""),), {}, 422),
        ((file("a.md", b"x"),), {"agent": "nobody"}, 404),
        ((file("a.md", b"x"),), {"replace": "x"}, 422),
        ((file("a.md", b"x"),), {"replace": str(UUID(int=0))}, 404),
        ((("other", ("a.md", b"x")),), {}, 422),
    ],
)
async def test_a_wrong_form_is_refused_and_nothing_is_kept(
    house: App, everything: Caller, visit: Visit, files: Any, fields: dict[str, str], status: int
) -> None:
    async with visit(everything) as client:
        refused = await send(client, file("good.md", b"Bon."), *files, **fields) if status != 422 else None
        refused = refused or await send(client, *files, **fields)
        assert refused.status_code == status, refused.text
        assert refused.json()["request_id"]
    async with house.db.transaction(everything) as tx:
        assert await service.count(tx) == 0


async def test_files_may_be_larger_than_other_requests_and_have_a_limit(everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        large = await send(client, file("a.txt", b"Une phrase. " * 200_000))
        assert large.status_code == 202
        huge = await client.post("/api/v1/documents", content=b"x", headers={"content-length": "200000000"})
        assert huge.status_code == 413
        elsewhere = await client.post("/api/v1/tokens", files=[file("a.txt", b"x")])
        assert elsewhere.status_code == 415


async def test_the_page_lists_uploads_and_deletes(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        files = [file("a.md", b"# Titre\n\nUn texte."), file("=b.md", b"# =1+1\n\nAutre.")]
        form = {"agent": "support", "csrf": CSRF}
        sent = await client.post("/records/documents", files=files, data=form)
        assert (sent.status_code, sent.headers["location"]) == (303, "/records/documents")
        waiting = (await client.get("/records/documents")).text
        assert "en attente" in waiting
        assert "every 2s" in waiting
        await work_off(house)
        drawn = (await client.get("/records/documents")).text
        assert "Titre" in drawn
        assert "every 2s" not in drawn
        assert 'href="/records/ouvrages"' in drawn
        exported = (await client.get("/records/documents.csv")).text
        assert "'=1+1;'=b.md" in exported
        failed = await client.get("/records/documents", params={"status": "failed"})
        assert ">Titre</a>" in drawn
        assert ">Titre</a>" not in failed.text
        async with house.db.transaction(everything) as tx:
            uuid = (await service.search(tx, q="Titre"))[0].uuid
        assert "Remplacer" in (await client.get(f"/records/documents/{uuid}")).text
        assert (await client.post(f"/records/documents/{uuid}/delete")).status_code == 303
        assert (await client.get(f"/records/documents/{uuid}")).status_code == 404


async def test_a_citation_opens_with_its_passage_marked(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        sent = await send(client, file("a.pdf", pdf("Page du badge.", "Page du garde.")))
        uuid = sent.json()["items"][0]["uuid"]
        await work_off(house)
        async with house.db.transaction(everything) as tx:
            passage = await tx.one(dict, "SELECT id FROM document_chunks ORDER BY id LIMIT 1")
        drawn = (await client.get(f"/records/documents/{uuid}", params={"passage": passage["id"]})).text
        marked = drawn.split('id="passage"')[1].split("</div>")[0]
        assert "Page du badge." in marked
        assert "pages 1 et 2" in drawn


async def test_a_very_long_text_shows_what_surrounds_the_passage(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        sent = await send(client, file("a.txt", b"Une phrase de plus. " * 20_000 + b"Fin."))
        await work_off(house)
        async with house.db.transaction(everything) as tx:
            passage = await tx.one(dict, "SELECT id FROM document_chunks ORDER BY id DESC LIMIT 1")
        drawn = await client.get(f"/records/documents/{sent.json()['items'][0]['uuid']}?passage={passage['id']}")
        assert "Fin." in drawn.text.split('id="passage"')[1]
        assert len(drawn.text) < 300_000
        assert "une partie" in drawn.text


async def test_who_only_reads_may_not_change(
    house: App, everything: Caller, caller: Callable[..., Caller], visit: Visit
) -> None:
    reader = caller("documents.view", email="reader@x.example")
    async with visit(reader) as client:
        assert (await send(client, file("a.md", b"x"))).status_code == 403
        assert (await client.delete(f"/api/v1/documents/{UUID(int=0)}")).status_code == 403
        assert "data-upload" not in (await client.get("/records/documents")).text


async def test_the_site_answers_while_a_file_is_read(house: App, everything: Caller, visit: Visit) -> None:
    async with visit(everything) as client:
        await send(client, file("a.txt", b"Une phrase assez longue pour compter. " * 100_000))
        reading = asyncio.create_task(work_off(house))
        begun = time.perf_counter()
        waits: list[float] = []
        while not reading.done():
            started = time.perf_counter()
            assert (await client.get("/healthz")).status_code == 200
            waits.append(time.perf_counter() - started)
            await asyncio.sleep(0.05)
        await reading
        assert max(waits) < (time.perf_counter() - begun) / 2, "nobody waits for the whole of it"


async def test_files_that_are_sent_twice_are_taken_once(house: App, everything: Caller, visit: Visit) -> None:
    async def post(*files: Any) -> httpx.Response:
        return await client.post(
            "/api/v1/documents", files=files, data={"agent": "support"}, headers={"Idempotency-Key": "k"}
        )

    async with visit(everything) as client:
        first = await post(file("a.md", b"Un."), file("b.md", b"Deux."))
        names = [one["uuid"] for one in first.json()["items"]]
        await client.delete(f"/api/v1/documents/{names[0]}")
        again = await post(file("a.md", b"Un."), file("b.md", b"Deux."))
        assert again.status_code == 202
        assert [one["uuid"] for one in again.json()["items"]] == names
        assert (await client.get(f"/api/v1/documents/{names[0]}")).status_code == 404, "what was deleted stays so"
        other = await post(file("a.md", b"Autre."))
        assert (other.status_code, other.json()["code"]) == (422, "key-reused")


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ([file("a.exe", b"x")], 422, "a.exe : les fichiers de cette sorte ne peuvent pas être lus. Envoyez"),
        ([file("a.md", b"")], 422, "a.md : le fichier est vide."),
        ([("other", ("x", b"y"))], 422, "Aucun fichier n’a été envoyé. Choisissez-en un ou plusieurs : .docx"),
        ([file("a.md", b"x" * 11)], 413, "a.md : les fichiers de plus de 0 Mo ne sont pas acceptés. Scindez-le."),
    ],
)
async def test_a_refusal_at_the_door_is_said_in_the_readers_language(
    house: App, everything: Caller, visit: Visit, monkeypatch: pytest.MonkeyPatch, sent: Any, status: int, said: str
) -> None:
    monkeypatch.setattr(uploads, "MOST", 10)
    async with visit(replace(everything, locale="fr")) as client:
        form, headers = {"agent": "support", "csrf": CSRF}, {"Accept": "application/json"}
        refused = await client.post("/records/documents", data=form, files=sent, headers=headers)
        drawn = await client.post("/records/documents", data=form, files=sent)
        program = await client.post("/api/v1/documents", data=form, files=sent)
    assert refused.status_code == drawn.status_code == program.status_code == status
    told = refused.json()["detail"].replace("\u00a0", " ")
    assert told.startswith(said) and said in drawn.text.replace("\u00a0", " ")
    assert "fichier" not in program.json()["detail"], "programs hear English"


async def test_why_a_file_cannot_be_read_is_said_in_the_readers_language(
    house: App, everything: Caller, visit: Visit
) -> None:
    async with visit(everything) as client:
        await send(client, file("a.pdf", b"%PDF-1.4 x"), file("b.json", b'[{"title": "T"}]'), file("c.pdf", b"x"))
        await work_off(house)
        drawn = (await client.get("/records/documents")).text.replace("\u00a0", " ")
    assert "a.pdf : le PDF est abîmé avant sa première page" in drawn
    assert "b.json, entrée 1 : « content » manque" in drawn
    assert "c.pdf : ce n’est pas un PDF, quoi qu’en dise son nom." in drawn
