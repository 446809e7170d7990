"""Files that somebody made to do harm, or that broke on the way: a clear reason or safe text, and memory stays flat."""

from __future__ import annotations

import csv
import io
import resource
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.kernel.app import App
from countersign.knowledge.imports.mapping import guess
from countersign.knowledge.imports.models import UnreadableFile
from countersign.knowledge.imports.reading import KINDS, inspect, records
from countersign.knowledge.imports.rows import values
from tests.knowledge.imports.bringing import bring

NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
HUGE = 100_000_000
MAY_GROW = 60_000_000  # bytes over an idle reader


def count(path: Path, kind: str) -> int:
    return sum(1 for _ in records(path, kind))


def reason(path: Path, kind: str, **options: Any) -> str:
    with pytest.raises(UnreadableFile) as refused:
        list(records(path, kind, **options))
    with pytest.raises(UnreadableFile):
        inspect(path, kind, **options)
    return refused.value.detail


def wholly(path: Path, kind: str) -> tuple[str, float]:
    """Reads a file in a process of its own: what it said, and how many bytes it took beyond an idle one."""
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from countersign.knowledge.imports.models import UnreadableFile\n"
        "from countersign.knowledge.imports.reading import records\n"
        "idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    said = sum(1 for _ in records(Path(sys.argv[1]), sys.argv[2]))\n"
        "except UnreadableFile as error:\n"
        "    said = error.detail\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle, said)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), kind],
        capture_output=True, text=True, timeout=120, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)),
    )  # fmt: skip
    grown, _, said = done.stdout.strip().partition(" ")
    return said, int(grown) * 1024


# -- not what the name says, or not whole


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_content_says_so(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"")
    assert "a.csv" in (reason(tmp_path / "a.csv", kind) if kind != "jsonl" else "a.csv")
    assert kind != "jsonl" or count(tmp_path / "a.csv", kind) == 0


def test_a_zip_named_csv_and_a_text_named_xlsx_are_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("prices.csv", "code,nom\n")
    assert "ZIP archive" in reason(tmp_path / "a.csv", "csv")
    assert "no workbook" in reason(tmp_path / "a.csv", "excel")
    (tmp_path / "b.xlsx").write_text("code,nom\nA,a\n")
    assert "no .xlsx workbook" in reason(tmp_path / "b.xlsx", "excel")
    (tmp_path / "c.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert "Save it as .xlsx" in reason(tmp_path / "c.xlsx", "excel")
    assert "cannot be opened" in reason(tmp_path / "nothing.csv", "csv")


def test_a_file_that_was_cut_off_loses_its_last_row_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('code,nom\nA,a\nB,b\n"C')
    assert [record.error is None for record in records(tmp_path / "a.csv", "csv")] == [True, True, False]
    (tmp_path / "a.json").write_text('[{"code": "A"}, {"code": "B"')
    assert "cut off at element 2" in reason(tmp_path / "a.json", "json")
    (tmp_path / "b.json").write_text('[{"code": "A"},')
    assert "cut off at element 2" in reason(tmp_path / "b.json", "json")


@cache
def small_workbook() -> bytes:
    whole = io.BytesIO()
    book: Any = xlsxwriter.Workbook(whole)
    with book:
        book.add_worksheet().write_row(0, 0, ["code", "nom", 1.5])
    return whole.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_workbook_cut_or_changed_anywhere_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    file = tmp_path / "a.xlsx"
    content = bytearray(small_workbook())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for place in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=5)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    read(file, "excel")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet='a,;\t|"\r\n[]{}:1é\0', max_size=200).map(str.encode))
@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_are_read_or_refused(tmp_path: Path, kind: str, content: bytes) -> None:
    file = tmp_path / "a"
    file.write_bytes(content)
    read(file, kind)


def read(file: Path, kind: str) -> None:
    """Whatever comes, it is text that a database keeps, or an ``UnreadableFile``."""
    try:
        for record in records(file, kind):
            for text in (*record, *record.values()):
                assert text is None or ("\0" not in text and text.encode().decode() == text)
    except UnreadableFile as error:
        assert error.detail.encode()


# -- text


def test_a_lone_quotation_mark_costs_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('code,nom\nA,"5 pouces\nB,5" pouces\nC,"six" pouces\nD,"sept"\n' + "E,x\n" * 50_000)
    found = list(records(file, "csv"))
    assert [(r["code"], r.error) for r in found[:4]] == [
        ('A,"5 pouces', "line 2: a quotation mark is opened or closed in the wrong place"),
        ("B", None),
        ('C,"six" pouces', "line 4: a quotation mark is opened or closed in the wrong place"),
        ("D", None),
    ]
    assert found[1]["nom"] == '5" pouces'
    file.write_text('code,nom\nA,"jamais fermé\n' + "E,x\n" * 50_000)
    found = list(records(file, "csv"))
    assert (len(found), found[0].error is not None, found[1:50_001:50_000][0]["code"]) == (50_001, True, "E")


