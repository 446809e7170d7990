-- A decision is taken once, by a person who may, before it expires; and nothing is merged without it.

-- ── The request ──────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION complete_validation() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    task tasks%ROWTYPE;
    moment bigint := extract(epoch FROM clock_timestamp())::bigint;
BEGIN
    SELECT * INTO task FROM tasks t WHERE t.tasks_id = NEW.task_id AND t.tenant_id = NEW.tenant_id;
    NEW.task_title := coalesce(NEW.task_title, task.title);
    NEW.requested_by := coalesce(NEW.requested_by, task.requester);
    NEW.requested_by_user_id := coalesce(NEW.requested_by_user_id, task.requester_user_id);
    IF NEW.validation_id IS NULL THEN
        LOOP
            NEW.validation_id := format('val_%s_%s', coalesce(task.monday_item_id, NEW.task_id), moment);
            EXIT WHEN NOT EXISTS (SELECT FROM human_validations v WHERE v.validation_id = NEW.validation_id);
            moment := moment + 1;
        END LOOP;
    END IF;
    IF NEW.expires_at IS NULL THEN
        NEW.expires_at := now() + make_interval(hours => coalesce(
            (SELECT (c.value #>> '{}')::integer FROM system_config c
             WHERE c.tenant_id = NEW.tenant_id AND c.key = 'human_validation.default_timeout_hours'), 24));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION complete_validation() IS 'Trigger: an id, an end and a requester where none were given.';

CREATE OR REPLACE FUNCTION freeze_validation() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.tenant_id, NEW.validation_id, NEW.task_id, NEW.task_run_id, NEW.original_request, NEW.generated_code, NEW.files_modified,
        NEW.test_results, NEW.pr_info, NEW.repository, NEW.pr_number, NEW.head_sha, NEW.base_branch, NEW.patch_id,
        NEW.requested_by_user_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.tenant_id, OLD.validation_id, OLD.task_id, OLD.task_run_id, OLD.original_request, OLD.generated_code, OLD.files_modified,
        OLD.test_results, OLD.pr_info, OLD.repository, OLD.pr_number, OLD.head_sha, OLD.base_branch, OLD.patch_id,
        OLD.requested_by_user_id, OLD.created_at)
       OR OLD.status <> 'pending' AND NEW.expires_at <> OLD.expires_at THEN
        RAISE EXCEPTION 'validation-fixed' USING ERRCODE = 'P0409',
            DETAIL = 'What a decision is asked about does not change. Ask again with a new validation.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION freeze_validation() IS 'Trigger: the evidence, the commit and (once decided) the end stay as they were shown.';

CREATE OR REPLACE FUNCTION refuse_decision_by_hand() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'decision-by-hand' USING ERRCODE = 'P0403',
        DETAIL = 'A validation is approved or rejected only by the recorded answer of a person.';
END $$;
COMMENT ON FUNCTION refuse_decision_by_hand() IS 'Trigger: only the trigger of a response may write approved or rejected.';

CREATE OR REPLACE TRIGGER human_validations_begin BEFORE INSERT ON human_validations
    FOR EACH ROW EXECUTE FUNCTION check_transition('validation', 'status');
CREATE OR REPLACE TRIGGER human_validations_complete BEFORE INSERT ON human_validations
    FOR EACH ROW EXECUTE FUNCTION complete_validation();
CREATE OR REPLACE TRIGGER human_validations_freeze BEFORE UPDATE ON human_validations
    FOR EACH ROW EXECUTE FUNCTION freeze_validation();
CREATE OR REPLACE TRIGGER human_validations_transition BEFORE UPDATE OF status ON human_validations
    FOR EACH ROW EXECUTE FUNCTION check_transition('validation', 'status');
CREATE OR REPLACE TRIGGER human_validations_by_hand BEFORE UPDATE OF status ON human_validations
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND NEW.status <> OLD.status AND NEW.status IN ('approved', 'rejected'))
    EXECUTE FUNCTION refuse_decision_by_hand();
