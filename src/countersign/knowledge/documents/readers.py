"""One function a format: bytes in, Markdown out. Each error names the file, and the page or entry where it is."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from . import refusals
from .chunks import Chunk

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
    """One text; *pages* says at which character each page begins. What is None is as the upload says."""

    title: str
    content: str
    pages: tuple[int, ...] = ()
    source: str | None = None
    category: str | None = None
    url: str | None = None
    passages: list[Chunk] = field(default_factory=list[Chunk])


@dataclass(frozen=True, slots=True)
class Kind:
    """A format that can be read."""

    media_type: str
    read: Callable[[bytes, str, Tell], list[Converted]]


def _plain(error: Exception) -> str:
    """What a reader says of a file, to stand within a sentence."""
    return str(error).strip().rstrip(".")


def clean(text: str) -> str:
    """*text* without what cannot be stored."""
    return _CONTROL.sub("", text)


def text(data: bytes, name: str, tell: Tell) -> list[Converted]:
    """Plain text and Markdown."""
    tell(1, 1)
    return [Converted("", _decoded(data, name))]


def html(data: bytes, name: str, tell: Tell) -> list[Converted]:
    """What a reader of the page would see."""
    read = _from_html(_decoded(data, name))
    tell(1, 1)
    return [read]


def pdf(data: bytes, name: str, tell: Tell) -> list[Converted]:
    """The text of each page."""
    import pypdfium2

    pdfium = cast(Any, pypdfium2)

    if b"%PDF" not in data[:1024]:
        raise refusals.NotPdf(file=name)
    try:
        opened = pdfium.PdfDocument(data)
        total = len(opened)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise refusals.EncryptedPdf(file=name) from None
        raise refusals.BrokenPdf(file=name, technical=_plain(error)) from None
    if total == 0:
        raise refusals.EmptyPdf(file=name)
    starts: list[int] = []
    parts: list[str] = []
    at = 0
    for number in range(total):
        try:
            page = opened[number]
            words = page.get_textpage().get_text_bounded()
            page.close()
        except pdfium.PdfiumError as error:
            raise refusals.BrokenPage(file=name, page=number + 1, technical=_plain(error)) from None
        # Where a word was broken at the end of a line, PDFium leaves this mark.
        words = clean(words.replace("\ufffe\r\n", "").replace("\r\n", "\n").replace("\r", "\n")).strip() + "\n\n"
        starts.append(at)
        parts.append(words)
        at += len(words)
        tell(number + 1, total)
    return [Converted("", "".join(parts), tuple(starts))]


def docx(data: bytes, name: str, tell: Tell) -> list[Converted]:
    """Headings, paragraphs, lists and tables; pictures are left out."""
    import mammoth

    word = cast(Any, mammoth)

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
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
        made = word.convert_to_html(io.BytesIO(data), convert_image=_no_picture)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise refusals.BrokenWord(file=name, technical=f"{type(error).__name__}: {_plain(error)}") from None
    read = _from_html(made.value)
    tell(1, 1)
    return [read]


def payload(data: bytes, name: str, tell: Tell) -> list[Converted]:
    """``{title, content, source, category, url}``, or an array of them."""
    try:
        found: Any = json.loads(_decoded(data, name))
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
    return Converted(str(values["title"]), str(values["content"]), (), named, values["category"], url)


def _decoded(data: bytes, name: str) -> str:
    if data.startswith((b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise refusals.OtherContent(file=name)
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\0" in data:
        raise refusals.HoldsNul(file=name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


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
    return Converted(title, re.sub(r"\n{3,}", "\n\n", made).strip() + "\n")


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
