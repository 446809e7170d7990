"""How people word questions, in French and English: what holds one together, what turns it around, what it asks.

General words of the two languages, none of any trade. A word is only passed over when it stands here, so a word that is
missing costs a direct answer, never a wrong one; and two words are one only when nobody would tell them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias


def fold(word: str) -> str:
    """Small letters without accents."""
    word = word.lower().replace("œ", "oe").replace("æ", "ae")
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def classes(*lines: str) -> dict[str, str]:
    """Each word of a line is recognised by the first one."""
    return {word: line.split()[0] for line in lines for word in line.split()}


def each(words: str) -> dict[str, str]:
    """Each word is itself."""
    return {word: word for word in words.split()}


def words(text: str) -> frozenset[str]:
    """The words of *text*."""
    return frozenset(text.split())


Said: TypeAlias = str | Callable[[re.Match[str]], str]


def phrases(*pairs: tuple[str, Said]) -> tuple[tuple[re.Pattern[str], Said], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), said) for pattern, said in pairs)


def pattern(text: str) -> re.Pattern[str]:
    """Whatever the case."""
    return re.compile(text, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What is known of a language. Words are folded, but for those of ``leading`` and ``asking``."""

    phrases: tuple[tuple[re.Pattern[str], Said], ...]
    """What is said in several words, and the word that says the same."""
    holding: frozenset[str]
    """Words that only hold a sentence together, and those of politeness."""
    turning: Mapping[str, str]
    """What turns the next word around, or says how it belongs to the rest."""
    leading: Mapping[str, str]
    """Prepositions that may be there or not, but not another one in their place."""
    modals: Mapping[str, str]
    asking: Mapping[str, str]
    """What is asked, other than "which"."""
    which: frozenset[str]
    being: frozenset[str]
    """Makes a passive of a participle that follows."""
    same: Mapping[str, str]
    floating: frozenset[str]
    """Words that say the same wherever they stand."""
    roots: Mapping[str, str]
    """Beginnings of verbs: any of their forms and the noun of action are one word."""
    lettered: frozenset[str]
    """After these words a letter names: "classe A"."""
    inverted: re.Pattern[str]
    """A question that yes or no answers."""
    follows: re.Pattern[str]
    """What it is about was said before."""

    def head(self, word: str) -> str:
        """The word by which all forms of the folded *word* are recognised."""
        if word in self.same:
            return self.same[word]
        root = next((r for r in self.roots if word.startswith(r) and word[len(r) :] in _ENDINGS), None)
        return self.roots[root] if root else word

    def passive(self, word: str) -> bool:
        """Whether the folded *word* is what was done to something, of a verb that is known here."""
        return word.endswith(("e", "ee", "es", "ees", "ed")) and self.head(word) in self.roots.values()

    def phrased(self, text: str) -> str:
        """*text* with what is said in several words said in one."""
        for pattern, said in self.phrases:
            text = pattern.sub(said, text)
        return text


_ENDINGS = words(
    """e es ent er ez ee ees s ement ements ation ations ion ions tion tions lement lements le lent ne nent ner nee
    cation cations t ts ing ed al als"""
) | {""}


UNITS = (
    (r"\bm[eè]tres?\s+carr[eé]s?\b|\bsquare\s+met(?:re|er)s?\b", "m²"),
    (r"\bm[eè]tres?\s+cubes?\b|\bcubic\s+met(?:re|er)s?\b", "m³"),
    (r"\bm[eè]tres?\s+lin[eé]aires?\b", "ml"),
    (r"\b([kdcm])?m2\b", r"\1m²"),
    (r"\b([dcm])?m3\b", r"\1m³"),
)

# Without its accent each of these may be another word.
_HOMOGRAPHS = words(
    """cote cotes tache taches peche peches foret forets mur murs sur mat mats jeune jeunes pale pales acre acres
    bat bats rode cru crus gene genes hale chasse pre pres tot"""
)


def alike(one: str, other: str) -> bool:
    """Whether two words in small letters are one: in the singular and plural, or with its accents left out."""
    if one == other:
        return True
    if (folded := fold(one)) == fold(other):
        if _GRAVE.sub("é", one) == _GRAVE.sub("é", other):  # "évènement", "événement"
            return True
        left_out = one == folded or other == folded
        return left_out and folded not in _HOMOGRAPHS and _acute(one) == _acute(other)
    short, long = sorted((one, other), key=len)
    return len(short) >= 3 and long in (f"{short}s", f"{short}x") and not short.endswith(("s", "x", "z"))


_GRAVE = re.compile(r"è(?=[^\W\d_]{3})")


def _acute(word: str) -> bool:
    """Whether it ends like "posé", which is another word than "pose"."""
    return re.search(r"ée?s?$", word) is not None