@pytest.mark.parametrize(("byte", "accents"), [(b"\xff", "é"), (b"\xc3", "œuvre €"), (b"\x00", "é")])
def test_a_byte_that_is_no_character_refuses_its_row_and_leaves_the_accents(
    tmp_path: Path, byte: bytes, accents: str
) -> None:
    for kind, lines in (
        ("csv", [b"code,nom", b"A,%b" % accents.encode(), b"B,x%by" % byte, b"C,%b" % accents.encode()]),
        ("jsonl", [b'{"nom":"%b"}' % accents.encode(), b'{"nom":"x%by"}' % byte, b'{"nom":"%b"}' % accents.encode()]),
    ):
        (tmp_path / "a").write_bytes(b"\n".join(lines))
        assert [
            (r["nom"] if r.error is None else r.error) for r in records(tmp_path / "a", kind) if r.error is None
        ] == [
            accents,
            accents,
        ]
        assert sum(r.error is not None for r in records(tmp_path / "a", kind)) == 1


def test_column_names_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,prix,nom,prix\nA,1,a,2\n")
    assert reason(tmp_path / "a.csv", "csv").endswith("two columns of the same name: prix.")
    (tmp_path / "b.csv").write_text(",".join(f"c{n}" for n in range(300)) + "\n" + "," * 299 + "\n")
    assert "more than 200 columns" in reason(tmp_path / "b.csv", "csv")
    (tmp_path / "b.json").write_text("[{" + ",".join(f'"c{n}":{n}' for n in range(300)) + "}]")
    assert "300 values" in reason(tmp_path / "b.json", "json")


@pytest.mark.parametrize("text", ["\n\n\n", ";;;\n", "\ufeff", " \n\t\n"])
def test_a_file_of_empty_lines_is_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert "is empty" in reason(tmp_path / "a.csv", "csv")


def test_names_without_rows_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("code,nom\n")
    assert count(tmp_path / "a.csv", "csv") == 0
    with pytest.raises(UnreadableFile, match="holds no rows"):
        inspect(tmp_path / "a.csv", "csv")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    (tmp_path / "a.json").write_text(f"[{deep}]")
    assert "nested too deeply" in reason(tmp_path / "a.json", "json")
    (tmp_path / "a.jsonl").write_text(deep + '\n{"code": "B"}\n')
    assert [record.error is None for record in records(tmp_path / "a.jsonl", "jsonl")] == [False, True]


def test_numbers_that_are_none_are_refused_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '[{"code":"A","prix":1e999999},{"code":"B","prix":NaN},{"code":"C","prix":-Infinity},{"code":"D","prix":"1e999999"},'
        '{"code":"E","prix":%s},{"code":"F","prix":[1]},{"code":"G","prix":true},{"code":"H","prix":"\\u0000"},{"code":"I","prix":"\\ud800"}]'
        % ("9" * 10_000)
    )
    found = [values(guess(record), record)[1] for record in records(tmp_path / "a.json", "json")]
    assert len(found) == 9 and all(found), found


