"""A file that is sent in is read by a job and found; at no moment is half of it, and never twice."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from countersign.index import service as index
from countersign.kernel import jobs
from countersign.kernel.access import Caller
from countersign.kernel.app import App
from countersign.kernel.errors import Invalid
from countersign.knowledge.documents import service, uploads
from countersign.knowledge.documents.models import Document, NewDocument, NoSuchDocument, Upload, Waiting
from tests.conftest import Tenants
from tests.knowledge.documents.files import docx, pdf

SHEETS = Path(__file__).parents[4] / "shared" / "data" / "labour-sheets.json"
PLACE = "agent_docs"


class Shelf:
    """A collection of documents, and what is done with it."""

    def __init__(self, app: App, caller: Caller) -> None:
        self.app, self.caller = app, caller

    async def send(self, name: str, data: bytes, **options: Any) -> Upload:
        async with self.app.db.transaction(self.caller) as tx:
            return await uploads.take(tx, PLACE, name, io.BytesIO(data), **options)

    async def bring(self, name: str, data: bytes, **options: Any) -> Document:
        sent = await self.send(name, data, **options)
        assert sent.job_id is not None
        await jobs.work(self.app, sent.job_id)
        return await self.read(sent)

    async def read(self, sent: Upload) -> Document:
        async with self.app.db.transaction(self.caller) as tx:
            return await service.document(tx, sent.uuid)

    async def find(self, words: str) -> list[str]:
        found = await index.search(self.app, self.caller, PLACE, words, k=5)
        return [hit.content for hit in found.hits]

    async def titles(self) -> list[str]:
        async with self.app.db.transaction(self.caller) as tx:
            return [d.title for d in await service.search(tx, sort="title")]


@pytest.fixture
def shelf(house: App, caller: Callable[..., Caller]) -> Shelf:
    """A shelf of one person's."""
    return Shelf(house, caller("*"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"Le badge se retire au poste de garde."),
        ("a.md", b"# Badge\n\nLe badge se retire au poste de garde."),
        ("a.html", b"<h1>Badge</h1><p>Le badge se retire au poste de garde.</p>"),
        ("a.pdf", pdf("Autre page.", "Le badge se retire au poste de garde.")),
        ("a.docx", docx(("Normal", "Le badge se retire au poste de garde."))),
        ("a.json", json.dumps({"title": "Badge", "content": "Le badge se retire au poste de garde."}).encode()),
    ],
)
async def test_what_is_sent_is_found(shelf: Shelf, name: str, data: bytes) -> None:
    read = await shelf.bring(name, data)
    assert (read.status, read.error) == ("ready", None)
    await run_index(shelf)
    assert "Le badge se retire au poste de garde." in (await shelf.find("badge poste de garde"))[0]


async def run_index(shelf: Shelf) -> None:
    """The words of what is marked are read; no embedder is asked."""
    async with shelf.app.db.transaction(shelf.caller) as tx:
        due = await tx.all(dict, "SELECT id FROM jobs WHERE status = 'queued' AND name = 'index.run'")
    for row in due:
        await jobs.work(shelf.app, row["id"])


async def test_a_passage_knows_its_page(shelf: Shelf) -> None:
    read = await shelf.bring("a.pdf", pdf("Un.", "Deux."))
    async with shelf.app.db.transaction(shelf.caller) as tx:
        rows = await tx.all(
            dict, "SELECT id FROM document_chunks WHERE document_id = %(d)s ORDER BY position", d=read.id
        )
        passages = [await service.passage(tx, row["id"]) for row in rows]
    assert (passages[0].page, passages[0].last_page) == (1, 2)
    assert read.page_count == 2


async def test_a_passage_over_several_pages_names_the_first_and_the_last(shelf: Shelf) -> None:
    read = await shelf.bring("a.pdf", pdf("Titre du plan", "et sa suite,", "", "puis sa fin.", ""))
    async with shelf.app.db.transaction(shelf.caller) as tx:
        (row,) = await tx.all(dict, "SELECT id FROM document_chunks WHERE document_id = %(d)s", d=read.id)
        passage = await service.passage(tx, row["id"])
    assert (passage.page, passage.last_page, read.page_count) == (1, 4, 5)


async def test_the_same_bytes_are_taken_once(shelf: Shelf) -> None:
    first = await shelf.bring("a.md", b"Un texte.")
    again = await shelf.send("b.md", b"Un texte.")
    assert (again.uuid, again.duplicate, again.status) == (first.uuid, True, "ready")


async def test_a_newer_file_of_the_same_name_takes_the_place_once_it_is_read(shelf: Shelf) -> None:
    old = await shelf.send("a.md", b"# A\n\nAncienne version.")
    assert old.job_id
    await jobs.work(shelf.app, old.job_id)
    new = await shelf.send("a.md", b"# A\n\nNouvelle version.")
    assert (await shelf.read(old)).status == "ready"
    assert new.job_id
    await jobs.work(shelf.app, new.job_id)
    assert (await shelf.read(new)).status == "ready"
    with pytest.raises(NoSuchDocument):
        await shelf.read(old)
    await run_index(shelf)
    assert await shelf.find("version") == ["Nouvelle version."]


async def test_an_older_file_that_is_read_late_does_not_come_back(shelf: Shelf) -> None:
    old = await shelf.send("a.md", b"Ancienne.")
    new = await shelf.bring("a.md", b"Nouvelle.")
    assert old.job_id
    await jobs.work(shelf.app, old.job_id)
    async with shelf.app.db.transaction(shelf.caller) as tx:
        assert [d.uuid for d in await service.search(tx)] == [new.uuid]


