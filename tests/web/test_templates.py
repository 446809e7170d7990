"""Templates keep to the strict policy, name only icons and files that exist, and never miss a variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from countersign.web.assets import FOLDER
from countersign.web.icons import symbols
from countersign.web.layout import PLACES
from countersign.web.templating import environment, template_folders

TEMPLATES = sorted((room, file) for room, folder in template_folders().items() for file in folder.rglob("*.html"))
NAMES = [f"{room}/{file.name}" for room, file in TEMPLATES]


@pytest.mark.parametrize(("room", "file"), TEMPLATES, ids=NAMES)
def test_no_inline_script_or_style(room: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for script in re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL):
        assert not script.strip()
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"hx-on|hx-vals\s*=\s*[\"']js:|javascript:", text)
    assert not re.search(r"(src|href)=[\"']https?://", text)


@pytest.mark.parametrize(("room", "file"), TEMPLATES, ids=NAMES)
def test_it_compiles_and_names_what_exists(room: str, file: Path) -> None:
    environment("fr").get_template(f"{room}/{file.relative_to(template_folders()[room]).as_posix()}")
    text = file.read_text(encoding="utf-8")
    for name in re.findall(r"\b(?:icon|ui\.notice|ui\.empty)\(\s*[\"']([\w-]+)[\"']", text):
        assert name in symbols(), name
    for path in re.findall(r"\bstatic\(['\"]([^'\"]+)['\"]\)", text):
        assert (FOLDER / path).is_file(), path


def test_places_have_icons() -> None:
    assert {place.icon for place in PLACES} <= set(symbols())
    assert "robot" in symbols()


def test_forms_that_change_something_carry_the_token() -> None:
    for _, file in TEMPLATES:
        text = file.read_text(encoding="utf-8")
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.DOTALL):
            assert "csrf_field()" in form, file


def test_modules_import_each_other_by_relative_address() -> None:
    for file in (FOLDER / "js").glob("*.js"):
        for target in re.findall(r"from\s+\"([^\"]+)\"|import\s+\"([^\"]+)\"", file.read_text(encoding="utf-8")):
            name = target[0] or target[1]
            assert name.startswith(("./", "../vendor/")) and (FOLDER / "js" / name).is_file(), f"{name}: make setup"
