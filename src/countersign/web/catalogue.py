"""Every string that people may read, gathered for translation. ``python -m countersign.web.catalogue`` renews fr.po."""

from __future__ import annotations

import importlib
import io
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

import countersign

from ..kernel.errors import CountersignError
from .i18n import catalogue
from .templating import PACKAGE, template_folders

HOME = Path(__file__).parent / "i18n"
# What speaks on a terminal speaks English only.
TERMINAL = ("countersign.stack", "countersign.cli")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
# What would change with every renewal, or says nothing.
DATED = (b'"POT-Creation', b'"PO-Revision', b'"Report-', b'"Last-', b'"Language-Team', b'"Generated-', b'"Project-')
OPTIONS = {"newstyle_gettext": "true", "trimmed": "true", "extensions": "jinja2.ext.do"}


def extracted() -> Catalog:
    """All strings of templates, of the web's Python, and the messages of errors, raised by Python or by SQL."""
    found = Catalog(project="Countersign", fuzzy=False)
    for file in sorted({f for folder in template_folders().values() for f in folder.rglob("*.html")}):
        _extract(found, "jinja2", file)
    for file in sorted(Path(__file__).parent.glob("*.py")):
        _extract(found, "python", file)
    for file in sorted(PACKAGE.rglob("reasons.py")):
        _extract(found, "python", file)
    for text, where in (*error_messages(), *sql_messages()):
        found.add(text, locations=[(where, 1)])
    return found


def error_messages() -> Iterator[tuple[str, str]]:
    """``(message, module)`` of every error that a page can show: the docstrings of all error classes."""
    for module in pkgutil.walk_packages(countersign.__path__, "countersign."):
        if not module.name.startswith(TERMINAL) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting: list[type[CountersignError]] = [CountersignError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("countersign.") and kind.__doc__ and not kind.__module__.startswith(TERMINAL):
            yield " ".join(kind.__doc__.split()), kind.__module__.replace(".", "/") + ".py"


def sql_messages() -> Iterator[tuple[str, str]]:
    """``(message, file)`` of what SQL refuses where people fill in records: each DETAIL, its ``%s`` as places."""
    for file in sorted((PACKAGE / "knowledge").rglob("objects.sql")):
        where = file.relative_to(PACKAGE.parent).as_posix()
        for text in re.findall(r"DETAIL = (?:format\()?\s*'((?:[^']|'')+)'", file.read_text(encoding="utf-8")):
            first, *others = text.replace("''", "'").split("%s")
            places = zip("abcdefgh", others, strict=False)
            yield first + "".join(f"%({name})s{part}" for name, part in places), where


def missing() -> list[str]:
    """Strings without a French sentence."""
    known = catalogue("fr")
    gaps: list[str] = []
    for message in extracted():
        if not message.id:
            continue
        ident = message.id if isinstance(message.id, str) else message.id[0]
        there = known.get(ident)
        said = there.string if there is not None else None
        texts = [said] if isinstance(said, str) else list(said or ())
        if not texts or not all(texts):
            gaps.append(ident)
    return gaps


def _extract(found: Catalog, method: str, file: Path) -> None:
    options = OPTIONS if method == "jinja2" else {}
    for line, text, comments, context in extract_from_file(method, file, KEYWORDS, (), options):
        where = file.relative_to(PACKAGE.parent).as_posix()
        found.add(text, locations=[(where, line)], auto_comments=comments, context=context)


def renew(locale: str = "fr") -> Path:
    """Adds new strings to the catalogue of *locale* and drops those that are gone; translations are kept."""
    path = HOME / f"{locale}.po"
    try:
        known = catalogue(locale)
    except FileNotFoundError:
        known = Catalog(locale=locale, project="Countersign", fuzzy=False)
    known.update(extracted(), no_fuzzy_matching=True)
    known.obsolete.clear()
    known.header_comment = "# The French of Countersign; the English is in the source."
    known.msgid_bugs_address = known.last_translator = known.language_team = ""
    out = io.BytesIO()
    # Line numbers would make every change of a template a change of the catalogue.
    write_po(out, known, width=110, sort_output=True, omit_header=False, no_location=True, ignore_obsolete=True)
    lines = [line for line in out.getvalue().splitlines() if not line.startswith(DATED)]
    path.write_bytes(b"\n".join(lines).rstrip() + b"\n")
    return path


if __name__ == "__main__":
    print(renew())
    for gap in missing():
        print(f"untranslated: {gap}")
