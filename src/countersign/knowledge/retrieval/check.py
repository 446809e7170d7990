"""Check every figure of an answer: it is in a source, in the question, computed from them, or unsupported.

- **source, question**: same value, and the same unit when both have one (`98 mm` is `9,8 cm`; `45,50 €` is the price
  told as `45,50 €/m²`; `€/ml` is not). Money may be rounded to the cents shown, and "environ 46 €" to the euro.
- **counts**: a bare whole number up to 12 must be a bare number there too, and when the sources count the same noun
  ("2 plaques"), only their count will do. A count of the items that the answer or a cited source lists is computed.
- **computed**: recomputed exactly from two figures (or a listed sum): of the same sentence, of the question and the
  figures just before, of the cited sources; see `arithmetic` for units and for the odds of a coincidence.
  Only what somebody would compute counts (see `plausible`): a sum is announced or written out, never guessed from afar.
  A written equation must be true: `25 × 45,50 = 1 173,50` is unsupported and says what it should be; so is a share
  taken of the wrong side ("15,6 % de plus" for 15,6 % less).
- **whose**: a sentence that cites `[2]` or names a code speaks of that record: a figure that stands only in another
  one is unsupported, and its `source` says where it stands.

Numbers in words are not checked in an answer, but "deux plaques" in a source supports "2 plaques".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from .arithmetic import NEARBY, SENTENCE, SOURCE, recompute, rounds_to, scaled, total
from .comparisons import Ways, announces_sum, compares, comparison_for
from .equations import equation_for
from .evidence import QUESTION, SMALL, Evidence, about, counted_noun, is_count
from .layout import Layout
from .numbers import Number, read_numbers
from .operands import Operands, asked_amounts, leading
from .subjects import Subjects
from .units import PREFIXES
from .verdicts import NumberCheck, Status

_PASSES = 3
_RECALLED = 40
_NEARBY = 12
_ASKED = 5
_WORDS = 300
_ATTEMPTS = 250
"""Recomputations tried for one answer: past that a figure that is nowhere stays unsupported, and the time bounded."""


def check_numbers(answer: str, sources: Sequence[str], question: str = "", locale: str = "fr") -> list[NumberCheck]:
    """Checks of all figures of *answer*, in order; *sources* in citation order. *locale* only formats `how`."""
    return _Check(answer, sources, question, locale).run()


class _Check:
    """The state of one run: the figures of the answer, and for each what supports it so far."""

    def __init__(self, answer: str, sources: Sequence[str], question: str, locale: str) -> None:
        self.answer, self.locale = answer, locale
        self.numbers = read_numbers(answer)
        self.evidence = Evidence(sources, question)
        self.layout = Layout(answer, len(sources))
        self.source_layouts = [Layout(source, 0) for source in sources]
        self.subjects = Subjects(answer, self.layout, sources)
        self.elsewhere: dict[int, int] = {}
        self.sentence = [self.layout.sentence_of(number.start) for number in self.numbers]
        self.leading = [leading(self.evidence.numbers[QUESTION])]
        for at, layout in enumerate(self.source_layouts, 1):
            some = leading(self.evidence.numbers[at])
            self.leading.append([replace(n, at=at, line=layout.line_of(n.start)) for n in some])
        self.figures: dict[frozenset[int], tuple[list[Number], list[Number], Operands]] = {}
        self.tried: dict[int, tuple[int, int]] = {}
        self.found: dict[int, tuple[Status, int | None, str | None]] = {}
        self.false: dict[int, str] = {}
        self.attempts = self.comparisons = _ATTEMPTS
        self.ways = Ways(answer)

    def run(self) -> list[NumberCheck]:
        for index, number in enumerate(self.numbers):
            spoken = self.subjects.of(self.sentence[index])
            place = self.evidence.find(self.answer, number, spoken, self._scope(index))
            if place is not None and place.at and spoken and place.at not in spoken and not self._repeated(index):
                self.elsewhere[index] = place.at
            elif place is not None:
                self.found[index] = ("question" if place.at == QUESTION else "source", place.at or None, None)
        for _ in range(_PASSES):
            before = len(self.found) + len(self.false)
            self._equations()
            self._comparisons()
            for index in range(len(self.numbers)):
                if index not in self.found and index not in self.false and (how := self._computed(index)):
                    self.found[index] = ("computed", None, how)
            if len(self.found) + len(self.false) == before:
                break
        return [self._verdict(index) for index in range(len(self.numbers))]

    def _verdict(self, index: int) -> NumberCheck:
        number = self.numbers[index]
        nowhere = ("unsupported", self.elsewhere.get(index), self.false.get(index))
        status, source, how = self.found.get(index, nowhere)
        return NumberCheck(number.text, number.start, number.end, number.value, number.unit, status, source, how)

    def _equations(self) -> None:
        """Equations written in the answer, once all their operands are supported: true ones support their result."""
        for index in range(2, len(self.numbers)):
            if index in self.false or self.found.get(index, ("", None, None))[0] == "computed":
                continue
            equation = equation_for(self.answer, self.numbers, index, self.locale)
            if equation is None or any(operand not in self.found for operand in equation.operands):
                continue
            if not equation.holds and self._quoted((*equation.operands, index)):
                continue
            if not equation.holds:
                self.found.pop(index, None)
                self.false[index] = equation.text
            elif index not in self.found:
                self.found[index] = ("computed", None, equation.text)

    def _comparisons(self) -> None:
        """Differences that the answer announces; a share taken of the wrong side says what it should be."""
        for index, number in enumerate(self.numbers):
            if index in self.found or index in self.false or self.comparisons <= 0:
                continue
            way = self.ways.of(number, self._words(index))
            if way is None:
                continue
            self.comparisons -= 1
            before = [i for i in range(max(0, index - _RECALLED), index) if i in self.found][-_NEARBY:]
            mates = self._sentence_mates(index)
            for near in (mates, sorted({*before, *mates})):
                told = comparison_for(number, way, [self.numbers[i] for i in near], self.locale)
                if told is not None and told.holds:
                    self.found[index] = ("computed", None, told.text)
                elif told is not None:
                    self.false[index] = told.text
                if told is not None:
                    break

    def _scope(self, index: int) -> frozenset[int]:
        """Sources that a figure may rest on: what its sentence speaks of, else all that is cited, else all."""
        return self.subjects.of(self.sentence[index]) or self.layout.everywhere

    def _repeated(self, index: int) -> bool:
        """A sentence that compares may say again what was said, and supported, before it."""
        number = self.numbers[index]
        return compares(self.answer, self._words(index)) and any(
            i in self.found and (self.numbers[i].value, self.numbers[i].unit) == (number.value, number.unit)
            for i in range(max(0, index - _RECALLED), index)
        )

    def _quoted(self, indices: Sequence[int]) -> bool:
        """All of it stands in one source: a source is told as it is, wrong or incomplete."""
        places = {self.found[i][1] if i in self.found else None for i in indices}
        return len(places) == 1 and None not in places

    def _computed(self, index: int) -> str | None:
        """How a figure that is nowhere follows from others: counted, from its sentence, summed, from sources."""
        if self.attempts <= 0:
            return None
        target = self.numbers[index]
        near = [self.numbers[i] for i in self._sentence_mates(index)]
        known = (len(near), sum(i in self.found for i in range(max(0, index - _RECALLED), index)))
        if self.tried.get(index) == known:
            return None
        self.attempts, self.tried[index] = self.attempts - 1, known
        if target.unit in PREFIXES:  # a diameter or a rating is stated, never computed
            return None
        if counted_noun(self.answer, target) and (how := self._listed(index)):
            return how
        if how := self._rounded(index):
            return how
        announced = announces_sum(self.answer, self._words(index))
        few = sum(n.kind == target.kind for n in near) <= 2
        question = self.leading[QUESTION]
        told = Operands.of(
            near,
            [n for n in near if n.kind == "quantity"],
            close=near,
            sums=few or announced is not None,
            asked=question,
        )
        if how := recompute(target, told, SENTENCE, self.locale):
            return how
        if how := self._rest(index, near):
            return how
        if how := total(target, self._sums(index), self.locale):
            return how
        scope = self._scope(index)
        asked = [n for n in self.leading[QUESTION] if n.kind in ("quantity", "plain")][:_ASKED]
        if how := scaled(target, asked, self._cited_figures(scope)[2], NEARBY, self.locale):
            return how
        earlier = [self.numbers[i] for i in range(max(0, index - _RECALLED), index) if i in self.found]
        known = [*near, *question, *earlier[-_NEARBY:]]
        close = Operands.of(known, asked, close=near, sums=announced == "clearly", asked=question)
        if how := recompute(target, close, NEARBY, self.locale):
            return how
        wide = self._wide(scope, near, earlier, asked)
        wide.sums = announced == "clearly"
        return recompute(target, wide, SOURCE, self.locale)

    def _rest(self, index: int, near: list[Number]) -> str | None:
        """What the sentence before leaves: "23,10 € sur 45,50 €. Les fournitures font 22,40 €." """
        target = self.numbers[index]
        before = [i for i in range(max(0, index - _NEARBY), index) if self.sentence[i] == self.sentence[index] - 1]
        told = [*near, *(self.numbers[i] for i in before if i in self.found)]
        alike = [n for n in told if n.kind == target.kind and n.kind != "plain"]
        return recompute(target, Operands.of(alike, close=alike), SENTENCE, self.locale) if len(alike) == 2 else None

    def _words(self, index: int) -> tuple[int, int]:
        """The part of the figure's sentence that is read for what it says of it; a whole page may be one sentence."""
        start, end = self.layout.span(self.sentence[index])
        number = self.numbers[index]
        return max(start, number.start - _WORDS), min(end, number.end + _WORDS)

    def _rounded(self, index: int) -> str | None:
        """ "environ 1 140 €", of a figure told exactly just before."""
        target = self.numbers[index]
        if (told := about(self.answer, target)) is None:
            return None
        for i in sorted({*range(max(0, index - _RECALLED), index), *self._sentence_mates(index)}):
            exact = self.numbers[i]
            if i in self.found and exact.unit == target.unit and rounds_to(exact.value, told):
                return f"{exact.text} ≈ {target.text}"
        return None

    def _sentence_mates(self, index: int) -> list[int]:
        same = self.sentence[index]
        first = last = index
        while first > max(0, index - _RECALLED) and self.sentence[first - 1] == same:
            first -= 1
        while last + 1 < min(len(self.numbers), index + _RECALLED) and self.sentence[last + 1] == same:
            last += 1
        return [i for i in range(first, last + 1) if i != index and i in self.found]

    def _wide(self, scope: frozenset[int], near: list[Number], earlier: list[Number], asked: list[Number]) -> Operands:
        """What a figure may follow from at the widest: sources, question, what is supported shortly before it."""
        with_unit, bare, _ = self._cited_figures(scope)
        factors = [*asked, *(n for n in near if n.kind in ("quantity", "plain"))]
        known = [*near, *self.leading[QUESTION], *reversed(earlier), *with_unit]
        return Operands.of(known, factors, bare=bare, close=near, asked=self.leading[QUESTION])

    def _cited_figures(self, scope: frozenset[int]) -> tuple[list[Number], list[Number], Operands]:
        """Figures of the sources in *scope*: with a unit (and asked amounts computed from them), bare, grouped."""
        if scope not in self.figures:
            some = leading(chain.from_iterable(self.leading[at] for at in sorted(scope)))
            with_unit = [n for n in some if n.unit is not None]
            bare = [n for n in some if n.unit is None and not (is_count(n) and n.value <= SMALL)]
            steps = asked_amounts(self.leading[QUESTION], with_unit)
            self.figures[scope] = [*steps, *with_unit], bare, Operands.of(with_unit, bare=bare)
        return self.figures[scope]

    def _sums(self, index: int) -> list[list[Number]]:
        """Lists whose total the figure may be: of its sentence, of the lines above it, of cited sources."""
        supported = {i: self.numbers[i] for i in range(max(0, index - 200), index) if i in self.found}
        mates = [self.numbers[i] for i in self._sentence_mates(index)]
        unit = self.numbers[index].unit
        lists = [
            [n for n in mates if n.unit == unit],
            [n for n in mates if n.unit == unit and n.start < self.numbers[index].start],
        ]
        lists += self.layout.running_lists(self.numbers[index], list(supported.values()))
        for at in sorted(self._scope(index)):
            # What one m² is made of adds up to a price per m², never per m³.
            of_lines = (unit and unit.partition("/")[0], None) if self.evidence.sells(at, unit) else ()
            for column in dict.fromkeys((unit, *of_lines)):
                lists += self.source_layouts[at - 1].blocks_of(column, self.evidence.numbers[at])
        return lists

    def _listed(self, index: int) -> str | None:
        """ "Elle comprend 3 composants :" above a list of three, or of three in the cited source."""
        number = self.numbers[index]
        sizes = {self.layout.list_after(number.end)}
        for at in self.layout.cited(self.sentence[index]):
            sizes |= self.source_layouts[at - 1].list_sizes()
        if number.value < 2 or int(number.value) not in sizes:
            return None
        return f"{number.value} éléments listés" if self.locale.startswith("fr") else f"{number.value} items listed"
