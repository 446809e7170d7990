"""Whether two questions are the same one: equal figures, units, codes, negation and names, and no other word changed.

A vector tells that two questions are about the same thing; `Ø40` and `Ø400`, "avec" and "sans", one collective
agreement and another lie as near as two wordings of one question. So whatever could make a difference is compared here,
and when it is not clear that nothing does, the questions are not the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from typing import TypeAlias

from ..retrieval import service as retrieval
from .english import ENGLISH
from .french import FRENCH
from .wording import Lexicon, alike, fold, words

Figures: TypeAlias = Mapping[str | None, tuple[tuple[Decimal, ...], ...]]

_ELIDED = re.compile(r"\b(?:[ldjstmc]|qu|lorsqu|puisqu|quelqu)'(?=\w)", re.IGNORECASE)
_CHUNK = re.compile(r"[^\s()\[\]{}\"«»,;:!?]*[0-9][^\s()\[\]{}\"«»;:!?]*")
_PLACE = re.compile(r"¤(\d*)¤")
_TOKEN = re.compile(r"¤\d*¤|[^\W\d_]+[²³]?|[.!?:;,()\[\]{}—–]|[^\W\d]")
_PLAIN = re.compile(r"[\w\s.,;:!?'\"«»“”()\[\]{}—–…-]|[\u200b-\u200f]")
_QUANTITIES = words("prix duree montant nombre taux maximum minimum price duration amount number rate")
_ANYWHERE = words("comment pourquoi combien how why howmany")  # the others join sentences in their midst


@dataclass(frozen=True, slots=True)
class Word:
    """One word that says something. *figure*: a place that a figure or code takes; *part*: of the sentence, from 0."""

    text: str
    head: str
    part: int
    figure: bool = False
    turned: tuple[str, ...] = ()
    """What turns it around or leads to it."""
    led: str | None = None
    named: bool = False
    """It is written as names are."""
    floating: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A question taken apart. Figures stand by their unit in their order; *chunks*: codes and all else with digits.

    *kind* is "which", "whether" or, of a bare subject, "": what sort of answer is expected.
    """

    figures: Figures
    chunks: tuple[str, ...]
    signs: tuple[str, ...]
    units: tuple[str, ...]
    words: tuple[Word, ...]
    asks: frozenset[str]
    modals: frozenset[str]
    kind: str
    follows: bool


def read(question: str, language: str) -> Reading:
    """*question* taken apart as one of *language* ("fr", "en-GB"); never fails."""
    known = FRENCH if language.startswith("fr") else ENGLISH
    text = unicodedata.normalize("NFC", question).replace("’", "'").replace("¤", " ")
    said = re.sub(r"\bn'(?=\w)", "ne ", known.phrased(text), flags=re.IGNORECASE)
    said = _ELIDED.sub(" ", said)
    figures: dict[str | None, list[tuple[Decimal, ...]]] = {}
    keys: list[str] = []
    rest = ""
    end = 0
    for number in retrieval.figures(said):
        figures.setdefault(number.unit, []).append(number.readings)
        keys.append(f"{number.value.normalize():f} {number.unit}")
        # What stands before the digits ("Ø", "DN", "<") stays to be compared.
        digits = next((n for n, c in enumerate(number.text) if c.isdigit()), 0)
        rest += said[end : number.start] + number.text[:digits] + f" ¤{len(keys) - 1}¤ "
        end = number.end
    rest += said[end:]
    chunks: list[str] = []

    def keep(found: re.Match[str]) -> str:
        if _PLACE.search(found[0]) and not re.search(r"\d", _PLACE.sub("", found[0])):
            return found[0]
        chunks.append(_PLACE.sub(lambda m: keys[int(m[1])] if m[1] else "", found[0]).strip(".,-'/").upper())
        keys.append(chunks[-1])
        return f" ¤{len(keys) - 1}¤ "

    rest = _CHUNK.sub(keep, rest)
    taken = _Sentence(known, keys, shouted=text.upper() == text)
    taken.take(rest)
    return Reading(
        figures={unit: tuple(values) for unit, values in figures.items()},
        chunks=tuple(chunks),
        signs=tuple(sorted(_PLAIN.sub("", _PLACE.sub("", rest)))),
        units=tuple(sorted(taken.units)),
        words=tuple(taken.words),
        asks=frozenset(taken.asks),
        modals=frozenset(taken.modals),
        kind="which" if taken.which or taken.asks else "whether" if taken.modals or known.inverted.search(said) else "",
        follows=known.follows.search(said.replace(" ;", " ")) is not None
        or not any(w.head not in _QUANTITIES for w in taken.words),
    )


