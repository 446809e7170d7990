-- What every room stands on: jobs, events, audit, logs, secrets, state machines, monthly partitions.
-- The functions are written so that an objects.sql may replace their text later without a migration.

CREATE TABLE status_transitions (
    entity      varchar(50) NOT NULL,
    from_status varchar(30),
    to_status   varchar(30) NOT NULL,
    UNIQUE NULLS NOT DISTINCT (entity, from_status, to_status)
);
COMMENT ON TABLE status_transitions IS 'Every allowed change of a status; from_status NULL is how a row may begin.';
GRANT SELECT ON status_transitions TO countersign_app, countersign_system;

CREATE TABLE jobs (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name           varchar(100) NOT NULL,
    args           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(args) = 'object'),
    status         varchar(20) NOT NULL DEFAULT 'queued'
                   CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    priority       smallint NOT NULL DEFAULT 0,
    run_at         timestamptz NOT NULL DEFAULT now(),
    attempts       integer NOT NULL DEFAULT 0,
    max_attempts   integer NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
    lease_owner    varchar(200),
    lease_token    bigint NOT NULL DEFAULT 0,
    lease_until    timestamptz,
    progress_done  bigint,
    progress_total bigint,
    progress_note  text,
    result         jsonb,
    error          text,
    dedup_key      varchar(200),
    actor_id       bigint DEFAULT current_actor() REFERENCES users (id),
    created_at     timestamptz NOT NULL DEFAULT now(),
    rung_at        timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz
);
COMMENT ON TABLE jobs IS 'Work to be done in the background; the message in the broker is only a doorbell.';
CREATE UNIQUE INDEX idx_jobs_dedup ON jobs (tenant_id, name, dedup_key)
    WHERE dedup_key IS NOT NULL AND status IN ('queued', 'running');
CREATE INDEX idx_jobs_due ON jobs (priority DESC, run_at) WHERE status = 'queued';
CREATE INDEX idx_jobs_lease ON jobs (lease_until) WHERE status = 'running';
CREATE INDEX idx_jobs_tenant ON jobs (tenant_id, id DESC);
CREATE INDEX idx_jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('job', NULL, 'queued'),
    ('job', 'queued', 'running'), ('job', 'queued', 'cancelled'), ('job', 'queued', 'failed'),
    ('job', 'running', 'queued'), ('job', 'running', 'done'), ('job', 'running', 'failed'), ('job', 'running', 'cancelled'),
    ('job', 'failed', 'queued'), ('job', 'cancelled', 'queued');

CREATE TABLE events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name       varchar(100) NOT NULL,
    data       jsonb NOT NULL DEFAULT '{}',
    actor_id   bigint DEFAULT current_actor() REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE events IS 'What happened, by name; insert-only.';
CREATE INDEX idx_events_tenant ON events (tenant_id, id DESC);

