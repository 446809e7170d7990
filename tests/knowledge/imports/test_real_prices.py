"""A real price book of 7,184 rows: exact totals, every refusal explained, and the same whatever kind of file it comes in."""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from countersign.kernel.app import App
from tests.knowledge.imports.bringing import bring, counts
from tests.knowledge.imports.files import KINDS

REAL = Path(__file__).parents[4] / "shared" / "data" / "prices-fr-paris.csv"
NUMBERS = frozenset({"price_avg", "price_min", "price_max", "price_median", "avg_cost_per_use", "avg_qty_per_use"})
pytestmark = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not beside this checkout")
Connection = psycopg.AsyncConnection[Any]


@cache
def prices() -> list[dict[str, str]]:
    """The rows of the file. Windows-1252 has the micro sign, not the Greek letter; its row is refused for its length."""
    with REAL.open(encoding="utf-8", newline="") as file:
        return [{name: cell.replace("μ", "µ") for name, cell in row.items()} for row in csv.DictReader(file)]


async def everything(owner: Connection) -> tuple[list[Any], list[Any]]:
    """What the database holds of the price book, and why the rest was refused."""
    kept = await owner.execute(
        "SELECT code, name, description, type, category, subcategory, unit, unit_price, currency, default_quantity "
        "FROM ouvrages ORDER BY code"
    )
    refused = await owner.execute("SELECT row_number, error FROM import_errors ORDER BY row_number")
    return await kept.fetchall(), await refused.fetchall()


def expected() -> tuple[int, list[tuple[int, str]]]:
    """How many rows are good, and why each other one is not, counted without the product."""
    first: dict[str, int] = {}
    refused: list[tuple[int, str]] = []
    for number, row in enumerate(prices(), 1):
        if len(row["name"]) > 255:
            refused.append((number, "name: is longer than 255 characters"))
        elif not row["unit"]:
            refused.append((number, "unit: is missing"))
        elif (before := first.setdefault(row["resource_code"], number)) != number:
            refused.append((number, f"code {row['resource_code']} stands in row {before} already"))
    return len(first), refused


async def test_the_real_file_adds_up_row_by_row(house: App, owner: Connection) -> None:
    good, refused = expected()
    report = await bring(house, REAL, "csv")
    assert (report.total_rows, report.inserted_rows, report.failed_rows) == (7184, good, len(refused))
    kept, told = await everything(owner)
    assert told == refused
    assert {row[6] for row in kept} == {
        "h machine", "U", "t", "kg", "m", "m³", "m²", "ens", "h", "l", "kWh", "kW",
    }  # fmt: skip
    by_code = {row[0]: row[7] for row in kept}
    hundred = next(row for row in prices() if row["unit"] == "100 m2")
    assert by_code[hundred["resource_code"]] == round(Decimal(hundred["price_avg"]) / 100, 4)
    again = await bring(house, REAL, "csv")
    assert counts(again) == (7184, 0, 0, good, len(refused))


async def test_every_kind_of_file_gives_the_same_database(house: App, owner: Connection, tmp_path: Path) -> None:
    await bring(house, REAL, "csv")
    reference = await everything(owner)
    for name, (kind, write) in KINDS.items():
        await owner.execute("TRUNCATE ouvrages, import_logs CASCADE")
        write(tmp_path / "prices", prices(), NUMBERS)
        await bring(house, tmp_path / "prices", kind)
        kept = await everything(owner)
        assert kept == reference, name


async def test_an_edited_copy_changes_what_was_edited(house: App, owner: Connection, tmp_path: Path) -> None:
    await bring(house, REAL, "csv")
    before, _ = await everything(owner)
    refused = {number for number, _ in expected()[1]}
    edited = [dict(row) for row in prices()]
    for row in [row for number, row in enumerate(edited, 1) if number not in refused][100:110]:
        row["price_avg"] = str(Decimal(row["price_avg"]) + 1000)
    KINDS["semicolons"][1](tmp_path / "prices.csv", edited, NUMBERS)
    report = await bring(house, tmp_path / "prices.csv", "csv")
    assert counts(report)[1:3] == (0, 10)
    assert report.report is not None
    assert (report.report["prices_up"], report.report["prices_down"]) == (10, 0)
    after, _ = await everything(owner)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 10
