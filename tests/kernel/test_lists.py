"""Cursors come back as they went, or are refused; no cell of a file is a formula."""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.kernel.errors import Invalid
from countersign.kernel.lists import cell, cursor, line, place

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | STORABLE


@given(value=VALUES, ident=st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_it_went(value: Any, ident: int) -> None:
    assert place(cursor(value, ident)) == (value, ident)
    assert place(None) is None


@given(text=st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    try:
        place(text)
    except Invalid as error:
        assert error.status == 422


@pytest.mark.parametrize(
    "packed", ["[1]", "[1,2,3]", "{}", '["a","b"]', "[1,true]", "[1,-1]", "[[],1]", "[1.5,1]", '["\\u0000",1]']
)
def test_a_cursor_that_others_made_is_refused(packed: str) -> None:
    with pytest.raises(Invalid):
        place(urlsafe_b64encode(packed.encode()).decode())


@given(cells=st.lists(STORABLE.filter(lambda text: "\r" not in text), min_size=2, max_size=5))
def test_a_line_reads_back_and_holds_no_formula(cells: list[str]) -> None:
    read = next(csv.reader(io.StringIO(line([cell(one) for one in cells]), newline=""), delimiter=";"))
    assert [one.removeprefix("'") if one.startswith("'") else one for one in read] == [
        one.removeprefix("'") for one in cells
    ]
    assert not any(one.startswith(("=", "+", "-", "@", "\t")) for one in read)


def test_numbers_and_times_are_written_for_their_reader() -> None:
    assert cell(Decimal("1234.50"), "fr") == "1234,50"
    assert cell(Decimal("-1234.50")) == "-1234.50"
    assert cell(datetime(2026, 1, 31, 14, 30, tzinfo=UTC)) == "2026-01-31 14:30:00"
    assert [cell(value) for value in (None, True, 12, {"a": 1})] == ["", "true", "12", '{"a":1}']
