"""Any usual way to write a table is recognised; a row that does not fit is refused alone, with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

from countersign.knowledge.imports.models import Reading, UnreadableFile
from countersign.knowledge.imports.reading import inspect, kind_of, records
from countersign.knowledge.imports.records import Number

TABLE = "code{0}nom{0}prix\nA{0}Fenêtre{0}1\nB{0}Été{0}2\n"


def rows(path: Path, kind: str = "csv", sheet: str | None = None) -> list[dict[str, str | None]]:
    return [dict(record) for record in records(path, kind, Reading(sheet=sheet))]


def refused(path: Path, kind: str = "csv") -> list[tuple[int, str]]:
    return [(record.line, record.error) for record in records(path, kind) if record.error]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encoding_and_separator_are_recognised(tmp_path: Path, encoding: str, separator: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(TABLE.format(separator), encoding)
    assert rows(file)[1] == {"code": "B", "nom": "Été", "prix": "2"}
    assert inspect(file, "csv").separator == separator


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ('"code, court";"nom, long, avec virgules"\nA;"a, b, c"\n', ";"),
        ('"a;b;c;d",nom\nA;1,"x;y;z"\n', ","),
        ("nom; prénom, titre\nx; y\nz; u, v, w\n", ";"),
        ("code\nA,b\n", ","),
        ("sep=|\ncode|nom,x,y\nA|b,c,d\n", "|"),
    ],
)
def test_cells_that_hold_other_separators_do_not_fool_it(tmp_path: Path, text: str, separator: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert inspect(tmp_path / "a.csv", "csv").separator == separator


def test_a_row_of_the_wrong_length_is_refused_alone_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('code;nom\nA;"deux\nlignes"\nB\nC;c;de trop\n\n;\nD;d\n')
    found = list(records(file, "csv"))
    assert [(r["code"], r.line, r.error) for r in found] == [
        ("A", 2, None),
        ("B", 4, "line 4: 1 cells, 2 expected"),
        ("C", 5, "line 5: 3 cells, 2 expected"),
        ("D", 8, None),
    ]
    assert found[2]["column 3"] == "de trop", "what was too much is shown to whoever corrects it"


def test_line_ends_may_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"code,nom\r\nA,a\nB,b\rC,c\r\n\r\n")
    assert [row["code"] for row in rows(tmp_path / "a.csv")] == ["A", "B", "C"]


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,,nom,\nA,x,y,\n")
    assert rows(tmp_path / "a.csv") == [{"code": "A", "column 2": "x", "nom": "y", "column 4": ""}]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("A;1 234,50\nB;3", ","), ("A;1234.5\nB;1,234.5", "."), ("A;1,234\nB;2", None), ("A;1,5\nB;1.5", None),
        ("A;1.234.567\nB;1", ","), ("A;v1.0.2\nB;12", None),
    ],
)  # fmt: skip
def test_the_decimal_sign_shows_in_the_numbers(tmp_path: Path, text: str, sign: str | None) -> None:
    (tmp_path / "a.csv").write_text(f"code;prix\n{text}\n")
    assert inspect(tmp_path / "a.csv", "csv").decimal == sign


def test_json_keeps_every_digit_and_streams(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(
        '\n [ {"a": 12345678901234567890.10, "b": null, "c": true, "d": {"x": [1, 2.50, "é"]}, "e": "é"}\n,{"a":1e999999} ] \n'
    )
    first, second = rows(file, "json")
    assert first == {"a": "12345678901234567890.10", "b": None, "c": "true", "d": '{"x":[1,2.50,"é"]}', "e": "é"}
    assert isinstance(first["a"], Number) and not isinstance(first["e"], Number)
    assert second == {"a": "1E+999999"}
    file.write_text("[" + ",".join(f'{{"n": {n}, "t": "{"x" * n}"}}' for n in range(2000)) + "]")  # 2 MB
    assert [row["n"] for row in rows(file, "json")] == list(map(str, range(2000)))


def test_a_line_that_is_no_object_is_refused_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"code": "A"}\n\n{"code": "B"\n[1]\n{"code": "C"} x\n{"code": "D"}\n{"co')
    assert [row.get("code") for row in records(tmp_path / "a.jsonl", "jsonl") if not row.error] == ["A", "D"]
    assert [line for line, _ in refused(tmp_path / "a.jsonl", "jsonl")] == [3, 4, 5, 7]
    (tmp_path / "a.json").write_text('[{"code": "A"}, 7, {"code": "B"}]')
    assert refused(tmp_path / "a.json", "json") == [(2, "element 2: not an object with named values")]


def workbook(path: Path) -> None:
    book: Any = xlsxwriter.Workbook(path)
    with book:
        book.add_worksheet("Vide")
        sheet: Any = book.add_worksheet("Tarif")
        day, hour = book.add_format({"num_format": "dd/mm/yyyy"}), book.add_format({"num_format": "d mmm yyyy hh:mm"})
        euros = book.add_format({"num_format": '# ##0.00 "dollars"'})
        sheet.write_row(2, 0, ["code", "prix", "calcul", "jour", "heure", "oui", "texte"])
        moment = datetime(2026, 1, 31, 14, 30, tzinfo=UTC).replace(tzinfo=None)
        sheet.write_string(5, 0, "0012")
        sheet.write_number(5, 1, 0.1 + 0.2, euros)
        sheet.write_formula(5, 2, "=B6*10", None, 3)
        sheet.write_datetime(5, 3, moment.replace(hour=0, minute=0), day)
        sheet.write_datetime(5, 4, moment, hour)
        sheet.write_boolean(5, 5, True)
        sheet.write_rich_string(5, 6, "été ", book.add_format({"bold": True}), "chaud")
        sheet.write_string(6, 1, "1 234,50")
        sheet.write_formula(6, 2, '="=" & "cmd"', None, "=cmd")
        sheet.write_row(8, 0, [7, 8, 9, 10, 11, 12, 13, "de trop"])
        book.add_worksheet("Autre").write_row(0, 0, ["code"])


def test_a_workbook_gives_what_its_cells_show(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    workbook(file)
    first, second, third = records(file, "excel")
    assert dict(first) == {
        "code": "0012", "prix": "0.3", "calcul": "3", "jour": "2026-01-31", "heure": "2026-01-31T14:30:00", "oui": "true",
        "texte": "été chaud",
    }  # fmt: skip
    assert isinstance(first["prix"], Number)
    assert (second["code"], second["prix"], second["calcul"], second.line) == (None, "1 234,50", "=cmd", 7)
    assert third.error == "row 9: 8 cells, 7 expected"
    found = inspect(file, "excel")
    assert (found.sheet, found.sheets, found.decimal) == ("Tarif", ("Vide", "Tarif", "Autre"), ",")
    assert list(records(file, "excel", Reading(sheet="Autre"))) == []
    with pytest.raises(UnreadableFile, match="no sheet 'Rien', but Vide, Tarif, Autre"):
        list(records(file, "excel", Reading(sheet="Rien")))


def test_the_kind_of_a_file_is_in_its_name() -> None:
    assert [kind_of(f"a.{ending}") for ending in ("CSV", "json", "jsonl", "xlsx")] == ["csv", "json", "jsonl", "excel"]
    with pytest.raises(UnreadableFile):
        kind_of("a.exe")
