"""Prompts are numbered and kept; what was said stays; who signs an answer is always known."""

from __future__ import annotations

import asyncio

import pytest

from tests.schema.conftest import Desk, People

ADD = "INSERT INTO agents (name, slug, system_prompt, qdrant_collection) VALUES ('Expert', 'expert', 'un', 'c') RETURNING id"
VERSIONS = "SELECT version, system_prompt, change_note, created_by FROM system_prompt_versions ORDER BY version"


@pytest.fixture
async def ann(app: Desk, people: People) -> int:
    user = await people.user("Ann", "admin")
    await app.be(1, user)
    return user


async def test_every_change_of_the_prompt_is_a_version(app: Desk, second: Desk, own: Desk, ann: int) -> None:
    agent = await app.value(ADD)
    await app.rows("SELECT set_config('countersign.change_note', 'plus court', false)")
    await app.run("UPDATE agents SET system_prompt = 'deux', prompt_version = 77")
    await app.run("UPDATE agents SET system_prompt = 'deux', temperature = 0.1")
    await app.run("UPDATE agents SET prompt_version = 9")
    await app.run("UPDATE agents SET system_prompt = 'un'")  # restoring is a new version
    assert await app.rows(VERSIONS) == [
        (1, "un", None, ann),
        (2, "deux", "plus court", ann),
        (3, "un", "plus court", ann),
    ]
    assert await app.value("SELECT prompt_version FROM agents WHERE id = %s", agent) == 3
    for query in ("UPDATE system_prompt_versions SET system_prompt = 'x'", "DELETE FROM system_prompt_versions"):
        assert await app.refused(query) == "insert-only"
        assert await own.refused(query) == "insert-only"
    assert (
        await app.refused(
            "INSERT INTO system_prompt_versions (agent_id, version, system_prompt) VALUES (%s, 9, 'x')", agent
        )
        == "prompt-version-by-hand"
    )
    await second.be(1, ann)
    change = "UPDATE agents SET system_prompt = %s"
    await asyncio.gather(*(desk.run(change, f"à la fois {n}") for n, desk in enumerate((app, second))))
    assert await app.value("SELECT array_agg(version ORDER BY version) FROM system_prompt_versions") == [1, 2, 3, 4, 5]


async def test_a_slug_is_one_live_agent_of_a_tenant(app: Desk, people: People, ann: int) -> None:
    agent = await app.value(ADD)
    assert await app.refused(ADD) == "UniqueViolation"
    await app.run("UPDATE agents SET deleted_at = now() WHERE id = %s", agent)
    await app.value(ADD)
    await app.be(await people.tenant("other"))
    await app.value(ADD)
    for query in (
        "UPDATE agents SET retrieval_mode = 'GUESS'",
        "UPDATE agents SET retrieval_mode = 'SQL_HYDRATION'",
        "UPDATE agents SET color = 'red'",
        "UPDATE agents SET slug = 'No Slug'",
        "UPDATE agents SET top_k = 0",
    ):
        assert await app.refused(query) == "CheckViolation", query


async def test_what_was_said_stays_and_is_counted(app: Desk, ann: int) -> None:
    agent = await app.value(ADD)
    session = await app.value("INSERT INTO ai_sessions (agent_id, user_id) VALUES (%s, %s) RETURNING id", agent, ann)
    say = (
        "INSERT INTO ai_messages (session_id, role, content, status, reply_to) VALUES (%s, %s, %s, %s, %s) RETURNING id"
    )
    question = await app.value(say, session, "user", "prix ?", "complete", None)
    answer = await app.value(say, session, "assistant", "", "streaming", question)
    await app.run(
        "UPDATE ai_messages SET content = '45,50', rag_context = '{}', status = 'complete' WHERE id = %s", answer
    )
    assert await app.value("SELECT message_count FROM ai_sessions") == 2
    for change in (
        "content = 'x'",
        "rag_context = '{\"a\": 1}'",
        "prompt_version = 4",
        "role = 'user'",
        "session_id = session_id + 1",
    ):
        assert await app.refused(f"UPDATE ai_messages SET {change} WHERE id = %s", answer) == "message-fixed", change
    assert (
        await app.refused("UPDATE ai_messages SET status = 'streaming' WHERE id = %s", answer) == "transition-refused"
    )
    assert await app.refused(say, session, "assistant", "", "interrupted", question) == "transition-refused"
    other = await app.value("INSERT INTO ai_sessions (agent_id) VALUES (%s) RETURNING id", agent)
    assert (
        await app.refused(say, other, "assistant", "x", "complete", question) == "ForeignKeyViolation"
    )  # another conversation
    await app.run("DELETE FROM ai_messages WHERE id = %s", answer)
    assert await app.value("SELECT message_count FROM ai_sessions WHERE id = %s", session) == 1
    assert (
        await app.refused("INSERT INTO ai_sessions (agent_id, status) VALUES (%s, 'archived')", agent)
        == "transition-refused"
    )
    await app.run("UPDATE ai_sessions SET status = 'deleted'")
    await app.run("UPDATE ai_sessions SET status = 'active'")