@dataclass(slots=True)
class _Sentence:
    """Takes the words of a question one by one."""

    known: Lexicon
    keys: list[str]
    shouted: bool
    words: list[Word] = field(default_factory=list[Word])
    units: list[str] = field(default_factory=list[str])
    asks: set[str] = field(default_factory=set[str])
    modals: set[str] = field(default_factory=set[str])
    which: bool = False
    part: int = 0
    chosen: int = -1  # the part that begins with "which"
    begins: bool = True  # a sentence
    opens: bool = True  # a part of one
    passive: bool = False
    turned: list[str] = field(default_factory=list[str])
    led: str | None = None
    last: str = ""

    def take(self, text: str) -> None:
        """Every word of *text*."""
        for match in _TOKEN.finditer(text):
            token = match[0]
            if (place := _PLACE.fullmatch(token)) is not None:
                self._add(self.keys[int(place[1])], self.keys[int(place[1])], figure=True)
            elif token in ".!?:;,()[]{}—–":
                self.part += 1
                self.begins, self.opens, self.passive = token in ".!?", True, False
                continue
            else:
                self._word(token)
            self.begins = False
        if self.turned:  # it turns around nothing that is said
            self.words.append(Word("", "", self.part, turned=tuple(self.turned)))

    def _word(self, token: str) -> None:
        known, lower, folded = self.known, token.lower(), fold(token)
        named = not self.shouted and ((not self.begins and not token.islower()) or (len(token) > 1 and token.isupper()))
        named = named or (len(token) == 1 and self.last in known.lettered)
        self.last = folded
        if named:
            self._add(lower, folded, named=True)
        elif (unit := retrieval.unit_named(token)) is not None:
            self.units.append(unit)
            self.opens = False
        elif lower in known.leading and (lower != "à" or not self.opens):
            self.led = known.leading[lower]
        elif lower in known.asking and (
            self.opens or lower in ("comment", "pourquoi", "how", "why", "combien", "howmany")
        ):
            self.asks.add(" ".join(filter(None, [self.led, known.asking[lower]])))
            self.part += 1
            self.led, self.opens = None, False
        elif folded in known.modals:
            self.modals.add(known.modals[folded])
            self.opens = False
        elif lower in known.turning or (folded in known.turning and folded != "ou"):
            self.turned.append(known.turning[folded])
        elif folded in known.holding:
            self.passive = self.passive or folded in known.being
            if folded in known.which and (folded != "que" or self.opens):
                self.which = True
                self.part += 1
                self.chosen = self.part
            self.opens = self.opens and lower in ("à", "de", "en", "du", "et", "and", "of")
        else:
            self._add(lower, known.head(folded), first=self.passive and known.passive(folded))

    def _add(self, text: str, head: str, *, figure: bool = False, named: bool = False, first: bool = False) -> None:
        word = Word(text, head, self.part, figure, tuple(self.turned), self.led, named, head in self.known.floating)
        place = len(self.words)
        if first:  # "X est renouvelé" says of X what "renouveler X" says
            place = next((n for n, w in enumerate(self.words) if w.part == self.part), place)
            place += self.part == self.chosen and place < len(self.words)
        self.words.insert(place, word)
        self.turned, self.led = [], None
        self.opens = self.passive = False


def difference(learned: Reading, asked: Reading) -> str | None:
    """Why the two are not the same question, in a word; None when nothing is different."""
    if learned.follows or asked.follows:
        return "incomplete"
    if not _same_figures(learned.figures, asked.figures):
        return "figures"
    if learned.chunks != asked.chunks:
        return "codes"
    if learned.signs != asked.signs or learned.units != asked.units:
        return "units"
    if learned.asks != asked.asks or (learned.modals and asked.modals and learned.modals != asked.modals):
        return "asked"
    if learned.kind and asked.kind and learned.kind != asked.kind:
        return "asked"
    pairs, missing = _matched(learned, asked)
    if missing:
        one = min(missing, key=lambda word: not word.named)
        return f"{'name' if one.named else 'word'}: {one.text}"
    if not (_turns(learned, asked) and _turns(asked, learned)):
        return "negation"
    if any(word.led and other.led and word.led != other.led for word, other in pairs):
        return "preposition"
    return "order" if _exchanged(asked, pairs) else None


def _same_figures(one: Figures, other: Figures) -> bool:
    """Equal values with equal units; those of one unit in the same order ("80 x 200" is not "200 x 80")."""
    if one.keys() != other.keys():
        return False
    return all(
        len(values) == len(other[unit])
        and all(set(a) & set(b) and a[0] in b and b[0] in a for a, b in zip(values, other[unit], strict=True))
        for unit, values in one.items()
    )


def _matched(one: Reading, other: Reading) -> tuple[list[tuple[Word, Word]], list[Word]]:
    """Each word of *one* with its like in *other*, as often as it is there, and those of both that have none."""
    left = [word for word in other.words if word.head]
    pairs: list[tuple[Word, Word]] = []
    missing: list[Word] = []
    for word in one.words:
        if not word.head:
            continue
        like = next((w for w in left if _one(word, w)), None)
        if like is not None:
            left.remove(like)
            pairs.append((word, like))
        elif not word.figure:  # figures were compared with all that they may mean
            missing.append(word)
    return pairs, missing + [word for word in left if not word.figure]


def _one(a: Word, b: Word) -> bool:
    if a.head == b.head and (fold(a.text) != fold(b.text) or a.text == b.text):
        return True
    return alike(a.text, b.text)


def _turns(one: Reading, other: Reading) -> bool:
    """Whether whatever turns a word of *one* around, or joins it, does the same to it in *other*."""
    return all(
        {t for w in one.words for t in w.turned if _one(word, w)}
        == {t for w in other.words for t in w.turned if _one(word, w)}
        for word in one.words
    )


def _exchanged(asked: Reading, pairs: Sequence[tuple[Word, Word]]) -> bool:
    """Whether two words that belong to one part of both questions stand the other way round: who and whom, of what."""
    at = {id(word): place for place, word in enumerate(asked.words)}
    return any(
        a.part == b.part and c.part == d.part and at[id(c)] > at[id(d)]
        for (a, c), (b, d) in combinations(pairs, 2)
        if not (a.floating or b.floating)
    )