CREATE OR REPLACE TRIGGER human_validations_touch BEFORE UPDATE ON human_validations
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

-- ── The decision ─────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION four_eyes_apply() RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE t.settings ->> 'four_eyes' WHEN 'on' THEN true WHEN 'off' THEN false
                ELSE (SELECT count(*) > 1 FROM users_holding('validations.decide')) END
    FROM tenants t WHERE t.id = current_tenant()
$$;
COMMENT ON FUNCTION four_eyes_apply() IS
    'Whether a requester may not approve their own request: the tenant''s setting four_eyes (on, off), else on with more than one validator.';

CREATE OR REPLACE FUNCTION sync_validation_status() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    asked human_validations%ROWTYPE;
    earlier human_validation_responses%ROWTYPE;
    head text;
BEGIN
    IF current_actor() IS NULL THEN
        RAISE EXCEPTION 'decision-needs-a-person' USING ERRCODE = 'P0403', DETAIL = 'Only a person can decide. Sign in and decide there.';
    END IF;
    IF NOT actor_holds('validations.decide') THEN
        RAISE EXCEPTION 'decision-not-allowed' USING ERRCODE = 'P0403',
            DETAIL = 'Deciding needs the permission validations.decide. An administrator can grant it.';
    END IF;
    IF NEW.response_status NOT IN ('approved', 'rejected') OR NEW.response_status = 'rejected' AND NEW.should_merge THEN
        RAISE EXCEPTION 'decision-unclear' USING ERRCODE = 'P0422', DETAIL = 'Answer approved or rejected; only what is approved can be merged.';
    END IF;
    IF NEW.response_status = 'rejected' AND btrim(coalesce(NEW.comments, '')) = '' THEN
        RAISE EXCEPTION 'rejection-needs-comment' USING ERRCODE = 'P0422', DETAIL = 'Say what must change: a rejection needs a comment.';
    END IF;

    -- The one guarded change: of two answers at the same moment, one finds nothing left to decide.
    UPDATE human_validations v SET status = NEW.response_status
    WHERE v.human_validations_id = NEW.human_validation_id AND v.tenant_id = NEW.tenant_id
      AND v.status = 'pending' AND v.expires_at > clock_timestamp()
    RETURNING v.* INTO asked;
    IF NOT FOUND THEN
        SELECT * INTO asked FROM human_validations v
        WHERE v.human_validations_id = NEW.human_validation_id AND v.tenant_id = NEW.tenant_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'validation-not-found' USING ERRCODE = 'P0404', DETAIL = 'This validation does not exist.';
        ELSIF asked.status = 'expired' OR asked.status = 'pending' THEN
            RAISE EXCEPTION 'validation-expired' USING ERRCODE = 'P0409',
                DETAIL = format('This validation expired at %s UTC. Ask for a new one.', to_char(asked.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'));
        END IF;
        SELECT * INTO earlier FROM human_validation_responses r WHERE r.human_validation_id = asked.human_validations_id;
        RAISE EXCEPTION 'validation-already-decided' USING ERRCODE = 'P0409',
            DETAIL = CASE WHEN earlier.validated_by IS NULL THEN format('This validation is %s.', asked.status)
                ELSE format('This validation was already %s by %s at %s UTC.', asked.status, earlier.validated_by,
                            to_char(earlier.validated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) END;
    END IF;

    IF NEW.response_status = 'approved' THEN
        IF asked.requested_by_user_id = current_actor() AND four_eyes_apply() THEN
            RAISE EXCEPTION 'decision-own-request' USING ERRCODE = 'P0403', DETAIL = 'You asked for this change: somebody else must approve it.';
        END IF;
        SELECT p.head_sha INTO head FROM pull_requests p
        WHERE p.tenant_id = asked.tenant_id AND p.repository = asked.repository AND p.github_pr_number = asked.pr_number;
        IF head <> asked.head_sha THEN
            RAISE EXCEPTION 'validation-head-moved' USING ERRCODE = 'P0409',
                DETAIL = format('The pull request has moved on to %s. Look at what is new and decide again.', left(head, 7));
        END IF;
    END IF;

    NEW.validation_id := asked.validation_id;
    NEW.validated_by_user_id := current_actor();
    NEW.validated_by := coalesce(actor_name(), NEW.validated_by);
    NEW.validated_at := clock_timestamp();
    NEW.validation_duration_seconds := extract(epoch FROM NEW.validated_at - asked.created_at)::integer;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION sync_validation_status() IS
    'Trigger of a response: checks who answers and decides the pending, unexpired validation; refuses late, second and unauthorised answers.';

CREATE OR REPLACE TRIGGER trg_sync_validation_status BEFORE INSERT ON human_validation_responses
    FOR EACH ROW EXECUTE FUNCTION sync_validation_status();

CREATE OR REPLACE FUNCTION decide_validation(
    p_validation_id text, p_decision text, p_should_merge boolean, p_comments text DEFAULT NULL, p_head_sha text DEFAULT NULL,
    p_channel text DEFAULT 'web', p_suggested_changes text DEFAULT NULL, p_should_retry boolean DEFAULT false,
    p_user_agent text DEFAULT NULL, p_ip inet DEFAULT NULL
) RETURNS human_validation_responses
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    asked human_validations%ROWTYPE;
    answer human_validation_responses%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM human_validations v WHERE v.validation_id = p_validation_id AND v.tenant_id = current_tenant();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'validation-not-found' USING ERRCODE = 'P0404', DETAIL = 'This validation does not exist.';
    END IF;
    -- What the person saw is what they sign.
    IF p_head_sha <> asked.head_sha THEN
        RAISE EXCEPTION 'validation-head-moved' USING ERRCODE = 'P0409',
            DETAIL = format('This validation is about %s, not about %s. Reload the page and decide again.', left(asked.head_sha, 7), left(p_head_sha, 7));
    END IF;
    INSERT INTO human_validation_responses (
        human_validation_id, validation_id, response_status, comments, suggested_changes, channel, should_merge, should_retry,
        user_agent, ip_address)
    VALUES (asked.human_validations_id, asked.validation_id, p_decision, p_comments, p_suggested_changes, p_channel,
            p_should_merge, p_should_retry, left(p_user_agent, 500), p_ip)
    RETURNING * INTO answer;
    RETURN answer;
END $$;
COMMENT ON FUNCTION decide_validation IS
    'The decision (approved or rejected) of the current user; p_head_sha is the commit they saw. Returns the recorded answer.';

CREATE OR REPLACE FUNCTION mark_expired_validations() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    marked integer;
BEGIN
    WITH expired AS (
        UPDATE human_validations v SET status = 'expired'
        WHERE v.status = 'pending' AND v.expires_at <= now() AND (current_tenant() IS NULL OR v.tenant_id = current_tenant())
        RETURNING v.tenant_id, v.task_run_id, v.validation_id
    ), told AS (
        INSERT INTO events (tenant_id, name, data)
        SELECT tenant_id, 'validation.expired', jsonb_build_object('validation_id', validation_id, 'run_id', task_run_id) FROM expired
    ), queued AS (
        -- The run that waited goes on to its end; the sweeper rings for it.
        INSERT INTO jobs (tenant_id, name, args, dedup_key)
        SELECT DISTINCT tenant_id, 'runs.advance', jsonb_build_object('run_id', task_run_id), 'run:' || task_run_id
        FROM expired WHERE task_run_id IS NOT NULL
        ON CONFLICT (tenant_id, name, dedup_key) WHERE dedup_key IS NOT NULL AND status IN ('queued', 'running') DO NOTHING
    )
    SELECT count(*) INTO marked FROM expired;
    RETURN marked;
END $$;
COMMENT ON FUNCTION mark_expired_validations() IS
    'Marks pending validations whose time is over and wakes their runs; returns how many. Without a tenant it serves all of them.';

-- ── What follows ─────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION guard_merge() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    asked human_validations%ROWTYPE;
    answer human_validation_responses%ROWTYPE;
    code_host pull_requests%ROWTYPE;
    wanted jsonb := NEW.action_data;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.action_type, NEW.human_validation_id) IS DISTINCT FROM (OLD.action_type, OLD.human_validation_id)
           OR OLD.action_type = 'merge_pr' AND NEW.action_data <> OLD.action_data THEN
            RAISE EXCEPTION 'action-fixed' USING ERRCODE = 'P0409', DETAIL = 'An intent does not change. Cancel it and write a new one.';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.action_type <> 'merge_pr' THEN
        RETURN NEW;
    END IF;

    SELECT * INTO asked FROM human_validations v
    WHERE v.human_validations_id = NEW.human_validation_id AND v.tenant_id = NEW.tenant_id FOR SHARE;
    SELECT * INTO answer FROM human_validation_responses r
    WHERE r.human_validation_id = asked.human_validations_id AND r.validation_id = asked.validation_id;
    IF asked.status IS DISTINCT FROM 'approved' OR answer.response_status IS DISTINCT FROM 'approved' OR NOT answer.should_merge
       OR answer.validated_at > asked.expires_at THEN
        RAISE EXCEPTION 'merge-not-approved' USING ERRCODE = 'P0403',
            DETAIL = 'Nothing is merged without the recorded approval of a person, given in time and with the wish to merge.';
    END IF;
    IF (asked.repository, asked.pr_number::text, asked.base_branch) IS DISTINCT FROM
       (wanted ->> 'repository', wanted ->> 'pr_number', wanted ->> 'base_branch')
       OR num_nulls(asked.repository, asked.pr_number, asked.base_branch, asked.head_sha, wanted ->> 'head_sha') > 0 THEN
        RAISE EXCEPTION 'merge-of-something-else' USING ERRCODE = 'P0403',
            DETAIL = 'The approval was given for another repository, pull request or base branch.';
    END IF;
    -- A rebase that changes nothing of the patch keeps the approval; everything else is a new request.
    IF wanted ->> 'head_sha' <> asked.head_sha AND (asked.patch_id IS NULL OR asked.patch_id IS DISTINCT FROM wanted ->> 'patch_id') THEN
        RAISE EXCEPTION 'merge-of-another-commit' USING ERRCODE = 'P0403',
            DETAIL = format('The approval was given for commit %s, not for %s.', left(asked.head_sha, 7), left(wanted ->> 'head_sha', 7));
    END IF;
    SELECT * INTO code_host FROM pull_requests p
    WHERE p.tenant_id = NEW.tenant_id AND p.repository = asked.repository AND p.github_pr_number = asked.pr_number;
    IF (code_host.task_id, code_host.pr_status, code_host.head_sha, code_host.base_branch) IS DISTINCT FROM
       (asked.task_id, 'open', wanted ->> 'head_sha', asked.base_branch) THEN
        RAISE EXCEPTION 'merge-out-of-date' USING ERRCODE = 'P0409',
            DETAIL = 'The pull request is no longer open at the approved commit on the approved base.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION guard_merge() IS
    'Trigger: a merge needs an approved response with should_merge for the same repository, pull request, head and base; intents do not change.';

CREATE OR REPLACE FUNCTION date_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.action_status = 'in_progress' THEN
        NEW.started_at := now();
    ELSIF NEW.action_status IN ('completed', 'failed', 'cancelled') THEN
        NEW.completed_at := coalesce(NEW.completed_at, now());
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION date_action() IS 'Trigger: when an action began and ended.';

CREATE OR REPLACE TRIGGER validation_actions_begin BEFORE INSERT ON validation_actions
    FOR EACH ROW EXECUTE FUNCTION check_transition('validation_action', 'action_status');
CREATE OR REPLACE TRIGGER validation_actions_guard_merge BEFORE INSERT OR UPDATE OF action_type, human_validation_id, action_data
    ON validation_actions FOR EACH ROW EXECUTE FUNCTION guard_merge();
CREATE OR REPLACE TRIGGER validation_actions_transition BEFORE UPDATE OF action_status ON validation_actions
    FOR EACH ROW EXECUTE FUNCTION check_transition('validation_action', 'action_status');
CREATE OR REPLACE TRIGGER validation_actions_dates BEFORE UPDATE OF action_status ON validation_actions
    FOR EACH ROW WHEN (OLD.action_status <> NEW.action_status) EXECUTE FUNCTION date_action();

-- ── The archive: what may be cleaned up only after it is kept ────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION fill_validation_archive() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    asked human_validations%ROWTYPE;
BEGIN
    SELECT * INTO asked FROM human_validations v
    WHERE v.human_validations_id = NEW.human_validations_id AND v.tenant_id = NEW.tenant_id;
    IF asked.status IS NULL OR asked.status = 'pending' THEN
        RAISE EXCEPTION 'archive-refused' USING ERRCODE = 'P0409', DETAIL = 'Only a validation that is decided can be archived.';
    END IF;
    NEW.validation_id := asked.validation_id;
    NEW.task_id := asked.task_id;
    -- The code itself is in the repository; the archive keeps who signed what.
    NEW.record := jsonb_build_object(
        'validation', to_jsonb(asked) - 'generated_code',
        'response', (SELECT to_jsonb(r) FROM human_validation_responses r WHERE r.human_validation_id = asked.human_validations_id),
        'actions', (SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.validation_actions_id), '[]') FROM validation_actions a
                    WHERE a.human_validation_id = asked.human_validations_id));
    NEW.archived_at := now();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_validation_archive() IS 'Trigger: the archive copies the rows itself, so nothing invented can be archived.';

