"""Documents: adding texts, reading them, opening the passage that an answer quotes."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from uuid import UUID

from ...index import service as index
from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.events import publish as tell
from ...kernel.json import dumps
from ...kernel.lists import BadCursor, cursor, place
from .chunks import Chunk, chunks
from .indexing import KIND
from .models import Document, EmptyDocument, Excerpt, NewDocument, NoSuchDocument, NoSuchReader, Passage, Reader

queries = sql.load(__package__ or "")

BETWEEN = " › "
AT_ONCE = 2000  # passages a statement
STATES = ("pending", "processing", "ready", "failed")
SORTS = ("-created", "created", "title", "-title", "size", "-size")


async def add(tx: Tx, new: NewDocument, *, cut: list[Chunk] | None = None, came_in: UUID | None = None) -> int | None:
    """Adds a text with its passages, in place of an earlier one of the same source; None when it is there already.

    *cut* are its passages when they are known; *came_in* is the file that held it. Raises ``EmptyDocument``.
    """
    cut = chunks(new.content, new.title) if cut is None else cut
    if not cut:
        raise EmptyDocument(f"“{new.title}” holds no text.")
    sha256 = fingerprint(new)
    document = await tx.value(
        queries.add_document,
        collection=new.collection,
        title=new.title,
        source=new.source,
        category=new.category,
        url=new.url,
        language=new.language,
        media_type=new.media_type,
        size=len(new.content.encode()),
        sha256=sha256,
        content=new.content,
        chunks=len(cut),
        metadata=dumps({"from": str(came_in)} if came_in else {}),
    )
    if document is None:
        return None
    replaced = await publish(tx, document, new.collection, new.source, cut)
    await audit(tx, "create", "document", document, new={"title": new.title, "source": new.source})
    if came_in is None:
        await announce(tx, document, replaced)
    return int(document)


async def announce(tx: Tx, document: int, replaced: bool) -> None:
    """Tells that a document can be quoted; texts that came in a file are announced with it."""
    one = await tx.one(Row, queries.announced, id=document)
    await tell(tx, "document.updated" if replaced else "document.created", **one)


def fingerprint(new: NewDocument) -> str:
    """SHA-256 of a text, its title and its source: two pages may share their words and not their name."""
    return hashlib.sha256(f"{new.source}\n{new.title}\n{new.content}".encode()).hexdigest()


async def publish(
    tx: Tx, document: int, collection: str, source: str, cut: Iterable[Chunk], pages: Sequence[int] = ()
) -> bool:
    """The passages of *document* can be found from this commit on, those of earlier ones of its source no longer.

    *pages* says at which character each page begins. Returns whether there was an earlier one.
    """
    rows = (
        {
            "position": c.position,
            "breadcrumb": BETWEEN.join(c.breadcrumb),
            "content": c.content,
            "page": (page := bisect_right(pages, c.start) or None),
            "last_page": last if page and (last := bisect_right(pages, _last(c))) > page else None,
            "char_start": c.start,
            "char_end": c.end,
            "token_count": round(len(c.content.split()) * 1.5),
        }
        for c in cut
    )
    for some in _batches(rows):
        await tx.run(queries.add_chunks, document=document, chunks=dumps(some))
    earlier = await tx.all(Row, queries.earlier_documents, collection=collection, source=source, id=document)
    await retire(tx, [row["id"] for row in earlier])
    await index.mark(tx, collection, KIND, await tx.value(queries.chunk_ids, document=document))
    return bool(earlier)


def _last(c: Chunk) -> int:
    """Where a passage says its last word: spaces after it may reach over empty pages."""
    return c.start + len(c.content) - 1


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


async def retire(tx: Tx, ids: list[int]) -> None:
    """Documents *ids*, and the texts that came in them, are neither read nor found once *tx* is committed."""
    if ids:
        await index.forget(tx, KIND, await tx.value(queries.retire, ids=ids))


async def delete(tx: Tx, uuid: UUID) -> None:
    """Deletes one document with its entries in the index. Raises ``NoSuchDocument``."""
    gone = await document(tx, uuid)
    await retire(tx, [gone.id])
    await audit(tx, "delete", "document", gone.id, old={"title": gone.title, "source": gone.source})
    await tell(tx, "document.deleted", **await tx.one(Row, queries.announced, id=gone.id))


async def search(
    tx: Tx,
    *,
    q: str | None = None,
    collection: str | None = None,
    status: str | None = None,
    sort: str | None = None,
    limit: int = 50,
    after: str | None = None,
    offset: int = 0,
) -> list[Document]:
    """Live documents, newest first unless *sort* is one of ``SORTS``; *after* is a ``cursor_at`` of the same order.

    Raises ``BadCursor``.
    """
    given = {"q": q or None, "collection": collection or None, "status": status or None, "sort": sort or ""}
    value, ident = place(after) or (None, None)
    if ident is not None and type(value) is not _CURSORS.get((sort or "").removeprefix("-"), type(None)):
        raise BadCursor()
    title, size = (value, None) if isinstance(value, str) else (None, value)
    return await tx.all(
        Document, queries.search_documents, **given, after=ident, title=title, size=size, limit=limit, offset=offset
    )


_CURSORS = {"title": str, "size": int}


def cursor_at(document: Document, sort: str | None) -> str:
    """The place of *document* in the order *sort*."""
    by = {"title": document.title, "size": document.size_bytes}
    return cursor(by.get((sort or "").removeprefix("-")), document.id)


async def count(tx: Tx, *, q: str | None = None, collection: str | None = None, status: str | None = None) -> int:
    """How many documents ``search`` finds in all."""
    given = {"q": q or None, "collection": collection or None, "status": status or None}
    return int(await tx.value(queries.count_documents, **given))


async def collections(tx: Tx) -> list[str]:
    """Collections that hold documents."""
    return [row["collection"] for row in await tx.all(Row, queries.collections)]


async def readers(tx: Tx) -> list[Reader]:
    """Agents that answer from documents, by name."""
    return await tx.all(Reader, queries.readers, slug=None)


async def collection_of(tx: Tx, agent: str) -> str:
    """The collection that *agent* (its slug) answers from. Raises ``NoSuchReader``."""
    found = await tx.first(Reader, queries.readers, slug=agent)
    if found is None:
        raise NoSuchReader()
    return found.collection


async def document(tx: Tx, uuid: UUID, *, gone: bool = False) -> Document:
    """One live document; with *gone* also one that was replaced or deleted. Raises ``NoSuchDocument``."""
    found = await tx.first(Document, queries.document, uuid=uuid, any=gone)
    if found is None:
        raise NoSuchDocument()
    return found


async def successor(tx: Tx, replaced: Document) -> UUID:
    """What is read now in the place of a document that is *replaced*. Raises ``NoSuchDocument`` when nothing is."""
    found = await tx.value(queries.successor, id=replaced.id)
    if found is None:
        raise NoSuchDocument()
    return found


async def excerpt(tx: Tx, of: Document, start: int = 0, most: int = 2**31 - 1) -> Excerpt:
    """*most* characters of a document's text from *start* on."""
    return await tx.one(Excerpt, queries.excerpt, id=of.id, start=start, most=most)


async def standing(tx: Tx, passages: Sequence[int]) -> dict[int, str]:
    """Those of *passages* that are read no longer: ``replaced`` by another text, or ``deleted``."""
    found = await tx.all(Row, queries.standing, ids=list(passages))
    return {row["id"]: "replaced" if row["replaced"] else "deleted" for row in found}


async def at(tx: Tx, url: str) -> UUID:
    """The document whose own address is *url*: texts link to each other by it. Raises ``NoSuchDocument``."""
    found = await tx.value(queries.uuid_by_url, url=url)
    if found is None:
        raise NoSuchDocument()
    return found


async def titles(tx: Tx, collection: str, most: int = 50) -> list[str]:
    """Titles of what a collection holds, in the order it was added."""
    return [row["title"] for row in await tx.all(Row, queries.titles, collection=collection, most=most)]


async def passage(tx: Tx, chunk_id: int) -> Passage:
    """One passage. Raises ``NoSuchDocument``."""
    found = await tx.first(Passage, queries.chunk, id=chunk_id)
    if found is None:
        raise NoSuchDocument()
    return found
