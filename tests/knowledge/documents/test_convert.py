"""Every kind of file becomes Markdown with passages; a bad one is refused with its name and the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from countersign.knowledge.documents import readers
from countersign.knowledge.documents.convert import convert
from countersign.knowledge.documents.models import BadDocument
from countersign.knowledge.documents.readers import Converted
from tests.knowledge.documents.files import docx, pdf


@pytest.fixture
def read(tmp_path: Path):
    """``read(name, bytes)``: the texts of a file."""

    def reading(name: str, data: bytes) -> list[Converted]:
        file = tmp_path / "file"
        file.write_bytes(data)
        return convert(file, name, lambda done, total: None)

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
