"""Taking files in, and reading them in a process of their own. No step holds a whole file in memory."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import BinaryIO
from uuid import UUID

from ...kernel.audit import audit
from ...kernel.database import Row, Tx
from ...kernel.jobs import JobContext, enqueue
from ...kernel.json import dumps
from . import refusals
from .convert import Result, Text
from .models import NewDocument, Upload, Waiting
from .readers import KINDS
from .service import add, announce, document, fingerprint, publish, queries, retire

CONVERT = "documents.convert"
JSON = KINDS[".json"].media_type
MOST = 100 * 1024**2  # bytes of a file
PIECE = 1024**2  # bytes that are held at a time
SECONDS = 900  # that reading one file may take
Tell = Callable[[int, int], Awaitable[None]]


async def take(
    tx: Tx,
    collection: str,
    name: str,
    file: BinaryIO,
    *,
    source: str | None = None,
    replace: UUID | None = None,
    tags: tuple[str, ...] = (),
) -> Upload:
    """Stores a file that a job will read; the live one when the same bytes are there already.

    Once it can be read it takes the place of *replace*, or of what has the same *source* (by itself its name).
    *tags* go into its audit row. Raises ``BadDocument``, ``TooLarge``.
    """
    name = _plain(name)
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise refusals.NoSuchKind(file=name, kinds=", ".join(sorted(KINDS)))
    size, sha256 = await asyncio.to_thread(_measure, file)
    if not size:
        raise refusals.EmptyFile(file=name)
    if size > MOST:
        raise refusals.FileTooLarge(file=name, most=MOST // 1024**2)
    source = source or name
    if replace is not None:
        old = await document(tx, replace)
        collection, source = old.collection, old.source
    taken = await tx.first(
        Upload,
        queries.add_upload,
        collection=collection,
        title=name,
        source=source,
        media_type=kind.media_type,
        size=size,
        sha256=sha256,
        metadata=dumps({"name": name}),
    )
    if taken is None:
        same = await tx.one(Upload, queries.same_upload, collection=collection, sha256=sha256)
        if same.status != "failed":
            return same
        taken = same
    else:
        await _store(tx, taken.id, file)
        told = {"source": source, "name": name, "bytes": size}
        await audit(tx, "create", "document", taken.id, new=told, tags=tags)
    job = await enqueue(tx, CONVERT, key=str(taken.id), document=taken.id)
    await tx.run(queries.await_job, id=taken.id, job=job)
    return Upload(taken.id, taken.uuid, taken.source, "pending", job, taken.duplicate)


async def fingerprints(files: Iterable[BinaryIO]) -> list[str]:
    """SHA-256 of each of *files*."""
    return [(await asyncio.to_thread(_measure, file))[1] for file in files]


async def taken_before(tx: Tx, collection: str, hashes: Sequence[str]) -> list[Upload]:
    """What became of files of these *hashes* that were taken in, in their order; also of those deleted since."""
    return await tx.all(Upload, queries.taken_before, collection=collection, hashes=list(hashes))


def _measure(file: BinaryIO) -> tuple[int, str]:
    """Bytes and SHA-256; it stops counting where a file is too large."""
    size, found = 0, hashlib.sha256()
    file.seek(0)
    while size <= MOST and (data := file.read(PIECE)):
        size += len(data)
        found.update(data)
    return size, found.hexdigest()


async def _store(tx: Tx, document: int, file: BinaryIO) -> None:
    position = 0
    file.seek(0)
    while data := await asyncio.to_thread(file.read, PIECE):
        await tx.run(queries.add_piece, document=document, position=position, data=data)
        position += 1


def _plain(name: str) -> str:
    """The name alone, without folders or characters that a page could not show."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip()[-200:] or "document"


async def read(ctx: JobContext, waiting: Waiting, held: ExitStack) -> Result:
    """The texts of a file, read by a process that cannot harm this one. Raises ``BadDocument``.

    The files between the two have no name: whatever ends this process, they are gone. They live as long as *held*.
    """
    file, *out = (held.enter_context(tempfile.TemporaryFile()) for _ in range(4))  # noqa: SIM115  (*held* closes them)
    async with ctx.app.db.transaction(ctx.caller, read_only=True) as tx:
        async for piece in tx.stream(Row, queries.pieces, 4, document=waiting.id):
            await asyncio.to_thread(file.write, piece["data"])
    file.flush()
    numbers = [one.fileno() for one in (file, *out)]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"{__package__}.convert",
        waiting.name,
        *(f"/dev/fd/{number}" for number in numbers),
        pass_fds=numbers,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            await _follow(child, ctx.progress)
    except TimeoutError:
        raise refusals.TooSlow(file=waiting.name, minutes=SECONDS // 60) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise refusals.ReaderFails(file=waiting.name)
    return await asyncio.to_thread(Result.read, *out)


async def _follow(child: asyncio.subprocess.Process, tell: Tell) -> None:
    assert child.stdout is not None
    async for line in child.stdout:
        done, _, total = line.decode().partition(" ")
        if int(done) == int(total) or int(done) % 10 == 0:
            await tell(int(done), int(total))
    await child.wait()


async def finish(tx: Tx, waiting: Waiting, result: Result) -> bool:
    """Everything of a file at once: its passages, the end of what it replaces. False when another was faster."""
    several = waiting.media_type == JSON
    first = result.texts[0]
    ended = await tx.value(
        queries.finish_reading,
        id=waiting.id,
        title=waiting.name if several else first.title,
        category=None if several else first.category,
        url=None if several else first.url,
        pages=len(first.pages) or None,
        chunks=sum(one.count for one in result.texts),
        parts=len(result.texts) if several else 0,
    )
    if ended is None:
        return False
    if several:
        hashes: list[str] = []
        for one in result.texts:
            new = _new(waiting, one, result)
            await add(tx, new, cut=list(result.passages(one)), came_in=waiting.uuid)
            hashes.append(fingerprint(new))
        await tx.run(queries.adopt, uuid=str(waiting.uuid), collection=waiting.collection, sha256=hashes)
    else:
        # Sent in pieces, for here it would be held several times over; those of the file itself begin at 0.
        for position, data in enumerate(result.pieces(first, PIECE), start=1):
            await tx.run(queries.add_piece, document=waiting.id, position=-position, data=data)
        await tx.run(queries.join_text, id=waiting.id)
        await tx.run(queries.drop_text, document=waiting.id)
    cut = () if several else result.passages(first)
    replaced = await publish(tx, waiting.id, waiting.collection, waiting.source, cut, first.pages)
    if await tx.value(queries.later_document, collection=waiting.collection, source=waiting.source, id=waiting.id):
        await retire(tx, [waiting.id])
    else:
        await announce(tx, waiting.id, replaced)
    return True


def _new(waiting: Waiting, one: Text, result: Result) -> NewDocument:
    content = result.content(one).decode()
    return NewDocument(
        waiting.collection, one.title, one.source or waiting.source, content, one.category, one.url, None
    )
