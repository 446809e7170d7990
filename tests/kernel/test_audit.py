"""The audit trail: beside the change, in the name of the caller, masked, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from countersign.kernel.access import Caller
from countersign.kernel.audit import audit, masked
from countersign.kernel.database import Database
from countersign.kernel.errors import Conflict

LINES = """SELECT user_id, user_email, host(ip_address), user_agent, action, auditable_type, auditable_id,
                  old_values, new_values, tags FROM audit_logs ORDER BY id"""


def test_secrets_are_masked_at_any_depth() -> None:
    given = {
        "name": "Monday",
        "api_key": "k",
        "nested": {"Authorization": "Bearer x", "fine": 1},
        "list": [{"password": "p", "fine": 2}, "plain"],
        "has_token": True,
        "token": None,
        "tokens_in": 12,
    }
    assert masked(given) == {
        "name": "Monday",
        "api_key": "***",
        "nested": {"Authorization": "***", "fine": 1},
        "list": [{"password": "***", "fine": 2}, "plain"],
        "has_token": True,
        "token": None,
        "tokens_in": 12,
    }
    assert masked(None) is None
    assert given["api_key"] == "k"


async def test_a_line_says_who_from_where_what(db: Database, caller: Callable[..., Caller], owner: Any) -> None:
    who = replace(caller(), ip="2001:db8::7", user_agent="Firefox")
    async with db.transaction(who) as tx:
        await audit(tx, "agent.updated", "agent", 7, {"name": "a"}, {"name": "b", "secret": "s"}, ("demo",))
    assert await (await owner.execute(LINES)).fetchall() == [
        (
            who.user_id,
            who.email,
            "2001:db8::7",
            "Firefox",
            "agent.updated",
            "agent",
            7,
            {"name": "a"},
            {"name": "b", "secret": "***"},
            ["demo"],
        )
    ]


async def test_a_line_lives_and_dies_with_its_change(db: Database, caller: Callable[..., Caller], owner: Any) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction(caller()) as tx:
            await audit(tx, "agent.updated", "agent", 7)
            raise RuntimeError
    assert await (await owner.execute(LINES)).fetchall() == []


@pytest.mark.parametrize("change", ["UPDATE audit_logs SET action = 'x'", "DELETE FROM audit_logs"])
async def test_lines_are_never_changed(db: Database, caller: Callable[..., Caller], owner: Any, change: str) -> None:
    who = caller()
    async with db.transaction(who) as tx:
        await audit(tx, "agent.updated", "agent", 7)
    with pytest.raises(Conflict, match="never changed or deleted"):
        async with db.transaction(who) as tx:
            await tx.run(change)
    assert len(await (await owner.execute(LINES)).fetchall()) == 1
