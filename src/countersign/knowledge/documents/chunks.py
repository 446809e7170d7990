"""Cutting a Markdown text into passages: along its headings, then its sentences, with the way that leads there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

WORDS = 200  # about 300 tokens of French
OVERLAP = 35  # about 50 tokens

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
    found: list[Chunk] = []
    for breadcrumb, start, end in _sections(text, title):
        for first, last in _passages(text, start, end):
            content = text[first:last].strip()
            if content:
                found.append(Chunk(len(found), breadcrumb, content, first, last))
    return found


def _sections(text: str, title: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """``(breadcrumb, start, end)`` of the text below each heading."""
    path: list[tuple[int, str]] = []
    start = 0
    for heading in _HEADING.finditer(text):
        yield (title, *(name for _, name in path)), start, heading.start()
        level = len(heading[1])
        path = [step for step in path if step[0] < level]
        if not (level == 1 and heading[2] == title):
            path.append((level, heading[2]))
        start = heading.end()
    yield (title, *(name for _, name in path)), start, len(text)


def _passages(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Bounds of runs of whole sentences, each at most about ``WORDS`` words."""
    cuts = [start, *(start + m.end() for m in _SENTENCE.finditer(text[start:end])), end]
    sentences = [(a, b, len(text[a:b].split())) for a, b in pairwise(cuts) if text[a:b].strip()]
    i = 0
    while i < len(sentences):
        j, words = i, 0
        while j < len(sentences) and (j == i or words + sentences[j][2] <= WORDS):
            words += sentences[j][2]
            j += 1
        yield sentences[i][0], sentences[j - 1][1]
        if j == len(sentences):
            return
        # Step back over whole sentences for the overlap, but always forward from where this passage began.
        back, k = 0, j
        while k > i + 1 and back + sentences[k - 1][2] <= OVERLAP:
            k -= 1
            back += sentences[k][2]
        i = k
