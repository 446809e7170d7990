-- What every other object stands on: who is asking, what may never change, and who sees which tenant.

CREATE OR REPLACE FUNCTION current_tenant() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('countersign.tenant_id', true), '')::bigint;
COMMENT ON FUNCTION current_tenant() IS 'Tenant of the transaction; NULL when unset, and then no tenant row is visible.';

CREATE OR REPLACE FUNCTION current_actor() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('countersign.user_id', true), '')::bigint;
COMMENT ON FUNCTION current_actor() IS 'User on whose behalf the transaction runs; NULL for background work.';

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    RAISE EXCEPTION 'insert-only' USING ERRCODE = 'P0409',
        DETAIL = format('Rows of %s are history: they are never changed or deleted.', TG_TABLE_NAME);
END $$;
COMMENT ON FUNCTION refuse_change() IS 'Trigger of insert-only tables.';

CREATE OR REPLACE PROCEDURE guard_tenant_table(p_table regclass)
LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = p_table AND c.relrowsecurity AND c.relforcerowsecurity) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', p_table);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO countersign_app, countersign_system', p_table);
    IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = p_table AND p.polname = 'tenant_only') THEN
        EXECUTE format('CREATE POLICY tenant_only ON %s TO countersign_app USING (tenant_id = current_tenant())'
                       ' WITH CHECK (tenant_id = current_tenant())', p_table);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = p_table AND p.polname = 'system_all') THEN
        EXECUTE format('CREATE POLICY system_all ON %s TO countersign_system USING (true) WITH CHECK (true)', p_table);
    END IF;
END $$;
COMMENT ON PROCEDURE guard_tenant_table(regclass) IS 'Puts one table that has a tenant_id behind row-level security.';

CREATE OR REPLACE PROCEDURE apply_tenant_policies()
LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
    owned record;
BEGIN
    GRANT USAGE ON SCHEMA public TO countersign_app, countersign_system;
    GRANT SELECT ON schema_migrations TO countersign_app;  -- readiness asks whether it is migrated
    -- Every table with a tenant_id, in every schema of ours; partitions too, for they can be named directly.
    FOR owned IN
        SELECT c.oid::regclass AS name
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'dynamic')
    LOOP
        CALL guard_tenant_table(owned.name);
    END LOOP;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO countersign_app, countersign_system;
END $$;
COMMENT ON PROCEDURE apply_tenant_policies() IS 'Puts every table that has a tenant_id behind row-level security.';

-- Who works on what. A worker does not know a job's tenant before it holds the job, so both run as countersign_system
-- (since migration 0002); where a tenant is set, they act within it only.

CREATE OR REPLACE FUNCTION claim_job(p_id bigint, p_owner text, p_lease interval) RETURNS SETOF jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        UPDATE jobs j
        SET status = 'running', attempts = j.attempts + 1, lease_owner = p_owner, lease_token = j.lease_token + 1,
            lease_until = now() + p_lease, started_at = now(), error = NULL
        WHERE j.id = p_id AND j.attempts < j.max_attempts
          AND ((j.status = 'queued' AND j.run_at <= now()) OR (j.status = 'running' AND j.lease_until < now()))
          AND (current_tenant() IS NULL OR j.tenant_id = current_tenant())
          AND (j.lane IS NULL OR NOT EXISTS (
              SELECT FROM jobs o WHERE o.tenant_id = j.tenant_id AND o.lane = j.lane AND o.status = 'running' AND o.id <> j.id))
        RETURNING j.*;
EXCEPTION WHEN unique_violation THEN
    RETURN;  -- another job of its lane was taken in the same moment
END $$;
COMMENT ON FUNCTION claim_job(bigint, text, interval) IS
    'Takes a due job whose lane is free, or one whose lease has run out; nothing when neither.';

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
              -- Who waits in a lane is rung when its turn has come.
              AND (j.lane IS NULL OR j.status = 'running' OR NOT EXISTS (
                  SELECT FROM jobs o WHERE o.tenant_id = j.tenant_id AND o.lane = j.lane AND o.status = 'running'
                  UNION ALL
                  SELECT FROM jobs o WHERE o.tenant_id = j.tenant_id AND o.lane = j.lane AND o.status = 'queued'
                  AND (o.run_at, o.id) < (j.run_at, j.id)))
            ORDER BY j.priority DESC, j.run_at
            LIMIT p_most
            FOR UPDATE SKIP LOCKED
        )
        RETURNING jobs.id;
