"""How a text is laid out: sentences and what they cite, lists and how long they are, columns that may be summed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

from .numbers import Number

_LINES_ABOVE = 40

_CITED = re.compile(r"\[([0-9]{1,3}(?:[ ]?[,;–-][ ]?[0-9]{1,3}){0,20})\]")
_BREAK = re.compile(r"\n|[.!?…](?:[ ]?\[[0-9, ]{1,12}\]){0,8}[)\"»*]{0,3}[ \u00a0]+(?=[(\"«*]{0,3}[A-ZÀ-ÖØ-Þ])")
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?:[-*•–][ \t]|[0-9]{1,3}[.)][ \t]|(?P<row>\|))")
_RULE = re.compile(r"[ \t]*\|[ \t:|-]+\|?[ \t]*$")
_OPENS = re.compile(r"[^(:.]{0,80}[(:]")
_COMMAS = re.compile(r"[,;]| et | ou | and | or ")


class Layout:
    """One text, split once; positions are those of the text."""

    def __init__(self, text: str, sources: int) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._cited: dict[int, set[int]] = {}
        for match in _CITED.finditer(text):
            marks = _marks(match[1], sources)
            self._cited.setdefault(self.sentence_of(match.start()), set()).update(marks)
        everywhere = {mark for marks in self._cited.values() for mark in marks}
        self._everywhere = frozenset(everywhere or range(1, sources + 1))
        self._columns: dict[str | None, list[list[Number]]] = {}
        self._sizes: set[int] | None = None

    def sentence_of(self, position: int) -> int:
        """Index of the sentence (a line of a list or table is one) at *position*."""
        return bisect_right(self._starts, position) - 1

    def line_of(self, position: int) -> int:
        """Index of the line at *position*."""
        return bisect_right(self._lines, position) - 1

    def span(self, sentence: int) -> tuple[int, int]:
        """Where the sentence starts and ends."""
        after = self._starts[sentence + 1] if sentence + 1 < len(self._starts) else len(self._text)
        return self._starts[sentence], after

    def cited(self, sentence: int) -> frozenset[int]:
        """Sources that the sentence itself cites."""
        return frozenset(self._cited.get(sentence, ()))

    @property
    def everywhere(self) -> frozenset[int]:
        """Sources that the text cites anywhere, or all when it cites none."""
        return self._everywhere

    def running_lists(self, target: Number, numbers: Sequence[Number]) -> list[list[Number]]:
        """Lists that a total may close: the last figure of its unit on each line above, nearest 2, 3, … lines."""
        line = self.line_of(target.start)
        last: dict[int, Number] = {}
        for number in numbers:
            if number.unit == target.unit and line - _LINES_ABOVE <= (at := self.line_of(number.start)) < line:
                last[at] = number
        column = [last[at] for at in sorted(last, reverse=True)]
        return [column[:size][::-1] for size in range(2, len(column) + 1)]

    def blocks_of(self, unit: str | None, numbers: Sequence[Number]) -> list[list[Number]]:
        """Lists that the text may total: the last figure in *unit* of lines in a row, and all of one sentence."""
        if unit not in self._columns:
            blocks: list[list[Number]] = []
            previous = -2
            for number in numbers:
                if number.unit != unit:
                    continue
                line = self.line_of(number.start)
                if line == previous:
                    blocks[-1][-1] = number
                elif line == previous + 1 and self._is_item(line) == self._is_item(previous):
                    blocks[-1].append(number)
                else:
                    blocks.append([number])
                previous = line
            sentences: dict[int, list[Number]] = {}
            for number in numbers:
                if number.unit == unit:
                    sentences.setdefault(self.sentence_of(number.start), []).append(number)
            blocks += (told for told in sentences.values() if len(told) > 2)
            self._columns[unit] = [block for block in blocks if len(block) > 1]
        return self._columns[unit]

    def list_after(self, position: int) -> int:
        """Items of the list that *position* announces: the lines below, or "a, b et c" after a colon; else 0."""
        line = self.line_of(position)
        rest = self._line(line)[position - self._lines[line] :]
        opened = _OPENS.match(rest)
        listed = rest[opened.end() :].partition(")")[0] if opened else ""
        if listed.strip(" *\u00a0"):
            return len([part for part in _COMMAS.split(listed.partition(". ")[0]) if part.strip(" .*")])
        below = line + 1
        while below < len(self._lines) and below <= line + 2 and not self._line(below).strip():
            below += 1
        return self._size(below)[0]

    def list_sizes(self) -> set[int]:
        """Sizes of all lists and tables of the text."""
        if self._sizes is None:
            self._sizes, line = set[int](), 0
            while line < len(self._lines):
                size, after = self._size(line)
                if size:
                    self._sizes.add(size)
                line = max(after, line + 1)
        return self._sizes

    def _size(self, line: int) -> tuple[int, int]:
        """Items of the list that starts at *line*, and the line after it; nested items do not count."""
        first = _ITEM.match(self._line(line)) if line < len(self._lines) else None
        if first is None:
            return 0, line + 1
        size, blank = 0, 0
        while line < len(self._lines) and blank < 2:
            item = _ITEM.match(text := self._line(line))
            if item and bool(item["row"]) == bool(first["row"]) and item["indent"] == first["indent"]:
                size += 0 if _RULE.match(text) else 1
                size -= 1 if _RULE.match(text) and size else 0  # what stands above the rule is the header
            elif text.strip() and not text.startswith((" ", "\t")):
                break
            blank = 0 if text.strip() else blank + 1
            line += 1
        return size, line

    def _is_item(self, line: int) -> bool:
        return _ITEM.match(self._line(line)) is not None

    def _line(self, line: int) -> str:
        end = self._lines[line + 1] - 1 if line + 1 < len(self._lines) else len(self._text)
        return self._text[self._lines[line] : end]


def _marks(inside: str, sources: int) -> set[int]:
    """`1, 3–5` → {1, 3, 4, 5}, without numbers that no source has."""
    marks: set[int] = set()
    for part in re.split("[,;]", inside):
        low, *high = (int(Decimal(mark)) for mark in re.findall("[0-9]+", part))
        marks |= set(range(low, min(high[0] if high else low, sources) + 1))
    return {mark for mark in marks if 1 <= mark <= sources}
