"""Languages: English in the source, French in ``i18n/fr.po``. Which one a request speaks, the accounts know."""

from __future__ import annotations

import io
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
