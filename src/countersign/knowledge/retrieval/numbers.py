"""Read the figures of a French or English text: values, units, money, percentages.

What names rather than measures is left alone: dates, years, times, codes (`BA13`, `CLO-PLA-001`, `NF EN 12201`),
versions, phone numbers, addresses, ordinals, citation marks `[1]`, list and heading numbers, "étape 3".

`1,234` and `1.234` can be read twice. A comma is the French decimal comma unless the text writes English money or
English decimals and no French ones; a point is a decimal point. The other reading is kept in `alternatives`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from .units import CURRENCIES, PREFIXES, magnitude_at, measure, per_at, unit_at

Kind = Literal["quantity", "money", "percent", "plain"]


@dataclass(frozen=True, slots=True)
class Number:
    """One figure: `text == source[start:end]`; the exponent of *value* is the precision shown (`45,50` → 45.50)."""

    text: str
    start: int
    end: int
    value: Decimal
    unit: str | None
    kind: Kind
    alternatives: tuple[Decimal, ...] = ()
    at: int = 0
    """The source that it was taken from to compute with (1, 2, …); 0 for a figure of the answer or the question."""
    line: int = 0
    """Its line there."""

    @property
    def readings(self) -> tuple[Decimal, ...]:
        """Every value the figure may have, the likeliest first."""
        return (self.value, *self.alternatives)


_SP = "[ \u00a0\u202f\u2009]"
_MONTH = (
    "(?:janv(?:ier|\\.)|févr(?:ier|\\.)|fevrier|mars|avril|mai|juin|juil(?:let|\\.)|août|aout|sept(?:embre|\\.)"
    "|oct(?:obre|\\.)|nov(?:embre|\\.)|déc(?:embre|\\.)|decembre|January|February|March|April|May|June|July|August"
    "|September|October|November|December)"
)
_STANDARD = "NF|EN|ISO|CEI|IEC|DTU|DIN|RAL|IDCC|UTE|UNE|ASTM"
# Grouped by their first character, so that most positions of a text are dismissed by one look.
_LINE_START = (
    r"[ \t>*_-]{0,12}[0-9]{1,3}[.)](?=[ \t*_]|$)",
    rf"[ \t]{{0,3}}\#{{1,6}}[ ][*_]{{0,2}}[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{0,4}}(?=[ .):]|$)(?!{_SP}?[%€m])",
)
_LETTER_START = (
    r"[LRDA]\*?(?:\.[ \u00a0]?[0-9]{1,4}|[ \u00a0]?[0-9]{3,4}(?=-))(?:-[0-9]{1,4}){0,4}",
    r"(?:https?://|www\.)\S+",
    rf"{_MONTH}{_SP}(?:[0-9]{{1,2}}(?:st|nd|rd|th)?,?{_SP})?(?:1[0-9]|20)[0-9]{{2}}(?![\w,.][0-9])",
    rf"(?:n[°º]|N[°º]|nos?\.?|No\.|№){_SP}?[0-9]+(?:[.-][0-9]+)*",
    rf"(?:{_STANDARD})(?:[ /-](?:{_STANDARD}|[A-Z])){{0,3}}[ -]?[0-9][0-9.]{{0,8}}(?:[-+/:][A-Z]?[0-9]{{1,4}}){{0,4}}",
)
_DIGIT_START = (
    r"[0-9]{1,2}°(?=[ \u00a0](?:de l|du |[A-ZÀ-Þ]|(?:et|à|ou) [0-9]{1,2}°))",
    rf"[0-9]{{1,2}}(?:er|st|nd|rd|th)?{_SP}(?:of{_SP})?{_MONTH}(?!\w)(?:,?{_SP}(?:1[0-9]|20)[0-9]{{2}}(?![0-9]))?",
    r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?(?:Z|(?![0-9]))",
    r"[0-3]?[0-9](?P<dash>[/.-])[01]?[0-9](?P=dash)(?:19|20)?[0-9]{2}(?![\w/]|[.,-][0-9])",
    r"[0-3][0-9]/0[1-9](?![\w/]|[.,][0-9])",
    r"(?<=[,;(][ \u00a0])(?:19|20)[0-9]{2}(?=\))|(?<=\()(?:19|20)[0-9]{2}(?=\))",
    rf"[0-2]?[0-9]{_SP}?[hH]{_SP}?[0-5][0-9](?![\w,.]?[0-9])",
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![\w,.]?[0-9])",
    r"(?:24h/24|24/24|7j/7|7/7|24/7)(?!\w)",
    rf"00?{_SP}?[.-]?(?:33{_SP}?)?[1-9](?:[ .\u00a0-]?[0-9]{{2}}){{4}}(?![\w,.]?[0-9])",
    r"0[ ][0-9]{3}(?:[ ][0-9]{3}){2}(?!\w)",
    r"[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{5}(?!\w)",
    r"[0-9]{1,4}(?:ers?|re|ère|es?|èmes?|nde?|st|rd|th)(?![\w'’])",
)
_OTHER_START = (
    r"\[[0-9]{1,3}(?:[ ]?[,;–-][ ]?[0-9]{1,3}){0,20}\]",
    r"\#[0-9A-Fa-f]{1,8}(?!\w)",
    r"\+[0-9]{1,3}(?:[ .-]?[0-9]{1,4}){3,6}(?!\w)",
)
_LEFT_ALONE = (
    rf"^(?=[ \t>*_\#0-9-])(?:{'|'.join(_LINE_START)})"
    rf"|(?<!\w)(?=[^\W0-9_]|№)(?:{'|'.join(_LETTER_START)})"
    rf"|(?<![\w/.,-])(?=[0-9])(?:{'|'.join(_DIGIT_START)})"
    rf"|(?=[\[#+])(?:{'|'.join(_OTHER_START)})"
)
_NUMERAL = (
    rf"[1-9][0-9]{{0,2}}(?:{_SP}[0-9]{{3}}(?![0-9]))+(?:[.,][0-9]+)?"
    r"|(?<![0-9/])[0-9]/(?:2|3|4|5|6|8|10|12|16)(?![0-9/]|[.,][0-9])"
    r"|[0-9]+(?:[.,][0-9]+)*|(?<![^\s(])\.[0-9]+"
)
_SCAN = re.compile(
    rf"(?P<alone>{_LEFT_ALONE})"
    rf"|(?=[0-9.€$£−-])(?P<sign>(?<![\w)\].,%€'’])[-−](?=[0-9€$£]))?(?:(?P<currency>[€$£]){_SP}?)?(?P<numeral>{_NUMERAL})"
    rf"|(?<![^\W0-9])(?:(?P<prefix>[Øø⌀]|DN|PN|IP|IK|REI|EI|EUR|USD|GBP|CHF){_SP}?|[xX])(?P<after>{_NUMERAL})"
    r"|(?P<word>[^\W0-9_]\w*(?:[-_]\w+|(?<=[0-9])[./][0-9]\w*)*)",
    re.MULTILINE,
)
_LABEL = re.compile(
    "(?:étape|etape|step|option|source|figure|tableau|table|phase|exemple|example|variante|note|annexe|point|solution|cas"
    "|hypothèse|question|réponse|partie|part|scénario)s?"
)
_YEAR_BEFORE = re.compile("en|depuis|année|avant|après|fin|début|courant|dès|in|since|year|millésime")
_ENGLISH = re.compile(
    r"(?<![0-9])(?<![0-9][ \u00a0\u202f])[€$£][ \u00a0]?[0-9]|[0-9],[0-9]{3}\.[0-9]"
    r"|(?<![0-9.])[0-9]+\.[0-9]{1,2}(?![0-9.])"
)
_FRENCH = re.compile(r"(?<![0-9,])[0-9]+,[0-9]{1,2}(?![0-9,])|[0-9]{4},[0-9]")
_LETTERS = re.compile(r"[^\W0-9_]\w*|@")
_RANGE = re.compile(rf"{_SP}?(?:à|a|et|ou|to|and|or|[-–—/]){_SP}?")
_TIMES = re.compile(rf"{_SP}?[x×X]{_SP}?")
_EMPHASIS = re.compile(rf"(?:\*\*|\*|__)?{_SP}{{0,2}}(?:\*\*|\*)?")


def read_numbers(text: str) -> list[Number]:
    """Figures of *text* in order of appearance, never overlapping. Never fails; linear in the length of the text."""
    english = bool(_ENGLISH.search(text)) and not _FRENCH.search(text)
    found: list[Number] = []
    position, word = 0, ""
    while match := _SCAN.search(text, position):
        position = match.end()
        if match["numeral"] is None and match["after"] is None:
            word = (match["word"] or "").lower()
            continue
        number, position = _read(text, match, english)
        if number and not _names(number, word if text[match.start() - 1 : match.start()] in " \u00a0" else ""):
            found.append(number)
        word = ""
    return _share_units(text, found)


def _read(text: str, match: re.Match[str], english: bool) -> tuple[Number | None, int]:
    """The figure of a match, and where reading goes on; no figure when digits run on into letters (`3D`)."""
    values = _values(match["numeral"] or match["after"], english)
    start, end = match.start(), match.end()
    if match["after"] and not match["prefix"]:
        start += 1  # the multiplication sign of `x25`
    unit, scale = _prefix_unit(match), 0
    gap = _EMPHASIS.match(text, end)
    after = gap.end() if gap else end
    closed = end
    if unit is None:
        if large := magnitude_at(text, after):
            scale, after, closed = large[0], large[1], large[1]
        if below := unit_at(text, after):
            unit, scale, closed = below[0], scale + below[2], below[1]
    elif unit in CURRENCIES:
        if below := per_at(text, end, money=True):
            unit, closed = f"{unit}/{below[0]}", below[1]
    elif unit in ("Ø", "DN") and (below := unit_at(text, after)) and measure(below[0]).dims == measure("mm").dims:
        unit, closed = (unit if below[0] == "mm" else below[0]), below[1]
    if closed == end and not _is_times(text, end) and (glued := _LETTERS.match(text, end)):
        return None, glued.end()
    if not values:
        return None, end
    if "*" in text[end:closed] or "_" in text[end:closed]:
        closed = end
    if match["sign"]:
        values = tuple(-value for value in values) + (values if _bullet(text, match.start()) else ())
    first, *others = (value.scaleb(scale) for value in values)
    number = Number(text[start:closed], start, closed, first, unit, _kind(unit), tuple(others))
    return number, closed + 1 if _is_times(text, closed) else closed


def _values(numeral: str, english: bool) -> tuple[Decimal, ...]:
    """Readings of a numeral, the likeliest first; empty when it is none (`1.2.3`, an identifier of 25 digits)."""
    if len(numeral) > 40 or sum(map(str.isdigit, numeral)) > 24:
        return ()
    if "/" in numeral:
        top, bottom = map(int, numeral.split("/"))
        return (Decimal(top) / bottom,) if top < bottom else ()
    numeral = re.sub(_SP, "", numeral)
    marks = [char for char in numeral if char in ".,"]
    if not marks:
        return (Decimal(numeral),)
    head, *groups = re.split("[.,]", numeral)
    plain = Decimal(head + "".join(groups))
    thousands = head != "" and len(head) <= 3 and not head.startswith("0")
    if len(marks) == 1:
        decimal = Decimal(f"{head or 0}.{groups[0]}")
        if not thousands or len(groups[0]) != 3 or len(head) == 0:
            return (decimal,)
        return (plain, decimal) if marks[0] == "," and english else (decimal, plain)
    if not thousands or any(len(group) != 3 for group in groups[:-1]):
        return ()
    if len(set(marks)) == 1:
        return (plain,) if len(groups[-1]) == 3 else ()
    if len(set(marks[:-1])) == 1:
        return (plain.scaleb(-len(groups[-1])),)
    return ()


def _prefix_unit(match: re.Match[str]) -> str | None:
    sign = match["prefix"] or match["currency"]
    if sign is None:
        return None
    if sign in "øØ⌀":
        return "Ø"
    return {"EUR": "€", "USD": "$", "GBP": "£"}.get(sign, sign)


def _kind(unit: str | None) -> Kind:
    if unit is None:
        return "plain"
    top = unit.partition("/")[0]
    return "money" if top in CURRENCIES else "percent" if top in ("%", "‰") else "quantity"


def _is_times(text: str, position: int) -> bool:
    """`60x60`: the letter is a multiplication sign."""
    return text[position : position + 1] in ("x", "X") and text[position + 1 : position + 2].isdecimal()


def _bullet(text: str, position: int) -> bool:
    """A dash that opens a line may be a bullet instead of a minus sign."""
    return not text[max(0, text.rfind("\n", 0, position) + 1) : position].strip()


def _names(number: Number, word: str) -> bool:
    """Whether a bare integer only names something: "étape 3", "en 2024"."""
    if number.unit is not None or number.alternatives or not number.text.isdecimal():
        return False
    if _YEAR_BEFORE.fullmatch(word):
        return len(number.text) == 4 and number.text[:2] in ("19", "20")
    return len(number.text) <= 2 and _LABEL.fullmatch(word) is not None


def _share_units(text: str, numbers: list[Number]) -> list[Number]:
    """`10 à 15 €`, `60 x 60 cm`: the unit written once holds for the figures before it."""
    shared = list(numbers)
    for index in range(len(shared) - 2, -1, -1):
        left, right = shared[index], shared[index + 1]
        if left.unit is not None or right.unit is None or right.unit in PREFIXES or left.end > right.start:
            continue
        gap = text[left.end : right.start]
        length = measure(right.unit).dims == measure("mm").dims
        if len(gap) < 8 and (_RANGE.fullmatch(gap) or (length and _TIMES.fullmatch(gap))):
            shared[index] = replace(left, unit=right.unit, kind=right.kind)
    return shared