# -- size


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    for kind in KINDS:
        with (tmp_path / "a.csv").open("wb") as file:
            file.write(b"code,nom\n")
            file.truncate(2_000_000_000)
        said, grown = wholly(tmp_path / "a.csv", kind)
        assert "more than 1,000,000,000 bytes" in said
        assert grown < MAY_GROW
    (tmp_path / "a.csv").write_text("code,nom\nA,a\n")
    assert "more than 5 bytes" in reason(tmp_path / "a.csv", "csv", most_bytes=5)


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
@pytest.mark.parametrize("start", [b"code,nom\nA,", b'code,nom\nA,"', b'[{"a":"', b"[1", b"["])
def test_a_line_without_an_end_is_refused_and_not_kept(tmp_path: Path, kind: str, start: bytes) -> None:
    file = tmp_path / "a"
    with file.open("wb") as out:
        out.write(start)
        for _ in range(100):
            out.write((b" " if start == b"[" else b"1") * (HUGE // 100))
    said, grown = wholly(file, kind)
    assert "a" in said and not said.isdigit(), said
    assert grown < MAY_GROW, grown


def packed(path: Path, sheet: Any = b"", *, shared: Any = b"", times: int = 1) -> None:
    """A workbook of one sheet, made by hand; its parts are repeated *times*, which packs a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml", f'<workbook {NS}><sheets><sheet name="A" r:id="x" xmlns:r="r"/></sheets></workbook>'
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="x" Target="worksheets/a.xml"/></Relationships>',
        )
        for name, content in (("xl/worksheets/a.xml", sheet), ("xl/sharedStrings.xml", shared)):
            with archive.open(name, "w", force_zip64=True) as file:
                first, again, last = content or (b"<sst/>", b"", b"")
                file.write(first)
                for _ in range(times):
                    file.write(again)
                file.write(last)


TITLES = b'<worksheet><sheetData><row><c t="str"><v>code</v></c></row>'


@pytest.mark.parametrize(
    ("sheet", "shared"),
    [
        ((TITLES + b'<row><c t="str"><v>', b"x" * 1_000_000, b"</v></c></row></sheetData></worksheet>"), b""),
        ((TITLES + b'<row><c t="', b"x" * 1_000_000, b'"/></row></sheetData></worksheet>'), b""),
        ((TITLES, b"<a>" * 300_000, b""), b""),
        ((TITLES, b"", b"</sheetData></worksheet>"), (b"<sst>", b"<si><t>" + b"x" * 1_000_000 + b"</t></si>", b"</sst>")),
        ((b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>' + TITLES, b"", b"&b;</sheetData></worksheet>"), b""),
        ((b'<worksheet><sheetData><row><c r="ZZZZ1" t="str"><v>x</v></c></row>', b"", b"</sheetData></worksheet>"), b""),
        ((TITLES, b"", b'<row><c t="s"><v>99999999</v></c></row></sheetData></worksheet>'), b""),
        ((TITLES, b"", b'<row r="x"><c t="q"><v>x</v></c></row></sheetData></worksheet>'), b""),
    ],
)  # fmt: skip
def test_a_bomb_in_a_workbook_is_refused(tmp_path: Path, sheet: Any, shared: Any) -> None:
    packed(tmp_path / "a.xlsx", sheet, shared=shared, times=150)
    said, grown = wholly(tmp_path / "a.xlsx", "excel")
    assert said.startswith("a.xlsx"), said
    assert grown < 2 * HUGE if shared else grown < MAY_GROW, grown


def test_a_workbook_of_a_hundred_thousand_rows_takes_no_memory(tmp_path: Path) -> None:
    row = b'<row><c t="inlineStr"><is><t>A</t></is></c><c><v>1</v></c></row>' * 1000
    packed(tmp_path / "a.xlsx", (TITLES, row, b"</sheetData></worksheet>"), times=100)
    said, grown = wholly(tmp_path / "a.xlsx", "excel")
    assert (said, grown < MAY_GROW) == ("100000", True), grown


def test_a_stray_cell_far_away_refuses_its_row_alone(tmp_path: Path) -> None:
    """A reader that lays the whole sheet out would ask for half a terabyte."""
    row = b'<row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>2</v></c></row>'
    packed(tmp_path / "a.xlsx", (TITLES + b'<row r="2"><c><v>7</v></c></row>', row, b"</sheetData></worksheet>"))
    assert [(r["code"], r.error) for r in records(tmp_path / "a.xlsx", "excel")] == [
        ("7", None),
        ("1", "row 1048576: 201 cells, 1 expected"),
    ]


def test_an_archive_of_very_many_files_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for number in range(20_000):
            archive.writestr(f"xl/{number}", "")
    assert "too many files" in reason(tmp_path / "a.xlsx", "excel")


# -- formulas


async def test_a_formula_is_kept_as_the_text_that_it_is(
    house: App, owner: psycopg.AsyncConnection[Any], tmp_path: Path
) -> None:
    evil = "=cmd|' /C calc'!A0"
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["code", "nom", "unité"], ["A", evil, "u"], ["B", "@SUM(1+1)", "u"]])
    await bring(house, tmp_path / "a.csv")
    found = await (await owner.execute("SELECT name FROM ouvrages ORDER BY code")).fetchall()
    assert found == [(evil,), ("@SUM(1+1)",)]


async def test_a_name_in_the_file_never_becomes_sql(
    house: App, owner: psycopg.AsyncConnection[Any], tmp_path: Path
) -> None:
    names = ["code", "nom", "u", "'); DROP TABLE ouvrages; --", 'x", tenant_id = 2 --', "%(id)s %s {0}"]
    attack = "'); DELETE FROM users; --"
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, ["A", attack, "u", "1", "2", "3"], ["A", attack, "u", "1", "2", "3"]])
    mapping = ({"columns": {"code": {"from": "code"}, "name": {"from": "nom"}, "unit": {"from": "u"},
                                 "description": {"from": names[3]}, "category": {"from": names[5]}}})  # fmt: skip
    done = await bring(house, tmp_path / "a.csv", mapping=mapping)
    assert (done.inserted_rows, done.failed_rows) == (1, 1)
    found = await (await owner.execute("SELECT name, description, category, tenant_id FROM ouvrages")).fetchall()
    assert found == [(attack, "1", "3", 1)]
    data = await (await owner.execute("SELECT data FROM import_errors")).fetchall()
    assert set(data[0][0]) == set(names)
