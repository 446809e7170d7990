"""Cutting a Markdown text into passages: along its headings, then its sentences, with the way that leads there."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WORDS = 200  # about 300 tokens of French
OVERLAP = 35  # about 50 tokens
LONGEST = 20_000  # characters without the end of a sentence

_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…»])\s+(?=[A-ZÀ-ÖØ-Þ«\d`*\-])|\n{2,}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage: ``text[start:end]`` of the document, and the headings above it, outermost first."""

    position: int
    breadcrumb: tuple[str, ...]
    content: str
    start: int
    end: int


def chunks(text: str, title: str) -> list[Chunk]:
    """Passages of *text* in order, about 300 tokens each with 50 of overlap inside a section; none is empty."""
    return list(cut((text,), title))


def cut(pieces: Iterable[str], title: str) -> Iterator[Chunk]:
    """The same of a text that comes in *pieces*, wherever those end. Holds little more than one of them."""
    cutter = _Cutter(title)
    for piece in pieces:
        yield from cutter.take(piece)
    yield from cutter.take("", last=True)


class _Cutter:
    """Places are those of the whole text; ``_text`` is what may still be needed of it, from ``_base`` on."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._path: list[tuple[int, str]] = []
        self._text = ""
        self._base = 0
        self._seen = 0  # up to here headings and ends of sentences were looked for
        self._open = 0  # where the sentence begins whose end was not found yet
        self._held: deque[tuple[int, int, int]] = deque()  # (start, end, words) of what the next passage begins with
        self._count = 0

    def take(self, piece: str, *, last: bool = False) -> Iterator[Chunk]:
        self._text += piece
        end = self._base + len(self._text) if last else self._settled()
        for heading in _HEADING.finditer(self._text, self._seen - self._base, end - self._base):
            start, level = self._base + heading.start(), len(heading[1])
            yield from self._sentences(start, start)
            yield from self._section()
            self._path = [step for step in self._path if step[0] < level]
            if not (level == 1 and heading[2] == self._title):
                self._path.append((level, heading[2]))
            self._seen = self._open = self._base + heading.end()
        yield from self._sentences(end, self._base + len(self._text), ends=last)
        if last:
            yield from self._section()
        # The character before what is next tells whether a line begins there.
        done = min(self._open, self._seen - 1, *(self._held[0][:1] if self._held else ())) - self._base
        if done > 0:
            self._text, self._base = self._text[done:], self._base + done

    def _settled(self) -> int:
        """Where the last line begins that begins with a word: no heading, sentence or space goes over that place."""
        text, seen = self._text, self._seen - self._base
        at = len(text)
        while at > seen and (at == len(text) or text[at].isspace()):
            at = text.rfind("\n", seen, at - 1) + 1
        if at <= seen:
            return self._base + (len(text) if len(text) - seen > LONGEST else seen)
        return self._base + at

    def _sentences(self, end: int, known: int, *, ends: bool = True) -> Iterator[Chunk]:
        """Takes up what ends before *end*; the text is *known* further, to see whether a sentence does."""
        for gap in _SENTENCE.finditer(self._text, self._seen - self._base, known - self._base):
            if (at := self._base + gap.end()) > end:
                break
            yield from self._shortened(at)
            yield from self._sentence(at)
        yield from self._shortened(end)
        if ends:
            yield from self._sentence(end)
        self._seen = max(self._seen, end)

    def _shortened(self, end: int) -> Iterator[Chunk]:
        """What has no end of a sentence for very long is cut all the same, between words where there are any."""
        while end - self._open > LONGEST:
            start = self._open - self._base
            space = max(self._text.rfind(blank, start + 1, start + LONGEST) for blank in " \n") + 1
            yield from self._sentence(self._base + (space or start + LONGEST))

    def _sentence(self, end: int) -> Iterator[Chunk]:
        start, self._open = self._open, end
        words = len(self._text[start - self._base : end - self._base].split())
        if not words:
            return
        while self._held and (sum(held[2] for held in self._held) + words > WORDS or end - self._held[0][0] > LONGEST):
            yield self._passage()
            # Whole sentences are kept for the overlap, but always forward from where this passage began.
            back, kept = 0, len(self._held)
            while kept > 1 and back + self._held[kept - 1][2] <= OVERLAP:
                kept -= 1
                back += self._held[kept][2]
            for _ in range(kept):
                self._held.popleft()
        self._held.append((start, end, words))

    def _section(self) -> Iterator[Chunk]:
        if self._held:
            yield self._passage()
            self._held.clear()

    def _passage(self) -> Chunk:
        start, end = self._held[0][0], self._held[-1][1]
        content = self._text[start - self._base : end - self._base].strip()
        self._count += 1
        return Chunk(self._count - 1, (self._title, *(name for _, name in self._path)), content, start, end)
