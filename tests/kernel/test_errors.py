"""Errors: a status, a stable code, and a message that says what to do."""

from __future__ import annotations

import re

import pytest

from countersign.kernel.errors import BY_STATUS, Conflict, CountersignError, NoInstance, NotFound, Raised


class AlreadyDecided(Conflict):
    """This was decided already.
    Reload to see by whom."""


class Elsewhere(Conflict):
    """It is at %(host)s now."""


def test_code_message_and_status() -> None:
    error = AlreadyDecided()
    assert (error.code, error.status) == ("already-decided", 409)
    assert error.detail == "This was decided already. Reload to see by whom."
    assert str(AlreadyDecided("By Ada.")) == "By Ada."
    assert Elsewhere(host="x.example").detail == "It is at x.example now."
    assert AlreadyDecided(seconds=3).extra == {"seconds": 3}


def every(kind: type[CountersignError]) -> list[type[CountersignError]]:
    return [kind, *(deeper for direct in kind.__subclasses__() for deeper in every(direct))]


FRAGMENTS = "countersign.knowledge.tables.faults"  # these go on after the name of a column
WHOLE = [kind for kind in every(CountersignError) if kind.__module__ != FRAGMENTS]


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_every_error_speaks_in_sentences(kind: type[CountersignError]) -> None:
    message = kind(**dict.fromkeys(re.findall(r"%\((\w+)\)s", kind.__doc__ or ""), "It.")).detail
    assert message[0].isupper() or message[0] in "`“", message
    assert message.endswith("."), message


def test_states_of_sql() -> None:
    found = Raised.translate("P0404", "no-such-agent", "There is no agent x.")
    assert isinstance(found, NotFound)
    assert (found.detail, found.extra) == ("There is no agent x.", {"reason": "no-such-agent"})
    assert type(Raised.translate("P0599", "odd", None)) is CountersignError
    assert Raised.translate("23505", "duplicate key", None) is None
    assert Raised.translate(None, "x", None) is None


def test_every_status_maps_to_its_own_error() -> None:
    assert all(kind.status == status for status, kind in BY_STATUS.items())
    assert 429 in BY_STATUS
    assert NoInstance.status == 503
