"""Tasks, runs, costs, figures, retention."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.schema.conftest import Desk, People

HEAD = "a" * 40
CALL = "SELECT record_ai_call(provider => 'claude', model => 'm', operation => 'implement', token_usage => %s::jsonb, success => true, cost_usd => %s, latency_ms => 1500, run_step_id => %s)"


@dataclass
class Job:
    """A task on its way: a run that waits for a person, with its pull request and validation."""

    app: Desk
    validator: int
    requester: int
    task: int
    run: int
    step: int
    validation: int
    validation_id: str

    @classmethod
    async def start(cls, app: Desk, people: People, tenant: int = 1, number: int = 7, **asked: Any) -> Job:
        validator = await people.user(f"Val{number}", "validator", tenant=tenant)
        requester = await people.user(f"Req{number}", "admin", tenant=tenant)
        await app.be(tenant, validator)
        task = await app.value(
            "INSERT INTO tasks (source, title, repository_url, repository_name, requester_user_id) VALUES ('manual', 'T', 'https://x/o/r', 'o/r', %s) RETURNING tasks_id",
            requester,
        )
        run = await app.value("INSERT INTO task_runs (task_id) VALUES (%s) RETURNING tasks_runs_id", task)
        await app.run("UPDATE task_runs SET status = 'running' WHERE tasks_runs_id = %s", run)
        step = await app.value(
            "INSERT INTO run_steps (task_run_id, node_name, step_order, status) VALUES (%s, 'run_tests', 1, 'running') RETURNING run_steps_id",
            run,
        )
        await app.rows(CALL, '{"input": 1000, "cached_input": 400, "output": 50, "reasoning": 20}', "0.0123", step)
        await app.run("UPDATE run_steps SET status = 'completed' WHERE run_steps_id = %s", step)
        await app.run(
            "INSERT INTO pull_requests (task_id, task_run_id, repository, github_pr_number, pr_title, head_sha, base_branch, feature_branch) "
            "VALUES (%s, %s, 'o/r', %s, 't', %s, 'main', 'f')",
            task, run, number, HEAD,
        )  # fmt: skip
        values = {
            "task_id": task, "task_run_id": run, "original_request": "r", "repository": "o/r", "pr_number": number,
            "head_sha": HEAD, "base_branch": "main", **asked,
        }  # fmt: skip
        row = await app.row(
            f"INSERT INTO human_validations ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING human_validations_id, validation_id",
            *values.values(),
        )
        await app.run("UPDATE task_runs SET status = 'waiting_validation' WHERE tasks_runs_id = %s", run)
        return cls(app, validator, requester, task, run, step, *row)

    async def decide(self, decision: str, merge: bool = True, comments: str = "ok") -> tuple[Any, ...]:
        return await self.app.row(
            "SELECT * FROM decide_validation(%s, %s, %s, %s)",
            self.validation_id,
            decision,
            merge and decision == "approved",
            comments,
        )

    def intent(self, **other: Any) -> str:
        return json.dumps({"repository": "o/r", "pr_number": 7, "head_sha": HEAD, "base_branch": "main"} | other)

    async def merge(self, **other: Any) -> None:
        await self.app.run(MERGE, self.validation, self.intent(**other))

    async def finish(self, status: str, outcome: str) -> None:
        await self.app.run("UPDATE task_runs SET status = 'running' WHERE tasks_runs_id = %s", self.run)
        await self.app.run(
            "UPDATE task_runs SET status = %s, outcome = %s WHERE tasks_runs_id = %s", status, outcome, self.run
        )


MERGE = "INSERT INTO validation_actions (human_validation_id, action_type, action_data) VALUES (%s, 'merge_pr', %s)"


async def test_every_state_machine_is_the_table_s(own: Desk) -> None:
    """Each status column: every pair of its CHECK is allowed exactly where status_transitions lists it."""
    machines = [
        (table, column, entity)
        for table, column, entity in await own.rows(
            "SELECT DISTINCT t.tgrelid::regclass::text, split_part(encode(t.tgargs, 'escape'), '\\000', 2), split_part(encode(t.tgargs, 'escape'), '\\000', 1) "
            "FROM pg_trigger t WHERE t.tgfoid = 'check_transition'::regproc AND t.tgparentid = 0 ORDER BY 1"
        )
    ]
    assert {m[2] for m in machines} == {
        row[0] for row in await own.rows("SELECT DISTINCT entity FROM status_transitions")
    }
    assert len(machines) == 16
    for table, column, entity in machines:
        known = {
            word
            for (text,) in await own.rows(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
                table,
            )
            if f"({column})" in text and "ARRAY" in text
            for word in text.split("'")[1::2]
        }
        listed = {
            w
            for row in await own.rows("SELECT from_status, to_status FROM status_transitions WHERE entity = %s", entity)
            for w in row
            if w
        }
        assert listed <= known, f"{entity} names a status that {table} does not know"
        unreachable = known - {
            row[0] for row in await own.rows("SELECT to_status FROM status_transitions WHERE entity = %s", entity)
        }
        assert unreachable == set(), f"{entity}: nothing leads to {unreachable}"


async def test_a_task_moves_in_order_and_only_a_new_run_opens_it_again(app: Desk) -> None:
    await app.be(1)
    task = await app.value("INSERT INTO tasks (source, title) VALUES ('manual', 't') RETURNING tasks_id")
    move = "UPDATE tasks SET internal_status = %s WHERE tasks_id = %s"
    assert (
        await app.refused("INSERT INTO tasks (source, title, internal_status) VALUES ('manual', 't', 'completed')")
        == "transition-refused"
    )
    assert await app.refused(move, "completed", task) == "transition-refused"
    for status in ("processing", "testing", "debugging", "testing", "quality_check", "awaiting_validation"):
        await app.run(move, status, task)
    assert await app.refused(move, "pending", task) == "transition-refused"
    await app.run(move, "completed", task)
    assert await app.value("SELECT completed_at IS NOT NULL AND started_at IS NOT NULL FROM tasks")
    assert await app.refused(move, "processing", task) == "task-ended"
    await app.run("INSERT INTO task_runs (task_id) VALUES (%s)", task)
    await app.run(move, "processing", task)
    assert await app.value("SELECT completed_at FROM tasks") is None
    before = await app.value("SELECT updated_at FROM tasks")
    await app.run("UPDATE tasks SET title = 'u'")
    assert await app.value("SELECT updated_at > %s FROM tasks", before)


async def test_runs_are_numbered_and_wait_for_each_other(app: Desk, second: Desk) -> None:
    await app.be(1)
    await second.be(1)
    task = await app.value("INSERT INTO tasks (source, title) VALUES ('manual', 't') RETURNING tasks_id")
    add = "INSERT INTO task_runs (task_id) VALUES (%s) RETURNING tasks_runs_id, run_number"
    both = await asyncio.gather(app.row(add, task), second.row(add, task))
    assert sorted(number for _, number in both) == [1, 2]
    # Which of the two took its id first is not which came first: the number says that.
    first, then = (run for run, _ in sorted(both, key=lambda one: one[1]))
    start = "UPDATE task_runs SET status = %s WHERE tasks_runs_id = %s"
    await app.run(start, "running", first)
    assert await app.refused(start, "running", then) == "UniqueViolation"
    await app.run(start, "waiting_validation", first)
    assert await app.refused(start, "running", then) == "UniqueViolation"
    end = "UPDATE task_runs SET status = %s, outcome = %s WHERE tasks_runs_id = %s"
    await app.run(start, "running", first)
    for status, outcome in (
        ("succeeded", None),
        ("succeeded", "expired"),
        ("succeeded", "rejected"),
        ("failed", "merged"),
        ("cancelled", "failed"),
        ("running", "merged"),
    ):
        assert await app.refused(end, status, outcome, first) == "CheckViolation", (status, outcome)
    await app.run(end, "failed", "expired", first)
    assert await app.refused(start, "running", first) == "transition-refused"
    await app.run(start, "running", then)
    assert await app.refused("DELETE FROM tasks WHERE tasks_id = %s", task) in (
        "RestrictViolation",
        "ForeignKeyViolation",
    )
    assert await app.value("SELECT last_run_id FROM tasks") == then


async def test_a_repeated_step_is_the_same_row(app: Desk, people: People) -> None:
    job = await Job.start(app, people)
    again = "INSERT INTO run_steps (task_run_id, node_name, step_order) VALUES (%s, 'run_tests', 1)"
    assert await app.refused(again, job.run) == "UniqueViolation"
    assert await app.value("SELECT duration_seconds IS NOT NULL FROM run_steps")
    assert await app.refused("UPDATE run_steps SET status = 'running'") == "transition-refused"


async def test_a_call_and_its_cost_are_one_act_that_nobody_changes(app: Desk, people: People, own: Desk) -> None:
    job = await Job.start(app, people)
    assert await app.rows(
        "SELECT task_id, task_run_id, provider, prompt_tokens, completion_tokens, total_tokens, cost_usd FROM ai_cost_tracking"
    ) == [(job.task, job.run, "claude", 1000, 50, 1050, Decimal("0.012300"))]
    await app.run("INSERT INTO agents (name, slug, system_prompt, qdrant_collection) VALUES ('A', 'a', 'p', 'c')")
    await app.run("INSERT INTO ai_sessions (agent_id) SELECT id FROM agents")
    message = await app.value(
        "INSERT INTO ai_messages (session_id, role, content) SELECT id, 'assistant', 'x' FROM ai_sessions RETURNING id"
    )
    await app.rows(
        "SELECT record_ai_call(provider => 'local', model => 'm', operation => 'answer', token_usage => '{\"input\": 5}', success => false, error => 'e', message_id => %s)",
        message,
    )
    row = await app.row(
        "SELECT c.agent_id IS NOT NULL, c.session_id IS NOT NULL, c.cost_usd, i.error FROM ai_cost_tracking c JOIN ai_interactions i ON i.ai_interactions_id = c.ai_interaction_id WHERE i.message_id = %s",
        message,
    )
    assert row == (True, True, None, "e")  # an unknown price is not zero
    for table in ("ai_interactions", "ai_cost_tracking"):
        for desk in (app, own):
            assert await desk.refused(f"UPDATE {table} SET created_at = now()") == "insert-only"
            assert await desk.refused(f"DELETE FROM {table}") == "insert-only"
    assert await app.refused(CALL.replace("'claude'", "'somebody'"), "{}", "0", job.step) == "CheckViolation"


async def test_an_ended_run_leaves_its_figures(app: Desk, people: People) -> None:
    job = await Job.start(app, people)
    await app.run("INSERT INTO ai_code_generations (task_run_id, generated_code) VALUES (%s, E'a\\nb\\nc')", job.run)
    await app.run(
        "INSERT INTO test_results (task_run_id, head_sha, passed, status, tests_total, tests_passed, coverage_percentage) VALUES (%s, %s, true, 'passed', 3, 3, 81.5)",
        job.run,
        HEAD,
    )
    await job.decide("approved")
    await job.merge()
    await job.finish("succeeded", "merged")
    assert await app.rows(
        "SELECT task_id, total_ai_calls, total_tokens_used, total_ai_cost, ai_processing_time_seconds, code_lines_generated, test_coverage_percentage FROM performance_metrics"
    ) == [(job.task, 1, 1050, Decimal("0.012300"), Decimal("1.500"), 3, Decimal("81.50"))]
    await app.run("INSERT INTO tasks (source, title, repository_name) VALUES ('manual', 'u', 'new/one')")
    await app.run("INSERT INTO task_runs (task_id) SELECT tasks_id FROM tasks WHERE title = 'u'")
    summary = await app.rows(
        "SELECT repository_name, total_runs, successful_runs, success_rate, avg_cost_usd, avg_duration_seconds IS NULL FROM workflow_metrics_summary"
    )
    assert summary == [("o/r", 1, 1, Decimal("100.0"), Decimal("0.012300"), False), ("new/one", 1, 0, None, None, True)]


async def test_tests_that_did_not_run_never_count_as_passed(app: Desk, people: People) -> None:
    job = await Job.start(app, people)
    add = "INSERT INTO test_results (task_run_id, head_sha, passed, status, tests_passed, tests_failed) VALUES (%s, %s, %s, %s, %s, %s)"
    for passed, status, good, bad in (
        (True, "no_tests", 0, 0),
        (True, "passed", 0, 0),
        (True, "passed", 3, 1),
        (False, "passed", 3, 0),
        (True, "timeout", 3, 0),
    ):
        assert await app.refused(add, job.run, HEAD, passed, status, good, bad) == "CheckViolation", status


async def test_webhook_deliveries_are_told_apart_beside_the_partitions(app: Desk, people: People) -> None:
    await app.be(1)
    key = "INSERT INTO webhook_keys (source, delivery_key) VALUES ('github', 'k1') ON CONFLICT DO NOTHING"
    assert await app.run(key) == 1
    assert await app.run(key) == 0
    await app.be(await people.tenant("other"))
    assert await app.run(key) == 1


async def test_configuration_is_typed_and_every_tenant_has_it(app: Desk, people: People) -> None:
    other = await people.tenant("other")
    admin = await people.user("Ann", "admin")
    await app.be(1, admin)
    change = "UPDATE system_config SET value = %s WHERE key = %s"
    for value, key, word in (
        ('"two"', "workflow.max_debug_attempts", "config-type"),
        ("2.5", "workflow.max_debug_attempts", "config-type"),
        ("99", "workflow.max_debug_attempts", "config-range"),
        ("-1", "budget.per_day_usd", "config-range"),
        ("true", "budget.per_day_usd", "config-type"),
    ):
        assert await app.refused(change, value, key) == word, (key, value)
    assert (
        await app.refused("UPDATE system_config SET key = 'x' WHERE key = 'budget.per_day_usd'") == "config-key-fixed"
    )
    await app.run(change, "1", "human_validation.default_timeout_hours")
    assert (
        await app.value("SELECT updated_by FROM system_config WHERE key = 'human_validation.default_timeout_hours'")
        == admin
    )
    assert await app.value("SELECT config_value('human_validation.default_timeout_hours')") == 1
    assert await app.value("SELECT config_value('no.such.key')") is None
    await app.run("INSERT INTO tasks (source, title) VALUES ('manual', 't')")
    due = await app.value(
        "INSERT INTO human_validations (task_id, original_request) SELECT tasks_id, 'r' FROM tasks RETURNING expires_at - now()"
    )
    assert due.total_seconds() == 3600
    await app.be(other)
    assert await app.value("SELECT config_value('human_validation.default_timeout_hours')") == 24
    assert await app.value("SELECT count(*) FROM system_config") == await app.value(
        "SELECT count(*) FROM system_config_defaults()"
    )


async def test_the_weekly_cleaning_archives_what_was_decided_and_nothing_else(
    app: Desk, people: People, own: Desk
) -> None:
    old = await Job.start(app, people, generated_code='{"a": 1}')
    await old.decide("approved")
    await old.merge()
    await app.run("UPDATE validation_actions SET action_status = 'completed', merge_commit_hash = 'm'")
    waiting = await Job.start(app, people, number=8)
    busy = await Job.start(app, people, number=9)
    await busy.decide("approved")
    await app.run(MERGE, busy.validation, busy.intent(pr_number=9))
    await own.run("ALTER TABLE human_validations DISABLE TRIGGER USER")
    await own.run(
        "UPDATE human_validations SET created_at = created_at - interval '4 months', updated_at = updated_at - interval '4 months'"
    )
    await own.run("ALTER TABLE human_validations ENABLE TRIGGER USER")
    for age in ("4 months", "8 months"):
        await own.run(
            "INSERT INTO webhook_events (tenant_id, source, delivery_key, payload, received_at) VALUES (1, 'github', %s, '{}', now() - %s::interval)",
            age,
            age,
        )
        await own.run(
            "INSERT INTO application_logs (tenant_id, level, source_component, message, created_at) VALUES (1, 'INFO', 'x', 'm', now() - %s::interval)",
            age,
        )
    await own.rows("SELECT ensure_partitions(0)")
    for query in (
        "DELETE FROM human_validation_responses",
        "DELETE FROM validation_actions",
        "DELETE FROM human_validations",
    ):
        assert await app.refused(query) == "insert-only"
    assert (
        await app.refused(
            "INSERT INTO validation_archive (human_validations_id, validation_id, task_id, record) VALUES (%s, 'v', 1, '{}')",
            waiting.validation,
        )
        == "archive-refused"
    )
    await app.rows("SELECT cleanup_old_data()")
    assert {row[0] for row in await app.rows("SELECT human_validations_id FROM human_validations")} == {
        waiting.validation,
        busy.validation,
    }
    record = await app.value("SELECT record FROM validation_archive WHERE validation_id = %s", old.validation_id)
    assert record["response"]["validated_by"] == "Val7"
    assert record["validation"]["head_sha"] == HEAD
    assert "generated_code" not in record["validation"]
    assert record["actions"][0]["merge_commit_hash"] == "m"
    assert await app.value("SELECT count(*) FROM webhook_events") == 1
    assert await app.value("SELECT count(*) FROM application_logs") == 0
    assert await own.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'archive'") == 3
    for query in ("UPDATE validation_archive SET record = '{}'", "DELETE FROM validation_archive"):
        assert await app.refused(query) == "insert-only"
    await app.rows("SELECT cleanup_old_data()")
    assert await own.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'archive'") == 0