CREATE OR REPLACE FUNCTION keep_until_archived() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM validation_archive a
        WHERE a.human_validations_id = (to_jsonb(OLD) ->> TG_ARGV[0])::bigint AND a.tenant_id = OLD.tenant_id) THEN
        RAISE EXCEPTION 'insert-only' USING ERRCODE = 'P0409',
            DETAIL = format('Rows of %s are deleted only after they have been archived.', TG_TABLE_NAME);
    END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION keep_until_archived() IS 'Trigger (column of the validation''s id): a decision is deleted only when its archive exists.';

CREATE OR REPLACE TRIGGER validation_archive_fill BEFORE INSERT ON validation_archive
    FOR EACH ROW EXECUTE FUNCTION fill_validation_archive();
CREATE OR REPLACE TRIGGER validation_archive_insert_only BEFORE UPDATE OR DELETE ON validation_archive
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER human_validation_responses_insert_only BEFORE UPDATE ON human_validation_responses
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER human_validation_responses_archived BEFORE DELETE ON human_validation_responses
    FOR EACH ROW EXECUTE FUNCTION keep_until_archived('human_validation_id');
CREATE OR REPLACE TRIGGER validation_actions_archived BEFORE DELETE ON validation_actions
    FOR EACH ROW EXECUTE FUNCTION keep_until_archived('human_validation_id');
