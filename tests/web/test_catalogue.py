"""Every string has a French sentence, and the French is set as French is."""

from __future__ import annotations

import re

import pytest

from countersign.web import catalogue
from countersign.web.i18n import catalogue as committed
from countersign.web.i18n import translations

MESSAGES = [m for m in committed("fr") if m.id]


def test_nothing_is_missing() -> None:
    assert catalogue.missing() == []


def test_nothing_is_left_over() -> None:
    wanted = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue.extracted() if m.id}
    kept = {m.id if isinstance(m.id, str) else m.id[0] for m in MESSAGES}
    assert kept - wanted == set()


def sentences() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for message in MESSAGES:
        said = [message.string] if isinstance(message.string, str) else list(message.string or ())
        asked = [message.id] if isinstance(message.id, str) else list(message.id)
        found += [(asked[min(i, len(asked) - 1)], text) for i, text in enumerate(said)]
    return found


@pytest.mark.parametrize(("english", "french"), sentences())
def test_the_french_is_well_set(english: str, french: str) -> None:
    holes = r"%\((\w+)\)s"
    assert sorted(re.findall(holes, english)) == sorted(re.findall(holes, french))
    assert not re.search(r"(?<![\u00a0\u202f])[!?;»]", french), "a no-break space goes before it"
    assert not re.search(r"(?<![\u00a0\w/:]):(?=\s|$)|(?<=[^\u00a0\s]):\s", french), (
        "a no-break space goes before a colon"
    )
    assert not re.search(r"«(?!\u00a0)", french)
    assert "'" not in french, "the apostrophe is ’"
    assert "..." not in french
    assert french.endswith("…") == english.endswith("…")


def test_it_speaks() -> None:
    assert translations("fr").gettext("Sign in") == "Se connecter"
    assert translations("fr").ngettext("%(num)s source", "%(num)s sources", 0) == "%(num)s source"
    assert translations("en").gettext("Sign in") == "Sign in"
