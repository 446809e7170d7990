"""Which records a sentence speaks of: those it cites and those whose code it names."""

from __future__ import annotations

from collections.abc import Sequence

from .layout import Layout
from .quantities import codes_in


class Subjects:
    """A figure said of a record must stand in that record, or in one about the same thing."""

    def __init__(self, answer: str, layout: Layout, sources: Sequence[str]) -> None:
        self._answer, self._layout = answer, layout
        heads = [source.partition("\n")[0] for source in sources]
        self._named: dict[str, set[int]] = {}
        kin: dict[str, set[int]] = {}
        for at, head in enumerate(heads, 1):
            codes = codes_in(head)
            for code in codes:
                self._named.setdefault(code, set()).add(at)
            for name in codes or [head]:
                kin.setdefault(name, set()).add(at)
        # A computed total and the record it was computed from say the same thing; so do passages of one document.
        self._kin: dict[int, set[int]] = {}
        for group in kin.values():
            for at in group:
                self._kin.setdefault(at, set()).update(group)
        self._of: dict[int, frozenset[int]] = {}

    def of(self, sentence: int) -> frozenset[int]:
        """Sources that *sentence* speaks of; none when it does not say."""
        if sentence not in self._of:
            start, end = self._layout.span(sentence)
            spoken = set(self._layout.cited(sentence))
            for code in codes_in(self._answer[start:end]) if self._named else ():
                spoken |= self._named.get(code, set())
            self._of[sentence] = frozenset(kin for at in spoken for kin in self._kin[at])
        return self._of[sentence]
