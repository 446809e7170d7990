"""From a file to Markdown with its passages. Runs as a process of its own, so that no file can harm the worker.

``python -m countersign.knowledge.documents.convert NAME FILE TOLD TEXTS PASSAGES`` prints ``done total`` lines and
writes what ``Result`` reads.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from ...kernel.json import dumps, loads
from . import readers, refusals
from .chunks import Chunk, cut
from .models import BadDocument
from .readers import TITLE, Converted, Tell, clean

MEMORY = 1024**3  # bytes of address space that one conversion may take
_HEADING = re.compile(r"^#{1,2}[ \t]+(\S.*?)[ \t]*#*[ \t]*$", re.MULTILINE)


def convert(file: Path, name: str, tell: Tell, words: BinaryIO, lines: BinaryIO) -> list[Text]:
    """Writes the texts of *file*, called *name* by its sender, into *words* and their passages into *lines*.

    Raises ``BadDocument``, which names the file and the place.
    """
    kind = readers.KINDS.get(PurePath(name).suffix.lower())
    if kind is None:
        raise refusals.NoSuchKind(file=name, kinds=", ".join(sorted(readers.KINDS)))
    if _empty(file):
        raise refusals.EmptyFile(file=name)
    try:
        return [_write(one, name, words, lines) for one in kind.read(file, name, tell)]
    except RecursionError:
        raise refusals.TooDeep(file=name) from None
    except MemoryError:
        raise refusals.TooMuchMemory(file=name) from None


def _empty(file: Path) -> bool:
    with file.open("rb") as opened:
        return not any(piece.strip() for piece in iter(lambda: opened.read(readers.PIECE), b""))


def _write(one: Converted, name: str, words: BinaryIO, lines: BinaryIO) -> Text:
    title = one.title or _heading(one.content) or PurePath(name).stem
    title = " ".join(clean(title).split())[:TITLE]
    at, first, count = words.tell(), lines.tell(), 0
    for found in cut(_written(one.content, words), title):
        lines.write(dumps([found.position, found.breadcrumb, found.content, found.start, found.end]).encode() + b"\n")
        count += 1
    if not count:
        raise refusals.NoTextIn(file=name, title=title) if one.source else refusals.NoText(file=name)
    size = words.tell() - at
    return Text(title, tuple(one.pages), one.source, one.category, one.url, at, size, first, count)


def _written(pieces: Iterable[str], words: BinaryIO) -> Iterator[str]:
    """The same *pieces*, without what cannot be stored, each once it is written."""
    for piece in pieces:
        text = clean(piece)
        words.write(text.encode())
        yield text


def _heading(pieces: Iterable[str]) -> str | None:
    """The first heading that stands for the whole; one that a piece ends in counts with what follows."""
    rest = ""
    for piece in pieces:
        rest += clean(piece)
        whole = rest.rfind("\n") + 1
        if found := _HEADING.search(rest, 0, whole):
            return found[1]
        rest = rest[whole:][-readers.PIECE :]
    found = _HEADING.search(rest)
    return found[1] if found else None


def main(name: str, file: str, told: str, texts: str, passages: str) -> None:
    """Converts: the texts one after the other, their passages a line each, and *told* says which are whose."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: dict[str, Any]
    try:
        with Path(texts).open("wb") as words, Path(passages).open("wb") as lines:
            answer = {"texts": convert(Path(file), name, _say, words, lines)}
    except BadDocument as error:
        answer = {"error": error.detail}
    Path(told).write_text(dumps(answer), encoding="utf-8")


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
