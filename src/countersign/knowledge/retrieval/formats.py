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
        return _money_pattern(locale).apply(rounded, _locale(locale), currency=code, currency_digits=False)


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
