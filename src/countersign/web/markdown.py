"""Markdown from models as safe HTML: no raw HTML, no images, no foreign loads; citations and doubtful figures marked.

Positions of figures index the Markdown text, so each figure is wrapped in two private characters before the text is
parsed; they become elements after, and what comes out is sanitised last.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup, escape

OPEN, CLOSE, FIRST = "\ue000", "\ue001", 0xE100
BEGIN, END = "\ue002", "\ue003"  # of the passage that is quoted
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_ESCAPED_PRIVATE = re.compile(r"%EE%8[4-9A-B]%[89AB][0-9A-F]|%EE%80%8[01]", re.IGNORECASE)
_CITATION = re.compile(r"\[(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\](?!\()")
_NUMBER = re.compile(r"[\W_]*\d{1,2}[\W_]*")
_HOST = re.compile(r"https?://(?:[^/?#@]*@)?([^/?#:]+)", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_BEFORE = re.compile(r"(?:(?<![^\n])[ \t]*(?:>|[-*+][ \t]|\d+[.)][ \t]|#{1,6}[ \t]|\||`{3,}[^\n]*\n))*[ \t*_~`\[|]*")
_AFTER = re.compile(r"[\s*_~`|]*$")
_LIST_MARK = re.compile(r"(?m)^\s*(\d+)[.)]\s")

_INLINE = ("a", "b", "br", "code", "del", "em", "mark", "s", "span", "strong")
_BLOCKS = ("blockquote", "div", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "ul")
_TABLES = ("table", "tbody", "td", "th", "thead", "tr")
TAGS = {*_INLINE, *_BLOCKS, *_TABLES}
ATTRIBUTES = {
    "a": {"href", "title", "data-cite", "data-host"},
    "mark": {"id"},
    "span": {"tabindex", "aria-describedby", "id", "role"},
    "div": {"tabindex"},
    "ol": {"start"},
}
CLASSES = {
    "a": {"cite", "away"},
    "span": {"doubt", "why"},
    "div": {"scroll"},
    "mark": {"passage"},
    "td": {"right", "center"},
    "th": {"right", "center"},
}


def render(
    text: str,
    *,
    sources: Mapping[int, str] | None = None,
    doubts: Sequence[Mapping[str, Any]] = (),
    why: Mapping[str, str] | None = None,
    ident: str = "m",
    passage: tuple[int, int] | None = None,
) -> Markup:
    """HTML of *text*. *sources* maps a citation's number to its address; *doubts* are figures ``{start, end, how}``
    (positions in *text*) that *why* explains, ``elsewhere`` when they have a ``source``, ``untrue`` when they tell
    ``how`` they should be, ``nowhere`` otherwise; *ident* makes their ids unique.
    *passage* ``(start, end)`` is marked through whatever blocks it runs; the first mark has the id ``passage``."""
    text = _PRIVATE.sub("\ufffd", text)
    marked, reasons = (_bound(text, *passage), []) if passage else _mark(text, doubts, why or {})
    html = cast(str, _parser().render(marked, {"sources": sources or {}}))
    html = _TAG.sub(lambda tag: _PRIVATE.sub("", _ESCAPED_PRIVATE.sub("", tag[0])), html)
    html = _light(html) if passage else _explain(html, reasons, ident)
    return Markup(
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            allowed_classes=CLASSES,
            url_schemes={"http", "https"},
            link_rel="noopener noreferrer nofollow",
        )
    )


def _mark(text: str, doubts: Sequence[Mapping[str, Any]], why: Mapping[str, str]) -> tuple[str, list[str]]:
    """*text* with each doubtful figure between private characters, and the reasons in their order; list numbers and
    citations are left alone."""
    numbering = {match.start(1) for match in _LIST_MARK.finditer(text)}
    cited = [match.span() for match in _CITATION.finditer(text)]
    spans: list[tuple[int, int, str]] = []
    for doubt in doubts:
        start, end = int(doubt.get("start", -1)), int(doubt.get("end", -1))
        inside = any(first < end and start < last for first, last in cited)
        if 0 <= start < end <= len(text) and start not in numbering and not inside and "\n" not in text[start:end]:
            spans.append((start, end, _reason(doubt, why)))
    out: list[str] = []
    reasons: list[str] = []
    place = 0
    for start, end, reason in sorted(spans)[:500]:
        if start >= place:
            out += [text[place:start], OPEN, chr(FIRST + len(reasons)), text[start:end], CLOSE]
            reasons.append(reason)
            place = end
    return "".join([*out, text[place:]]), reasons


def _reason(doubt: Mapping[str, Any], why: Mapping[str, str]) -> str:
    if how := doubt.get("how"):
        return f"{why.get('untrue', '')} {how}".strip()
    if source := doubt.get("source"):
        return why.get("elsewhere", "").replace("{source}", str(source))
    return why.get("nowhere", "")


def _bound(text: str, start: int, end: int) -> str:
    """*text* with private characters around a passage, inside of what Markdown writes at both its ends."""
    begin = _BEFORE.match(text, start)
    start = min(begin.end() if begin else start, end)
    end = start + len(_AFTER.sub("", text[start:end], count=1))
    return f"{text[:start]}{BEGIN}{text[start:end]}{END}{text[end:]}" if start < end else text


def _light(html: str) -> str:
    """Every text between the two private characters becomes a mark of its own: a mark cannot hold blocks."""
    before, begin, rest = html.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        return html
    parts = re.split(r"(<[^>]*>)", inside)
    named = ' id="passage"'
    for place, part in enumerate(parts):
        if part.strip() and not part.startswith("<"):
            parts[place] = f'<mark class="passage"{named}>{part}</mark>'
            named = ""
    return before + "".join(parts) + after


def _explain(html: str, reasons: Sequence[str], ident: str) -> str:
    """Private characters become elements; one whose partner the parser moved away is dropped."""
    waiting: list[int] = []
    parts = re.split(f"({OPEN}.|{CLOSE})", html)
    for place, part in enumerate(parts):
        if part.startswith(OPEN):
            waiting.append(ord(part[1]) - FIRST)
            name = f"why-{ident}-{waiting[-1]}"
            parts[place] = f'<span class="doubt" tabindex="0" role="note" aria-describedby="{name}">'
        elif part == CLOSE:
            index = waiting.pop(0) if waiting else None
            parts[place] = (
                f'</span><span class="why" role="tooltip" id="why-{ident}-{index}">{escape(reasons[index])}</span>'
                if index is not None
                else ""
            )
    return "".join(parts)


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"])
    # A definition could turn a citation into a link elsewhere; an image would be loaded from anywhere.
    parser.disable(["reference", "image", "html_block", "html_inline"])
    parser.inline.ruler.before("link", "citation", _citation)
    parser.core.ruler.after("inline", "forgeries", _no_forged_citation)
    parser.core.ruler.after("inline", "levels", _levels)
    normalize = parser.normalizeLink
    parser.normalizeLink = lambda url: normalize(_PRIVATE.sub("", url))
    parser.validateLink = _acceptable
    for name in ("link_open", "table_open", "table_close", "td_open", "th_open"):
        parser.add_render_rule(name, _RULES[name])
    return parser


def _acceptable(url: str) -> bool:
    return bool(re.match(r"https?://|/(?![/\\])|#", url.strip(), re.IGNORECASE))


def _citation(state: StateInline, silent: bool) -> bool:
    match = _CITATION.match(state.src, state.pos)
    sources = cast("Mapping[int, str]", state.env.get("sources", {}))
    if not match or state.linkLevel:
        return False
    numbers = [int(n) for n in re.findall(r"\d+", match[1])]
    if not all(n in sources for n in numbers):
        return False
    if not silent:
        for number in numbers:
            token = state.push("link_open", "a", 1)
            token.attrs = {"href": sources[number], "class": "cite", "data-cite": str(number)}
            state.push("text", "", 0).content = str(number)
            state.push("link_close", "a", -1)
    state.pos = match.end()
    return True


def _no_forged_citation(state: StateCore) -> None:
    """A link that leads elsewhere and reads like the number of a source is its words alone."""
    for block in state.tokens:
        opened: Token | None = None
        said = ""
        for token in block.children or []:
            if token.type == "link_open" and "data-cite" not in token.attrs:
                opened, said = token, ""
            elif token.type == "link_close" and opened:
                if _NUMBER.fullmatch(unicodedata.normalize("NFKC", said)):
                    opened.type, token.type, opened.tag, token.tag = "text", "text", "", ""
                    opened.nesting, token.nesting = 0, 0
                opened = None
            else:
                said += token.content


def _levels(state: StateCore) -> None:
    """The page owns h1 and h2: the highest heading of the text is an h3, wherever its author began."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) - highest + 3)}"


# -- how some tokens are drawn


def _plain(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    return self.renderToken(tokens, at, options, env)


def _link(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    href = str(tokens[at].attrs.get("href", ""))
    if href.startswith("http"):
        tokens[at].attrSet("class", "away")
        host = _HOST.match(href)
        if host and host[1] not in tokens[at + 1].content:
            tokens[at].attrSet("data-host", host[1])
    return _plain(self, tokens, at, options, env)


def _table(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    drawn = _plain(self, tokens, at, options, env)
    return f'<div class="scroll" tabindex="0">{drawn}' if tokens[at].nesting > 0 else f"{drawn}</div>"


def _cell(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    style = str(tokens[at].attrs.pop("style", ""))
    for side in ("right", "center"):
        if style == f"text-align:{side}":
            tokens[at].attrSet("class", side)
    return _plain(self, tokens, at, options, env)


_RULES = {
    "link_open": _link,
    "table_open": _table,
    "table_close": _table,
    "td_open": _cell,
    "th_open": _cell,
}
