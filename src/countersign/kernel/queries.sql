-- add_job
-- A row that says what is to be done; a live job with the same key is returned instead of a second one.
INSERT INTO jobs (tenant_id, name, args, priority, run_at, max_attempts, dedup_key, lane, actor_id)
VALUES (current_tenant(), %(name)s, %(args)s::jsonb, %(priority)s::smallint,
        now() + make_interval(secs => %(delay)s::double precision), %(max_attempts)s::integer, %(key)s::text,
        %(lane)s::text, current_actor())
ON CONFLICT (tenant_id, name, dedup_key) WHERE dedup_key IS NOT NULL AND status IN ('queued', 'running')
DO UPDATE SET dedup_key = excluded.dedup_key
RETURNING id;

-- claim_job
-- Takes the job if it is due, nobody holds it and its lane is free; returns nothing otherwise.
SELECT id, tenant_id, name, args, attempts, max_attempts, lease_token, actor_id, lane
FROM claim_job(%(id)s::bigint, %(owner)s::text, make_interval(secs => %(lease)s::double precision));

-- renew_job
-- Holds the job a little longer; refused when somebody else holds it or it was cancelled.
SELECT renew_job(%(id)s::bigint, %(token)s::bigint, make_interval(secs => %(lease)s::double precision));

-- hold_job
-- Locks the job until the end of the transaction; refused for a stale token.
SELECT hold_job(%(id)s::bigint, %(token)s::bigint);

-- job_progress
-- How far the work is, seen by the page at once.
SELECT job_progress(%(id)s::bigint, %(token)s::bigint, %(done)s::bigint, %(total)s::bigint, %(note)s::text);

-- finish_job
-- Done, with a result; refused for a stale token.
SELECT finish_job(%(id)s::bigint, %(token)s::bigint, %(result)s::jsonb);

-- fail_job
-- Failed; queued again when a delay is given.
SELECT fail_job(%(id)s::bigint, %(token)s::bigint, %(error)s::text, make_interval(secs => %(retry)s::double precision));

-- next_in_lane
-- Who has waited longest for a lane that is free now.
SELECT id FROM jobs WHERE lane = %(lane)s::text AND status = 'queued' AND run_at <= now() ORDER BY run_at, id LIMIT 1;

-- due_jobs
-- Jobs whose doorbell was lost or whose worker went silent, marked as rung now.
SELECT id FROM due_jobs(%(most)s::integer) AS due(id);

-- cancel_job
-- Cancels a job that has not ended; its worker notices at the next renewal.
UPDATE jobs SET status = 'cancelled', finished_at = now(), error = %(reason)s::text
WHERE id = %(id)s::bigint AND status IN ('queued', 'running') RETURNING id;

-- job_status
-- One job of this tenant as its page shows it.
SELECT id, name, status, attempts, progress_done, progress_total, progress_note, result, error, created_at, started_at, finished_at
FROM jobs WHERE id = %(id)s::bigint;

-- add_event
-- One thing that happened.
INSERT INTO events (tenant_id, name, data, actor_id)
VALUES (current_tenant(), %(name)s, %(data)s::jsonb, current_actor()) RETURNING id;

-- notify
-- Tells every process that listens, at commit.
SELECT pg_notify('countersign', %(payload)s::text);

-- add_audit
-- One line of the audit trail; never changed.
INSERT INTO audit_logs (tenant_id, user_id, user_email, ip_address, user_agent, action, auditable_type, auditable_id,
                        old_values, new_values, tags)
VALUES (current_tenant(), %(user_id)s::bigint, %(email)s::text, %(ip)s::inet, %(agent)s::text, %(action)s::text,
        %(type)s::text, %(id)s::bigint, %(old)s::jsonb, %(new)s::jsonb, %(tags)s::varchar[]);

-- put_secret
-- Stores or replaces a sealed secret.
INSERT INTO secrets (tenant_id, name, ciphertext, key_id) VALUES (current_tenant(), %(name)s::text, %(ciphertext)s::bytea, %(key_id)s::text)
ON CONFLICT (tenant_id, name) DO UPDATE
SET ciphertext = excluded.ciphertext, key_id = excluded.key_id, rotated_at = now();

-- get_secret
-- A sealed secret.
SELECT ciphertext FROM secrets WHERE name = %(name)s::text;

-- live_tenants
-- Every tenant that is active, for schedules that serve each of them.
SELECT id FROM live_tenants() AS tenant(id);

-- lock_key
-- Whoever creates with the same key is alone with it until the commit.
SELECT pg_advisory_xact_lock(hashtextextended(current_tenant() || ' ' || %(key)s::text, 0));

-- made_once
-- What a request with this key made within a day.
SELECT auditable_id AS made, tags FROM audit_logs
WHERE tenant_id = current_tenant() AND auditable_type = %(kind)s::text AND tags @> ARRAY[%(tag)s::varchar]
  AND created_at > now() - interval '1 day'
ORDER BY id DESC LIMIT 1;

-- purge_months
-- Drops whole months of one table of logs; returns the number of rows.
SELECT purge_months(%(parent)s::text::regclass, make_interval(days => %(days)s::integer), %(dry)s::boolean);

-- purge_jobs
-- Deletes one batch of jobs that ended long ago; returns how many.
SELECT purge_jobs(make_interval(days => %(days)s::integer), %(most)s::integer);

-- old_jobs
-- How many jobs ended long ago.
SELECT old_jobs(make_interval(days => %(days)s::integer));

-- ensure_partitions
-- Makes the months to come of every table that grows by the month; returns how many are new.
SELECT ensure_partitions();
