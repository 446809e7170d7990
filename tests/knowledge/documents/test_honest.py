"""What an answer quoted stays what it was: a text that was replaced can be read there, one that was deleted cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from countersign.index import service as index
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.knowledge.documents import service
from countersign.knowledge.documents.indexing import KIND
from countersign.knowledge.documents.models import NewDocument
from tests.web.conftest import Sample, Visit, add_answer


async def add(app: App, who: Caller, text: str, collection: str = "docs") -> tuple[UUID, int]:
    """A text of one source; its document and its passage."""
    async with app.db.transaction(who) as tx:
        made = await service.add(tx, NewDocument(collection, "Règlement", "reglement.md", text))
        row = await tx.one(
            dict[str, Any],
            "SELECT d.uuid, c.id FROM documents d JOIN document_chunks c ON c.document_id = d.id WHERE d.id = %(d)s",
            d=made,
        )
    return row["uuid"], row["id"]


async def test_a_citation_of_a_replaced_text_shows_what_was_quoted_and_leads_to_the_present_one(
    house: App, caller: Callable[..., Caller], visit: Visit
) -> None:
    who = caller("*")
    old, passage = await add(house, who, "Le badge coûte 10 €.")
    new, _ = await add(house, who, "Le badge coûte 12 €.")
    async with visit(who) as client:
        drawn = (await client.get(f"/records/documents/{old}?passage={passage}")).text
        assert "Le badge coûte 10 €." in drawn
        assert "remplacé" in drawn
        assert f"/records/documents/{new}" in drawn
        assert "Un autre fichier" not in drawn
        assert (await client.get(f"/records/documents/{old}")).status_code == 404
        assert (await client.get(f"/api/v1/documents/{old}")).status_code == 404
        await client.delete(f"/api/v1/documents/{new}")
        assert (await client.get(f"/records/documents/{old}?passage={passage}")).status_code == 404


@pytest.mark.parametrize(("deleted", "said"), [(False, "remplacé depuis"), (True, "supprimée depuis")])
async def test_the_evidence_says_what_became_of_a_passage(
    house: App, sample: Sample, visit: Visit, deleted: bool, said: str
) -> None:
    who = sample.caller
    old, passage = await add(house, who, "Le badge coûte 10 €.")
    source: dict[str, Any] = {"n": 1, "id": "e", "kind": KIND, "title": "Règlement", "content": "Le badge coûte 10 €."}
    source |= {"table": "document_chunks", "row_id": passage, "url": f"/records/documents/{old}?passage={passage}"}
    async with house.db.transaction(who) as tx:
        _, answer = await add_answer(tx, sample.session, sample.ouvrage, sources=[source], hydrated_data={})
    if deleted:
        async with house.db.transaction(who) as tx:
            await service.delete(tx, old)
    else:
        await add(house, who, "Le badge coûte 12 €.")
    async with visit(who) as client:
        drawn = (await client.get(f"/messages/{answer}/sources/1")).text
    assert said in drawn
    assert "Le badge coûte 10 €." in drawn, "the answer keeps what it quoted"
    assert (f"passage={passage}" in drawn) is not deleted


async def test_a_collection_is_filled_with_its_own_documents_only(house: App, caller: Callable[..., Caller]) -> None:
    who = caller("*")
    await add(house, who, "Un texte du support.", "support")
    await add(house, who, "Un texte du chantier.", "site")
    async with house.db.transaction(who) as tx:
        assert await index.mark_all(tx, "support", KIND) == 1
        entries = await tx.all(dict[str, Any], "SELECT collection FROM index_entries ORDER BY collection")
    assert [row["collection"] for row in entries] == ["site", "support"]


async def test_what_happens_to_documents_is_told(house: App, caller: Callable[..., Caller]) -> None:
    who = caller("*")
    await add(house, who, "Ancien.")
    new, _ = await add(house, who, "Nouveau.")
    async with house.db.transaction(who) as tx:
        await service.delete(tx, new)
        told = await tx.all(dict[str, Any], "SELECT name, data FROM events WHERE name LIKE 'document.%%' ORDER BY id")
    assert [row["name"] for row in told] == ["document.created", "document.updated", "document.deleted"]
    assert told[2]["data"]["uuid"] == str(new)
