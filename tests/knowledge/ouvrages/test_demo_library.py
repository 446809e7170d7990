"""The demonstration price library is exact: every composed price is the sum of its lines, to the last digit."""

import csv
import json
import re
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import countersign

DEMO = Path(countersign.__file__).parent / "knowledge" / "ouvrages" / "demo"
COLUMNS = ["code", "parent_code", "name", "description", "type", "category", "subcategory", "unit", "unit_price"]
COLUMNS += ["technical_specs"]
UNITS = {"m²", "ml", "U", "h", "kg", "m³", "t", "l", "forfait"}
TYPES = {"compose", "simple", "fourniture", "main_oeuvre"}
LENGTHS = {"mm", "mm²", "cm", "m", "m²", "m³", "ml", "km", "µm"}
ELECTRIC = {"W", "kW", "V", "A", "mA", "lm"}
MEASURES = LENGTHS | ELECTRIC | {"kg", "g", "t", "l", "h", "dB", "%", "€", "°C", "K", "bars", "ans", "U"}


def rows(name: str) -> list[dict[str, str]]:
    with (DEMO / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


OUVRAGES = rows("ouvrages.csv")
COMPONENTS = rows("components.csv")
BY_CODE = {row["code"]: row for row in OUVRAGES}
RECIPES: dict[str, list[dict[str, str]]] = {}
for line in COMPONENTS:
    RECIPES.setdefault(line["parent_code"], []).append(line)
CHAPTERS = {row["parent_code"] for row in OUVRAGES} - {""}


@cache
def cost(code: str) -> Decimal:
    """Exact cost of one unit of *code*, rolled up from the leaves; a cycle ends in RecursionError."""
    if code not in RECIPES:
        return Decimal(BY_CODE[code]["unit_price"])
    return sum((Decimal(line["quantity"]) * cost(line["component_code"]) for line in RECIPES[code]), Decimal(0))


def decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def test_files_are_plain_utf8_with_unix_line_ends():
    for name in ("ouvrages.csv", "components.csv"):
        raw = (DEMO / name).read_bytes()
        assert b"\r" not in raw
        assert not raw.startswith(b"\xef\xbb\xbf")
        assert raw.endswith(b"\n")
        raw.decode("utf-8")
    assert list(OUVRAGES[0]) == COLUMNS
    assert list(COMPONENTS[0]) == ["parent_code", "component_code", "quantity", "unit", "sort_order"]


def test_the_library_is_large_enough():
    priced = [row for row in OUVRAGES if row["unit_price"]]
    assert len(priced) >= 280
    assert len(RECIPES) >= 110
    assert len({row["category"] for row in OUVRAGES}) == 12
    assert {row["type"] for row in OUVRAGES} == TYPES


def test_codes_are_unique_and_short():
    assert max(Counter(row["code"] for row in OUVRAGES).values()) == 1
    assert max(Counter(row["name"] for row in OUVRAGES).values()) == 1
    assert all(re.fullmatch(r"[A-Z]{3}(-[A-Z]{3}(-\d{3})?)?", row["code"]) for row in OUVRAGES)


def test_texts_fit_their_columns():
    for row in OUVRAGES:
        assert 0 < len(row["name"]) <= 255
        assert len(row["code"]) <= 50
        assert len(row["category"]) <= 100 and len(row["subcategory"]) <= 100
        assert row["description"].endswith("."), row["code"]
        assert isinstance(json.loads(row["technical_specs"]), dict)
        assert row["unit"] in UNITS
        assert row["type"] in TYPES


def test_every_parent_comes_before_its_children():
    seen = {""}
    for row in OUVRAGES:
        assert row["parent_code"] in seen, row["code"]
        seen.add(row["code"])
    assert Counter(row["parent_code"] for row in OUVRAGES)[""] == 12


def test_chapters_have_no_price_and_everything_else_has_one():
    for row in OUVRAGES:
        if row["code"] in CHAPTERS:
            assert (row["type"], row["unit"], row["unit_price"]) == ("simple", "U", "")
        else:
            assert Decimal(row["unit_price"]) > 0, row["code"]


def test_components_refer_to_priced_rows_in_their_own_unit():
    for line in COMPONENTS:
        component = BY_CODE[line["component_code"]]
        assert BY_CODE[line["parent_code"]]["type"] == "compose"
        assert component["unit_price"], line
        assert line["unit"] == component["unit"], line
        assert Decimal(line["quantity"]) > 0
        assert decimals(Decimal(line["quantity"])) <= 4
    pairs = Counter((line["parent_code"], line["component_code"]) for line in COMPONENTS)
    assert max(pairs.values()) == 1


def test_only_composed_items_have_components():
    assert set(RECIPES) == {row["code"] for row in OUVRAGES if row["type"] == "compose"}
    assert all(len(lines) >= 2 for lines in RECIPES.values())


def test_no_item_contains_itself():
    def walk(code: str, above: tuple[str, ...]) -> None:
        assert code not in above, " > ".join((*above, code))
        for line in RECIPES.get(code, []):
            walk(line["component_code"], (*above, code))

    for code in RECIPES:
        walk(code, ())


def test_some_items_are_nested_two_levels_deep():
    def depth(code: str) -> int:
        return 1 + max(depth(line["component_code"]) for line in RECIPES[code]) if code in RECIPES else 0

    assert sum(depth(code) >= 2 for code in RECIPES) >= 30
    assert max(depth(code) for code in RECIPES) >= 3


def test_every_stored_price_is_its_exact_roll_up():
    for row in OUVRAGES:
        if row["unit_price"]:
            assert decimals(Decimal(row["unit_price"])) <= 4
            assert Decimal(row["unit_price"]) == cost(row["code"]), row["code"]


def test_every_line_is_exact_to_the_cent():
    """A printed breakdown adds up without any rounding, so the reader can check it by hand."""
    for line in COMPONENTS:
        assert decimals(Decimal(line["quantity"]) * cost(line["component_code"])) <= 2, line


def test_the_reference_partition_costs_45_50():
    row = BY_CODE["CLO-PLA-001"]
    assert row["name"] == "Cloison en plaques de plâtre BA13 sur ossature métallique 98\u00a0mm"
    assert (row["type"], row["unit"], Decimal(row["unit_price"])) == ("compose", "m²", Decimal("45.5000"))
    assert cost("CLO-PLA-001") == Decimal("45.5000")
    assert json.loads(row["technical_specs"])["affaiblissement_acoustique"] == "39\u00a0dB"


def test_labour_is_paid_by_the_hour_at_a_plausible_rate():
    labour = [row for row in OUVRAGES if row["type"] == "main_oeuvre"]
    assert len(labour) >= 12
    assert all(row["unit"] == "h" and Decimal(38) <= Decimal(row["unit_price"]) <= Decimal(55) for row in labour)


def test_french_typography_binds_a_number_to_its_unit():
    units = "|".join(sorted(map(re.escape, MEASURES), key=len, reverse=True))
    loose = re.compile(rf"\d ({units})(?![\w²³])|\d × |\w [;:?!»]|« ")
    for row in OUVRAGES:
        for column in ("name", "description", "technical_specs"):
            text = row[column] if column != "technical_specs" else " ".join(json.loads(row[column]).values())
            assert not loose.search(text), (row["code"], text)