async def test_an_answer_is_signed_in_order_by_somebody(app: Desk, own: Desk, ann: int) -> None:
    await app.value(ADD)
    await app.run("INSERT INTO ai_sessions (agent_id) SELECT id FROM agents")
    allowed = {
        ("pending", "validated"), ("pending", "rejected"), ("pending", "learned"),
        ("validated", "learned"), ("validated", "rejected"), ("learned", "rejected"),
    }  # fmt: skip
    states = ("pending", "validated", "rejected", "learned")
    sign = "UPDATE ai_messages SET validation_status = %s, validated_by = %s, validated_at = now() WHERE id = %s"
    for before in states:
        for after in states:
            message = await app.value(
                "INSERT INTO ai_messages (session_id, role, content) SELECT id, 'assistant', 'a' FROM ai_sessions RETURNING id"
            )
            if before != "pending":
                await app.run(sign, before, ann, message)
            if before == after:  # who and when change only with another decision
                assert await app.refused(sign, after, ann, message) == "decision-fixed"
            elif (before, after) in allowed:
                await app.run(sign, after, ann, message)
            else:
                assert await app.refused(sign, after, ann, message) == "transition-refused", (before, after)
    fresh = await app.value(
        "INSERT INTO ai_messages (session_id, role, content) SELECT id, 'assistant', 'a' FROM ai_sessions RETURNING id"
    )
    assert (
        await app.refused("UPDATE ai_messages SET validation_status = 'validated' WHERE id = %s", fresh)
        == "CheckViolation"
    )
    question = await app.value(
        "INSERT INTO ai_messages (session_id, role, content) SELECT id, 'user', 'q' FROM ai_sessions RETURNING id"
    )
    assert await app.refused(sign, "validated", ann, question) == "CheckViolation"
    assert (
        await app.refused(
            "INSERT INTO ai_messages (session_id, role, content, validation_status) SELECT id, 'assistant', 'a', 'validated' FROM ai_sessions"
        )
        == "transition-refused"
    )


async def test_one_feedback_of_each_reader(app: Desk, ann: int) -> None:
    await app.value(ADD)
    await app.run("INSERT INTO ai_sessions (agent_id) SELECT id FROM agents")
    message = await app.value(
        "INSERT INTO ai_messages (session_id, role, content) SELECT id, 'assistant', 'a' FROM ai_sessions RETURNING id"
    )
    rate = "INSERT INTO ai_feedbacks (message_id, user_id, rating) VALUES (%s, %s, %s)"
    await app.run(rate, message, ann, 5)
    assert await app.refused(rate, message, ann, 4) == "UniqueViolation"
    await app.run(rate + " ON CONFLICT (user_id, message_id) DO UPDATE SET rating = excluded.rating", message, ann, 4)
    for bad in (0, 6):
        assert await app.refused("UPDATE ai_feedbacks SET rating = %s", bad) == "CheckViolation"


async def test_learned_answers_move_in_order_and_are_remembered(app: Desk, ann: int) -> None:
    agent = await app.value(ADD)
    learn = (
        "INSERT INTO learned_responses (point_id, agent_id, question, answer, validated_by, validated_at) "
        "VALUES (gen_random_uuid(), %s, 'q', 'a', %s, now()) RETURNING id"
    )
    one, two = await app.value(learn, agent, ann), await app.value(learn, agent, ann)
    await app.run(
        "INSERT INTO learned_dependencies (learned_response_id, source_table, row_id, columns, columns_hash, snapshot) VALUES (%s, 'ouvrages', 1, '{unit_price}', 'h', '{}')",
        one,
    )
    assert (
        await app.refused("UPDATE learned_responses SET status = 'suspended' WHERE id = %s", one) == "CheckViolation"
    )  # why?
    await app.run("UPDATE learned_responses SET status = 'suspended', status_reason = 'prix' WHERE id = %s", one)
    await app.run("UPDATE learned_responses SET status = 'active' WHERE id = %s", one)
    assert (
        await app.refused("UPDATE learned_responses SET status = 'replaced' WHERE id = %s", one) == "CheckViolation"
    )  # by what?
    await app.run("UPDATE learned_responses SET status = 'replaced', replaced_by = %s WHERE id = %s", two, one)
    assert (
        await app.refused("UPDATE learned_responses SET status = 'active', replaced_by = NULL WHERE id = %s", one)
        == "transition-refused"
    )
    await app.run("UPDATE learned_responses SET status = 'revoked' WHERE id = %s", two)
    assert (
        await app.refused("UPDATE learned_responses SET status = 'active' WHERE id = %s", two) == "transition-refused"
    )
    assert await app.rows("SELECT from_status, to_status, reason, actor_id FROM learned_history WHERE learned_response_id = %s ORDER BY id", one) == [
        (None, "active", None, ann), ("active", "suspended", "prix", ann), ("suspended", "active", "prix", ann), ("active", "replaced", "prix", ann),
    ]  # fmt: skip
    assert await app.refused("DELETE FROM learned_history") == "insert-only"
