"""Taking files in, and reading them in a process of their own."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath
from uuid import UUID

from ...kernel.audit import audit
from ...kernel.database import Tx
from ...kernel.errors import TooLarge
from ...kernel.jobs import enqueue
from ...kernel.json import dumps
from .convert import restored
from .models import BadDocument, NewDocument, Upload, Waiting
from .readers import KINDS, Converted
from .service import add, document, fingerprint, publish, queries, retire

CONVERT = "documents.convert"
JSON = KINDS[".json"].media_type
MOST = 100 * 1024**2  # bytes of a file
SECONDS = 900  # that reading one file may take
Tell = Callable[[int, int], Awaitable[None]]


async def take(
    tx: Tx, collection: str, name: str, data: bytes, *, source: str | None = None, replace: UUID | None = None
) -> Upload:
    """Stores a file that a job will read; the live one when the same bytes are there already.

    Once it can be read it takes the place of *replace*, or of what has the same *source* (by itself its name).
    Raises ``BadDocument``, ``TooLarge``.
    """
    name = _plain(name)
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise BadDocument(f"{name}: files of this kind cannot be read. Send {', '.join(sorted(KINDS))}.")
    if not data:
        raise BadDocument(f"{name}: the file is empty.")
    if len(data) > MOST:
        raise too_large(name)
    source = source or name
    if replace is not None:
        old = await document(tx, replace)
        collection, source = old.collection, old.source
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    taken = await tx.first(
        Upload,
        queries.add_upload,
        collection=collection,
        title=name,
        source=source,
        media_type=kind.media_type,
        size=len(data),
        sha256=sha256,
        original=data,
        metadata=dumps({"name": name}),
    )
    if taken is None:
        same = await tx.one(Upload, queries.same_upload, collection=collection, sha256=sha256)
        if same.status != "failed":
            return same
        taken = same
    else:
        await audit(tx, "create", "document", taken.id, new={"source": source, "name": name, "bytes": len(data)})
    job = await enqueue(tx, CONVERT, key=str(taken.id), document=taken.id)
    await tx.run(queries.await_job, id=taken.id, job=job)
    return Upload(taken.id, taken.uuid, taken.source, "pending", job, taken.duplicate)


def too_large(name: str) -> TooLarge:
    """The error of a file that has more than ``MOST`` bytes."""
    return TooLarge(f"{name}: files of more than {MOST // 1024**2} MB are not taken. Split it.")


def _plain(name: str) -> str:
    """The name alone, without folders or characters that a page could not show."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip()[-200:] or "document"


async def read(waiting: Waiting, tell: Tell) -> list[Converted]:
    """The texts of a file, read by a process that cannot harm this one. Raises ``BadDocument``."""
    name = str(waiting.metadata.get("name") or waiting.source)
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        file, out = Path(folder, "file"), Path(folder, "out")
        await asyncio.to_thread(file.write_bytes, waiting.original or b"")
        module = f"{__package__}.convert"
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            str(file),
            str(out),
            name,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(SECONDS):
                assert child.stdout is not None
                async for line in child.stdout:
                    done, _, total = line.decode().partition(" ")
                    if int(done) == int(total) or int(done) % 10 == 0:
                        await tell(int(done), int(total))
                await child.wait()
        except TimeoutError:
            raise BadDocument(f"{name}: reading it takes more than {SECONDS // 60} minutes. Split the file.") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0 or not out.exists():
            raise BadDocument(f"{name}: the file makes its reader fail; it is broken or far too complex.")
        return await asyncio.to_thread(lambda: restored(out.read_text(encoding="utf-8")))


async def finish(tx: Tx, waiting: Waiting, texts: list[Converted]) -> bool:
    """Everything of a file at once: its passages, the end of what it replaces. False when another was faster."""
    several = waiting.media_type == JSON
    first = texts[0]
    ended = await tx.value(
        queries.finish_reading,
        id=waiting.id,
        title=str(waiting.metadata["name"]) if several else first.title,
        category=None if several else first.category,
        url=None if several else first.url,
        content=None if several else first.content,
        pages=len(first.pages) or None,
        chunks=sum(len(one.passages) for one in texts),
        parts=len(texts) if several else 0,
    )
    if ended is None:
        return False
    if several:
        news = [_new(waiting, one) for one in texts]
        for new, one in zip(news, texts, strict=True):
            await add(tx, new, cut=one.passages, came_in=waiting.uuid)
        hashes = [fingerprint(new) for new in news]
        await tx.run(queries.adopt, uuid=str(waiting.uuid), collection=waiting.collection, sha256=hashes)
    cut = [] if several else first.passages
    await publish(tx, waiting.id, waiting.collection, waiting.source, cut, first.pages)
    if await tx.value(queries.later_document, collection=waiting.collection, source=waiting.source, id=waiting.id):
        await retire(tx, [waiting.id])
    return True


def _new(waiting: Waiting, one: Converted) -> NewDocument:
    return NewDocument(
        waiting.collection, one.title, one.source or waiting.source, one.content, one.category, one.url, None
    )
