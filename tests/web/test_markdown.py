"""What models write becomes harmless HTML, whatever they write."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.web.markdown import ATTRIBUTES, TAGS, render

SOURCES = {1: "/messages/a/sources/1", 2: "/messages/a/sources/2"}

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,AAAA)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "<a href='javascript:alert(1)'>x</a>",
    "<javascript:alert(1)>",
    '[x](https://a.example "t\\" onmouseover=alert(1) \\"")',
    "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "<div hx-get=/sign-out hx-trigger=load>",
    "[1]: https://evil.example\n\nvoir [1]",
    "```html\n<script>alert(1)</script>\n```",
    "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "\ue000\ue100\ue001",
    "<!-- --><math><mi//xlink:href='data:x,y'>",
]


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def harmless(html: str) -> None:
    for tag, attributes in read(html).found:
        assert tag in TAGS, tag
        allowed = ATTRIBUTES.get(tag, set()) | {"class", "rel"}
        assert set(attributes) <= allowed, (tag, attributes)
        if href := attributes.get("href"):
            assert re.match(r"https?://|/(?![/\\])|#", href), href
            assert attributes["rel"] == "noopener noreferrer nofollow"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_is_disarmed(text: str) -> None:
    harmless(render(text, sources=SOURCES))
    harmless(render(text, sources=SOURCES, doubts=[{"start": 0, "end": len(text)}], why={"nowhere": "<b>why</b>"}))


fragments = st.sampled_from(
    [*HOSTILE, "[1]", "**", "`", "\n\n", "> ", "| a | b |\n|---|--:|\n| ", "1. ", "45,50 €", "]("]
)
markdown = st.lists(fragments | st.text(max_size=20), max_size=12).map("".join)


@given(text=markdown, data=st.data())
def test_nothing_dangerous_survives(text: str, data: st.DataObject) -> None:
    place = st.integers(-2, len(text) + 2)
    doubts = data.draw(st.lists(st.fixed_dictionaries({"start": place, "end": place}), max_size=4))
    html = render(text, sources=SOURCES, doubts=doubts, why={"nowhere": 'Not in "the" <sources>'})
    harmless(html)
    assert not re.search("[\ue000-\uf8ff]", html)


@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), max_size=60))
def test_plain_words_stay_what_they_are(text: str) -> None:
    shown = read(render(text)).text
    assert shown.split() == text.split()


def test_a_citation_leads_to_its_source() -> None:
    html = render("Le prix est de 45,50 € [1][2], ou [1, 2].", sources=SOURCES)
    links = [attributes for tag, attributes in read(html).found if tag == "a"]
    assert [link["data-cite"] for link in links] == ["1", "2", "1", "2"]
    assert links[0]["href"] == SOURCES[1]


def test_a_citation_without_a_source_stays_text() -> None:
    html = render("voir [7]", sources=SOURCES)
    assert "[7]" in html
    assert "<a" not in html


def test_a_definition_cannot_turn_a_citation_into_a_link_elsewhere() -> None:
    html = render("[1]: https://evil.example\n\nvoir [1]", sources=SOURCES)
    assert "evil.example</p>" in html or 'href="https://evil' not in html
    assert f'href="{SOURCES[1]}"' in html


@pytest.mark.parametrize("words", ["1", "\\[1\\]", "**1**", "¹", "①", "(2)", "`1`", " 12. "])
def test_a_link_elsewhere_that_reads_like_a_citation_is_no_link(words: str) -> None:
    for address in ("https://evil.example", "/messages/b/sources/1", "#x"):
        assert "<a" not in render(f"voir [{words}]({address}) ici", sources=SOURCES)
    assert "<a" in render(f"voir [{words} fiches]({address})", sources=SOURCES)


def test_a_link_elsewhere_says_where_it_leads() -> None:
    html = render("[la notice](https://user@evil.example:8443/n) et [good.example](https://good.example/a)")
    hosts = [attributes.get("data-host") for tag, attributes in read(html).found if tag == "a"]
    assert hosts == ["evil.example", None]


def test_a_doubtful_figure_is_underlined_and_explained() -> None:
    text = "Soit **1 137,50 €** en tout, voir [1]."
    start = text.index("1 137")
    html = render(
        text,
        sources=SOURCES,
        doubts=[{"start": start, "end": start + 10, "how": "25 × 45,50 = 1 137,50"}],
        why={"untrue": "Pas sûr."},
        ident="9",
    )
    assert '<strong><span class="doubt" tabindex="0" role="note" aria-describedby="why-9-0">1 137,50 €</span>' in html
    assert 'role="tooltip" id="why-9-0">Pas sûr. 25 × 45,50 = 1 137,50</span>' in html


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [({}, "Nulle part."), ({"source": 2}, "Seulement dans la source 2."), ({"how": "2 × 3 = 6"}, "Faux : 2 × 3 = 6")],
)
def test_the_reason_says_what_is_wrong_with_a_figure(doubt: dict[str, Any], reason: str) -> None:
    why = {"nowhere": "Nulle part.", "elsewhere": "Seulement dans la source {source}.", "untrue": "Faux :"}
    assert f">{reason}</span>" in render("Soit 7.", doubts=[{"start": 5, "end": 6, **doubt}], why=why)


def test_list_numbers_and_citations_are_never_doubted() -> None:
    text = "1. un [1]\n2. deux"
    every = [{"start": m.start(), "end": m.end()} for m in re.finditer(r"\d", text)]
    html = render(text, sources=SOURCES, doubts=every)
    assert "doubt" not in html
    assert html.count("<li>") == 2


def test_a_doubt_in_a_table_keeps_the_table() -> None:
    text = "| Poste | € |\n|---|--:|\n| Pose | 21,00 |"
    start = text.index("21,00")
    html = render(text, doubts=[{"start": start, "end": start + 5}], why={"nowhere": "?"})
    assert '<td class="right"><span class="doubt"' in html
    assert 'class="scroll" tabindex="0"' in html


def test_headings_leave_room_for_those_of_the_page() -> None:
    html = render("# Un\n\n## Deux\n\n###### Six")
    assert [tag for tag, _ in read(html).found] == ["h3", "h4", "h6"]


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("Avant. Le béton est coulé. Après.", "Le béton est coulé."),
        (
            "# Titre\n\nUn. Deux **gras** et _pente_.\n\n- l’été\n- l’hiver\n\nFin.",
            "Deux **gras** et _pente_.\n\n- l’été\n",
        ),
        ("Un.\n\n- premier\n- second\n\nFin.", "- premier\n- second\n"),
        ("Un.\n\n**Gras** dès le début.\n\nFin.", "**Gras** dès le début."),
        ("| Poste | € |\n|---|--:|\n| Pose | 21,00 |\n\nFin.", "| Poste | € |\n|---|--:|\n| Pose | 21,00 |\n"),
        ("Un.\n\n## Sous-titre\n\nTexte.\n\nFin.", "## Sous-titre\n\nTexte."),
        ("Un.\n\n> cité\n\nFin.", "> cité\n"),
        ("Un.\n\n```\nun code\n```\n\nFin.", "```\nun code\n```"),
        ("1. un\n2. deux\n\nFin.", "2. deux"),
    ],
)
def test_a_passage_is_marked_through_whatever_blocks_it_runs(text: str, passage: str) -> None:
    start = text.index(passage)
    html = render(text, passage=(start, start + len(passage)))
    assert re.sub(r"</?mark[^>]*>", "", html) == render(text), "marking changes nothing else"
    marked = " ".join(re.findall(r"<mark[^>]*>(.*?)</mark>", html, re.DOTALL))
    # The number of an item and the bars of a table are drawn by the browser.
    words = re.findall(r"[^\W_]+", re.sub(r"^\d+\.", "", passage))
    assert re.findall(r"[^\W_]+", marked) == words
    assert html.count('id="passage"') == 1


def test_a_passage_brings_no_element_along() -> None:
    text = "Un <script>alert(1)</script> texte \ue002 ici. Fin."
    html = render(text, passage=(0, 30))
    assert "<script" not in html
    assert render("abc", passage=(1, 1)) == render("abc")
