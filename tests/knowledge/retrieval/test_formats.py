"""Numbers as a French or an English reader writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.retrieval.formats import money, number, price_per, quantity


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        ("45.5", "45,50\u00a0€", "€45.50"),
        ("1137.50", "1\u202f137,50\u00a0€", "€1,137.50"),
        ("0.0125", "0,0125\u00a0€", "€0.0125"),
        ("12.3450", "12,345\u00a0€", "€12.345"),
        ("0.00005", "0,0001\u00a0€", "€0.0001"),
        ("-45.5", "-45,50\u00a0€", "-€45.50"),
        ("-0.00001", "0,00\u00a0€", "€0.00"),
        ("1E+4", "10\u202f000,00\u00a0€", "€10,000.00"),
    ],
)
def test_money_has_two_decimals_and_up_to_four_when_it_needs_them(value: str, french: str, english: str) -> None:
    assert money(Decimal(value)) == french
    assert money(Decimal(value), "en") == english


@pytest.mark.parametrize(
    ("value", "unit", "french", "english"),
    [
        ("25.00", "m²", "25\u00a0m²", "25\u00a0m²"),
        ("1234.5", "ml", "1\u202f234,5\u00a0ml", "1,234.5\u00a0ml"),
        ("2.50", "%", "2,5\u00a0%", "2.5%"),
        ("40", "Ø", "Ø40", "Ø40"),
        ("60", "REI", "REI\u00a060", "REI\u00a060"),
        ("45.5", "€/m²", "45,50\u00a0€/m²", "€45.50/m²"),
        ("45.5", "€", "45,50\u00a0€", "€45.50"),
        ("3", None, "3", "3"),
    ],
)
def test_a_quantity_keeps_its_unit_beside_it(value: str, unit: str | None, french: str, english: str) -> None:
    assert quantity(Decimal(value), unit) == french
    assert quantity(Decimal(value), unit, "en") == english


def test_a_unit_price_names_its_unit() -> None:
    assert price_per(Decimal("45.50"), "m²") == "45,50\u00a0€/m²"
    assert price_per(Decimal("45.50"), None) == "45,50\u00a0€"


def test_halves_are_rounded_up_as_people_do() -> None:
    assert number(Decimal("2.345"), decimals=2) == "2,35"
    assert number(Decimal("2.5"), decimals=0) == "3"
    assert number(Decimal("7"), decimals=2) == "7,00"


def test_no_digit_is_lost_however_long_the_number() -> None:
    assert number(Decimal("99999999999999999999999999999999.1234567"), "en").replace(",", "") == (
        "99999999999999999999999999999999.1234567"
    )


def test_a_regional_locale_may_be_spelled_as_browsers_do() -> None:
    assert number(Decimal("2.5"), "fr-CA") == "2,5"


@given(
    value=st.decimals(min_value=-(10**12), max_value=10**12, places=4),
    locale=st.sampled_from(["fr", "en", "en_GB", "de", "fr-CH", "hi", "ar"]),
    currency=st.sampled_from(["€", "$", "CHF"]),
)
def test_an_amount_is_written_as_babel_writes_it(value: Decimal, locale: str, currency: str) -> None:
    tag = locale.replace("-", "_")
    pattern = Locale.parse(tag).currency_formats["standard"].pattern.replace("0.00", "0.00##")
    code = {"€": "EUR", "$": "USD"}.get(currency, currency)
    expected = format_currency(value if value else Decimal(0), code, pattern, locale=tag, currency_digits=False)
    assert money(value, locale, currency) == expected
