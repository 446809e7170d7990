"""Colours can be read, in both themes."""

from __future__ import annotations

import re

import pytest

from countersign.web.assets import FOLDER

TEXT = (FOLDER / "css" / "tokens.css").read_text(encoding="utf-8")
PAIRS = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TEXT)
THEMES = {
    "light": {name: light for name, light, _ in PAIRS},
    "dark": {name: dark for name, _, dark in PAIRS},
}
READ = [
    (ink, paper)
    for ink in ("text", "muted", "accent", "seal")
    for paper in ("paper", "surface", "sunken", "accent-soft")
]
READ += [
    ("accent-ink", "accent"),
    ("accent-ink", "accent-deep"),
    ("seal-ink", "seal"),
    ("seal", "seal-soft"),
    ("text", "mark"),
    ("paper", "text"),
]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "paper"), READ)
def test_text_can_be_read(theme: str, ink: str, paper: str) -> None:
    assert contrast(THEMES[theme][ink], THEMES[theme][paper]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("paper", ["paper", "surface"])
def test_edges_of_fields_can_be_seen(theme: str, paper: str) -> None:
    assert contrast(THEMES[theme]["edge"], THEMES[theme][paper]) >= 3


def test_colours_live_in_one_file() -> None:
    for file in (FOLDER / "css").glob("*.css"):
        if file.name != "tokens.css":
            assert not re.search(
                r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|rgb\(", re.sub(r"#[\w-]+[^;{]*\{", "{", file.read_text())
            ), file.name
