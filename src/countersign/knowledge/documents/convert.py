"""From a file to Markdown with its passages. Runs as a process of its own, so that no file can harm the worker.

``python -m countersign.knowledge.documents.convert NAME FILE TOLD TEXTS PASSAGES`` prints ``done total`` lines and
writes what ``Result`` reads.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from ...kernel.json import dumps, loads
from . import readers, refusals
from .chunks import Chunk, chunks
from .models import BadDocument
from .readers import TITLE, Converted, Tell, clean

MEMORY = 3 * 1024**3  # bytes of address space that one conversion may take
_HEADING = re.compile(r"^#{1,2}[ \t]+(\S.*?)[ \t]*#*[ \t]*$", re.MULTILINE)


def convert(file: Path, name: str, tell: Tell) -> list[Converted]:
    """The texts of *file*, called *name* by its sender. Raises ``BadDocument``, which names the file and the place."""
    kind = readers.KINDS.get(PurePath(name).suffix.lower())
    if kind is None:
        raise refusals.NoSuchKind(file=name, kinds=", ".join(sorted(readers.KINDS)))
    data = file.read_bytes()
    if not data.strip():
        raise refusals.EmptyFile(file=name)
    try:
        read = kind.read(data, name, tell)
    except RecursionError:
        raise refusals.TooDeep(file=name) from None
    except MemoryError:
        raise refusals.TooMuchMemory(file=name) from None
    return [_cut(one, name) for one in read]


def _cut(one: Converted, name: str) -> Converted:
    text = clean(one.content)
    heading = _HEADING.search(text)
    title = one.title or (heading[1] if heading else "") or PurePath(name).stem
    title = " ".join(clean(title).split())[:TITLE]
    found = chunks(text, title)
    if not found:
        raise refusals.NoTextIn(file=name, title=title) if one.source else refusals.NoText(file=name)
    return Converted(title, text, one.pages, one.source, one.category, one.url, found)


def main(name: str, file: str, told: str, texts: str, passages: str) -> None:
    """Converts: the texts one after the other, their passages a line each, and *told* says which are whose."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: dict[str, Any]
    try:
        answer = {"texts": _write(convert(Path(file), name, _say), Path(texts), Path(passages))}
    except BadDocument as error:
        answer = {"error": error.detail}
    Path(told).write_text(dumps(answer), encoding="utf-8")


def _write(found: list[Converted], texts: Path, passages: Path) -> list[Text]:
    heads: list[Text] = []
    with texts.open("wb") as words, passages.open("wb") as lines:
        for one in found:
            at, start = words.tell(), lines.tell()
            words.write(one.content.encode())
            for cut in one.passages:
                lines.write(dumps([cut.position, cut.breadcrumb, cut.content, cut.start, cut.end]).encode() + b"\n")
            size, count = words.tell() - at, len(one.passages)
            heads.append(Text(one.title, one.pages, one.source, one.category, one.url, at, size, start, count))
    return heads


def _say(done: int, total: int) -> None:
    sys.stdout.write(f"{done} {total}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a file: what it is called, where its *size* bytes are, and its *count* passages."""

    title: str
    pages: tuple[int, ...]
    source: str | None
    category: str | None
    url: str | None
    at: int
    size: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    """What ``main`` wrote: texts and passages are read from its files when they are wanted."""

    texts: list[Text]
    words: BinaryIO
    lines: BinaryIO

    @classmethod
    def read(cls, told: BinaryIO, words: BinaryIO, lines: BinaryIO) -> Result:
        """Raises ``BadDocument`` when the file could not be converted."""
        told.seek(0)
        answer = loads(told.read())
        if "error" in answer:
            raise BadDocument(answer["error"])
        found: list[dict[str, Any]] = answer["texts"]
        texts = [replace(Text(**one), pages=tuple(one["pages"])) for one in found]
        return cls(texts, words, lines)

    def content(self, text: Text) -> bytes:
        """The text itself, as UTF-8."""
        self.words.seek(text.at)
        return self.words.read(text.size)

    def pieces(self, text: Text, size: int) -> Iterator[bytes]:
        """The text itself, *size* bytes at a time."""
        for start in range(0, text.size, size):
            self.words.seek(text.at + start)
            yield self.words.read(min(size, text.size - start))

    def passages(self, text: Text) -> Iterator[Chunk]:
        """Its passages, in order."""
        self.lines.seek(text.first)
        for _ in range(text.count):
            position, breadcrumb, content, start, end = loads(self.lines.readline())
            yield Chunk(position, tuple(breadcrumb), content, start, end)


if __name__ == "__main__":
    main(*sys.argv[1:])
