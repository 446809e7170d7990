"""docs/webhooks.md says what the registry says; examples have the shape that they illustrate; pages name every event."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from countersign.web.templating import environment
from countersign.webhooks.registry import KNOWN, SENT, Event, check

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"


def section(event: Event) -> str:
    """What the document must hold about *event*."""
    lines = [f"### {event.name}", "", event.about, ""]
    if event.shape is None:
        return "\n".join([*lines, "Not sent yet by this version; a webhook may wait for it."])
    schema = event.shape.model_json_schema()
    lines += ["| field of `data` | type | meaning |", "| --- | --- | --- |"]
    for name, field in schema["properties"].items():
        kinds = [one.get("format") or one["type"] for one in field.get("anyOf", [field])]
        kind = " or ".join(kinds)
        lines.append(f"| `{name}` | {kind} | {field['description']} |")
    return "\n".join([*lines, "", "```json", json.dumps(event.example), "```"])


@pytest.mark.parametrize("event", KNOWN, ids=lambda event: event.name)
def test_an_event_is_documented_with_its_shape_and_an_example(event: Event) -> None:
    assert section(event) in DOCUMENT.read_text()


def test_the_document_names_no_event_that_does_not_exist() -> None:
    named = re.findall(r"^### (.+)$", DOCUMENT.read_text(), re.MULTILINE)
    assert named == [event.name for event in KNOWN]


@pytest.mark.parametrize("event", [event for event in KNOWN if event.shape], ids=lambda event: event.name)
def test_an_example_has_its_shape_and_nothing_else_has(event: Event) -> None:
    check(event.name, event.example)
    assert event.example
    with pytest.raises(ValidationError):
        check(event.name, {**event.example, "more": 1})
    for name in event.example:
        with pytest.raises(ValidationError):
            check(event.name, {key: value for key, value in event.example.items() if key != name})


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_the_pages_explain_every_event(locale: str) -> None:
    module: Any = environment(locale).get_template("webhooks/events.html").module
    meaning: dict[str, str] = module.meaning
    assert set(meaning) == {event.name for event in KNOWN}
    assert "webhook.test" in SENT
