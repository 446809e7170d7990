"""Documents: adding texts, reading them, opening the passage that an answer quotes."""

from __future__ import annotations

import hashlib
from uuid import UUID

from ...kernel import sql
from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.json import dumps
from .chunks import chunks
from .models import Document, EmptyDocument, NewDocument, NoSuchDocument, Passage

queries = sql.load(__package__ or "")

BETWEEN = " › "


async def add(tx: Tx, new: NewDocument) -> int | None:
    """Adds a text with its passages, in place of an earlier one of the same source; None when it is there already.

    Raises ``EmptyDocument``.
    """
    cut = chunks(new.content, new.title)
    if not cut:
        raise EmptyDocument(f"“{new.title}” holds no text.")
    body = new.content.encode()
    # The title is part of what is told apart: two pages may share their text and not their name.
    sha256 = hashlib.sha256(f"{new.source}\n{new.title}\n".encode() + body).hexdigest()
    document = await tx.value(
        queries.add_document,
        collection=new.collection,
        title=new.title,
        source=new.source,
        category=new.category,
        url=new.url,
        language=new.language,
        media_type=new.media_type,
        size=len(body),
        sha256=sha256,
        content=new.content,
        chunks=len(cut),
    )
    if document is None:
        return None
    rows = [
        {
            "position": c.position,
            "breadcrumb": BETWEEN.join(c.breadcrumb),
            "content": c.content,
            "char_start": c.start,
            "char_end": c.end,
            "token_count": round(len(c.content.split()) * 1.5),
        }
        for c in cut
    ]
    await tx.run(queries.add_chunks, document=document, chunks=dumps(rows))
    await tx.run(queries.replace_documents, collection=new.collection, source=new.source, sha256=sha256)
    await audit(tx, "create", "document", document, new={"title": new.title, "source": new.source})
    return int(document)


async def document(tx: Tx, uuid: UUID) -> Document:
    """One live document. Raises ``NoSuchDocument``."""
    found = await tx.first(Document, queries.document, uuid=uuid)
    if found is None:
        raise NoSuchDocument()
    return found


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
