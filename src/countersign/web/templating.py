"""One Jinja environment a language: autoescaping, nothing undefined passes, the filters of that language."""

from __future__ import annotations

import re
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from . import markdown, pictures
from .assets import static_url
from .formats import Formats
from .i18n import say, translations
from .icons import agent_mark, icon, seal

# Names of columns and keys cannot carry accents; the trade's words do.
SPELLED = {
    "ame": "âme", "capacite": "capacité", "conductivite": "conductivité", "densite": "densité",
    "developpe": "développé", "diametre": "diamètre", "differentiel": "différentiel", "energetique": "énergétique",
    "epaisseur": "épaisseur", "granulometrie": "granulométrie", "intensite": "intensité", "materiau": "matériau",
    "portee": "portée", "rangees": "rangées", "reaction": "réaction", "regime": "régime", "resistance": "résistance",
    "rigidite": "rigidité", "securite": "sécurité", "sensibilite": "sensibilité", "tole": "tôle",
    "cop": "COP", "cov": "COV", "seer": "SEER", "ud": "Ud", "uw": "Uw", "vmc": "VMC",
}  # fmt: skip
PACKAGE = Path(str(resources.files("countersign")))


def template_folders() -> dict[str, Path]:
    """``{room: folder}``: every room's ``pages``, and the web's own templates as ``web``."""
    found = {folder.parent.name: folder for folder in sorted(PACKAGE.rglob("pages")) if folder.is_dir()}
    return {**found, "web": Path(__file__).parent / "templates"}


@cache
def environment(locale: str) -> Environment:
    """The environment that speaks *locale*."""
    env = Environment(
        loader=PrefixLoader({room: FileSystemLoader(folder) for room, folder in template_folders().items()}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    speech: Any = env
    speech.install_gettext_translations(translations(locale), newstyle=True)
    formats = Formats(locale)
    filters: Any = env.filters
    filters.update(
        number=formats.number,
        money=formats.money,
        percent=formats.percent,
        seconds=formats.seconds,
        when=_zoned(formats.when),
        day=_zoned(formats.day),
        exact=_zoned(formats.exact),
        humanize=humanize,
        highlight=highlight,
    )
    shared: Any = env.globals
    shared.update(
        say=partial(say, locale),
        locale=locale,
        icon=icon,
        agent_mark=agent_mark,
        seal_mark=seal,
        static=static_url,
        markdown=markdown.render,
        split_picture=pictures.split,
        steps_picture=pictures.steps,
        bars_picture=pictures.bars,
        score_picture=pictures.score,
    )
    return env


def _zoned(function: Any) -> Any:
    @pass_context
    def in_zone(context: Context, value: Any) -> Any:
        return function(value, context["zone"]) if value is not None else "—"

    return in_zone


def humanize(name: str) -> str:
    """``resistance_feu`` as ``Résistance feu``: a label where nobody gave a better one."""
    words = " ".join(SPELLED.get(word, word) for word in name.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:]


def highlight(text: str, terms: list[str]) -> Markup:
    """*text* with each of *terms* in ``<mark>``; longest first, case kept."""
    wanted = sorted({t for t in terms if t.strip()}, key=len, reverse=True)
    if not wanted:
        return Markup("{}").format(text)
    parts = re.split("(" + "|".join(re.escape(t) for t in wanted) + ")", text, flags=re.IGNORECASE)
    return Markup("").join(Markup("<mark>{}</mark>").format(p) if i % 2 else p for i, p in enumerate(parts))
