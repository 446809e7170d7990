"""The user documentation that ships for the support agent: well formed, short, and set as French is set."""

import re
from pathlib import Path

import pytest

import countersign
from countersign.kernel.settings import PREFIX, Settings

DEMO = Path(countersign.__file__).parent / "knowledge" / "documents" / "demo"
FILES = sorted(DEMO.glob("*.md"))
HEADER = re.compile(r"\A---\n(?P<header>.*?)\n---\n(?P<body>.*)\Z", re.DOTALL)
NBSP = "\u00a0"
LATER = "À venir dans une prochaine version"


def parse(file: Path) -> tuple[dict[str, str], str]:
    """Front matter and body of *file*."""
    found = HEADER.match(file.read_text(encoding="utf-8"))
    assert found, f"{file.name} has no front matter"
    pairs = [line.partition(": ") for line in found["header"].splitlines()]
    return {key: value for key, _, value in pairs}, found["body"]


def without_code(body: str) -> str:
    """What a reader reads: fenced blocks, inline code and link targets taken out."""
    body = re.sub(r"^```.*?^```$", "", body, flags=re.DOTALL | re.MULTILINE)
    body = re.sub(r"`[^`]*`", "code", body)
    body = re.sub(r"^\|[ :|-]+\|$", "", body, flags=re.MULTILINE)
    return re.sub(r"\]\([^)]*\)", "]", body)


PAGES = {file.stem: parse(file) for file in FILES}
each_page = pytest.mark.parametrize("name", PAGES)


def test_there_are_enough_pages():
    assert 14 <= len(PAGES) <= 24


@each_page
def test_front_matter_names_the_page(name: str):
    header, _ = PAGES[name]
    assert list(header) == ["title", "category", "url"]
    assert all(header.values())
    assert header["url"] == f"/docs/{name}"


def test_titles_are_distinct():
    assert len({header["title"] for header, _ in PAGES.values()}) == len(PAGES)


@each_page
def test_page_has_one_title_and_sections(name: str):
    header, body = PAGES[name]
    prose = re.sub(r"^```.*?^```$", "", body, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^# (.+)$", prose, flags=re.MULTILINE)
    assert titles == [header["title"]]
    assert len(re.findall(r"^## ", prose, flags=re.MULTILINE)) >= 2
    assert body.count("```") % 2 == 0


@each_page
def test_page_is_short(name: str):
    assert 250 <= len(PAGES[name][1].split()) <= 900


@each_page
def test_typography_is_french(name: str):
    header, body = PAGES[name]
    prose = header["title"] + "\n" + without_code(body)
    assert '"' not in prose
    assert "'" not in prose
    assert not re.search(rf"[^{NBSP}\s][;:?!»]", prose), "a no-break space goes before ; : ? ! »"
    assert not re.search(r"[ \t\n][;:?!»]", prose), "an ordinary space is before ; : ? ! »"
    assert not re.search(rf"«[^{NBSP}]", prose)
    assert not re.search(r"\d [€%]|\d (mm|cm|m²|ml)\b", prose)


@each_page
def test_links_lead_to_pages(name: str):
    for target in re.findall(r"\]\((/docs/[^)]*)\)", PAGES[name][1]):
        assert target.removeprefix("/docs/") in PAGES, target


@each_page
def test_named_settings_exist(name: str):
    for setting in re.findall(rf"{PREFIX}([A-Z_]+)", PAGES[name][1]):
        assert setting.lower() in Settings.model_fields, setting


@pytest.mark.parametrize("name", ["tables-dynamiques", "apprentissage", "livraison"])
def test_pages_about_later_versions_say_so_first(name: str):
    first = PAGES[name][1].strip().split("\n\n")[1]
    assert first.startswith(f"> **{LATER}.**")
