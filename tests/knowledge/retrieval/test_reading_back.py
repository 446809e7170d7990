"""Any figure written as people write it, in French or in English, is read back exactly; what names is left alone."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.retrieval.check import check_numbers
from countersign.knowledge.retrieval.numbers import read_numbers
from countersign.knowledge.retrieval.spelled import spelled_numbers

NO_BREAK, NARROW, THIN = "\u00a0", "\u202f", "\u2009"
SPACES = [" ", NO_BREAK, NARROW, THIN]
MINUS = ["-", "−"]

# Fourteen digits in a row are a SIRET, which measures nothing.
values = st.integers(0, 10**13 - 1).flatmap(
    lambda digits: st.integers(0, 6).map(lambda places: Decimal(digits).scaleb(-places))
)


def grouped(whole: str, mark: str) -> str:
    groups: list[str] = []
    while len(whole) > 3:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    return mark.join([whole, *groups])


def written(value: Decimal, mark: str, point: str) -> str:
    """*value* with all its decimals, grouped by *mark*."""
    whole, _, rest = format(value, "f").partition(".")
    return grouped(whole, mark) + (point + rest if rest else "")


@given(
    values,
    st.sampled_from(["", *SPACES]),
    st.sampled_from(["", *SPACES]),
    st.sampled_from(["€", "m²", "%", "kg", "€/m²"]),
)
def test_a_french_figure_is_read_back(value: Decimal, mark: str, gap: str, unit: str) -> None:
    [found] = read_numbers(f"Il faut compter {written(value, mark, ',')}{gap}{unit}, pas moins.")
    assert (found.value, found.unit) == (value, unit)


@given(values, st.sampled_from(["", ","]), st.sampled_from(["€", "$", "£"]), st.sampled_from(["", " ", NO_BREAK]))
def test_an_english_amount_is_read_back_with_its_sign_before(value: Decimal, mark: str, sign: str, gap: str) -> None:
    [found] = read_numbers(f"That is {sign}{gap}{written(value, mark, '.')} in all.")
    assert (found.value, found.unit, found.kind) == (value, sign, "money")


@given(
    values,
    st.sampled_from(["", ","]),
    st.sampled_from(["m²", "kg", "%", "h", "mm"]),
    st.sampled_from(["", " ", NO_BREAK]),
)
def test_an_english_quantity_is_read_back(value: Decimal, mark: str, unit: str, gap: str) -> None:
    [found] = read_numbers(f"You need {written(value, mark, '.')}{gap}{unit}.")
    assert value in found.readings
    assert found.unit == unit


@given(values.filter(bool), st.sampled_from(MINUS), st.sampled_from(["", *SPACES]), st.sampled_from(["€", "°C", "%"]))
def test_a_sign_belongs_to_its_figure(value: Decimal, sign: str, mark: str, unit: str) -> None:
    [found] = read_numbers(f"La variation est de {sign}{written(value, mark, ',')} {unit}.")
    assert (found.value, found.unit) == (-value, unit)


@given(
    values,
    st.sampled_from(SPACES),
    st.sampled_from(["**{}**", "_{}_", "({})", "« {} »", "| {} |", "{};", "={}", "≈{}"]),
)
def test_what_stands_around_a_figure_does_not_change_it(value: Decimal, mark: str, around: str) -> None:
    [found] = read_numbers("Total " + around.format(written(value, mark, ",") + f"{NO_BREAK}€"))
    assert (found.value, found.unit) == (value, "€")


MONTHS = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
ENGLISH = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
days, months, years = st.integers(1, 28), st.integers(1, 12), st.integers(1950, 2049)
hours, minutes = st.integers(0, 23), st.integers(0, 59)
codes = st.builds(
    "{}-{}-{:03}".format,
    st.sampled_from(["CLO", "PLO", "ISO", "GOE"]),
    st.sampled_from(["PLA", "FOU", "MOE"]),
    st.integers(1, 999),
)
names = st.one_of(
    st.builds("{:02}/{:02}/{}".format, days, months, years),
    st.builds("{}-{:02}-{:02}".format, years, months, days),
    st.builds(lambda d, m, y: f"le {d} {MONTHS[m - 1]} {y}", days, months, years),
    st.builds(lambda d, m, y: f"{ENGLISH[m - 1]} {d}, {y}", days, months, years),
    st.builds(lambda d, m, y: f"{d} {ENGLISH[m - 1]} {y}", days, months, years),
    st.builds("en {}".format, years),
    st.builds("({})".format, years),
    st.builds("{}h{:02}".format, hours, minutes),
    st.builds("{} h {:02}".format, hours, minutes),
    st.builds("{:02}:{:02}".format, hours, minutes),
    st.builds("NF DTU {}.{}".format, st.integers(10, 99), st.integers(1, 99)),
    st.builds("NF EN {}".format, st.integers(100, 99999)),
    st.builds("NF EN {}-{}".format, st.integers(100, 99999), st.integers(1, 9)),
    st.builds("ISO {}:{}".format, st.integers(1000, 19999), years),
    codes,
    st.builds("BA{}".format, st.integers(6, 25)),
    st.builds("[{}]".format, st.integers(1, 20)),
    st.builds("article L. {}-{}".format, st.integers(1000, 9999), st.integers(1, 99)),
    st.builds("n° {}".format, st.integers(1, 9999)),
    st.builds("0{} {:02} {:02} {:02} {:02}".format, st.integers(1, 9), *[st.integers(0, 99)] * 4),
    st.builds("https://exemple.fr/page/{}?n={}".format, st.integers(1, 9999), st.integers(1, 99)),
)


@given(names, st.sampled_from(["Voir {}.", "Selon {}, c’est fait.", "**{}**", "({})", "| {} |", "Le {} : oui"]))
def test_what_names_is_left_alone(name: str, around: str) -> None:
    assert read_numbers(around.format(name)) == []


@given(
    st.integers(1, 99),
    st.sampled_from([".", ")"]),
    st.sampled_from(["", "  ", "> ", "- "]),
    st.sampled_from(["", "**"]),
)
def test_list_markers_are_left_alone(number: int, mark: str, before: str, bold: str) -> None:
    assert read_numbers(f"Étapes :\n{before}{bold}{number}{mark}{bold} Poser les rails") == []


@given(names, values, st.sampled_from(SPACES))
def test_a_figure_beside_a_name_is_still_read(name: str, value: Decimal, mark: str) -> None:
    [found] = read_numbers(f"D’après {name}, comptez {written(value, mark, ',')} kg.")
    assert (found.value, found.unit) == (value, "kg")


@given(st.text(max_size=300), st.text(max_size=120), st.text(max_size=120))
def test_no_text_makes_the_checker_fail(answer: str, source: str, question: str) -> None:
    read_numbers(answer)
    spelled_numbers(answer)
    check_numbers(answer, [source], question)


REPEATED = [
    "1 234,5 € de rail ", "25 × 45,50 = 1 137,50 € ", "12,5 % de plus que 45,50 € ", "CLO-PLA-001 [1] ", "- 3 vis\n",
    "| 1 | 2 |\n", "1,", "(", "**", "de plus ", "a-1", "9", " ", "\n", "[1", "€", "une plaque de 3 mm [2]. ",
]  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED)
def test_checking_takes_time_in_proportion_to_the_answer(piece: str) -> None:
    def seconds(length: int) -> float:
        answer = (piece * length)[:length]
        started = time.process_time()
        check_numbers(
            answer, ["CLO-PLA-001 — Cloison\nPrix : 45,50 €/m²\n25 m², 12,5 %, 3 vis"], "25 m² de CLO-PLA-001 ?"
        )
        return time.process_time() - started

    assert seconds(100_000) < 20 * max(seconds(10_000), 0.2)
