"""Every figure of an answer is supported, or it is flagged."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.knowledge.retrieval.check import check_numbers
from countersign.knowledge.retrieval.formats import quantity
from countersign.knowledge.retrieval.verdicts import NumberCheck, as_json
from tests.knowledge.retrieval.planted import TEMPLATES, Case, right_case, wrong_case

WALL = """CLO-PLA-001 — Cloison en plaques de plâtre 98/48
Prix unitaire : 45,50 €/m²
Composition pour 1 m² :
- Plaque BA13 : 2,1 m² × 4,20 €/m² = 8,82 €
- Rail R48 : 0,8 ml × 2,15 €/ml = 1,72 €
- Vis : 22 u × 0,02 €/u = 0,44 €
Main d'œuvre : 0,6 h/m² à 42,00 €/h"""
PIPE = """code: PLO-PVC-040
unit: ml
unit_price: 12.3475
Tube Ø40, épaisseur 98 mm, R = 3,15 m².K/W, deux couches, 4 vis, TVA 20 %, préavis d'un an."""
QUESTION = "Quel est le prix de 25 m² de CLO-PLA-001, pour un budget de 5 000 € ?"


def checked(answer: str, question: str = QUESTION) -> list[NumberCheck]:
    return check_numbers(answer, [WALL, PIPE], question)


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("Le prix est de 45,50 €/m² [1].", 1),
        ("Le prix est de 45.50 € HT le m² [1].", 1),
        ("Le prix unitaire est de 45,5 € [1].", 1),
        ("Le tube coûte 12,35 €/ml [2].", 2),
        ("Environ 46 €/m² [1].", 1),
        ("Le tube Ø40 [2].", 2),
        ("Le tube de diamètre 40 mm [2].", 2),
        ("Une épaisseur de 9,8 cm [2].", 2),
        ("Une épaisseur de 98mm.", 2),
        ("R = 3.15 m2.K/W", 2),
        ("Il y a 2 couches.", 2),
        ("Un préavis de 1 an.", 2),
        ("La cloison fait 98 mm de large.", 2),
        ("36 minutes par m²", 1),
    ],
)
def test_a_figure_of_a_source_is_supported_however_it_is_written(answer: str, source: int) -> None:
    [check] = checked(answer)
    assert (check.status, check.source) == ("source", source)


@pytest.mark.parametrize(
    "answer",
    [
        "Le prix est de 45,05 €/m² [1].",
        "Le prix est de 45,50 €/ml [1].",
        "Le tube coûte 12,35 €/m² [2].",
        "Le tube coûte 12,34 €/ml [2].",
        "Le tube Ø400 [2].",
        "Une épaisseur de 98 cm [2].",
        "R = 3,51 m².K/W",
        "Il y a 3 couches.",
        "Il faut 2 vis.",
        "Il y a 3 portes.",
        "Un préavis de 1 mois.",
        "Une remise de 15 %.",
        "Soit 455,00 €/m² [1].",
        "Le prix est de 8,82 €/m² [1].",
        "Environ 48 €/m² [1].",
    ],
)
def test_a_figure_that_is_nowhere_is_unsupported(answer: str) -> None:
    [check] = checked(answer)
    assert (check.status, check.source) == ("unsupported", None)


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        ("Le total est de 1 137,50 € HT [1].", "25 × 45,50 = 1 137,50"),
        ("Les fournitures reviennent à 10,98 € [1].", "8,82 + 1,72 + 0,44 = 10,98"),
        ("Il faut 20 ml de rail [1].", "25 × 0,8 = 20"),
        ("Il faut 15 heures de pose [1].", "25 m² × 0,6 h/m² = 15 h"),
        ("La pose revient à 630,00 € [1].", "15 h × 42,00 €/h = 630,00 €"),
        ("La TVA est de 227,50 € [1][2].", "1 137,50 × 20 % = 227,50"),
        ("Le total TTC est de 1 365,00 € [1][2].", "1 137,50 + 20 % = 1 365,00"),
        ("Le budget couvre 109,89 m² [1].", "5 000 ÷ 45,50 = 109,89"),
        ("Elle comprend 3 fournitures : plaque, rail et vis [1].", "3 éléments listés"),
        ("Elle comprend 3 fournitures [1].", "3 éléments listés"),
    ],
)
def test_a_figure_that_follows_from_cited_ones_is_computed(answer: str, how: str) -> None:
    [check] = checked(answer)
    assert check.status == "computed"
    assert (check.how or "").replace("\u202f", " ").replace("\u00a0", " ") == how


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        ("25 m² × 45,50 €/m² = 1 137,50 €", "question source computed"),
        ("25 × 45,50 = 1 173,50 €", "question source unsupported"),
        ("- Plaque : 8,82 €\n- Rail : 1,72 €\n- Total : 10,54 €", "source source computed"),
        ("- Plaque : 8,82 €\n- Rail : 1,72 €\n- Total : 11,54 €", "source source unsupported"),
        ("1 137,50 € + 20 % = 1 365,00 €", "computed source computed"),
        ("Le prix passe de 45,50 € à 43,23 €, soit 5 % de moins.", "source unsupported unsupported"),
        ("Elle comprend 4 fournitures [1] :\n- plaque\n- rail\n- vis", "unsupported"),
        ("Budget de 5 000 € pour 25 m².", "question question"),
        ("De 8,82 à 10,54 € au total", "source computed"),
    ],
)
def test_statuses_in_order(answer: str, statuses: str) -> None:
    assert [check.status for check in checked(answer)] == statuses.split()


