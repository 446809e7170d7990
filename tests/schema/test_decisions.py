"""A decision is taken once, in time, by a person who may; and no trick merges without it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.schema.conftest import Desk, People
from tests.schema.test_delivery import HEAD, MERGE, Job

DECIDE = "SELECT decide_validation(%s, %s, %s, %s)"


@pytest.fixture
async def job(app: Desk, people: People) -> Job:
    return await Job.start(app, people)


async def test_an_approval_is_recorded_with_who_when_and_how_long(job: Job, app: Desk) -> None:
    await job.decide("approved")
    row = await app.row(
        "SELECT r.response_status, r.validated_by, r.validated_by_user_id, r.should_merge, r.validation_duration_seconds = extract(epoch FROM r.validated_at - v.created_at)::integer, r.validated_at > now() - interval '10 minutes' FROM human_validation_responses r JOIN human_validations v ON v.human_validations_id = r.human_validation_id"
    )
    assert row == ("approved", "Val7", job.validator, True, True, True)
    assert await app.value("SELECT status FROM human_validations") == "approved"
    assert (
        await app.row(
            "SELECT status, is_urgent, has_test_failures, files_count, validation_comments FROM validation_dashboard"
        )
    ) == ("approved", False, False, 0, "ok")


async def test_two_answers_at_once_and_one_counts(job: Job, app: Desk, second: Desk, own: Desk) -> None:
    await own.run('UPDATE tenants SET settings = \'{"four_eyes": "off"}\'')
    await second.be(1, job.requester)
    answers = await asyncio.gather(
        app.rows(DECIDE, job.validation_id, "approved", True, None),
        second.rows(DECIDE, job.validation_id, "rejected", False, "non"),
        return_exceptions=True,
    )
    losers = [a for a in answers if isinstance(a, Exception)]
    assert len(losers) == 1
    assert losers[0].diag.message_primary == "validation-already-decided"  # type: ignore[attr-defined]
    assert "was already" in losers[0].diag.message_detail and " by " in losers[0].diag.message_detail  # type: ignore[attr-defined]
    assert await app.value("SELECT count(*) FROM human_validation_responses") == 1
    for decision, merge in (("approved", True), ("rejected", False)):
        assert await app.refused(DECIDE, job.validation_id, decision, merge, "c") == "validation-already-decided"


async def test_late_unauthorised_and_unclear_answers_are_refused(
    job: Job, app: Desk, own: Desk, people: People
) -> None:
    reader = await people.user("Reader", "user")
    await app.be(1)
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "decision-needs-a-person"
    await app.be(1, reader)
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "decision-not-allowed"
    await app.be(1, job.requester)
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "decision-own-request"
    await app.be(1, job.validator)
    assert await app.refused(DECIDE, "val_1_1", "approved", True, None) == "validation-not-found"
    for comment in (None, "", "  "):
        assert await app.refused(DECIDE, job.validation_id, "rejected", False, comment) == "rejection-needs-comment"
    for decision, merge in (("rejected", True), ("maybe", False), ("pending", False), ("cancelled", False)):
        assert await app.refused(DECIDE, job.validation_id, decision, merge, "c") == "decision-unclear"
    assert (
        await app.refused("SELECT decide_validation(%s, 'approved', true, NULL, %s)", job.validation_id, "b" * 40)
        == "validation-head-moved"
    )
    await app.run("UPDATE pull_requests SET head_sha = 'moved'")
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "validation-head-moved"
    await app.run("UPDATE pull_requests SET head_sha = %s", HEAD)
    await own.run("ALTER TABLE human_validations DISABLE TRIGGER USER")
    await own.run(
        "UPDATE human_validations SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
    )
    await own.run("ALTER TABLE human_validations ENABLE TRIGGER USER")
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "validation-expired"
    assert await app.value("SELECT mark_expired_validations()") == 1
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "validation-expired"
    assert await app.value("SELECT status FROM human_validations") == "expired"


async def test_who_asked_may_sign_only_where_they_are_alone_or_the_tenant_says_so(
    job: Job, app: Desk, own: Desk
) -> None:
    await app.be(1, job.requester)
    await own.run('UPDATE tenants SET settings = \'{"four_eyes": "on"}\'')
    await own.run("DELETE FROM user_roles WHERE user_id = %s", job.validator)
    assert await app.refused(DECIDE, job.validation_id, "approved", True, None) == "decision-own-request"
    await own.run("UPDATE tenants SET settings = '{}'")
    assert await app.value("SELECT four_eyes_apply()") is False  # one validator alone
    await app.rows(DECIDE, job.validation_id, "approved", True, None)


async def test_a_super_admin_of_another_tenant_may_decide_and_is_named(job: Job, app: Desk, people: People) -> None:
    other = await people.tenant("other")
    chief = await people.user("Chief", "super-admin", tenant=other)
    await app.be(1, chief)
    await app.rows(DECIDE, job.validation_id, "approved", True, None)
    assert await app.value("SELECT validated_by FROM human_validation_responses") == "Chief"


async def test_only_an_answer_decides_and_answers_are_history(job: Job, app: Desk, own: Desk) -> None:
    for desk in (app, own):
        for status in ("approved", "rejected"):
            assert await desk.refused("UPDATE human_validations SET status = %s", status) == "decision-by-hand"
    assert (
        await app.refused(
            "INSERT INTO human_validations (task_id, original_request, status) VALUES (%s, 'r', 'approved')", job.task
        )
        == "transition-refused"
    )
    # Naming somebody else in the row changes nothing: the answer is the caller's.
    await app.run(
        "INSERT INTO human_validation_responses (human_validation_id, validation_id, response_status, validated_by, validated_by_user_id, should_merge, validation_duration_seconds, validated_at) "
        "VALUES (%s, 'val_9_9', 'approved', 'Somebody', %s, true, 0, now() - interval '1 year')", job.validation, job.requester
    )  # fmt: skip
    assert await app.row("SELECT validated_by, validated_by_user_id, validation_id, validated_at > now() - interval '1 hour' FROM human_validation_responses") == (
        "Val7", job.validator, job.validation_id, True
    )  # fmt: skip
    for desk in (app, own):
        for query in (
            "UPDATE human_validation_responses SET should_merge = false",
            "DELETE FROM human_validation_responses",
        ):
            assert await desk.refused(query) == "insert-only"
    for status in ("pending", "rejected", "expired", "cancelled"):
        assert await app.refused("UPDATE human_validations SET status = %s", status) in (
            "transition-refused",
            "decision-by-hand",
        )


async def test_the_evidence_does_not_change_under_the_signature(job: Job, app: Desk) -> None:
    for change in (
        "head_sha = 'b'", "repository = 'x/y'", "pr_number = 8", "base_branch = 'dev'", "patch_id = 'p'", "generated_code = '{}'",
        "test_results = '{}'", "files_modified = '{a}'", "validation_id = 'val_1_1'", "original_request = 'x'", "requested_by_user_id = NULL",
    ):  # fmt: skip
        assert await app.refused(f"UPDATE human_validations SET {change}") == "validation-fixed", change
    await app.run("UPDATE human_validations SET expires_at = expires_at + interval '1 hour'")
    await job.decide("rejected")
    assert (
        await app.refused("UPDATE human_validations SET expires_at = expires_at + interval '1 hour'")
        == "validation-fixed"
    )


def cheats() -> list[tuple[str, dict[str, Any], str]]:
    return [
        ("another repository", {"repository": "o/other"}, "merge-of-something-else"),
        ("another pull request", {"pr_number": 8}, "merge-of-something-else"),
        ("another base", {"base_branch": "release"}, "merge-of-something-else"),
        ("another commit", {"head_sha": "b" * 40}, "merge-of-another-commit"),
        ("another commit and an invented patch", {"head_sha": "b" * 40, "patch_id": "p"}, "merge-of-another-commit"),
        ("no commit", {"head_sha": None}, "merge-of-something-else"),
        ("no pull request", {"pr_number": None}, "merge-of-something-else"),
    ]


async def test_no_merge_but_the_approved_one(job: Job, app: Desk, own: Desk) -> None:
    for desk in (app, own):
        assert (
            await desk.refused(
                "INSERT INTO validation_actions (tenant_id, human_validation_id, action_type, action_data) VALUES (1, %s, 'merge_pr', %s)",
                job.validation,
                job.intent(),
            )
            == "merge-not-approved"
        )
    await job.decide("approved")
    for what, changed, word in cheats():
        assert await app.refused(MERGE, job.validation, job.intent(**changed)) == word, what
    assert await app.refused(MERGE, job.validation, "{}") == "merge-of-something-else"
    assert await app.refused(MERGE, job.validation + 99, job.intent()) == "merge-not-approved"
    for state in ("head_sha = 'moved'", "base_branch = 'dev'", "pr_status = 'closed'"):
        column = state.split()[0]
        before = await app.value(f"SELECT {column} FROM pull_requests")
        await app.run(f"UPDATE pull_requests SET {state}")
        assert await app.refused(MERGE, job.validation, job.intent()) == "merge-out-of-date", state
        await app.run(f"UPDATE pull_requests SET {column} = %s", before)
    # Turning another action into a merge, or a merge into another one.
    await app.run(
        "INSERT INTO validation_actions (human_validation_id, action_type) VALUES (%s, 'notify_user')", job.validation
    )
    assert (
        await app.refused(
            "UPDATE validation_actions SET action_type = 'merge_pr', action_data = %s", job.intent(head_sha="b")
        )
        == "action-fixed"
    )
    await job.merge()
    assert (
        await app.refused(
            "UPDATE validation_actions SET action_data = %s WHERE action_type = 'merge_pr'", job.intent(head_sha="b")
        )
        == "action-fixed"
    )
    assert await app.refused(MERGE, job.validation, job.intent()) == "UniqueViolation"
    await app.run("UPDATE validation_actions SET action_status = 'in_progress' WHERE action_type = 'merge_pr'")
    await app.run("UPDATE validation_actions SET action_status = 'unknown' WHERE action_type = 'merge_pr'")
    assert (
        await app.refused(MERGE, job.validation, job.intent()) == "UniqueViolation"
    )  # in doubt, look before repeating
    await app.run(
        "UPDATE validation_actions SET action_status = 'completed', merge_commit_hash = 'm' WHERE action_type = 'merge_pr'"
    )
    assert (
        await app.refused("UPDATE validation_actions SET action_status = 'pending' WHERE action_type = 'merge_pr'")
        == "transition-refused"
    )
    assert await app.row(
        "SELECT merge_status, merge_commit_hash, validated_by, actions_count FROM validation_history"
    ) == ("completed", "m", "Val7", 2)


@pytest.mark.parametrize("ending", ["rejected", "approved without merge", "expired", "cancelled"])
async def test_no_merge_after_any_other_end(ending: str, job: Job, app: Desk) -> None:
    if ending == "rejected":
        await job.decide("rejected")
    elif ending == "approved without merge":
        await job.decide("approved", merge=False)
    else:
        await app.run("UPDATE human_validations SET status = %s", ending)
    assert await app.refused(MERGE, job.validation, job.intent()) == "merge-not-approved"


async def test_the_approval_of_another_validation_is_worth_nothing(app: Desk, people: People) -> None:
    first = await Job.start(app, people)
    await first.decide("approved")
    second = await Job.start(app, people, number=8)
    assert await app.refused(MERGE, second.validation, second.intent(pr_number=8)) == "merge-not-approved"
    assert await app.refused(MERGE, first.validation, first.intent(pr_number=8)) == "merge-of-something-else"


async def test_a_rebase_that_changes_nothing_keeps_the_approval(app: Desk, people: People) -> None:
    job = await Job.start(app, people, patch_id="p1")
    await job.decide("approved")
    rebased = "c" * 40
    for patch in (None, "p2"):
        assert (
            await app.refused(MERGE, job.validation, job.intent(head_sha=rebased, patch_id=patch))
            == "merge-of-another-commit"
        )
    assert await app.refused(MERGE, job.validation, job.intent(head_sha=rebased, patch_id="p1")) == "merge-out-of-date"
    await app.run("UPDATE pull_requests SET head_sha = %s", rebased)
    await job.merge(head_sha=rebased, patch_id="p1")


async def test_expiry_marks_only_pending_ones_and_wakes_their_runs(app: Desk, people: People, own: Desk) -> None:
    late, decided, fresh = (
        await Job.start(app, people),
        await Job.start(app, people, number=8),
        await Job.start(app, people, number=9),
    )
    await decided.decide("approved")
    await own.run("ALTER TABLE human_validations DISABLE TRIGGER USER")
    await own.run(
        "UPDATE human_validations SET created_at = created_at - interval '2 days', expires_at = expires_at - interval '2 days' WHERE human_validations_id <> %s",
        fresh.validation,
    )
    await own.run("ALTER TABLE human_validations ENABLE TRIGGER USER")
    await app.be(None)  # the schedule serves every tenant
    assert await app.value("SELECT mark_expired_validations()") == 1
    assert await app.value("SELECT mark_expired_validations()") == 0
    assert dict(await own.rows("SELECT human_validations_id, status FROM human_validations")) == {
        late.validation: "expired", decided.validation: "approved", fresh.validation: "pending"
    }  # fmt: skip
    assert await own.rows("SELECT name, args FROM jobs") == [("runs.advance", {"run_id": late.run})]
    assert (
        await own.value("SELECT data->>'validation_id' FROM events WHERE name = 'validation.expired'")
        == late.validation_id
    )


async def test_statistics_count_each_validation_once(app: Desk, people: People, own: Desk) -> None:
    one, two, three = [await Job.start(app, people, number=n) for n in (7, 8, 9)]
    await one.decide("approved")
    for action in ("notify_user", "update_monday", "cleanup_branch"):  # many actions, still one validation
        await app.run(
            "INSERT INTO validation_actions (human_validation_id, action_type) VALUES (%s, %s)", one.validation, action
        )
    await two.decide("rejected")
    await own.run("ALTER TABLE human_validations DISABLE TRIGGER USER")
    await own.run("UPDATE human_validations SET expires_at = now() + interval '30 minutes'")
    await own.run("ALTER TABLE human_validations ENABLE TRIGGER USER")
    assert (await app.row("SELECT * FROM get_validation_stats()")) == (3, 1, 1, 1, 0, 0, 1)
    assert await app.rows("SELECT validation_id, is_urgent FROM validation_dashboard") == [
        (three.validation_id, True), (two.validation_id, False), (one.validation_id, False)
    ]  # fmt: skip
    assert await app.value("SELECT count(*) FROM validation_history") == 3


@pytest.mark.parametrize(
    ("results", "failing"),
    [(None, False), ("{}", False), ('{"passed": true, "tests_failed": 0}', False), ('{"passed": false}', True), ('{"tests_failed": 2}', True),
     ('{"status": "timeout"}', True), ('{"success": false}', True), ('{"failed": 1}', True), ('{"passed": 12, "failed": 0}', False), ('"odd"', False)],
)  # fmt: skip
async def test_failing_tests_are_a_plain_boolean(results: str | None, failing: bool, app: Desk, people: People) -> None:
    await Job.start(app, people, test_results=results)
    assert await app.value("SELECT has_test_failures FROM validation_dashboard") is failing