CREATE OR REPLACE TRIGGER human_validations_archived BEFORE DELETE ON human_validations
    FOR EACH ROW EXECUTE FUNCTION keep_until_archived('human_validations_id');

-- ── Figures and lists ────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION get_validation_stats()
RETURNS TABLE (total_validations bigint, pending_validations bigint, approved_validations bigint, rejected_validations bigint,
               expired_validations bigint, avg_validation_time_minutes numeric, urgent_validations bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    -- One response at most belongs to a validation, so the join counts each once.
    SELECT count(*),
           count(*) FILTER (WHERE v.status = 'pending' AND v.expires_at > now()),
           count(*) FILTER (WHERE v.status = 'approved'),
           count(*) FILTER (WHERE v.status = 'rejected'),
           count(*) FILTER (WHERE v.status = 'expired' OR v.status = 'pending' AND v.expires_at <= now()),
           round(avg(r.validation_duration_seconds) / 60.0, 1),
           count(*) FILTER (WHERE v.status = 'pending' AND v.expires_at > now() AND v.expires_at <= now() + interval '1 hour')
    FROM human_validations v
    LEFT JOIN human_validation_responses r ON r.human_validation_id = v.human_validations_id
    WHERE v.created_at >= now() - interval '30 days'
$$;
COMMENT ON FUNCTION get_validation_stats() IS 'Validations asked for in the last 30 days, each counted once.';

DROP VIEW IF EXISTS validation_dashboard;
CREATE VIEW validation_dashboard WITH (security_invoker = true) AS
    SELECT v.human_validations_id, v.validation_id, v.tenant_id, v.task_id, t.monday_item_id, v.task_run_id,
           coalesce(v.task_title, t.title) AS task_title, t.priority, v.status, v.repository, v.pr_number, v.head_sha, v.base_branch,
           v.pr_info ->> 'url' AS pr_url, v.requested_by, v.rejection_count, v.created_at, v.expires_at,
           s.is_urgent, s.has_test_failures, coalesce(cardinality(v.files_modified), 0) AS files_count, v.code_summary,
           r.response_status, r.comments AS validation_comments, r.validated_by, r.validated_at, r.should_merge,
           r.validation_duration_seconds
    FROM human_validations v
    JOIN tasks t ON t.tasks_id = v.task_id
    LEFT JOIN human_validation_responses r ON r.human_validation_id = v.human_validations_id
    CROSS JOIN LATERAL (
        SELECT v.status = 'pending' AND v.expires_at > now() AND v.expires_at <= now() + interval '1 hour' AS is_urgent,
               coalesce(v.test_results ->> 'passed' = 'false' OR v.test_results ->> 'success' = 'false'
                        OR v.test_results ->> 'status' IN ('failed', 'error', 'timeout')
                        OR v.test_results ->> 'tests_failed' ~ '^[1-9]' OR v.test_results ->> 'failed' ~ '^[1-9]', false)
               AS has_test_failures
    ) AS s
    ORDER BY v.status = 'pending' DESC, s.is_urgent DESC, v.created_at DESC, v.human_validations_id DESC;
COMMENT ON VIEW validation_dashboard IS 'Validations as their list shows them: pending first, urgent first, newest first.';

DROP VIEW IF EXISTS validation_history;
CREATE VIEW validation_history WITH (security_invoker = true) AS
    SELECT v.human_validations_id, v.validation_id, v.tenant_id, v.task_id, coalesce(v.task_title, t.title) AS task_title,
           t.repository_url, v.status, v.repository, v.pr_number, v.head_sha, v.created_at, v.expires_at,
           r.response_status, r.comments, r.suggested_changes, r.validated_by, r.validated_by_user_id, r.channel, r.validated_at,
           r.should_merge, r.validation_duration_seconds, m.action_status AS merge_status, m.merge_commit_hash,
           m.completed_at AS merged_at, m.error_message AS merge_error,
           (SELECT count(*) FROM validation_actions a WHERE a.human_validation_id = v.human_validations_id) AS actions_count
    FROM human_validations v
    JOIN tasks t ON t.tasks_id = v.task_id
    LEFT JOIN human_validation_responses r ON r.human_validation_id = v.human_validations_id
    LEFT JOIN LATERAL (
        SELECT a.* FROM validation_actions a
        WHERE a.human_validation_id = v.human_validations_id AND a.action_type = 'merge_pr'
        ORDER BY a.validation_actions_id DESC LIMIT 1
    ) AS m ON true
    ORDER BY coalesce(r.validated_at, v.created_at) DESC, v.human_validations_id DESC;
COMMENT ON VIEW validation_history IS 'Every validation with its decision and its latest merge, one row each.';

GRANT SELECT ON validation_dashboard, validation_history TO countersign_app;

DO $$
BEGIN
    ALTER FUNCTION mark_expired_validations() OWNER TO countersign_system;
    REVOKE ALL ON FUNCTION mark_expired_validations() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION mark_expired_validations() TO countersign_app;
END $$;