@pytest.mark.parametrize(
    ("answer", "elsewhere"),
    [
        ("Le tube coûte 45,50 € [2].", 1),
        ("PLO-PVC-040 est à 45,50 €.", 1),
        ("La CLO-PLA-001 fait Ø40 [1].", 2),
    ],
)
def test_a_figure_of_another_record_than_the_one_spoken_of_is_unsupported(answer: str, elsewhere: int) -> None:
    [check] = checked(answer)
    assert (check.status, check.source) == ("unsupported", elsewhere)


@pytest.mark.parametrize("answer", ["25 × 45,50 €/m² [1].", "25 m² à 45,50 €/m² [1]."])
def test_a_figure_of_the_question_is_no_figure_of_a_record_that_is_not_spoken_of(answer: str) -> None:
    checks = check_numbers(answer, [WALL, "L'article 25 se pose par 25 m²."], QUESTION)
    assert checks[0].status == "question"
    assert all(check.status != "unsupported" for check in checks)


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        ("La CLO-PLA-001 [1] coûte 45,50 €, PLO-PVC-040 12,35 € [2].", "source source"),
        ("Elle est à 45,50 € [1]. Le tube est moins cher que 45,50 € [2].", "source source"),
        ("CLO-PLA-001 fait 25 m² [1].", "question"),
    ],
)
def test_a_sentence_that_compares_may_name_figures_of_both(answer: str, statuses: str) -> None:
    assert [check.status for check in checked(answer)] == statuses.split()


@pytest.mark.parametrize(
    ("answer", "status", "how"),
    [
        ("45,50 € [1] contre 12,35 € [2], soit 268,4 % de plus.", "computed", "(45,50 − 12,35) ÷ 12,35 × 100 = 268,4"),
        ("45,50 € [1] contre 12,35 € [2], soit 72,9 % de moins.", "computed", "(45,50 − 12,35) ÷ 45,50 × 100 = 72,9"),
        (
            "45,50 € [1] contre 12,35 € [2], soit 72,9 % de plus.",
            "unsupported",
            "(45,50 − 12,35) ÷ 12,35 × 100 = 268,4",
        ),
        ("45,50 € [1] contre 12,35 € [2], soit 33,15 € de plus.", "computed", "45,50 € − 12,35 € = 33,15 €"),
        ("45,50 € [1] contre 12,35 € [2], soit 33,51 € de plus.", "unsupported", None),
    ],
)
def test_more_and_less_are_shares_of_different_things(answer: str, status: str, how: str | None) -> None:
    *_, check = checked(answer)
    assert (check.status, (check.how or "").replace("\u00a0", " ") or None) == (status, how)


