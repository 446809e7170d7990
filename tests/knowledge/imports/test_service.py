"""A company's price file becomes ouvrages: exact counts, every refusal explained, nothing doubled."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

from countersign.kernel.access import system
from countersign.kernel.app import App
from countersign.knowledge.imports import files
from countersign.knowledge.imports.mapping import parse
from countersign.knowledge.imports.models import BadMapping, UnreadableFile
from tests.knowledge.imports.bringing import bring, counts

ROWS = [
    {"code": "BA13", "nom": "Plaque de plâtre", "type": "Material", "unité": "100 m2", "prix": "1234.50"},
    {"code": "VIS", "nom": "Vis, 25 mm", "type": "Material", "unité": "pièces", "prix": "0.05"},
    {"code": "VIS", "nom": "Encore", "type": "Material", "unité": "u", "prix": "1"},
    {"code": "MO", "nom": "=cmd|' /C calc'!A0", "type": "Labor", "unité": "heures", "prix": "abc"},
]


def french(path: Path) -> None:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, ROWS[0], delimiter=";")
        writer.writeheader()
        writer.writerows(
            {**row, "prix": row["prix"].replace("1234.50", "1 234,50 €").replace(".", ",")} for row in ROWS
        )


def utf16(path: Path) -> None:
    with path.open("w", encoding="utf-16", newline="") as file:
        writer = csv.DictWriter(file, ROWS[0], delimiter="\t")
        writer.writeheader()
        writer.writerows(ROWS)


def array(path: Path) -> None:
    path.write_text(json.dumps(ROWS))


def lines(path: Path) -> None:
    path.write_text("\n".join(map(json.dumps, ROWS)))


def excel(path: Path) -> None:
    book: Any = xlsxwriter.Workbook(path, {"strings_to_formulas": False})
    with book:
        sheet: Any = book.add_worksheet()
        for line, cells in enumerate([list(ROWS[0]), *(list(row.values()) for row in ROWS)]):
            sheet.write_row(line, 0, cells)


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("csv", french),
        ("csv", utf16),
        ("json", array),
        ("jsonl", lines),
        ("excel", excel),
    ],
)
async def test_the_same_rows_give_the_same_ouvrages_in_every_kind_of_file(
    house: App, owner: psycopg.AsyncConnection[Any], tmp_path: Path, kind: str, write: Any
) -> None:
    write(tmp_path / "prices.xlsx")
    assert counts(await bring(house, tmp_path / "prices.xlsx", kind)) == (4, 2, 0, 0, 2)
    found = await (
        await owner.execute("SELECT code, name, type, unit, unit_price FROM ouvrages ORDER BY code")
    ).fetchall()
    assert found == [
        ("BA13", "Plaque de plâtre", "fourniture", "m²", Decimal("12.345")),
        ("VIS", "Vis, 25 mm", "fourniture", "U", Decimal("0.05")),
    ]
    errors = await (await owner.execute("SELECT row_number, error FROM import_errors ORDER BY 1")).fetchall()
    assert errors == [(3, "code VIS stands in row 2 already"), (4, "unit_price: « abc » is not a number")]
    assert counts(await bring(house, tmp_path / "prices.xlsx", kind)) == (4, 0, 0, 2, 2)


async def test_a_price_that_changed_is_named_in_its_history_and_a_dry_run_only_tells(
    house: App, owner: psycopg.AsyncConnection[Any], tmp_path: Path
) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(ROWS[:2]))
    await bring(house, file, "json")
    file.write_text(json.dumps([ROWS[0], {**ROWS[1], "prix": "0.07"}]))
    told = await bring(house, file, "json", dry_run=True)
    assert told.report is not None
    assert (told.updated_rows, told.report["prices_up"], told.report["largest_rise"]) == (1, 1, "0.0200")
    jump = {"code": "VIS", "name": "Vis, 25 mm", "old": "0.0500", "new": "0.0700", "percent": "40.0"}
    assert [{name: each[name] for name in jump} for each in told.report["jumps"]] == [jump]
    prices = await owner.execute("SELECT unit_price FROM ouvrages WHERE code = 'VIS'")
    assert await prices.fetchall() == [(Decimal("0.05"),)]
    assert counts(await bring(house, file, "json")) == (2, 0, 1, 1, 0)
    history = await owner.execute("SELECT old_unit_price, new_unit_price, import_log_id FROM ouvrage_history")
    assert await history.fetchall() == [(Decimal("0.05"), Decimal("0.07"), 3)]


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04....", b'code,"never closed', ",".join(f"c{n}" for n in range(300)).encode() + b"\n", b""],
)
async def test_a_file_that_cannot_be_read_says_so(house: App, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(UnreadableFile):
        await bring(house, tmp_path / "bad.csv")


async def test_a_nul_refuses_its_row_alone(house: App, tmp_path: Path) -> None:
    (tmp_path / "nul.csv").write_bytes(b"code,nom,unit\nA,x\0y,m\nB,good,m\n")
    assert counts(await bring(house, tmp_path / "nul.csv")) == (2, 1, 0, 0, 1)


@pytest.mark.parametrize(
    "wrong",
    [[], {}, {"columns": {}}, {"columns": {"code; DROP TABLE x": {"from": "a"}}}, {"key": ["name"], "columns": {}}],
)
def test_a_mapping_that_does_not_fit_is_refused(wrong: Any) -> None:
    with pytest.raises(BadMapping):
        parse(wrong)


REAL = Path(__file__).parents[4] / "shared" / "data" / "prices-fr-paris.csv"


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not beside this checkout")
async def test_a_real_price_book_adds_up_and_a_second_import_changes_nothing(house: App) -> None:
    first = await bring(house, REAL)
    assert first.total_rows == first.inserted_rows + first.failed_rows == 7184
    second = await bring(house, REAL)
    assert counts(second) == (7184, 0, 0, first.inserted_rows, first.failed_rows)


async def test_a_preview_reads_no_more_of_a_file_than_it_shows(
    house: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 8_192)
    lines = "".join(f"É{n};Vis é {n};u\n" for n in range(20_000))
    (tmp_path / "a.csv").write_text("code;nom;unité\n" + lines, encoding="utf-8")
    with (tmp_path / "a.csv").open("rb") as content:
        file = await files.keep(house, system(), "a.csv", content)
    async with files.opened(house, system(), file, 2) as path:
        assert path.stat().st_size == 2 * 8_192
    found = await files.first_rows(house, system(), file)
    assert (found.names, len(found.sample), found.encoding) == (("code", "nom", "unité"), files.SAMPLE, "utf-8-sig")
    assert all(record.error is None for record in found.sample)


async def test_a_file_that_is_too_large_is_refused_before_it_is_kept(house: App, tmp_path: Path) -> None:
    house.settings.max_import_bytes = 1_000
    (tmp_path / "a.csv").write_text("code;nom;unité\n" + "A;B;u\n" * 1_000)
    with pytest.raises(UnreadableFile, match="more than 1,000 bytes"), (tmp_path / "a.csv").open("rb") as content:
        await files.keep(house, system(), "a.csv", content)
