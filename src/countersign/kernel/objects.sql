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