END $$;
COMMENT ON FUNCTION due_jobs(integer) IS 'Jobs to ring again: due and unheard for 30 seconds, or held by a silent worker.';

-- ── Purging ──────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION purge_months(p_parent regclass, p_older_than interval, p_dry boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '5s' AS $$
DECLARE
    base text;
    month_end timestamptz := date_trunc('month', now() - p_older_than);
    child text;
    gone bigint;
    left_over bigint;
BEGIN
    SELECT c.relname INTO base FROM pg_class c
    WHERE c.oid = p_parent AND p_parent IN ('public.webhook_logs'::regclass, 'public.application_logs'::regclass);
    IF base IS NULL THEN
        RAISE EXCEPTION 'not-purged' USING ERRCODE = 'P0422', DETAIL = format('%s is not purged by the month.', p_parent);
    END IF;
    IF p_older_than IS NULL OR p_older_than < interval '1 day' THEN
        RAISE EXCEPTION 'retention-invalid' USING ERRCODE = 'P0422', DETAIL = 'The retention must be one day or more.';
    END IF;
    EXECUTE format('SELECT count(*) FROM %I WHERE created_at < $1', base) INTO gone USING month_end;
    IF p_dry OR gone = 0 THEN
        RETURN gone;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('countersign.partitions'));
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = p_parent AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
          AND to_timestamp(right(c.relname, 7), 'YYYY_MM') < month_end
    LOOP
        EXECUTE format('DROP TABLE public.%I', child);
    END LOOP;
    -- Rows that came before their month had a partition lie in the DEFAULT one, where history is kept by a trigger.
    EXECUTE format('SELECT count(*) FROM %I WHERE created_at < $1', base || '_default') INTO left_over USING month_end;
    IF left_over > 0 THEN
        EXECUTE format('ALTER TABLE %I DISABLE TRIGGER USER', base || '_default');
        EXECUTE format('DELETE FROM %I WHERE created_at < $1', base || '_default') USING month_end;
        EXECUTE format('ALTER TABLE %I ENABLE TRIGGER USER', base || '_default');
    END IF;
    RETURN gone;
END $$;
COMMENT ON FUNCTION purge_months(regclass, interval, boolean) IS
    'Drops the months of all tenants that ended longer ago than p_older_than; returns how many rows that are. Dry: only counts.';
REVOKE ALL ON FUNCTION purge_months(regclass, interval, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_months(regclass, interval, boolean) TO countersign_app;

CREATE OR REPLACE FUNCTION purge_jobs(p_older_than interval, p_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH old AS (
        SELECT id FROM jobs
        WHERE status IN ('done', 'failed', 'cancelled') AND finished_at < now() - p_older_than
          AND (current_tenant() IS NULL OR tenant_id = current_tenant())
        ORDER BY finished_at LIMIT p_most FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION purge_jobs(interval, integer) IS 'Deletes so many jobs that ended longer ago than p_older_than; returns how many.';

CREATE OR REPLACE FUNCTION old_jobs(p_older_than interval) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM jobs
    WHERE status IN ('done', 'failed', 'cancelled') AND finished_at < now() - p_older_than
      AND (current_tenant() IS NULL OR tenant_id = current_tenant())
$$;
COMMENT ON FUNCTION old_jobs(interval) IS 'How many jobs ended longer ago than p_older_than.';

DO $$
DECLARE
    callable regprocedure;
BEGIN
    FOREACH callable IN ARRAY ARRAY['purge_jobs(interval, integer)', 'old_jobs(interval)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO countersign_system', callable);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO countersign_app', callable);
    END LOOP;
END $$;
