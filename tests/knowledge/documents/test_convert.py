"""Every kind of file becomes Markdown with passages; a bad one is refused with its name and the place."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from countersign.knowledge.documents import readers
from countersign.knowledge.documents.chunks import Chunk, chunks, cut
from countersign.knowledge.documents.convert import Result, convert
from countersign.knowledge.documents.models import BadDocument
from tests.knowledge.documents.files import docx, pdf


@dataclass(frozen=True, slots=True)
class Read:
    """One text of a file, whole."""

    title: str
    content: str
    pages: tuple[int, ...]
    source: str | None
    category: str | None
    url: str | None
    passages: list[Chunk]


@pytest.fixture
def read(tmp_path: Path):
    """``read(name, bytes)``: the texts of a file."""

    def reading(name: str, data: bytes) -> list[Read]:
        file = tmp_path / "file"
        file.write_bytes(data)
        words, lines = io.BytesIO(), io.BytesIO()
        found = convert(file, name, lambda done, total: None, words, lines)
        result = Result(found, words, lines)
        return [
            Read(t.title, result.content(t).decode(), t.pages, t.source, t.category, t.url, list(result.passages(t)))
            for t in found
        ]

    return reading


def test_markdown_keeps_its_headings(read) -> None:
    (one,) = read("guide.md", "# Guide\n\nBonjour à tous.\n\n## Suite\n\nEncore.".encode())
    assert one.title == "Guide"
    assert [p.breadcrumb for p in one.passages] == [("Guide",), ("Guide", "Suite")]


def test_text_of_windows_is_understood(read) -> None:
    assert read("note.txt", "Prix en été : 12 €".encode("cp1252"))[0].content == "Prix en été : 12 €"
    assert read("note.txt", "Prix en été".encode("utf-16"))[0].content == "Prix en été"


def test_html_shows_what_a_reader_sees(read) -> None:
    page = """<html><head><title>Page</title><style>p {}</style></head><body><h1>Page</h1><!-- secret1 -->
    <p>Visible <b>ici</b>.</p><p hidden>secret2</p><p style="display: none">secret3</p><script>secret4()</script>
    <noscript>secret5</noscript><ul><li>un</li></ul><img src="data:x" alt="un plan"></body></html>"""
    (one,) = read("page.html", page.encode())
    assert one.title == "Page"
    assert "Visible **ici**." in one.content
    assert "- un" in one.content
    assert "un plan" in one.content
    assert "secret" not in one.content


def test_each_page_of_a_pdf_is_known(read) -> None:
    (one,) = read("plan.pdf", pdf("Premiere page.", "Deuxieme page."))
    assert [one.content[start:].split("\n")[0] for start in one.pages] == ["Premiere page.", "Deuxieme page."]
    assert one.title == "plan"


def test_word_keeps_headings_and_text(read) -> None:
    (one,) = read("guide.docx", docx(("Heading1", "Sécurité"), ("Normal", "Portez un casque.")))
    assert one.title == "Sécurité"
    assert one.passages[0].content == "Portez un casque."


def test_json_holds_one_or_several(read) -> None:
    entry = {
        "title": "Congés",
        "content": "Cinq semaines.",
        "source": "rh",
        "category": "RH",
        "url": "https://x.example",
    }
    (one,) = read("a.json", json.dumps(entry).encode())
    assert (one.title, one.source, one.category, one.url) == ("Congés", "rh", "RH", "https://x.example")
    assert len(read("a.json", json.dumps([entry, {"title": "b", "content": "c"}]).encode())) == 2


BAD = {
    "empty": ("a.md", b" \n", "a.md: the file is empty"),
    "unknown kind": ("a.exe", b"MZ", "a.exe: files of this kind"),
    "a ZIP called text": ("a.txt", b"PK\x03\x04rest", "a.txt: the content is not what the name says"),
    "NUL bytes": ("a.txt", b"ab\0c", "a.txt: this is not a text"),
    "nothing but markup": ("a.html", b"<p></p>", "a.html: it holds no text"),
    "deep HTML": ("a.html", b"<div>" * 20_000 + b"x", "a.html: its elements are nested too deeply"),
    "no PDF": ("a.pdf", b"hello", "a.pdf: this is not a PDF"),
    "PDF without pages": ("a.pdf", pdf(), "a.pdf: the PDF"),
    "PDF cut off": ("a.pdf", b"%PDF-1.4\n1 0 obj", "a.pdf: the PDF is broken before its first page"),
    "PDF with a password": ("a.pdf", pdf("x", encrypted=True), "a.pdf: the PDF is encrypted"),
    "PDF with a broken page": ("a.pdf", pdf("un", "deux").replace(b"/Type /Page /", b"/Type /Pxxx /"), "a.pdf, page 1"),
    "PDF of scans": ("a.pdf", pdf("", ""), "a.pdf: it holds no text"),
    "no ZIP": ("a.docx", b"hello", "a.docx: this is not a Word document"),
    "another ZIP": ("a.docx", docx().replace(b"word/document.xml", b"word/documenx.xml"), "a.docx: this ZIP is not"),
    "bomb": (
        "a.docx",
        docx(("Normal", "x"), extra={"word/a.xml": b"0" * (61 * 1024**2)}),
        "a.docx: unpacked it is larger",
    ),
    "entities": ("a.docx", docx(extra={"word/a.xml": b"<!DOCTYPE a>"}), "a.docx: it defines entities"),
    "no JSON": ("a.json", b"{", "a.json: this is not JSON"),
    "no title": (
        "a.json",
        b'[{"title": "a", "content": "b"}, {"content": "c"}]',
        "a.json, entry 2: “title” is missing",
    ),
    "a dangerous link": ("a.json", b'{"title": "a", "content": "b", "url": "javascript:x"}', "a.json, entry 1: “url”"),
}


@pytest.mark.parametrize(("name", "data", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_by_name(read, name: str, data: bytes, message: str) -> None:
    with pytest.raises(BadDocument) as raised:
        read(name, data)
    assert raised.value.detail.startswith(message)


def test_what_is_unpacked_is_limited(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "UNPACKED", 1000)
    with pytest.raises(BadDocument, match="unpacked"):
        read("a.docx", docx(("Normal", "x"), extra={"media/a.png": b"0" * 1001}))


SENTENCE = "Le lot comprend les cloisons, les doublages et les plafonds, posés selon les règles de l’art. "


def test_where_the_pieces_of_a_text_end_changes_nothing() -> None:
    rng = random.Random(1)
    parts = [
        "a b. ",
        "C’est! ",
        "\n",
        "\n\n",
        "# T\n",
        "## É\n",
        "  x",
        "- y. ",
        "mot " * 30,
        "» ",
        "Z. ",
        SENTENCE * 3,
    ]
    for _ in range(200):
        text = "".join(rng.choice(parts) for _ in range(rng.randint(0, 300)))
        whole = chunks(text, "T")
        size = rng.choice([1, 7, 100, 5_000])
        assert list(cut((text[at : at + size] for at in range(0, len(text), size)), "T")) == whole


@pytest.mark.parametrize("text", ["a" * 100_000, "mot " * 30_000, "été\n" * 30_000], ids=["letters", "words", "lines"])
def test_what_has_no_sentences_is_cut_all_the_same(text: str) -> None:
    found = chunks(text, "T")
    assert max(len(one.content) for one in found) <= 20_000
    assert "".join("".join(one.content.split()) for one in found) == "".join(text.split())


# A child's peak begins with that of its parent, so that one is small.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(tmp_path: Path, name: str, data: bytes) -> tuple[float, dict[str, object]]:
    """Megabytes that the reader of a file took at most, and what it told."""
    file, told = tmp_path / name, tmp_path / "told"
    file.write_bytes(data)
    reader = [sys.executable, "-m", "countersign.knowledge.documents.convert", name, str(file), str(told)]
    run = [sys.executable, "-c", MEASURED, *reader, str(tmp_path / "texts"), str(tmp_path / "passages")]
    done = subprocess.run(run, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) / 1024, json.loads(told.read_text())


@pytest.mark.parametrize("name", ["long.txt", "long.md", "line.txt"])
def test_a_long_text_is_never_held_whole(tmp_path: Path, name: str) -> None:
    between = " " if name == "line.txt" else "\n\n## Lot\n\n" if name == "long.md" else "\n\n"
    used, told = peak(tmp_path, name, ((SENTENCE * 5 + between) * 60_000).encode())
    assert "error" not in told and used < 60, f"{used:.0f} MB for 29 MB"


def test_what_unfolds_in_memory_is_refused_with_one_clear_error(tmp_path: Path) -> None:
    used, told = peak(tmp_path, "deep.json", b"[" + b",".join([b"[[],[]]"] * 9_000_000) + b"]")
    assert told == {"error": "deep.json: reading it takes too much memory. Split the file."} and used < 1100
    _, told = peak(tmp_path, "wide.html", b"<p>x</p>" * 3_300_000)
    assert told == {"error": "wide.html: an HTML file may have 25 MB. Split it, or send its text."}