@pytest.mark.parametrize(
    "answer",
    [
        "Comptez 25 m² × 45,50 €/m² = 1 137,50 $ [1].",  # another currency
        "Il faut 0,6 h/m² × 25 m² = 15 min [1].",  # units that make hours
        "Le prix est de 10,98 €/ml [1].",  # what one m² is made of is no price per metre
        "Le tube est de Ø80 : 40 + 40 [2].",  # a diameter is stated, never computed
        "La vis coûte 6,00 € [1].",  # 4,20 + 1,80 of nobody's sum
    ],
)
def test_what_nobody_would_compute_supports_nothing(answer: str) -> None:
    assert "unsupported" in [check.status for check in checked(answer)]


LONG = """Bonjour,

## 1. Prix de la cloison

La cloison **CLO-PLA-001** (98/48) coûte **45,50 €/m²** [1]. Pour **25 m²**, le total est de **1 137,50 € HT**, dont :

- fournitures : 10,98 € par m² ;
- main d'œuvre : 25,20 € par m² (soit 55,4 % du prix).

## 2. Budget

Avec 5 000 €, il reste 3 862,50 €. Comptez 0,6 h par m² (36 minutes), soit 15 heures, ou environ 1 140 € en tout.

| Fourniture | Quantité | Prix | Total |
|---|---|---|---|
| Plaque BA13 | 2,1 | 4,20 | 8,82 |
| Rail R48 | 0,8 | 2,15 | 1,72 |
"""


def test_a_long_right_answer_has_no_flag() -> None:
    flags = [(check.text, check.status) for check in checked(LONG) if check.status == "unsupported"]
    assert flags == []


def test_a_false_equation_says_what_it_should_be() -> None:
    *_, result = checked("25 × 45,50 = 1 173,50 €")
    assert result.how == "25 × 45,50 = 1\u202f137,50"


def test_a_source_is_quoted_as_it_is_even_when_its_own_sum_is_wrong() -> None:
    text = "35 h × 52 semaines = 151,67 h"
    assert [c.status for c in check_numbers(text, [text])] == ["source"] * 3


def test_how_is_written_in_the_language_asked() -> None:
    [check] = check_numbers("The total is €1,137.50 [1].", [WALL], "25 m² of CLO-PLA-001", locale="en")
    assert (check.status, check.how) == ("computed", "25 × 45.50 = 1,137.50")


def test_without_sources_nothing_but_the_question_supports() -> None:
    checks = check_numbers("Pour 25 m², comptez 1 137,50 €.", [], "Prix de 25 m² ?")
    assert [c.status for c in checks] == ["question", "unsupported"]


def test_the_result_is_plain_data() -> None:
    answer = "Le prix est de 12 k€, pas 45,50 €/m² [1]."
    assert as_json(checked(answer)) == {
        "numbers": [
            {"text": "12 k€", "value": "12000", "unit": "€", "status": "unsupported", "source": None, "start": 15,
             "end": 20, "how": None},
            {"text": "45,50 €/m²", "value": "45.50", "unit": "€/m²", "status": "source", "source": 1, "start": 26,
             "end": 36, "how": None},
        ]
    }  # fmt: skip


# --- promises for any text --------------------------------------------------------------------------------------

PIECES = re.findall(
    "[^;]+",
    "1;25;45,50;1 234,5;0;0,0;-5;1/2;12:30;999999999999999999999999;0,000000000000000000001;€;%;‰; m²;/m²; kg;h;M€;k€"
    "; millions d'euros;Ø;×;=;+;-; - ;x;environ ;trois ;et ;à ;plaques;Prix : ;unit: m²;[1];[2];(;);**;- ;. A;|; ;\n;\u00a0",
)
anything = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.text(st.sampled_from("0123456789 ,.-/€%m²hx×=+[]()|\n:plaques"), max_size=60),
)


@settings(max_examples=200)
@given(anything, st.lists(anything, max_size=3), anything)
def test_any_answer_is_checked_and_every_position_is_true(answer: str, sources: list[str], question: str) -> None:
    for check in check_numbers(answer, sources, question):
        assert answer[check.start : check.end] == check.text
        assert check.source is None or check.status in ("source", "unsupported")
        assert check.status != "source" or check.source is not None
        assert check.source is None or 1 <= check.source <= len(sources)


@given(anything)
def test_a_source_quoted_whole_has_nothing_to_flag(text: str) -> None:
    assert {check.status for check in check_numbers(text, [text], "")} <= {"source"}


