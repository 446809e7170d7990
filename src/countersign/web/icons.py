"""Icons from bootstrap-icons as inline SVG, read once from the vendored sprite; the mark of an agent; the seal."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import structlog
from markupsafe import Markup, escape

log = structlog.get_logger("web.icons")

SPRITE = Path(__file__).parent / "static" / "vendor" / "bootstrap-icons.svg"
_SYMBOL = re.compile(r'<symbol class="bi bi-[\w-]+" viewBox="([\d ]+)" id="([\w-]+)">(.*?)</symbol>', re.DOTALL)


@cache
def symbols() -> dict[str, tuple[str, str]]:
    """``{name: (view box, paths)}`` of every icon; empty, with a warning, where the libraries were not fetched."""
    try:
        text = SPRITE.read_text(encoding="utf-8")
    except OSError:
        log.warning("icons.missing", fix="npm ci && npm run vendor")
        return {}
    return {name: (box, paths) for box, name, paths in _SYMBOL.findall(text)}


def icon(name: str, size: int = 16, label: str | None = None) -> Markup:
    """The icon *name*; silent for screen readers unless *label* says what it means. Raises KeyError."""
    known = symbols()
    box, paths = known[name] if known else ("0 0 16 16", "")
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup(
        '<svg class="icon" width="{0}" height="{0}" viewBox="{1}" fill="currentColor" {2} focusable="false">{3}</svg>'
    ).format(size, box, spoken, Markup(paths))


def _luminance(color: str) -> float:
    def linear(part: str) -> float:
        share = int(part, 16) / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(color[i : i + 2]) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def agent_mark(name: str, color: str, size: int = 32) -> Markup:
    """An agent's icon on its colour, in whichever of white or black can be seen on it. Unknown values fall back."""
    known = symbols()
    box, paths = known.get(name) or known.get("robot") or ("0 0 16 16", "")
    ground = color if re.fullmatch(r"#[0-9a-fA-F]{6}", color) else "#3B82F6"
    white, black = 1.05 / (_luminance(ground) + 0.05), (_luminance(ground) + 0.05) / 0.05
    ink = "#ffffff" if white >= black / 1.6 else "#111111"  # white where it reaches 3.6:1
    return Markup(
        '<svg class="mark" width="{0}" height="{0}" viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
        '<rect width="32" height="32" rx="8" fill="{1}"/>'
        '<svg x="8" y="8" width="16" height="16" viewBox="{2}" fill="{3}">{4}</svg></svg>'
    ).format(size, escape(ground), box, ink, Markup(paths))


def seal(kind: str = "signed", size: int = 20) -> Markup:
    """The seal: ``signed`` (solid) when a human answers for it, ``waiting`` (dashed) until one does."""
    ring = (
        '<circle cx="12" cy="12" r="10" fill="currentColor"/>'
        '<circle cx="12" cy="12" r="7.4" class="ring" stroke-width=".9"/>'
        '<path d="M8.4 12.3l2.5 2.5 4.8-5.2" class="ring" stroke-width="1.8" '
        'stroke-linecap="round" stroke-linejoin="round"/>'
        if kind == "signed"
        else '<circle cx="12" cy="12" r="9.6" fill="none" stroke="currentColor" stroke-width="1.5" '
        'stroke-dasharray="3.1 2.93" stroke-linecap="round"/>'
        '<circle cx="12" cy="12" r="6.4" fill="none" stroke="currentColor" stroke-width=".8" opacity=".55"/>'
    )
    return Markup(
        '<svg class="seal-mark" width="{0}" height="{0}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        "{1}</svg>"
    ).format(size, Markup(ring))