async def test_a_file_that_cannot_be_read_replaces_nothing(shelf: Shelf) -> None:
    good = await shelf.bring("a.pdf", pdf("Bonne page."))
    bad = await shelf.bring("a.pdf", b"%PDF-1.4 hors d'usage")
    assert bad.status == "failed"
    assert bad.error and bad.error.startswith("a.pdf: the PDF is broken")
    assert bad.chunk_count == 0
    async with shelf.app.db.transaction(shelf.caller) as tx:
        assert (await service.document(tx, good.uuid)).status == "ready"
    again = await shelf.send("a.pdf", b"%PDF-1.4 hors d'usage")
    assert again.status == "pending", "what failed may be tried again"


async def test_of_two_workers_the_slower_one_changes_nothing(shelf: Shelf) -> None:
    sent = await shelf.send("a.md", b"Un texte.")
    async with shelf.app.db.transaction(shelf.caller) as tx:
        waiting = await tx.one(Waiting, service.queries.begin_reading, id=sent.id)
    assert (await shelf.read(sent)).status == "processing"
    assert sent.job_id
    await jobs.work(shelf.app, sent.job_id)
    assert (await shelf.read(sent)).chunk_count == 1
    with ExitStack() as held:
        result = await uploads.read(slow(shelf), waiting, held)
        async with shelf.app.db.transaction(shelf.caller) as tx:
            assert not await uploads.finish(tx, waiting, result)


def slow(shelf: Shelf) -> jobs.JobContext:
    """A job that nobody watches."""

    class Quiet(jobs.JobContext):
        async def progress(self, done: int, total: int | None = None, note: str | None = None) -> None:
            """Tells nobody."""

    nothing: Any = None
    return Quiet(shelf.app, shelf.caller, nothing)


async def test_deleting_takes_the_entries_away_at_once(shelf: Shelf) -> None:
    read = await shelf.bring("a.md", b"Un badge rouge.")
    await run_index(shelf)
    assert await shelf.find("badge")
    async with shelf.app.db.transaction(shelf.caller) as tx:
        await service.delete(tx, read.uuid)
    assert await shelf.find("badge") == []
    assert await shelf.titles() == []


async def test_a_file_of_several_texts_is_replaced_and_deleted_with_them(shelf: Shelf) -> None:
    def several(*names: str) -> bytes:
        return json.dumps([{"title": n, "content": f"Texte {n}.", "source": n} for n in names]).encode()

    await shelf.bring("a.json", several("un", "deux"))
    assert await shelf.titles() == ["a.json", "deux", "un"]
    newer = await shelf.bring("a.json", several("deux", "trois"))
    assert await shelf.titles() == ["a.json", "deux", "trois"]
    assert newer.part_count == 2
    async with shelf.app.db.transaction(shelf.caller) as tx:
        await service.delete(tx, newer.uuid)
    assert await shelf.titles() == []


async def test_a_text_of_the_same_source_leaves_the_index_when_it_is_replaced(shelf: Shelf) -> None:
    for words in ("Une vieille règle.", "Une autre règle."):
        async with shelf.app.db.transaction(shelf.caller) as tx:
            await service.add(tx, NewDocument(PLACE, "Règle", "regle", words))
    await run_index(shelf)
    assert await shelf.find("règle") == ["Une autre règle."]


@pytest.mark.parametrize(("name", "data"), [("a.exe", b"MZ"), ("a.md", b""), ("", b"x")])
async def test_what_can_never_be_read_is_refused_at_the_door(shelf: Shelf, name: str, data: bytes) -> None:
    with pytest.raises(Invalid):
        await shelf.send(name, data)


async def test_a_name_brings_no_folder_along(shelf: Shelf) -> None:
    assert (await shelf.send("../../etc/a\u202e.md", b"x")).source == "a.md"


async def test_no_other_organisation_sees_it(house: App, tenants: Tenants) -> None:
    mine = Shelf(house, tenants.a.caller)
    sent = await mine.bring("a.md", b"Un secret.")
    async with house.db.transaction(tenants.b.caller) as tx:
        with pytest.raises(NoSuchDocument):
            await service.delete(tx, sent.uuid)
        assert await service.count(tx) == 0
    assert (await Shelf(house, tenants.b.caller).send("a.md", b"Un secret.")).duplicate is False


@pytest.mark.skipif(not SHEETS.exists(), reason="the sheets are not here")
async def test_real_sheets_answer_with_the_exact_passage(shelf: Shelf) -> None:
    sheets = json.loads(SHEETS.read_text())
    entries = [{"title": s["title"], "content": body(s), "url": s["url"], "category": "travail"} for s in sheets]
    read = await shelf.bring("fiches.json", json.dumps(entries).encode())
    assert (read.status, read.part_count) == ("ready", 110)
    await run_index(shelf)
    found = await shelf.find("délai de la visite d’information et de prévention après la prise de fonction")
    assert any("3 mois" in passage for passage in found[:3])


def body(sheet: dict[str, Any]) -> str:
    """The whole text of a sheet, as Markdown."""
    parts = [sheet.get("intro") or ""]
    for section in sheet.get("sections", []):
        parts += [f"## {section.get('title')}", str(section.get("text") or section.get("content") or "")]
    return "\n\n".join(p for p in parts if p)
