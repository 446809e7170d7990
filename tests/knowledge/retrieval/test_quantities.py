"""Which quantity of which code a question asks for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.retrieval.formats import quantity
from countersign.knowledge.retrieval.quantities import Asked, codes_in, read_request

CLO, PLO = "CLO-PLA-001", "PLO-PVC-040"


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (f"prix de 25 m² de {CLO}", [(CLO, "25", "m²")]),
        (f"combien coûtent 12,5 ml de {PLO} ?", [(PLO, "12.5", "ml")]),
        (f"{CLO} x 25", [(CLO, "25", None)]),
        (f"{CLO} x25", [(CLO, "25", None)]),
        (f"25 {CLO}", [(CLO, "25", None)]),
        (f"25 x {CLO}", [(CLO, "25", None)]),
        (f"{CLO} (25 m2) et {PLO} : 12 ml", [(CLO, "25", "m²"), (PLO, "12", "ml")]),
        (f"25 m² de {CLO.lower()} et 12 ml de {PLO.lower()}", [(CLO, "25", "m²"), (PLO, "12", "ml")]),
        (f"le prix de {CLO} pour 25 m²", [(CLO, "25", "m²")]),
        (f"pour une surface de 25 m², combien coûte la {CLO} de 98 mm ?", [(CLO, "25", "m²")]),
        (f"1\u202f250,5 m² de cloison {CLO} à 45 €/m²", [(CLO, "1250.5", "m²")]),
        (f"prix de {CLO} ? et pour 25 m² de {PLO} ?", [(PLO, "25", "m²")]),
        (f"{CLO}, 3 u", [(CLO, "3", "u")]),
        (f"quel est le prix de {CLO} ?", []),
        (f"{CLO} avec 5 % de remise à 45 €, épaisseur 98 mm", []),
        ("prix de 25 m² de cloison", []),
        (f"Il me faut 40 ml. Et {CLO} ?", []),
    ],
)
def test_each_quantity_goes_to_its_code(question: str, expected: list[tuple[str, str, str | None]]) -> None:
    assert read_request(question) == [Asked(code, Decimal(value), unit) for code, value, unit in expected]


def test_known_codes_may_have_any_shape_and_keep_their_spelling() -> None:
    known = {"BA13", "Pu_Meka", "CLO-PLA-001"}
    assert read_request("10 m² de ba13 et 3 PU_MEKA, 5 m² de XYZ-999", known) == [
        Asked("BA13", Decimal(10), "m²"),
        Asked("Pu_Meka", Decimal(3), None),
    ]
    assert codes_in("clo-pla-001 et BA13 puis ba13.", known) == ["CLO-PLA-001", "BA13"]


def test_french_compound_words_are_no_codes() -> None:
    assert codes_in("peut-être au-dessus du sous-sol, c'est-à-dire là-bas") == []
    assert codes_in("clo-pla-001, CLO-PLA, CLO-PLA-001") == ["CLO-PLA-001", "CLO-PLA"]


asked_values = st.decimals(min_value=Decimal("0.01"), max_value=10**6, places=2)


@given(asked_values, st.sampled_from(["m²", "ml", "u", "kg", "m³"]), st.from_regex(r"\A[A-Z]{3}-[A-Z]{3}-[0-9]{3}\Z"))
def test_any_quantity_as_we_write_it_is_understood(value: Decimal, unit: str, code: str) -> None:
    text = quantity(value, unit)
    for question in (f"prix de {text} de {code} ?", f"{code} : {text}", f"Combien pour {text} de cloison {code} ?"):
        assert read_request(question) == [Asked(code, value, unit)]


@given(st.text(st.sampled_from("ACLP-01 25,m²x:()dé.?\n"), max_size=60))
def test_any_question_is_read(question: str) -> None:
    assert all(asked.quantity > 0 for asked in read_request(question))
