"""The difference between two prompts, line by line, with the words that changed inside a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff

CONTEXT = 3  # unchanged lines around a change
MOST_WORDS = 4_000  # of a changed block: finer than lines is not worth a second


@dataclass(frozen=True, slots=True)
class Line:
    """One line. *kind*: ``same``, ``gone``, ``new``, ``skip`` (unchanged lines left out). *parts*: (changed, text)."""

    kind: str
    parts: list[tuple[bool, str]]


def lines(old: str, new: str) -> list[Line]:
    """*old* against *new*, for a page."""
    before, after = old.splitlines(), new.splitlines()
    found: list[Line] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(CONTEXT))
    for number, group in enumerate(groups):
        if number or group[0][1] > 0:
            found.append(Line("skip", []))
        for verb, i1, i2, j1, j2 in group:
            if verb == "equal":
                found += [Line("same", [(False, text)]) for text in before[i1:i2]]
            else:
                found += _changed(before[i1:i2], after[j1:j2])
        if number == len(groups) - 1 and group[-1][2] < len(before):
            found.append(Line("skip", []))
    return found


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """*old* against *new* as a unified diff."""
    told = unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm="", n=CONTEXT)
    return "".join(f"{line}\n" for line in told)


def _changed(gone: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    """Lines that went, then lines that came; when both are there their words are compared."""
    words = [_words("\n".join(text)) for text in (gone, new)]
    if not gone or not new or sum(map(len, words)) > MOST_WORDS:
        yield from (Line("gone", [(False, text)]) for text in gone)
        yield from (Line("new", [(False, text)]) for text in new)
        return
    opcodes = SequenceMatcher(None, *words, autojunk=False).get_opcodes()
    yield from _split("gone", [(verb != "equal", "".join(words[0][i1:i2])) for verb, i1, i2, _, _ in opcodes])
    yield from _split("new", [(verb != "equal", "".join(words[1][j1:j2])) for verb, _, _, j1, j2 in opcodes])


def _split(kind: str, parts: Sequence[tuple[bool, str]]) -> Iterator[Line]:
    """*parts* cut where a line ends."""
    line: list[tuple[bool, str]] = []
    for changed, text in parts:
        first, *others = text.split("\n")
        line.append((changed, first))
        for other in others:
            yield Line(kind, [part for part in line if part[1]])
            line = [(changed, other)]
    yield Line(kind, [part for part in line if part[1]])


def _words(text: str) -> list[str]:
    return re.findall(r"\n|[^\S\n]+|\w+|[^\w\s]", text)