CREATE TABLE audit_logs (
    id             bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id      bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    user_id        bigint REFERENCES users (id),
    user_email     varchar(255),
    ip_address     inet,
    user_agent     text,
    action         varchar(50) NOT NULL,
    auditable_type varchar(100) NOT NULL,
    auditable_id   bigint,
    old_values     jsonb,
    new_values     jsonb,
    tags           varchar(255)[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE audit_logs IS 'Who did what to what, from where; insert-only, by month.';
CREATE INDEX idx_audit_logs_user ON audit_logs (user_id);
CREATE INDEX idx_audit_logs_auditable ON audit_logs (auditable_type, auditable_id);
CREATE INDEX idx_audit_logs_action ON audit_logs (action);
CREATE INDEX idx_audit_logs_created ON audit_logs (created_at DESC);
CREATE INDEX idx_audit_logs_tenant ON audit_logs (tenant_id, created_at DESC);
CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;
COMMENT ON TABLE audit_logs_default IS 'Audit rows of months that have no partition yet.';

CREATE TABLE application_logs (
    application_logs_id bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id           bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    level               varchar(10) NOT NULL CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    source_component    varchar(100) NOT NULL,
    message             text NOT NULL,
    task_id             bigint,
    task_run_id         bigint,
    run_step_id         bigint,
    metadata            jsonb NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (application_logs_id, created_at)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE application_logs IS 'What the product said while it worked; insert-only, by month, no foreign keys.';
CREATE INDEX idx_application_logs_created ON application_logs (created_at DESC);
CREATE INDEX idx_application_logs_tenant ON application_logs (tenant_id, created_at DESC);
CREATE INDEX idx_application_logs_level ON application_logs (level, created_at DESC);
CREATE INDEX idx_application_logs_task_run ON application_logs (task_run_id) WHERE task_run_id IS NOT NULL;
CREATE TABLE application_logs_default PARTITION OF application_logs DEFAULT;
COMMENT ON TABLE application_logs_default IS 'Log rows of months that have no partition yet.';

CREATE TABLE secrets (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name       varchar(100) NOT NULL,
    ciphertext bytea NOT NULL,
    key_id     varchar(50) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz,
    UNIQUE (tenant_id, name)
);
COMMENT ON TABLE secrets IS 'Connector secrets, sealed with a key that the database does not have.';

-- Partitions that were detached wait here to be dumped or dropped; the application cannot look in.
CREATE SCHEMA archive;
COMMENT ON SCHEMA archive IS 'Monthly partitions after their retention; drop them when they are no longer wanted.';

-- ── Triggers that every room uses ────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'insert-only' USING ERRCODE = 'P0409',
        DETAIL = format('Rows of %s are history: they are never changed or deleted.', TG_TABLE_NAME);
END $$;
COMMENT ON FUNCTION refuse_change() IS 'Trigger of insert-only tables.';

CREATE OR REPLACE FUNCTION check_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    subject text := TG_ARGV[0];
    old_status text;
    new_status text;
BEGIN
    EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) INTO new_status USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) INTO old_status USING OLD;
        IF old_status = new_status THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NOT EXISTS (
        SELECT FROM status_transitions t
        WHERE t.entity = subject AND t.from_status IS NOT DISTINCT FROM old_status AND t.to_status = new_status
    ) THEN
        RAISE EXCEPTION 'transition-refused' USING ERRCODE = 'P0409',
            DETAIL = CASE WHEN TG_OP = 'INSERT'
                THEN format('A %s cannot begin as %s.', replace(subject, '_', ' '), new_status)
                ELSE format('A %s that is %s cannot become %s.', replace(subject, '_', ' '), old_status, new_status) END;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION check_transition() IS 'Trigger (entity, column): allows only what status_transitions lists.';

CREATE OR REPLACE FUNCTION trg_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION trg_touch_updated_at() IS 'Trigger: updated_at is when the row last changed.';

CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs
    FOR EACH ROW WHEN (NEW.status <> 'queued') EXECUTE FUNCTION check_transition('job', 'status');
CREATE TRIGGER jobs_transition BEFORE UPDATE OF status ON jobs
    FOR EACH ROW EXECUTE FUNCTION check_transition('job', 'status');
CREATE TRIGGER events_insert_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_logs_insert_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER application_logs_insert_only BEFORE UPDATE OR DELETE ON application_logs
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────
-- A worker does not know a job's tenant before it holds the job, so these run as countersign_system. Where a tenant
-- is set, they act within it only.

CREATE OR REPLACE FUNCTION claim_job(p_id bigint, p_owner text, p_lease interval) RETURNS SETOF jobs
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE jobs
    SET status = 'running', attempts = attempts + 1, lease_owner = p_owner, lease_token = lease_token + 1,
        lease_until = now() + p_lease, started_at = now(), error = NULL
    WHERE id = p_id AND attempts < max_attempts
      AND ((status = 'queued' AND run_at <= now()) OR (status = 'running' AND lease_until < now()))
      AND (current_tenant() IS NULL OR tenant_id = current_tenant())
    RETURNING *
$$;
COMMENT ON FUNCTION claim_job(bigint, text, interval) IS 'Takes a due job, or one whose lease has run out; nothing when neither.';

CREATE OR REPLACE FUNCTION hold_job(p_id bigint, p_token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM jobs
    WHERE id = p_id AND lease_token = p_token AND status = 'running'
      AND (current_tenant() IS NULL OR tenant_id = current_tenant())
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job-lease-lost' USING ERRCODE = 'P0409',
            DETAIL = 'Another worker has taken this job over, or it was cancelled.';
    END IF;
END $$;
COMMENT ON FUNCTION hold_job(bigint, bigint) IS 'Locks the job for the holder of its fencing token; refuses everyone else.';

CREATE OR REPLACE FUNCTION renew_job(p_id bigint, p_token bigint, p_lease interval) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    new_end timestamptz;
BEGIN
    PERFORM hold_job(p_id, p_token);
    UPDATE jobs SET lease_until = now() + p_lease WHERE id = p_id RETURNING lease_until INTO new_end;
    RETURN new_end;
END $$;
COMMENT ON FUNCTION renew_job(bigint, bigint, interval) IS 'Holds the job longer; returns until when.';

CREATE OR REPLACE FUNCTION job_progress(p_id bigint, p_token bigint, p_done bigint, p_total bigint, p_note text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM hold_job(p_id, p_token);
    UPDATE jobs SET progress_done = p_done, progress_total = p_total, progress_note = p_note WHERE id = p_id;
END $$;
COMMENT ON FUNCTION job_progress(bigint, bigint, bigint, bigint, text) IS 'How far the work is.';

CREATE OR REPLACE FUNCTION finish_job(p_id bigint, p_token bigint, p_result jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM hold_job(p_id, p_token);
    UPDATE jobs
    SET status = 'done', result = p_result, error = NULL, finished_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE id = p_id;
END $$;
COMMENT ON FUNCTION finish_job(bigint, bigint, jsonb) IS 'Done, with a result.';

CREATE OR REPLACE FUNCTION fail_job(p_id bigint, p_token bigint, p_error text, p_retry_in interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    new_status text;
BEGIN
    PERFORM hold_job(p_id, p_token);
    UPDATE jobs
    SET status = CASE WHEN p_retry_in IS NOT NULL AND attempts < max_attempts THEN 'queued' ELSE 'failed' END,
        run_at = CASE WHEN p_retry_in IS NOT NULL AND attempts < max_attempts THEN now() + p_retry_in ELSE run_at END,
        finished_at = CASE WHEN p_retry_in IS NOT NULL AND attempts < max_attempts THEN NULL ELSE now() END,
        error = p_error, rung_at = NULL, lease_owner = NULL, lease_until = NULL
    WHERE id = p_id RETURNING status INTO new_status;
    RETURN new_status;
END $$;
COMMENT ON FUNCTION fail_job(bigint, bigint, text, interval) IS
    'Failed for now (queued again after p_retry_in, while attempts remain) or for good; returns the new status.';

CREATE OR REPLACE FUNCTION due_jobs(p_most integer) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- A job that killed its worker every time must not do so for ever.
    UPDATE jobs SET status = 'failed', finished_at = now(), lease_owner = NULL, lease_until = NULL,
        error = format('The worker fell silent %s times; the job was given up.', attempts)
    WHERE status = 'running' AND lease_until < now() AND attempts >= max_attempts
      AND (current_tenant() IS NULL OR tenant_id = current_tenant());
    RETURN QUERY
        UPDATE jobs SET rung_at = now()
        WHERE id IN (
            SELECT j.id FROM jobs j
            WHERE ((j.status = 'queued' AND j.run_at <= now()) OR (j.status = 'running' AND j.lease_until < now()))
              AND (j.rung_at IS NULL OR j.rung_at < now() - interval '30 seconds')
              AND (current_tenant() IS NULL OR j.tenant_id = current_tenant())
            ORDER BY j.priority DESC, j.run_at
            LIMIT p_most
            FOR UPDATE SKIP LOCKED
        )
        RETURNING jobs.id;
END $$;
COMMENT ON FUNCTION due_jobs(integer) IS 'Jobs to ring again: due and unheard for 30 seconds, or held by a silent worker.';

CREATE OR REPLACE FUNCTION live_tenants() RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT id FROM tenants
    WHERE is_active AND deleted_at IS NULL AND (current_tenant() IS NULL OR id = current_tenant())
    ORDER BY id
$$;
COMMENT ON FUNCTION live_tenants() IS 'Every active tenant, for schedules that serve each of them.';

-- ── Monthly partitions ───────────────────────────────────────────────────────────────────────────────────────────
-- Partitions are DDL, so these run as the owner of the tables; they name their four tables themselves.

CREATE OR REPLACE FUNCTION partitioned_tables() RETURNS TABLE (parent regclass, time_column text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT to_regclass('public.' || name), time_column
    FROM (VALUES ('webhook_events', 'received_at'), ('webhook_logs', 'created_at'),
                 ('audit_logs', 'created_at'), ('application_logs', 'created_at')) AS known (name, time_column)
    WHERE to_regclass('public.' || name) IS NOT NULL
$$;
COMMENT ON FUNCTION partitioned_tables() IS 'The tables that are partitioned by month, and by which column.';

CREATE OR REPLACE FUNCTION add_partition(p_parent regclass, p_time_column text, p_month timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    base text := (SELECT relname FROM pg_class WHERE oid = p_parent);
    child text := base || to_char(p_month, '_YYYY_MM');
    next_month timestamptz := p_month + interval '1 month';
    waiting boolean;
BEGIN
    IF to_regclass('public.' || quote_ident(child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, base);
    EXECUTE format('COMMENT ON TABLE public.%I IS %L', child, format('%s of one month.', base));
    -- Named directly, a partition shows nothing: its own row security has no policy for the application.
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', child);
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I WHERE %I >= $1 AND %I < $2)',
                   base || '_default', p_time_column, p_time_column) INTO waiting USING p_month, next_month;
    IF waiting THEN
        EXECUTE format('ALTER TABLE public.%I DISABLE TRIGGER USER', base || '_default');
        EXECUTE format('WITH moved AS (DELETE FROM public.%I WHERE %I >= $1 AND %I < $2 RETURNING *)'
                       ' INSERT INTO public.%I SELECT * FROM moved',
                       base || '_default', p_time_column, p_time_column, child) USING p_month, next_month;
        EXECUTE format('ALTER TABLE public.%I ENABLE TRIGGER USER', base || '_default');
    END IF;
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                   base, child, p_month, next_month);
    RETURN true;
END $$;
COMMENT ON FUNCTION add_partition(regclass, text, timestamptz) IS
    'Makes the partition of one month and moves into it what waits in the DEFAULT partition; false when it exists.';

CREATE OR REPLACE FUNCTION ensure_partitions(p_months_ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    known record;
    months timestamptz[];
    wanted timestamptz;
    made integer := 0;
BEGIN
    IF p_months_ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'partitions-too-many' USING ERRCODE = 'P0422', DETAIL = 'Between 0 and 24 months ahead can be made.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('countersign.partitions'));
    FOR known IN SELECT * FROM partitioned_tables() LOOP
        -- Months ahead, and the months of rows that came before their partition did (two years either way at most).
        -- Gathered first: a partition cannot be made while a cursor reads the DEFAULT one.
        EXECUTE format(
            'SELECT ARRAY(SELECT date_trunc(''month'', now()) + make_interval(months => ahead) FROM generate_series(0, $1) AS ahead'
            ' UNION SELECT DISTINCT date_trunc(''month'', %1$I) FROM %2$I'
            ' WHERE %1$I >= date_trunc(''month'', now()) - interval ''24 months'''
            ' AND %1$I < date_trunc(''month'', now()) + interval ''25 months'' ORDER BY 1)',
            known.time_column, (SELECT relname FROM pg_class WHERE oid = known.parent) || '_default')
            INTO months USING p_months_ahead;
        FOREACH wanted IN ARRAY months LOOP
            made := made + add_partition(known.parent, known.time_column, wanted)::integer;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION ensure_partitions(integer) IS 'Makes the partitions of this month and the next ones; returns how many are new.';

CREATE OR REPLACE FUNCTION detach_partitions(p_parent regclass, p_older_than interval) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    base text;
    child text;
    target text;
    twin text;
    copies integer;
BEGIN
    SELECT c.relname INTO base FROM partitioned_tables() k JOIN pg_class c ON c.oid = k.parent WHERE k.parent = p_parent;
    IF base IS NULL THEN
        RAISE EXCEPTION 'not-partitioned' USING ERRCODE = 'P0422',
            DETAIL = format('%s is not partitioned by month.', p_parent);
    END IF;
    IF p_older_than IS NULL OR p_older_than < interval '0' THEN
        RAISE EXCEPTION 'retention-invalid' USING ERRCODE = 'P0422', DETAIL = 'The retention must be zero or more.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('countersign.partitions'));
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = p_parent AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
          AND to_timestamp(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - p_older_than
        ORDER BY 1
    LOOP
        EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', base, child);
        EXECUTE format('REVOKE ALL ON public.%I FROM countersign_app, countersign_system', child);
        -- Late rows can have made a month anew after its first detachment.
        SELECT count(*) INTO copies FROM pg_tables WHERE schemaname = 'archive' AND tablename LIKE child || '%';
        target := child || CASE WHEN copies = 0 THEN '' ELSE '_' || (copies + 1) END;
        IF copies > 0 THEN
            FOR twin IN SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = to_regclass('public.' || quote_ident(child)) LOOP
                EXECUTE format('ALTER INDEX public.%I RENAME TO %I', twin, left(twin, 58) || '_' || (copies + 1));
            END LOOP;
            EXECUTE format('ALTER TABLE public.%I RENAME TO %I', child, target);
        END IF;
        EXECUTE format('ALTER TABLE public.%I SET SCHEMA archive', target);
        RETURN NEXT target;
    END LOOP;
END $$;
COMMENT ON FUNCTION detach_partitions(regclass, interval) IS
    'Moves the months that ended longer ago than p_older_than out of the table into schema archive; returns their names.';

CREATE OR REPLACE FUNCTION drop_archived_partitions() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    gone text;
BEGIN
    FOR gone IN SELECT tablename FROM pg_tables WHERE schemaname = 'archive' ORDER BY 1 LOOP
        EXECUTE format('DROP TABLE archive.%I', gone);
        RETURN NEXT gone;
    END LOOP;
END $$;
COMMENT ON FUNCTION drop_archived_partitions() IS 'Frees the space of every detached partition; returns their names.';

DO $$
DECLARE
    callable regprocedure;
    of_system regprocedure[] := ARRAY[
        'claim_job(bigint, text, interval)', 'hold_job(bigint, bigint)', 'renew_job(bigint, bigint, interval)',
        'job_progress(bigint, bigint, bigint, bigint, text)', 'finish_job(bigint, bigint, jsonb)',
        'fail_job(bigint, bigint, text, interval)', 'due_jobs(integer)', 'live_tenants()']::regprocedure[];
BEGIN
    GRANT USAGE, CREATE ON SCHEMA public TO countersign_system;
    FOREACH callable IN ARRAY of_system LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO countersign_system', callable);
    END LOOP;
    FOREACH callable IN ARRAY of_system || ARRAY[
        'ensure_partitions(integer)', 'detach_partitions(regclass, interval)', 'drop_archived_partitions()']::regprocedure[]
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO countersign_app, countersign_system', callable);
    END LOOP;
    REVOKE ALL ON FUNCTION add_partition(regclass, text, timestamptz) FROM PUBLIC;
END $$;
