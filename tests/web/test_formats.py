"""Numbers, money and times as each language writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from countersign.kernel.pages import zone_named
from countersign.web.formats import Formats

FR, EN = Formats("fr"), Formats("en")


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [
        (Decimal("45.5000"), "45,50\u00a0€", "€45.50"),
        (Decimal("1234.5"), "1\u202f234,50\u00a0€", "€1,234.50"),
        ("0.0125", "0,0125\u00a0€", "€0.0125"),
        (
            Decimal("12345678901234567890.12"),
            "12\u202f345\u202f678\u202f901\u202f234\u202f567\u202f890,12\u00a0€",
            "€12,345,678,901,234,567,890.12",
        ),
        (None, "—", "—"),
        ("abc", "—", "—"),
        ("NaN", "—", "—"),
    ],
)
def test_money(value: object, french: str, english: str) -> None:
    assert FR.money(value) == french
    assert EN.money(value) == english


def test_numbers_show_the_decimals_that_matter() -> None:
    assert FR.number(Decimal("2.1000")) == "2,1"
    assert FR.number(Decimal("100")) == "100"
    assert FR.number(0) == "0"
    assert FR.number(667000) == "667\u202f000"
    assert FR.number(Decimal("0.0325"), 2) in ("0,03", "0,04")
    assert FR.percent(Decimal("0.4231")) == "42\u202f%"
    assert EN.percent(Decimal("0.4231"), 1) == "42.3%"
    assert FR.seconds(2412) == "2,4\u00a0s"


def test_times_are_relative_with_the_exact_one_on_hover() -> None:
    now = datetime.now(UTC)
    assert ">à l’instant</time>" in FR.when(now)
    assert ">il y a 5\u00a0min</time>" in FR.when(now - timedelta(minutes=5)).replace("5 min", "5\u00a0min")
    assert "2 hr. ago" in EN.when(now - timedelta(hours=2)) or "2h ago" in EN.when(now - timedelta(hours=2))
    assert FR.when(None) == "—"


def test_the_exact_time_is_the_readers() -> None:
    moment = datetime(2026, 3, 12, 10, 30, tzinfo=UTC)
    assert FR.exact(moment, ZoneInfo("Europe/Paris")) == "jeudi 12 mars 2026 à 11:30"
    assert EN.exact(moment, UTC) == "Thursday 12 March 2026 at 10:30"


@pytest.mark.parametrize("name", [None, "", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "x" * 500])
def test_an_unknown_time_zone_is_utc(name: str | None) -> None:
    assert zone_named(name) is UTC
