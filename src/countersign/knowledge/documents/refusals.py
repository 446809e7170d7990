"""Why a file cannot be read, one class a message: it names the file and the place. The catalogue translates each."""

from __future__ import annotations

from ...kernel.errors import TooLarge
from .models import BadDocument


class NoSuchKind(BadDocument):
    """%(file)s: files of this kind cannot be read. Send %(kinds)s."""


class EmptyFile(BadDocument):
    """%(file)s: the file is empty."""


class FileTooLarge(TooLarge):
    """%(file)s: files of more than %(most)s MB are not taken. Split it."""


class TooSlow(BadDocument):
    """%(file)s: reading it takes more than %(minutes)s minutes. Split the file."""


class ReaderFails(BadDocument):
    """%(file)s: the file makes its reader fail; it is broken or far too complex."""


class TooDeep(BadDocument):
    """%(file)s: its elements are nested too deeply to be read."""


class TooMuchMemory(BadDocument):
    """%(file)s: reading it takes too much memory. Split the file."""


class TooMuchMarkup(BadDocument):
    """%(file)s: an HTML file may have %(most)s MB. Split it, or send its text."""


class NoText(BadDocument):
    """%(file)s: it holds no text that could be found (a scan has to be recognised first)."""


class NoTextIn(BadDocument):
    """%(file)s, “%(title)s”: it holds no text that could be found."""


class NotPdf(BadDocument):
    """%(file)s: this is not a PDF, whatever its name says."""


class EncryptedPdf(BadDocument):
    """%(file)s: the PDF is encrypted. Save it without a password and send it again."""


class BrokenPdf(BadDocument):
    """%(file)s: the PDF is broken before its first page (%(technical)s)."""


class EmptyPdf(BadDocument):
    """%(file)s: the PDF has no page."""


class BrokenPage(BadDocument):
    """%(file)s, page %(page)s: the page is broken (%(technical)s)."""


class NotWord(BadDocument):
    """%(file)s: this is not a Word document, or it is broken (%(technical)s)."""


class OtherZip(BadDocument):
    """%(file)s: this ZIP is not a Word document."""


class TooLargeUnpacked(BadDocument):
    """%(file)s: unpacked it is larger than %(most)s MB. Split the document."""


class OwnEntities(BadDocument):
    """%(file)s: it defines entities of its own, which no word processor writes."""


class BrokenWord(BadDocument):
    """%(file)s: the Word document is broken (%(technical)s)."""


class NotJson(BadDocument):
    """%(file)s: this is not JSON (%(technical)s)."""


class EmptyArray(BadDocument):
    """%(file)s: the array is empty."""


class NotAnObject(BadDocument):
    """%(file)s, entry %(entry)s: an object with title and content is expected."""


class NotText(BadDocument):
    """%(file)s, entry %(entry)s: “%(key)s” is not a text."""


class MissingText(BadDocument):
    """%(file)s, entry %(entry)s: “%(key)s” is missing."""


class TooLongText(BadDocument):
    """%(file)s, entry %(entry)s: “%(key)s” is longer than %(most)s characters."""


class BadUrl(BadDocument):
    """%(file)s, entry %(entry)s: “url” begins with neither https:// nor /."""


class OtherContent(BadDocument):
    """%(file)s: the content is not what the name says. Give the file its right extension."""


class HoldsNul(BadDocument):
    """%(file)s: this is not a text; it holds NUL bytes."""
