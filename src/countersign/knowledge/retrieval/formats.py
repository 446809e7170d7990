"""Show numbers, money and quantities as a French or an English reader writes them; `numbers` reads all of it back."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, format_decimal, parse_pattern

from .units import CURRENCIES, PREFIXES

_NBSP = "\u00a0"
_CODES = {"€": "EUR", "$": "USD", "£": "GBP"}


# Prices repeat: a composition shows the same hourly rate again and again, a library the same few thousand figures.
@lru_cache(maxsize=8192)
def number(value: Decimal, locale: str = "fr", *, decimals: int | None = None) -> str:
    """`1 234,5`: every decimal the value has, no trailing zero; with *decimals*, exactly so many, half up."""
    with localcontext(_room_for(value)):
        if decimals is not None:
            value = value.quantize(Decimal(1).scaleb(-decimals))
            return format_decimal(
                _signless_zero(value), format=f"#,##0.{'0' * decimals}".rstrip("."), locale=_locale(locale)
            )
        return format_decimal(
            _signless_zero(value), format="#,##0.#", locale=_locale(locale), decimal_quantization=False
        )


@lru_cache(maxsize=8192)
def money(value: Decimal, locale: str = "fr", currency: str = "€") -> str:
    """`45,50 €`, `€45.50`: two decimals, up to four when the price has them (`0,0125 €`), half up beyond."""
    with localcontext(_room_for(value)):
        rounded = _signless_zero(value.quantize(Decimal("0.0001")))
        code = _CODES.get(currency, currency)
        marks = _marks(locale, code)
        return _told(rounded, locale, code) if marks is None else _written(rounded, *marks)


def price_per(value: Decimal, unit: str | None, locale: str = "fr", currency: str = "€") -> str:
    """`45,50 €/m²`: a unit price; without a unit, the price alone."""
    price = money(value, locale, currency)
    return f"{price}/{unit}" if unit else price


def quantity(value: Decimal, unit: str | None, locale: str = "fr") -> str:
    """`25 m²`, `2,5 %`, `Ø40`, `45,50 €/m²`: a value with its unit, never broken over two lines."""
    if not unit:
        return number(value, locale)
    top, _, bottom = unit.partition("/")
    if top in CURRENCIES and top != "centime":
        return price_per(value, bottom or None, locale, top)
    if unit in PREFIXES:
        return f"{unit}{'' if unit == 'Ø' else _NBSP}{number(value, locale)}"
    if unit == "%":
        return _locale(locale).percent_formats[None].pattern.replace("#,##0", number(value, locale))
    return f"{number(value, locale)}{_NBSP}{unit}"


_PROBES = [Decimal(text) for text in ("0", "1234.5", "1234567.8912", "-0.017", "-1234567.5", "-123456")]


@lru_cache
def _marks(locale: str, code: str) -> tuple[str, str, str, str] | None:
    """What stands before an amount, behind it, between its thousands and before its decimals.

    With them an amount is written ten times as fast as by Babel. None where a locale has other rules than these.
    """
    sample = _told(_PROBES[2], locale, code)
    start, end = sample.find("1"), sample.rfind("2") + 1
    marks = (sample[:start], sample[end:], sample[start + 1 : start + 2], sample[end - 5 : end - 4])
    told = [(_told(probe, locale, code), _written(probe, *marks)) for probe in _PROBES]
    return marks if all(one == other for one, other in told) else None


def _written(rounded: Decimal, before: str, behind: str, thousands: str, point: str) -> str:
    whole, _, decimals = f"{abs(rounded):,.4f}".partition(".")
    sign = "-" if rounded < 0 else ""
    return f"{sign}{before}{whole.replace(',', thousands)}{point}{decimals[:2]}{decimals[2:].rstrip('0')}{behind}"


def _told(rounded: Decimal, locale: str, code: str) -> str:
    return _money_pattern(locale).apply(rounded, _locale(locale), currency=code, currency_digits=False)


@lru_cache
def _money_pattern(locale: str) -> NumberPattern:
    return parse_pattern(_locale(locale).currency_formats["standard"].pattern.replace("0.00", "0.00##"))


@lru_cache
def _locale(tag: str) -> Locale:
    """`fr`, `fr_CH` and `fr-CH` alike."""
    return Locale.parse(tag.replace("-", "_"))


def _room_for(value: Decimal) -> Context:
    """Enough digits for any price, rounded as people round; Babel rounds in the current context."""
    return Context(prec=max(28, len(value.as_tuple().digits) + abs(value.adjusted()) + 8), rounding=ROUND_HALF_UP)


def _signless_zero(value: Decimal) -> Decimal:
    """`-0` is an artefact of rounding, not something to show."""
    return value if value else Decimal(0)
