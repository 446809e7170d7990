"""Units of construction and trade: their spellings, and what may be converted or multiplied into what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

# Canonical unit → spellings. A spelling of one or two letters is taken to the letter (`t` is a tonne, `T` is not),
# a longer one in any case.
_SPELLINGS: dict[str, str] = {
    "mm": "mm MM millimètre millimètres millimetre millimetres millimeter millimeters",
    "cm": "cm CM centimètre centimètres centimetre centimetres centimeter centimeters",
    "dm": "dm DM",
    "m": "m mètre mètres metre metres meter meters",
    "km": "km KM kilomètre kilomètres kilometre kilometres",
    "µm": "µm μm micron microns",
    "ml": "ml ML mL",
    "mm²": "mm² mm2",
    "cm²": "cm² cm2",
    "dm²": "dm² dm2",
    "m²": "m² m2 M² M2",
    "km²": "km² km2",
    "ha": "ha hectare hectares",
    "cm³": "cm³ cm3",
    "dm³": "dm³ dm3",
    "m³": "m³ m3 M³ M3",
    "L": "l L litre litres liter liters",
    "cL": "cl cL",
    "hL": "hl hL",
    "mg": "mg milligramme milligrammes",
    "g": "g gr gramme grammes gram grams",
    "kg": "kg KG Kg kilo kilos kilogramme kilogrammes kilogram kilograms",
    "t": "t tonne tonnes ton tons",
    "ms": "ms",
    "s": "s sec seconde secondes second seconds",
    "min": "min mn minute minutes",
    "h": "h H hr hrs heure heures hour hours",
    "jour": "j jour jours day days",
    "semaine": "semaine semaines week weeks",
    "mois": "mois month months",
    "an": "an ans année années annee annees year years",
    "u": "u U unité unités unite unites unit units pièce pièces piece pieces pce pces pcs",
    "ens": "ens ensemble ensembles",
    "forfait": "forfait forfaits ft Ft FT",
    "%": "% pct pourcent percent",
    "‰": "‰",
    "€": "€ EUR euro euros",
    "centime": "centime centimes",
    "$": "$ USD dollar dollars",
    "£": "£ GBP",
    "CHF": "CHF",
    "°": "° degré degrés",
    "°C": "°C",
    "°F": "°F",
    "K": "K",
    "W": "W watt watts",
    "kW": "kW KW kw",
    "MW": "MW",
    "Wc": "Wc",
    "kWc": "kWc",
    "Wh": "Wh",
    "kWh": "kWh",
    "MWh": "MWh",
    "VA": "VA",
    "kVA": "kVA",
    "V": "V volt volts",
    "A": "A ampère ampères",
    "mA": "mA",
    "Hz": "Hz",
    "kHz": "kHz",
    "ko": "ko Ko",
    "Mo": "Mo",
    "Go": "Go",
    "lm": "lm lumens",
    "lux": "lux",
    "dB": "dB dBA",
    "Pa": "Pa",
    "hPa": "hPa",
    "kPa": "kPa",
    "MPa": "MPa",
    "bar": "bar bars",
    "N": "N",
    "daN": "daN",
    "kN": "kN",
}
_EXACT = {spelling: unit for unit, line in _SPELLINGS.items() for spelling in line.split()}
_FOLDED = {spelling.lower(): unit for spelling, unit in _EXACT.items() if len(spelling) > 2}

PREFIXES = ("Ø", "DN", "PN", "IP", "IK", "REI", "EI")
"""Signs written before their number: `Ø40`, `DN 100`, `EI 60`. A wrong rating is a wrong figure, so they are read."""

CURRENCIES = frozenset({"€", "$", "£", "CHF", "centime"})

# Base measure and factor of the units that convert. `mois` into `jour` or `jour` into `h` is a convention of the
# trade, not arithmetic, so it is not here.
_BASE: dict[str, tuple[str, str]] = {
    "µm": ("0.000001", "m"),
    "mm": ("0.001", "m"),
    "cm": ("0.01", "m"),
    "dm": ("0.1", "m"),
    "m": ("1", "m"),
    "km": ("1000", "m"),
    "ml": ("1", "m"),
    "Ø": ("0.001", "m"),
    "DN": ("0.001", "m"),
    "mm²": ("0.000001", "m m"),
    "cm²": ("0.0001", "m m"),
    "dm²": ("0.01", "m m"),
    "m²": ("1", "m m"),
    "km²": ("1000000", "m m"),
    "ha": ("10000", "m m"),
    "cm³": ("0.000001", "m m m"),
    "dm³": ("0.001", "m m m"),
    "m³": ("1", "m m m"),
    "cL": ("0.00001", "m m m"),
    "L": ("0.001", "m m m"),
    "hL": ("0.1", "m m m"),
    "mg": ("0.000001", "kg"),
    "g": ("0.001", "kg"),
    "t": ("1000", "kg"),
    "ms": ("0.001", "s"),
    "min": ("60", "s"),
    "h": ("3600", "s"),
    "an": ("12", "mois"),
    "u": ("1", ""),
    "centime": ("0.01", "€"),
    "kW": ("1000", "W"),
    "MW": ("1000000", "W"),
    "kWc": ("1000", "Wc"),
    "kWh": ("1000", "Wh"),
    "MWh": ("1000000", "Wh"),
    "kVA": ("1000", "VA"),
    "mA": ("0.001", "A"),
    "kHz": ("1000", "Hz"),
    "hPa": ("100", "Pa"),
    "kPa": ("1000", "Pa"),
    "MPa": ("1000000", "Pa"),
    "bar": ("100000", "Pa"),
    "daN": ("10", "N"),
    "kN": ("1000", "N"),
}

Dims = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a unit measures: *factor* turns a value into base measures, *dims* are their powers (`€/m²` → €¹ m⁻²)."""

    factor: Decimal
    dims: Dims

    def times(self, other: Measure, sign: int = 1) -> Dims:
        """Dimensions of the product (or, with *sign* −1, of the quotient) of two measures."""
        return combine(self.dims, other.dims, sign)


