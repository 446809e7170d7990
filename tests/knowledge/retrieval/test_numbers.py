"""What is read as a figure, how, and what is left alone."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.knowledge.retrieval.formats import money, number, price_per, quantity
from countersign.knowledge.retrieval.numbers import read_numbers
from countersign.knowledge.retrieval.spelled import spelled_numbers

ONE_FIGURE = [
    ("1 234,5", "1234.5", None, "plain"),
    ("1\u00a0234,5 m²", "1234.5", "m²", "quantity"),
    ("1\u202f234,50\u00a0€", "1234.50", "€", "money"),
    ("1,234.5", "1234.5", None, "plain"),
    ("1.234,50 €", "1234.50", "€", "money"),
    ("1234.50", "1234.50", None, "plain"),
    ("45,50 €/m²", "45.50", "€/m²", "money"),
    ("45,50 € HT/m²", "45.50", "€/m²", "money"),
    ("45,50 € HT le m²", "45.50", "€/m²", "money"),
    ("42 € de l'heure", "42", "€/h", "money"),
    ("12 €/sac", "12", "€/sac", "money"),
    ("€45.50", "45.50", "€", "money"),
    ("EUR 45.50", "45.50", "€", "money"),
    ("45 euros", "45", "€", "money"),
    ("12 k€", "12000", "€", "money"),
    ("2,5 millions d'euros", "2500000", "€", "money"),
    ("98mm", "98", "mm", "quantity"),
    ("13 mm", "13", "mm", "quantity"),
    ("25 m2", "25", "m²", "quantity"),
    ("3 m3", "3", "m³", "quantity"),
    ("12 mètres linéaires", "12", "ml", "quantity"),
    ("40 mètres carrés", "40", "m²", "quantity"),
    ("12,5 ML", "12.5", "ml", "quantity"),
    ("3 U", "3", "u", "quantity"),
    ("3 unités", "3", "u", "quantity"),
    ("2 heures", "2", "h", "quantity"),
    ("0,8 h/m²", "0.8", "h/m²", "quantity"),
    ("35 heures par semaine", "35", "h/semaine", "quantity"),
    ("2,5 %", "2.5", "%", "percent"),
    ("20 pour cent", "20", "%", "percent"),
    ("Ø40", "40", "Ø", "quantity"),
    ("Ø 40 mm", "40", "Ø", "quantity"),
    ("DN100", "100", "DN", "quantity"),
    ("REI 60", "60", "REI", "quantity"),
    ("-5 °C", "-5", "°C", "quantity"),
    ("1/2 h", "0.5", "h", "quantity"),
    ("45 dB(A)", "45", "dB", "quantity"),
    ("3,15 m².K/W", "3.15", "m².K/W", "quantity"),
    ("0,24 W/(m².K)", "0.24", "W/m².K", "quantity"),
]


@pytest.mark.parametrize(("text", "value", "unit", "kind"), ONE_FIGURE)
def test_a_figure_is_read_whole(text: str, value: str, unit: str | None, kind: str) -> None:
    [found] = read_numbers(f"Soit {text} environ.")
    assert (found.text, found.value, found.unit, found.kind) == (text, Decimal(value), unit, kind)


@pytest.mark.parametrize(
    "text",
    [
        "le 12/03/2025, le 12 mars 2025, le 1er mai et le 2025-12-22",
        "March 12, 2025 and 12 March 2025",
        "en juillet 2024, depuis 2019",
        "à 10h30, 10 h 30 ou 10:30",
        "selon la source [1], les suivantes [2][3] et [4, 5]",
        "1. Pose\n2) Finition\n**3.** Fin",
        "## 2.1 Matériaux",
        "le 1er étage, la 2e couche, le 3ème lot, n° 3, N°12",
        "étape 3 puis option 2",
        "CLO-PLA-001, BA13, R48, M48, C25/30, CO2",
        "NF EN 12201, EN 13501-1, DTU 25.41, ISO 9001",
        "article L. 1242-2, R4624-10, L3122-15",
        "01 23 45 67 89, +33 1 23 45 67 89, 06.12.34.56.78",
        "https://exemple.fr/12?page=3 et jean.12@exemple.fr",
        "version 1.2.3, adresse 192.168.1.1",
        "le prix au m2, en m²",
        "ouvert 24h/24 et 7j/7",
    ],
)
def test_what_names_rather_than_measures_is_left_alone(text: str) -> None:
    assert read_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("de 10 à 15 €", [("10", "€"), ("15 €", "€")]),
        ("10-15 mm", [("10", "mm"), ("15 mm", "mm")]),
        ("entre 10 et 15 %", [("10", "%"), ("15 %", "%")]),
        ("600 x 600 x 13 mm", [("600", "mm"), ("600", "mm"), ("13 mm", "mm")]),
        ("60cmx40cm", [("60cm", "cm"), ("40cm", "cm")]),
        ("25 × 45,50 €/m²", [("25", None), ("45,50 €/m²", "€/m²")]),
        ("25x45", [("25", None), ("45", None)]),
        ("5 m'a dit, 10 l'eau", [("5", None), ("10", None)]),
        ("**1 137,50** €", [("1 137,50", "€")]),
        ("| 0,8 | ml |", [("0,8", None)]),
        ("3 plaques BA13 de 13 mm", [("3", None), ("13 mm", "mm")]),
    ],
)
def test_units_are_shared_by_ranges_and_sizes_only(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(n.text, n.unit) for n in read_numbers(text)] == expected


def test_a_comma_before_three_digits_is_decimal_in_french_and_keeps_its_other_reading() -> None:
    [french] = read_numbers("une longueur de 1,234 km")
    assert french.readings == (Decimal("1.234"), Decimal(1234))
    english, _ = read_numbers("1,234 m² at €45.50")
    assert english.readings == (Decimal(1234), Decimal("1.234"))
    mixed, _ = read_numbers("1,234 m² à 45,50 €")
    assert mixed.value == Decimal("1.234")


@pytest.mark.parametrize("text", ["0,125", "1234,567", "1 234,567", "1,234,567", "1,234.50", "1.234,50"])
def test_nothing_else_is_ambiguous(text: str) -> None:
    [found] = read_numbers(text)
    assert found.alternatives == ()


def test_precision_is_what_is_shown() -> None:
    assert [str(n.value) for n in read_numbers("45,50 € ; 45,5 € ; 12 k€")] == ["45.50", "45.5", "1.2E+4"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deux plaques", [("2", None)]),
        ("un an et une plaque", [("1", "an")]),
        ("quatre-vingt-dix jours", [("90", "jour")]),
        ("vingt et un, soixante-dix-sept", [("21", None), ("77", None)]),
        ("deux cent cinquante mille euros", [("250000", "€")]),
        ("twenty-five days", [("25", "jour")]),
    ],
)
def test_words_are_numbers_too(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(str(n.value), n.unit) for n in spelled_numbers(text)] == expected


values = st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False, allow_infinity=False)
locales = st.sampled_from(["fr", "en"])
units = st.sampled_from(["m²", "ml", "u", "h", "kg", "mm", "%", "Ø", "REI", "€", "€/m²", "h/m²", "m².K/W", "jour"])


@given(values, locales)
def test_every_number_shown_is_read_back(value: Decimal, locale: str) -> None:
    [found] = read_numbers(f"Total : {number(value, locale)}.")
    assert value in found.readings
    assert locale == "en" or value == found.value


@given(values, locales)
def test_every_price_shown_is_read_back(value: Decimal, locale: str) -> None:
    [found] = read_numbers(f"Total : {money(value, locale)}, hors taxes.")
    assert (found.value, found.unit, found.kind) == (value, "€", "money")
    [found] = read_numbers(price_per(value, "m²", locale))
    assert (abs(found.value), found.unit) == (abs(value), "€/m²")


@given(values.filter(lambda value: value >= 0), units, locales)
def test_every_quantity_shown_is_read_back(value: Decimal, unit: str, locale: str) -> None:
    [found] = read_numbers(f"Soit {quantity(value, unit, locale)} en tout.")
    assert value in found.readings
    assert found.unit == unit


rough = st.text(st.sampled_from("0123456789 ,.-/€%m²hØxX×[]()n°+#\n\u00a0\u202f*|=:éaRkMT'"), max_size=60)


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=80), rough))
def test_any_text_is_read_and_every_position_is_true(text: str) -> None:
    found = read_numbers(text)
    assert all(text[n.start : n.end] == n.text for n in found)
    assert all(a.end <= b.start for a, b in zip(found, found[1:], strict=False))
    assert all(n.value.is_finite() for n in found)
    assert all(text[n.start : n.end] == n.text for n in spelled_numbers(text))


@pytest.mark.parametrize(
    "piece", ["1 234,5 € de rail ", "a-1", "1,", "[1", "x1", "12 h 3", "0 1 23 ", "2024-12-", "1/2", "(", "* ", "a@1."]
)
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        started = time.process_time()
        read_numbers(text)
        return time.process_time() - started

    assert seconds(100_000) < 10