UNITS = ["€/m²", "mm", "kg", "dB", "°C", "m².K/W", "h", "kWh"]
figures = st.lists(
    st.tuples(st.decimals(min_value=Decimal("1.01"), max_value=Decimal("99999.99"), places=2), st.sampled_from(UNITS)),
    min_size=1,
    max_size=8,
    unique_by=lambda figure: figure[1],
)


@given(figures, st.data(), st.sampled_from(["fr", "en"]))
def test_a_figure_copied_from_a_source_is_supported(
    given_figures: list[tuple[Decimal, str]], data: st.DataObject, locale: str
) -> None:
    source = "\n".join(f"Valeur : {quantity(value, unit, locale)}" for value, unit in given_figures)
    value, unit = data.draw(st.sampled_from(given_figures))
    for written in ("fr", "en"):
        [check] = check_numbers(f"La valeur est {quantity(value, unit, written)} [2].", ["rien", source], "")
        assert (check.status, check.source) == ("source", 2)


@given(figures, st.data())
def test_a_figure_altered_by_one_digit_is_unsupported(
    given_figures: list[tuple[Decimal, str]], data: st.DataObject
) -> None:
    # One figure of each unit and no question: nothing can be computed from them.
    source = "\n".join(f"Valeur : {quantity(value, unit)}" for value, unit in given_figures)
    value, unit = data.draw(st.sampled_from(given_figures))
    text = f"{value:.2f}"
    place = data.draw(st.sampled_from([i for i, char in enumerate(text) if char != "."]))
    digit = data.draw(st.sampled_from([d for d in "123456789" if d != text[place]]))
    altered = Decimal(text[:place] + digit + text[place + 1 :])
    [check] = check_numbers(f"La valeur est {quantity(altered, unit)} [1].", [source], "")
    assert check.status == "unsupported"


# --- planted errors ---------------------------------------------------------------------------------------------

PER_TEMPLATE = 20


def flagged(case: Case) -> list[tuple[int, int]]:
    checks = check_numbers(case.answer, case.sources, case.question)
    return [(check.start, check.end) for check in checks if check.status == "unsupported"]


def overlaps(span: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)


@pytest.mark.parametrize("seed", [20240517, 7, 99])
def test_planted_errors_are_caught_and_right_figures_are_let_through(seed: int) -> None:
    random = Random(seed)
    right = [right_case(random, template) for template in TEMPLATES for _ in range(PER_TEMPLATE)]
    wrong = [wrong_case(random, template) for template in TEMPLATES for _ in range(PER_TEMPLATE)]
    assert len(right) >= 200 and len(wrong) >= 200

    flags = {id(case): flagged(case) for case in (*right, *wrong)}
    missed = [case for case in wrong if case.wrong and not overlaps(case.wrong, flags[id(case)])]
    caught = 1 - Decimal(len(missed)) / len(wrong)
    rates: dict[str, Decimal] = {}
    for name, cases in (("right answers", right), ("answers with one error", wrong)):
        spans = [overlaps(span, flags[id(case)]) for case in cases for span in case.right]
        rates[name] = Decimal(sum(spans)) / len(spans)
    print(f"\n{len(wrong)} planted errors: {caught:.1%} caught;", end=" ")
    print("; ".join(f"right figures flagged in {name}: {rate:.2%}" for name, rate in rates.items()))

    assert caught >= Decimal("0.95"), [(case.mutation, case.answer) for case in missed]
    assert all(rate <= Decimal("0.03") for rate in rates.values())


def test_a_long_answer_with_long_sources_is_checked_in_bounded_time() -> None:
    random = Random(1)

    def line() -> str:
        amount, price = random.randint(1, 9999), random.randint(100, 99999)
        return f"- Article : {amount / 10:.1f} m² × {price / 100:.2f} €/m² = {random.randint(100, 9999999) / 100:.2f} €"

    sources = ["\n".join(line() for _ in range(1000)).replace(".", ",") for _ in range(2)]
    answer = "\n".join(line() for _ in range(1000)).replace(".", ",")
    started = time.process_time()
    assert len(check_numbers(answer, sources, QUESTION)) == 3000
    assert time.process_time() - started < 60
