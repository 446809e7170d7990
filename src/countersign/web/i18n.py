"""Languages: English in the source, French in ``i18n/fr.po``. Which one a request speaks, the accounts know."""

from __future__ import annotations

import io
import re
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = {"fr": "Français", "en": "English"}
COOKIE = "locale"


@cache
def catalogue(locale: str) -> Catalog:
    """The catalogue of *locale* as it is committed. Raises FileNotFoundError for a language without one."""
    text = resources.files("countersign.web").joinpath("i18n", f"{locale}.po").read_bytes()
    return read_po(io.BytesIO(text), locale=locale)


@cache
def translations(locale: str) -> NullTranslations:
    """What translates into *locale*, compiled in memory; English is the source and passes through."""
    if locale == "en":
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


def say(locale: str, text: str) -> str:
    """*text*, which was made elsewhere of an error, in *locale*; as it is when the catalogue does not have it.

    What stands at ``%(why)s`` is another error, and is translated too.
    """
    if locale == "en":
        return text
    known = translations(locale).gettext(text) if text else text
    if known != text:
        return known
    for pattern, message in _patterns(locale):
        if found := pattern.fullmatch(text):
            values = {name: say(locale, value) if name == "why" else value for name, value in found.groupdict().items()}
            return translations(locale).gettext(message) % values
    return text


@cache
def _patterns(locale: str) -> list[tuple[re.Pattern[str], str]]:
    """Messages that have places, as patterns that find again what stands there; those that say most come first."""
    messages = [m.id for m in catalogue(locale) if isinstance(m.id, str) and re.search(r"%\(\w+\)s", m.id)]
    messages.sort(key=lambda message: -len(re.sub(r"%\(\w+\)s", "", message)))
    return [(_pattern(message), message) for message in messages]


def _pattern(message: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", message)
    seen: set[str] = set()
    text = ""
    for place, part in enumerate(parts):
        if place % 2 == 0:
            text += re.escape(part.replace("%%", "%"))
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>.*)"
            seen.add(part)
    return re.compile(text, re.DOTALL)