@lru_cache(maxsize=4096)
def combine(left: Dims, right: Dims, sign: int = 1) -> Dims:
    """Powers added (or, with *sign* −1, subtracted), zero powers dropped."""
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


@lru_cache(maxsize=4096)
def measure(unit: str) -> Measure:
    """Measure of a canonical *unit*; a unit that is not known measures itself."""
    if unit.startswith(("m².K", "W/m")):
        return Measure(Decimal(1), ((unit, 1),))
    top, _, bottom = unit.partition("/")
    factor, dims = _atom(top)
    if bottom:
        divisor, below = _atom(bottom)
        return Measure(factor / divisor, combine(dims, below, -1))
    return Measure(factor, dims)


def _atom(unit: str) -> tuple[Decimal, Dims]:
    factor, names = _BASE.get(unit, ("1", unit))
    dims: Dims = ()
    for name in names.split():
        dims = combine(dims, ((name, 1),))
    return Decimal(factor), dims


_SPACE = "[ \u00a0\u202f\u2009]"
_LETTER = "A-Za-zµμΩŒœÀ-ÖØ-öø-ÿ"
_THERMAL = re.compile(
    rf"(?:(?P<r>m[²2][.·⋅×*]?{_SPACE}?K/W)|(?P<u>W/\(?m[²2][.·⋅]?K\)?)|(?P<l>W/\(?m[.·⋅]?K\)?))(?![\w])"
)
_PHRASE = re.compile(
    rf"(?P<base>m|mètres?|metres?){_SPACE}(?P<kind>carrés?|cubes?|linéaires?)(?!\w)"
    rf"|(?P<en>square|cubic|linear){_SPACE}(?:met(?:re|er)s?)(?!\w)"
    rf"|(?P<cent>pour|per){_SPACE}cent(?!\w)",
    re.IGNORECASE,
)
_PHRASES = {"ca": "m²", "sq": "m²", "cu": "m³", "li": "ml", "po": "%", "pe": "%"}
_TOKEN = re.compile(
    rf"(?P<scale>[kM](?=[€$£]))?(?P<token>°[CF](?![{_LETTER}])|dB\(A\)|[€$£%‰°]"
    rf"|[{_LETTER}]{{1,14}}[²³23]?(?:(?![\w'’])|(?=[xX][0-9])))"
)
_PER = re.compile(
    rf"{_SPACE}?(?:(?:HT|TTC|hors{_SPACE}taxes?){_SPACE}?)?"
    rf"(?:(?P<slash>/{_SPACE}?)|(?P<par>(?:par|per){_SPACE})"
    rf"|(?P<article>(?:le|la|du|de{_SPACE}la|au){_SPACE}|(?:de{_SPACE}|à{_SPACE})?l['’]))"
)
_WORD = re.compile(rf"[{_LETTER}]{{2,14}}(?![\w'’])")
_MAGNITUDE = re.compile(
    rf"(?P<name>milliers?|millions?|milliards?|thousand|billions?)(?!\w)(?:{_SPACE}?(?:d['’]|de{_SPACE}))?",
    re.IGNORECASE,
)


def unit_at(text: str, position: int) -> tuple[str, int, int] | None:
    """Unit that starts at *position*: its canonical name, where it ends, and the power of ten it carries (`k€`: 3)."""
    if thermal := _THERMAL.match(text, position):
        name = "m².K/W" if thermal["r"] else "W/m².K" if thermal["u"] else "W/m.K"
        return name, thermal.end(), 0
    found = _simple(text, position)
    if found is None:
        return None
    unit, end, scale = found
    below = per_at(text, end, money=unit in CURRENCIES)
    return (f"{unit}/{below[0]}", below[1], scale) if below else found


def per_at(text: str, position: int, *, money: bool) -> tuple[str, int] | None:
    """Unit below the line: `/m²`, `par heure`; for *money* also `le m²`, `HT/ml`, any word after a slash."""
    link = _PER.match(text, position)
    if link is None or not (money or link["slash"] or link["par"]):
        return None
    if below := _simple(text, link.end()):
        return (below[0], below[1]) if below[0] not in CURRENCIES and not below[2] else None
    word = _WORD.match(text, link.end()) if money and link["slash"] else None
    return (word[0].lower().removesuffix("s"), word.end()) if word else None


def magnitude_at(text: str, position: int) -> tuple[int, int] | None:
    """`millions d'`, `milliards de`: the power of ten and where the words end."""
    if (match := _MAGNITUDE.match(text, position)) is None:
        return None
    name = match["name"].lower()
    power = 9 if name.startswith(("milliard", "billion")) else 6 if name.startswith("million") else 3
    return power, match.end()


def _simple(text: str, position: int) -> tuple[str, int, int] | None:
    if phrase := _PHRASE.match(text, position):
        kind = (phrase["kind"] or phrase["en"] or phrase["cent"]).lower()
        return _PHRASES[kind[:2]], phrase.end(), 0
    token = _TOKEN.match(text, position)
    if token is None:
        return None
    unit = "dB" if token["token"] == "dB(A)" else _EXACT.get(token["token"]) or _FOLDED.get(token["token"].lower())
    scale = {"k": 3, "M": 6}.get(token["scale"] or "", 0)
    return (unit, token.end(), scale) if unit else None
