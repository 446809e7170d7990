"""Files that were sent for an import: kept in pieces, so that neither a request nor a job holds one in memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from ...kernel import sql
from ...kernel.access import Caller
from ...kernel.app import App
from ...kernel.database import Tx
from .models import File, FileGone, NoSuchImport, Reading, UnreadableFile
from .reading import AS_IT_IS, KINDS, SAMPLE, inspect, kind_of, larger
from .records import Found

queries = sql.load(__package__ or "")

PIECE = 4_000_000  # bytes
KEPT_DAYS = 7


async def keep(
    app: App, caller: Caller, name: str, content: BinaryIO, kind: str | None = None, read: Reading = AS_IT_IS
) -> File:
    """Stores a file after its first rows could be read. Raises ``UnreadableFile`` with the reason."""
    name = plain(name)
    if kind is not None and kind not in KINDS:
        raise UnreadableFile(f"A file is one of {', '.join(KINDS)}, not {kind[:80]}.")
    kind = kind or kind_of(name)
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        path = Path(folder, name)
        most = app.settings.max_import_bytes
        size, sha256 = await asyncio.to_thread(_copy, content, path, most)
        found = await asyncio.to_thread(inspect, path, kind, read, most_bytes=most)
        async with app.db.transaction(caller) as tx:
            file_id = await tx.value(queries.add_file, name=name, kind=kind)
            with await asyncio.to_thread(path.open, "rb") as file:
                position = 0
                while piece := await asyncio.to_thread(file.read, PIECE):
                    await tx.run(queries.add_part, id=file_id, position=position, content=piece)
                    position += 1
            await tx.run(queries.end_file, id=file_id, size=size, sha256=sha256, names=list(found.names))
            return await by_id(tx, file_id)


def _copy(content: BinaryIO, path: Path, most: int) -> tuple[int, str]:
    size, digest = content.seek(0, 2), hashlib.sha256()
    if size > most:
        raise larger(path, most)
    content.seek(0)
    with path.open("wb") as file:
        while piece := content.read(1 << 20):
            digest.update(piece)
            file.write(piece)
    return size, digest.hexdigest()


def plain(name: str) -> str:
    """The name alone, without folders or characters that a page could not show."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip().lstrip(".")[-100:] or "file"


async def by_id(tx: Tx, file_id: int) -> File:
    """A file by its number. Raises ``NoSuchImport``."""
    return await _one(tx, id=file_id)


async def by_uuid(tx: Tx, uuid: UUID) -> File:
    """A file by its address. Raises ``NoSuchImport``."""
    return await _one(tx, uuid=uuid)


async def _one(tx: Tx, **named: Any) -> File:
    found = await tx.first(File, queries.file, **{"id": None, "uuid": None, **named})
    if found is None:
        raise NoSuchImport()
    return found


@asynccontextmanager
async def opened(app: App, caller: Caller, file: File, pieces: int | None = None) -> AsyncIterator[Path]:
    """The file, or its first *pieces*, on this machine's disk for as long as it is read. Raises ``FileGone``."""
    with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
        path = Path(folder, plain(file.name))
        position = 0
        with await asyncio.to_thread(path.open, "wb") as out:
            while pieces is None or position < pieces:
                async with app.db.transaction(caller, read_only=True) as tx:
                    piece = await tx.value(queries.part, id=file.id, position=position)
                if piece is None:
                    break
                await asyncio.to_thread(out.write, piece)
                position += 1
        if not position:
            raise FileGone()
        yield path


async def first_rows(app: App, caller: Caller, file: File, read: Reading = AS_IT_IS) -> Found:
    """How a stored file is written, and its first rows, from no more of it than they need.

    Raises ``UnreadableFile``, ``FileGone``.
    """
    most = app.settings.max_import_bytes
    pieces = None if file.kind == "excel" else 1  # a workbook has its table of contents at the end
    while True:
        async with opened(app, caller, file, pieces) as path:
            whole = path.stat().st_size >= file.size_bytes
            if not whole:
                await asyncio.to_thread(_end_well, path)
            try:
                found = await asyncio.to_thread(inspect, path, file.kind, read, most_bytes=most)
            except UnreadableFile:
                if whole:
                    raise
            else:
                if whole or len(found.sample) == SAMPLE:
                    return found
        pieces = pieces and pieces * 4


def _end_well(path: Path) -> None:
    """A piece may end in the middle of a character, which would seem damaged."""
    with path.open("r+b") as file:
        end = file.seek(-4, 2)
        tail = file.read().decode("ascii", "replace").rstrip("\N{REPLACEMENT CHARACTER}")
        file.truncate(end + len(tail))


def rows_expected(path: Path, kind: str) -> int | None:
    """About how many rows a file of lines holds; None where only reading tells."""
    if kind not in ("csv", "jsonl"):
        return None
    with path.open("rb") as file:
        lines, last = 0, b"\n"
        while piece := file.read(1 << 20):
            lines, last = lines + piece.count(b"\n"), piece[-1:]
    lines += last != b"\n"
    return max(lines - (kind == "csv"), 1)
