"""Numbers, dates and mappings as people write them; whatever else is there is refused, never guessed, never run."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.knowledge.imports.mapping import guess, parse, written
from countersign.knowledge.imports.models import BadMapping, Mapping
from countersign.knowledge.imports.parsing import date_fr, decimal, decimal_sign
from countersign.knowledge.imports.records import Number, Record
from countersign.knowledge.imports.rows import values
from countersign.knowledge.imports.targets import OUVRAGES, of_table
from countersign.knowledge.tables.models import Table

GAPS = st.sampled_from([" ", "\u00a0", "\u202f", "'", "’", ""])
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 234,50 €", "1234.50"), ("1\u202f234\u00a0567,5", "1234567.5"), ("1,234.50", "1234.50"), ("1.234,50", "1234.50"),
        ("1234.5", "1234.5"), ("€ 12", "12"), ("12,5 EUR", "12.5"), ("-3,2", "-3.2"), ("−3,2", "-3.2"), ("1.234.567", "1234567"),
        ("1'234.50", "1234.50"), (",5", "0.5"), ("0,125", "0.125"), ("12.", "12"), ("1,5e3", "1500"), ("1.234.567,89", "1234567.89"),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(text: str, number: str) -> None:
    assert decimal(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    ["", "-", "abc", "12 34", "1 2 3", "1,2,3", "1.2.3", "1,23.4", "NaN", "Infinity", "1e", "0x10", "1_000", "12 m", "=1+1", "١٢",
     "1" * 101, "1,5.", "1.234.56", "--1"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadMapping, match="is not a number"):
        decimal(text)


def test_the_sign_decides_what_is_unsure() -> None:
    assert [decimal("1.234", sign) for sign in (None, ",", ".")] == [Decimal("1.234"), 1234, Decimal("1.234")]
    assert [decimal("1,234", sign) for sign in (None, ",", ".")] == [Decimal("1.234"), Decimal("1.234"), 1234]
    assert decimal("1.5", ",") == Decimal("1.5"), "no thousands are grouped so"
    assert decimal(Number("1.234"), ",") == Decimal("1.234"), "a number of the file itself is sure"


@given(AMOUNTS, GAPS, st.sampled_from([("", ""), ("", " €"), ("€ ", ""), (" ", "\u00a0EUR")]))
def test_every_french_amount_is_read(amount: Decimal, gap: str, around: tuple[str, str]) -> None:
    text = f"{amount:,}".replace(".", "p").replace(",", gap).replace("p", ",")
    assert decimal(around[0] + text + around[1]) == amount
    assert decimal_sign([text]) == ","


@given(AMOUNTS)
def test_every_english_amount_is_read(amount: Decimal) -> None:
    assert decimal(f"{amount:,}") == amount
    assert decimal_sign([f"{amount:,}"]) == "."


@given(st.text() | st.from_regex(r"[-+0-9 .,eE€']{1,30}", fullmatch=True), st.sampled_from([None, ",", "."]))
def test_any_text_is_a_finite_number_or_refused(text: str, sign: str | None) -> None:
    for cell in (text, Number(text)):
        record = Record(1, [("code", "A"), ("prix", cell)])
        row, error = values(guess(["code", "prix"]), record)
        assert error is not None or row["unit_price"] is None or abs(row["unit_price"]) < 10**8
        with suppress(BadMapping):
            assert decimal(cell, sign).is_finite()


@pytest.mark.parametrize("text", ["1e999999", "1e999999999", "100000000", "99999999.99999", "-1E8", "0e999999999"])
def test_a_number_beyond_the_column_is_refused(text: str) -> None:
    assert (
        values(guess(["code", "prix"]), Record(1, [("code", "A"), ("prix", Number(text))]))[1]
        == "unit_price: is too large"
    )


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("31/01/2026", "2026-01-31"), ("1.2.26", "2026-02-01"), ("1er février 2026", "2026-02-01"), ("3 août 2025", "2025-08-03"),
        ("2026-01-31", "2026-01-31"), ("31/01/2026 14:30", "2026-01-31T14:30:00"), ("31-01-2026 08h05", "2026-01-31T08:05:00"),
        ("2026-01-31T14:30:00", "2026-01-31T14:30:00"), ("12 déc. 2026", "2026-12-12"),
    ],
)  # fmt: skip
def test_a_date_is_read_with_its_day_first(text: str, iso: str) -> None:
    assert date_fr(text) == iso


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["/", ".", "-", " "]))
def test_every_french_date_is_read(day: date, sign: str) -> None:
    assert date_fr(f"{day.day}{sign}{day.month:02}{sign}{day.year:04}") == day.isoformat()


@given(st.text() | st.from_regex(r"[0-9]{0,3}[/. -][0-9a-zé]{0,5}[/. -][0-9]{0,5}", fullmatch=True))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    with suppress(BadMapping):
        assert date.fromisoformat(date_fr(text)[:10])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)
COLUMN = st.dictionaries(
    st.sampled_from(["from", "default", "transform", "min", "max", "map", "required", "type", "x"]), ANY
)
LIKELY = st.fixed_dictionaries(
    {"columns": st.dictionaries(st.sampled_from([*OUVRAGES.fields, "tenant_id", "id"]), COLUMN | ANY)},
    optional={"key": ANY, "on_conflict": ANY},
)


@given(ANY | LIKELY)
def test_any_json_is_a_mapping_or_refused(value: Any) -> None:
    try:
        mapping = parse(value)
    except BadMapping:
        return
    assert set(mapping.columns) <= set(OUVRAGES.fields)
    assert parse(written(mapping)) == mapping


INJECTED = [
    "code; DROP TABLE ouvrages", 'code" = \'x\', tenant_id = 2 --', "tenant_id", "id", "deleted_at", "import_id", "CODE", "code ",
    "code\0", "cοde", "%s", "%(x)s", "{code}", "code::text", "\ud800",
]  # fmt: skip


def products() -> Table:
    columns = [
        {"name": "ref", "type": "string", "length": 20, "unique": True, "nullable": False},
        {"name": "stock", "type": "integer"},
    ]
    rest: Any = dict.fromkeys(Table.__slots__)  # type: ignore[attr-defined]
    return Table(**{**rest, "name": "products", "schema_definition": {"columns": columns}})


@pytest.mark.parametrize("name", INJECTED)
def test_no_column_is_named_that_the_target_has_not(name: str) -> None:
    for target, key in ((OUVRAGES, "code"), (of_table(products()), "ref")):
        with pytest.raises(BadMapping):
            parse({"columns": {key: {"from": "a"}, name: {"from": "b"}}}, target)
        with pytest.raises(BadMapping):
            parse({"key": [name], "columns": {key: {"from": "a"}}}, target)


@given(st.text())
def test_only_the_columns_of_the_target_are_known(name: str) -> None:
    for target, key in ((OUVRAGES, "code"), (of_table(products()), "ref")):
        if name not in target.fields:
            with pytest.raises(BadMapping):
                parse({"columns": {key: {"from": "a"}, name: {"from": "b"}}}, target)


@given(st.lists(st.text(), max_size=8))
def test_names_of_the_file_never_become_columns(names: list[str]) -> None:
    mapping = guess([*names, "code"])
    assert set(mapping.columns) <= set(OUVRAGES.fields)
    assert all(column.source in [*names, "code"] for column in mapping.columns.values())


def test_what_a_mapping_stores_can_be_stored() -> None:
    for column in ({"from": "a\0"}, {"default": "\ud800"}, {"from": "a", "map": {"x": "\0"}}, {"from": "x" * 501}):
        with pytest.raises(BadMapping):
            parse({"columns": {"code": {"from": "a"}, "name": column}})


def test_a_guess_sees_how_numbers_and_dates_are_written() -> None:
    sample = [Record(n, [("Réf.", "A"), ("PU HT", price)]) for n, price in enumerate(["1.234", "12,50"])]
    mapping = guess(["Réf.", "PU HT"], sample=sample)
    assert {name: column.source for name, column in mapping.columns.items()} == {"code": "Réf.", "unit_price": "PU HT"}
    assert values(mapping, sample[0])[0]["unit_price"] == 1234
    other = [Record(1, [("code", "A"), ("prix", "1.234"), ("remise", "2,5")])]
    assert values(guess(other[0], sample=other), other[0])[0]["unit_price"] == 1234, "another column tells"


@pytest.mark.parametrize("written", ["€", "euros", "EUR", "eur"])
def test_the_euro_has_one_spelling(written: str) -> None:
    mapping = guess(["code", "Devise"])
    assert values(mapping, Record(1, [("code", "A"), ("Devise", written)]))[0]["currency"] == "EUR"


def test_a_table_of_users_takes_values_as_its_form_does() -> None:
    target = of_table(products())
    mapping = guess(["Ref", "Stock", "autre"], target)
    assert (mapping.key, list(mapping.columns)) == (("ref",), ["ref", "stock"])
    read = {
        text: values(mapping, Record(1, [("Ref", "A"), ("Stock", text)]), target) for text in ("1 200", "1,5", "", "x")
    }
    assert read["1 200"] == ({"ref": "A", "stock": 1200}, None)
    assert read[""] == ({"ref": "A", "stock": None}, None)
    assert [read[text][1] for text in ("1,5", "x")] == ["stock: is a whole number", "stock: « x » is not a number"]
    assert values(mapping, Record(1, [("Ref", "")]), target)[1] == "ref: is missing"
    assert isinstance(parse({"key": [], "columns": {"stock": {"default": "3"}}}, target), Mapping)
