"""A conversation set as a PDF: Markdown becomes paragraphs, lists and tables; nothing is loaded from anywhere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .export import Part, words

FONTS = Path(str(resources.files("countersign"))) / "web" / "static" / "vendor"
FACES = {"": "DejaVuSans", "b": "DejaVuSans-Bold", "i": "DejaVuSans-Oblique", "bi": "DejaVuSans-BoldOblique"}
MONO = "DejaVuSansMono"
LONGEST_LINE = 92  # characters of code that fit on a page
MOST_COLUMNS, LONGEST_HEAD = 14, 200  # of a table that is drawn as one
DEEPEST = 200  # points, of lists in lists in quotes
SIDES = {"center": 1, "right": 2}  # as reportlab counts them
INK: Any = "#1b1d22"
MUTED, LINE, SUNKEN = "#5c626d", "#d7dae0", "#f3f4f6"


def pdf(title: str | None, made: str, conversation: Sequence[Part], locale: str) -> bytes:
    """The file. *made* is the line under the title; it also stands at the foot of each page, with its number."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Spacer

    body, mono = _fonts()
    style = _styles(body, mono)
    said = words(locale)
    name = title or said["untitled"]
    flow: list[Any] = [Paragraph(escape(name), style["title"]), Paragraph(escape(made), style["fine"])]
    for part in conversation:
        flow += [CondPageBreak(60), Spacer(1, 10), Paragraph(escape(part.heading), style["heading"])]
        flow += _blocks(part.text, style, mono) if part.role == "assistant" else _plain(part.text, style["question"])
        flow += [Paragraph(escape(note), style["fine"]) for note in part.notes]
        if part.sources:
            flow.append(Paragraph(escape(said["sources"]), style["listed"]))
            flow += [Paragraph(escape(source), style["source"]) for source in part.sources]
    out = io.BytesIO()

    def foot(canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(body, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(20 * mm, 12 * mm, made)
        canvas.drawRightString(A4[0] - 20 * mm, 12 * mm, str(document.page))
        canvas.restoreState()

    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm, bottomMargin=20 * mm,
        title=title or said["untitled"], author="Countersign", lang=locale,
    )  # fmt: skip
    document.build(flow, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


@cache
def _fonts() -> tuple[str, str]:
    """The text and code faces: DejaVu, which writes every European language, or what every reader of PDF has."""
    from reportlab.pdfbase import pdfmetrics as metrics
    from reportlab.pdfbase.ttfonts import TTFont

    pdfmetrics: Any = metrics
    if not (FONTS / f"{MONO}.ttf").is_file():
        return "Helvetica", "Courier"
    for face in (*FACES.values(), MONO):
        pdfmetrics.registerFont(TTFont(face, str(FONTS / f"{face}.ttf")))
    pdfmetrics.registerFontFamily(FACES[""], FACES[""], FACES["b"], FACES["i"], FACES["bi"])
    return FACES[""], MONO


def _styles(body: str, mono: str) -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    text = ParagraphStyle("text", fontName=body, fontSize=10, leading=14.5, textColor=INK, spaceAfter=5)
    bold = FACES["b"] if body == FACES[""] else "Helvetica-Bold"

    def like(name: str, **other: Any) -> Any:
        return ParagraphStyle(name, parent=text, **other)

    return {
        "text": text,
        "title": like("title", fontName=bold, fontSize=17, leading=21),
        "heading": like("heading", fontName=bold, fontSize=9, leading=12, textColor=MUTED),
        "sub": like("sub", fontName=bold, fontSize=11.5, leading=15, spaceBefore=4),
        "question": like("question", backColor=SUNKEN, borderPadding=6, leftIndent=6, rightIndent=6, spaceBefore=6),
        "quote": like("quote", textColor=MUTED),
        "fine": like("fine", fontSize=8.5, leading=12, textColor=MUTED, spaceAfter=2),
        "listed": like("listed", fontName=bold, fontSize=8.5, leading=12, spaceBefore=5, spaceAfter=1),
        "source": like("source", fontSize=8.5, leading=12, leftIndent=22, firstLineIndent=-22, spaceAfter=1),
        "code": like(
            "code",
            fontName=mono,
            fontSize=8.5,
            leading=11.5,
            backColor=SUNKEN,
            borderPadding=5,
            spaceBefore=5,
            spaceAfter=11,
        ),
        "cell": like("cell", fontSize=9, leading=12, spaceAfter=0),
        "head": like("head", fontName=bold, fontSize=9, leading=12, spaceAfter=0),
    }


def _plain(text: str, style: Any) -> list[Any]:
    from reportlab.platypus import Paragraph

    return [Paragraph(escape(text).replace("\n", "<br/>"), style)]


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.disable(["reference", "image", "html_block", "html_inline"])
    return parser


def _blocks(text: str, style: dict[str, Any], mono: str) -> list[Any]:
    from reportlab.platypus import HRFlowable, Paragraph, Spacer, XPreformatted

    flow: list[Any] = []
    tokens = _parser().parse(text)
    marks: list[str] = []  # of the lists that are open: a bullet, or the next number
    depth, heading, first = 0, False, False
    place = 0
    while place < len(tokens):
        token = tokens[place]
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                marks.append("•" if token.tag == "ul" else str(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                marks.pop()
                if not marks:
                    flow.append(Spacer(1, 4))
            case "list_item_open":
                first = True
            case "list_item_close" if marks[-1] != "•":
                marks[-1] = str(int(marks[-1]) + 1)
            case "blockquote_open":
                depth += 1
            case "blockquote_close":
                depth -= 1
            case "heading_open":
                heading = True
            case "heading_close":
                heading = False
            case "inline":
                made = _indented(
                    style["sub" if heading else "quote" if depth else "text"], 16 * len(marks) + 12 * depth
                )
                bullet = (marks[-1] if marks[-1] == "•" else f"{marks[-1]}.") if marks and first else None
                flow.append(Paragraph(_line(token, mono), made, bulletText=bullet))
                first = False
            case "fence" | "code_block":
                flow.append(XPreformatted(escape(_wrapped(token.content)), style["code"]))
            case "hr":
                flow.append(HRFlowable(width="100%", color=LINE, spaceBefore=4, spaceAfter=6))
            case "table_open":
                end = next(n for n in range(place, len(tokens)) if tokens[n].type == "table_close")
                flow += [*_table(tokens[place:end], style, mono), Spacer(1, 8)]
                place = end
            case _:
                pass
        place += 1
    return flow


def _wrapped(code: str) -> str:
    """Lines of code, none longer than the page is wide."""
    lines = code.rstrip("\n").expandtabs(4).split("\n")
    return "\n".join(line[at : at + LONGEST_LINE] for line in lines for at in range(0, len(line) or 1, LONGEST_LINE))


def _indented(style: Any, points: int) -> Any:
    from reportlab.lib.styles import ParagraphStyle

    if not points:
        return style
    return ParagraphStyle("in", parent=style, leftIndent=points, bulletIndent=max(0, points - 14), spaceAfter=2)


def _table(tokens: Sequence[Token], style: dict[str, Any], mono: str) -> list[Any]:
    """The table; one that is too wide for a page, or whose head is too tall to be repeated, line by line."""
    from reportlab.platypus import Paragraph, Table

    rows: list[list[Any]] = []
    said: list[list[str]] = []
    kind = "cell"
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
            said.append([])
        elif token.type in ("th_open", "td_open"):
            kind = "head" if token.type == "th_open" else "cell"
            side = str(token.attrGet("style") or "").removeprefix("text-align:")
            rows[-1].append(_aligned(style[kind], SIDES.get(side, 0)))
        elif token.type == "inline":
            style_of: Any = rows[-1].pop()
            said[-1].append(_line(token, mono))
            rows[-1].append(Paragraph(said[-1][-1], style_of))
    if len(said[0]) > MOST_COLUMNS or max(map(len, said[0]), default=0) > LONGEST_HEAD:
        return [Paragraph(" | ".join(cells), style["cell"]) for cells in said]
    lined = [("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    return [Table(rows, repeatRows=1, splitInRow=1, hAlign="LEFT", style=lined)]


def _aligned(style: Any, side: Any) -> Any:
    from reportlab.lib.styles import ParagraphStyle

    return ParagraphStyle("cell", parent=style, alignment=side)


def _line(token: Token, mono: str) -> str:
    """The inline text in reportlab's mark-up, which is made here from escaped text alone; links are their words."""
    tags = {"strong": "b", "em": "i", "s": "strike"}
    out: list[str] = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            text = escape(child.content)
            out.append(f'<font face="{mono}">{text}</font>' if child.type == "code_inline" else text)
        elif child.type in ("softbreak", "hardbreak"):
            out.append("<br/>")
        elif child.tag in tags:
            out.append(f"<{tags[child.tag]}>" if child.nesting > 0 else f"</{tags[child.tag]}>")
    return "".join(out)
