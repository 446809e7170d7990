"""What was refused is said in the reader's language, with the values that it names."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from countersign.kernel.errors import Invalid
from countersign.kernel.http import LeadsInside
from countersign.kernel.reasons import OTHER, said
from countersign.kernel.web import Clean
from countersign.knowledge.agents.fields import AgentFields
from countersign.web.i18n import say
from countersign.webhooks.api import NewWebhook
from countersign.webhooks.models import KeepsFailing, NotSent, NotTaken, Redirected, TooSlow, Unreachable

WRONG: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (AgentFields, {"name": " ", "slug": "new", "system_prompt": "", "description": "x" * 3_000, "icon": "A B"}),
    (AgentFields, {"name": "", "slug": "A B", "color": "red", "qdrant_collection": "*", "model": "x" * 200}),
    (AgentFields, {"top_k": "many", "max_tokens": 0, "ollama_port": 70_000, "temperature": "3", "min_score": "x"}),
    (AgentFields, {"temperature": "0.123", "min_score": "0.123456", "strict": "perhaps", "name": "a\x01"}),
    (NewWebhook, {"name": "", "url": "x" * 3_000, "events": ["*"] * 60, "retry_count": 99, "timeout_seconds": ""}),
    (NewWebhook, {}),
]


@pytest.mark.parametrize(("kind", "values"), WRONG)
def test_each_field_of_a_form_that_is_wrong(kind: type[BaseModel], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as found:
        kind.model_validate(values)
    lines = Invalid.from_fields(found.value.errors()).extra["errors"]
    assert {line["field"] for line in lines} >= set(values)
    for line in lines:
        assert say("fr", line["error"]) != line["error"], line
        assert say("en", line["error"]) == line["error"]


@pytest.mark.parametrize("known", list_all_errors(), ids=lambda known: known["type"])
def test_no_page_repeats_what_pydantic_says(known: Any) -> None:
    given = {name: 3 if value == 0 else "7" for name, value in (known.get("example_context") or {}).items()}
    if known["type"] in ("value_error", "assertion_error"):
        return
    text = said({"type": known["type"], "msg": known["message_template_python"], "ctx": given})
    assert "%" not in text and "nput" not in text and "None" not in text
    assert say("fr", text) != text
    assert text != OTHER or known["type"].split("_")[0] not in ("int", "float", "string", "decimal", "date", "missing")


def test_what_our_own_checks_raise_is_said_in_their_words() -> None:
    class Body(BaseModel):
        text: Clean

    with pytest.raises(ValidationError) as found:
        Body.model_validate({"text": "a\0"})
    error = Invalid.from_fields(found.value.errors())
    assert error.detail == "text: holds the control character U+0000; remove it"
    assert say("fr", error.extra["errors"][0]["error"]).startswith("contient le caractère de contrôle U+0000")


def test_a_value_stays_where_the_message_names_it() -> None:
    assert say("fr", LeadsInside(host="erp.lan").detail).startswith("erp.lan mène à une adresse privée")
    assert "500" in say("fr", NotTaken(code=500).detail) and "302" in say("fr", Redirected(code=302).detail)
    assert say("fr", TooSlow(seconds="0.3").detail) == "Pas de réponse complète en 0.3\u00a0s."
    assert say("fr", NotSent().detail).startswith("Ce webhook est arrêté")


def test_an_error_within_an_error_is_said_too() -> None:
    text = KeepsFailing(count=20, why=Unreachable(technical="ConnectError %(x)s").detail).detail
    said = "20 échecs de suite\u00a0; le dernier\u00a0: Le destinataire est injoignable\u00a0: ConnectError %(x)s"
    assert say("fr", text) == said


@pytest.mark.parametrize("text", ["", "%", "%(code)s", "Something nobody has translated", "\n" * 5_000, "x " * 5_000])
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert say("fr", text) == text
