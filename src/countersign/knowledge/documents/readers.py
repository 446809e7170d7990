"""One function a format: a file in, Markdown out. Each error names the file, and the page or entry where it is.

Text, Markdown and PDF are read a piece at a time: 100 MB take 23 MB of memory, of PDF 145. HTML, Word and JSON have to
be taken apart as a whole: 20 MB of HTML take 380 MB, 55 MB of Word's XML 490, 100 MB of JSON 214. They have limits.
"""

from __future__ import annotations

import codecs
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from . import refusals

PIECE = 1024**2  # bytes that are read at a time
MARKUP = 25 * 1024**2  # bytes of an HTML file
UNPACKED = 200 * 1024**2  # bytes of a DOCX, unpacked
XML = 60 * 1024**2  # bytes of the largest part of its text
TITLE, SOURCE, CATEGORY = 500, 2048, 100  # characters
Tell = Callable[[int, int], None]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:opacity|font-size)\s*:\s*0+(?:\.0+)?(?![.\d])", re.IGNORECASE
)
UNSEEN = ("script", "style", "template", "noscript", "iframe", "object", "svg", "head", "select", "button")


@dataclass(frozen=True, slots=True)
class Converted:
    """One text, in pieces; *pages* says at which character each page begins, once they are read.

    What is None is as the upload says. Without a *title* the first heading is it.
    """

    title: str | None
    content: Iterable[str]
    pages: list[int] = field(default_factory=list[int])
    source: str | None = None
    category: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A format that can be read."""

    media_type: str
    read: Callable[[Path, str, Tell], list[Converted]]


def _plain(error: Exception) -> str:
    """What a reader says of a file, to stand within a sentence."""
    return str(error).strip().rstrip(".")


def clean(text: str) -> str:
    """*text* without what cannot be stored."""
    return _CONTROL.sub("", text)


def text(file: Path, name: str, tell: Tell) -> list[Converted]:
    """Plain text and Markdown."""
    return [Converted(None, _Decoded(file, _encoding(file, name), tell))]


def html(file: Path, name: str, tell: Tell) -> list[Converted]:
    """What a reader of the page would see."""
    if file.stat().st_size > MARKUP:
        raise refusals.TooMuchMarkup(file=name, most=MARKUP // 1024**2)
    read = _from_html("".join(_Decoded(file, _encoding(file, name))))
    tell(1, 1)
    return [read]


def pdf(file: Path, name: str, tell: Tell) -> list[Converted]:
    """The text of each page."""
    pages: list[int] = []
    return [Converted(name.rpartition(".")[0], _pages(file, name, tell, pages), pages)]


def _pages(file: Path, name: str, tell: Tell, starts: list[int]) -> Iterator[str]:
    """Page after page; *starts* grows along."""
    import pypdfium2

    pdfium = cast(Any, pypdfium2)

    with file.open("rb") as data:
        if b"%PDF" not in data.read(1024):
            raise refusals.NotPdf(file=name)
        yield from _read_pages(pdfium, data, name, tell, starts)


def _read_pages(pdfium: Any, data: BinaryIO, name: str, tell: Tell, starts: list[int]) -> Iterator[str]:
    try:
        opened = pdfium.PdfDocument(data)  # reads what it needs of it, when it needs it
        total = len(opened)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise refusals.EncryptedPdf(file=name) from None
        raise refusals.BrokenPdf(file=name, technical=_plain(error)) from None
    if total == 0:
        raise refusals.EmptyPdf(file=name)
    at = 0
    for number in range(total):
        try:
            page = opened[number]
            read = page.get_textpage()
            words = read.get_text_bounded()
            read.close()
            page.close()
        except pdfium.PdfiumError as error:
            raise refusals.BrokenPage(file=name, page=number + 1, technical=_plain(error)) from None
        # Where a word was broken at the end of a line, PDFium leaves this mark.
        words = clean(words.replace("\ufffe\r\n", "").replace("\r\n", "\n").replace("\r", "\n")).strip() + "\n\n"
        starts.append(at)
        at += len(words)
        yield words
        tell(number + 1, total)


def docx(file: Path, name: str, tell: Tell) -> list[Converted]:
    """Headings, paragraphs, lists and tables; pictures are left out."""
    import mammoth

    word = cast(Any, mammoth)

    try:
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
            if "word/document.xml" not in packed.namelist():
                raise refusals.OtherZip(file=name)
            xml = [m for m in members if m.filename.endswith((".xml", ".rels"))]
            if sum(m.file_size for m in members) > UNPACKED or any(m.file_size > XML for m in xml):
                raise refusals.TooLargeUnpacked(file=name, most=UNPACKED // 1024**2)
            if any(b"<!DOCTYPE" in packed.read(m) for m in xml):
                raise refusals.OwnEntities(file=name)
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
        raise refusals.NotWord(file=name, technical=_plain(error)) from None
    try:
        with file.open("rb") as opened:
            made = word.convert_to_html(opened, convert_image=_no_picture)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise refusals.BrokenWord(file=name, technical=f"{type(error).__name__}: {_plain(error)}") from None
    read = _from_html(made.value)
    tell(1, 1)
    return [read]


def payload(file: Path, name: str, tell: Tell) -> list[Converted]:
    """``{title, content, source, category, url}``, or an array of them."""
    try:
        found: Any = json.loads("".join(_Decoded(file, _encoding(file, name))))
    except ValueError as error:
        raise refusals.NotJson(file=name, technical=_plain(error)) from None
    entries = cast("list[Any]", found if isinstance(found, list) else [found])
    if not entries:
        raise refusals.EmptyArray(file=name)
    read = [_entry(entry, name, n) for n, entry in enumerate(entries, start=1)]
    tell(len(read), len(read))
    return read


def _entry(entry: Any, name: str, number: int) -> Converted:
    where: dict[str, Any] = {"file": name, "entry": number}
    if not isinstance(entry, dict):
        raise refusals.NotAnObject(**where)
    given = cast("dict[str, Any]", entry)
    values: dict[str, str | None] = {}
    for key, most in (("title", TITLE), ("content", None), ("source", SOURCE), ("category", CATEGORY), ("url", SOURCE)):
        value = given.get(key)
        if value is not None and not isinstance(value, str):
            raise refusals.NotText(**where, key=key)
        value = clean(value).strip() if value else None
        if value is None and key in ("title", "content"):
            raise refusals.MissingText(**where, key=key)
        if value and most and len(value) > most:
            raise refusals.TooLongText(**where, key=key, most=most)
        values[key] = value
    url = values["url"]
    if url and not url.startswith(("https://", "http://", "/")):
        raise refusals.BadUrl(**where)
    named = values["source"] or url or f"{name}#{number}"
    return Converted(str(values["title"]), (str(values["content"]),), [], named, values["category"], url)


def _encoding(file: Path, name: str) -> str:
    """How the text of *file* is written: by its mark, UTF-8 where it is, else as Windows does in Western Europe."""
    with file.open("rb") as opened:
        head = opened.read(8)
        if head.startswith((b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            raise refusals.OtherContent(file=name)
        for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
            if head.startswith(mark):
                return encoding
        opened.seek(0)
        found, decoder = "utf-8", codecs.getincrementaldecoder("utf-8")()
        while piece := opened.read(PIECE):
            if b"\0" in piece:
                raise refusals.HoldsNul(file=name)
            try:
                if found == "utf-8":
                    decoder.decode(piece)
            except UnicodeDecodeError:
                found = "cp1252"
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            found = "cp1252"
    return found


@dataclass(frozen=True, slots=True)
class _Decoded:
    """The text of a file, piece by piece, as often as it is wanted."""

    file: Path
    encoding: str
    tell: Tell = lambda done, total: None

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        total = self.file.stat().st_size
        with self.file.open("rb") as opened:
            while piece := opened.read(PIECE):
                yield decoder.decode(piece)
                self.tell(opened.tell(), total)
            yield decoder.decode(b"", final=True)


def _from_html(source: str) -> Converted:
    from bs4 import BeautifulSoup, Comment
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(source, "html.parser")
    title = soup.title.get_text() if soup.title else ""
    for hidden in _hidden(soup):
        hidden.extract()
    for comment in soup.find_all(string=lambda found: isinstance(found, Comment)):
        comment.extract()
    for picture in soup.find_all("img"):
        picture.replace_with(str(picture.get("alt") or ""))
    converter = MarkdownConverter(heading_style="ATX", bullets="-", escape_misc=False)
    made: str = converter.convert_soup(soup)
    return Converted(title or None, (re.sub(r"\n{3,}", "\n\n", made).strip() + "\n",))


def _hidden(soup: Any) -> Iterator[Any]:
    for element in list(soup.find_all(True)):
        style = str(element.get("style") or "")
        if element.name in UNSEEN or element.has_attr("hidden") or _HIDING.search(style):
            yield element


def _no_picture(_image: Any) -> list[Any]:
    return []


TEXT = Kind("text/plain", text)
MARKDOWN = Kind("text/markdown", text)
HTML = Kind("text/html", html)
KINDS: dict[str, Kind] = {
    ".txt": TEXT,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".pdf": Kind("application/pdf", pdf),
    ".docx": Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx),
    ".json": Kind("application/json", payload),
}
