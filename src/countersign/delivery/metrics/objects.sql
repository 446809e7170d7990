-- Figures of runs, settings that are really read, and the weekly cleaning.

-- ── Configuration ────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION system_config_defaults()
RETURNS TABLE (key text, value jsonb, value_type text, minimum numeric, maximum numeric, description text)
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    VALUES
        ('schema_version', '0'::jsonb, 'integer', 0, NULL::numeric, 'Number of the last migration; written by the migration itself.'),
        ('workflow.max_debug_attempts', '2', 'integer', 0, 10, 'How often the engine may repair failing tests in one run.'),
        ('workflow.max_rejections', '3', 'integer', 1, 10, 'After this many rejections a run is abandoned.'),
        ('workflow.timeout_minutes', '60', 'integer', 1, 1440, 'Working time after which a run is failed; waiting for people does not count.'),
        ('workflow.node_timeout_minutes', '20', 'integer', 1, 1440, 'Time after which one step is failed.'),
        ('human_validation.default_timeout_hours', '24', 'integer', 1, 720, 'How long a decision is waited for.'),
        ('budget.per_task_usd', '5', 'number', 0, 100000, 'What the calls for one task may cost, in US dollars.'),
        ('budget.per_day_usd', '50', 'number', 0, 100000, 'What all calls of one day (UTC) may cost, in US dollars.'),
        ('retention.webhooks_months', '6', 'integer', 1, 120, 'Whole months for which incoming and outgoing webhooks are kept.'),
        ('retention.logs_months', '3', 'integer', 1, 120, 'Whole months for which application logs are kept.'),
        ('retention.validations_months', '3', 'integer', 1, 120, 'Months after which decided validations are reduced to their archive.')
$$;
COMMENT ON FUNCTION system_config_defaults() IS 'Every key of system_config with its first value, type, limits and meaning.';

CREATE OR REPLACE FUNCTION check_system_config() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    number_value numeric;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.tenant_id, NEW.key, NEW.value_type) IS DISTINCT FROM (OLD.tenant_id, OLD.key, OLD.value_type) THEN
        RAISE EXCEPTION 'config-key-fixed' USING ERRCODE = 'P0409', DETAIL = format('%s keeps its name and type.', OLD.key);
    END IF;
    IF jsonb_typeof(NEW.value) <> replace(NEW.value_type, 'integer', 'number') THEN
        RAISE EXCEPTION 'config-type' USING ERRCODE = 'P0422', DETAIL = format('%s must be of type %s.', NEW.key, NEW.value_type);
    END IF;
    IF jsonb_typeof(NEW.value) = 'number' THEN
        number_value := NEW.value::numeric;
        IF NEW.value_type = 'integer' AND number_value <> trunc(number_value) THEN
            RAISE EXCEPTION 'config-type' USING ERRCODE = 'P0422', DETAIL = format('%s must be a whole number.', NEW.key);
        END IF;
        IF number_value < NEW.minimum OR number_value > NEW.maximum THEN
            RAISE EXCEPTION 'config-range' USING ERRCODE = 'P0422',
                DETAIL = format('%s must lie between %s and %s.', NEW.key, coalesce(NEW.minimum::text, '−∞'), coalesce(NEW.maximum::text, '∞'));
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_by := coalesce(current_actor(), NEW.updated_by);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION check_system_config() IS 'Trigger: a value has the type and lies within the limits of its key.';

CREATE OR REPLACE FUNCTION config_value(p_key text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT c.value FROM system_config c WHERE c.key = p_key AND c.tenant_id = current_tenant()),
                    (SELECT d.value FROM system_config_defaults() d WHERE d.key = p_key))
$$;
COMMENT ON FUNCTION config_value(text) IS 'The tenant''s value of a key, or its default; NULL for an unknown key.';

CREATE OR REPLACE FUNCTION configure_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO system_config (tenant_id, key, value, value_type, minimum, maximum, description)
    SELECT NEW.id, d.key, CASE d.key WHEN 'schema_version' THEN coalesce(
               (SELECT c.value FROM system_config c WHERE c.key = 'schema_version' ORDER BY c.tenant_id LIMIT 1), d.value) ELSE d.value END,
           d.value_type, d.minimum, d.maximum, d.description
    FROM system_config_defaults() d
    ON CONFLICT (tenant_id, key) DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION configure_tenant() IS 'Trigger: a new tenant starts with every key.';
ALTER FUNCTION configure_tenant() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION configure_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION configure_tenant() TO countersign_app;

CREATE OR REPLACE TRIGGER system_config_check BEFORE INSERT OR UPDATE ON system_config
    FOR EACH ROW EXECUTE FUNCTION check_system_config();
CREATE OR REPLACE TRIGGER trg_system_config_touch_updated_at BEFORE UPDATE ON system_config
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER tenants_configure AFTER INSERT ON tenants
    FOR EACH ROW EXECUTE FUNCTION configure_tenant();

-- New keys reach tenants that exist; meanings and limits follow the current text, values stay as they were set.
INSERT INTO system_config (tenant_id, key, value, value_type, minimum, maximum, description)
SELECT t.id, d.key, d.value, d.value_type, d.minimum, d.maximum, d.description FROM tenants t CROSS JOIN system_config_defaults() d
ON CONFLICT (tenant_id, key) DO UPDATE
SET minimum = excluded.minimum, maximum = excluded.maximum, description = excluded.description
WHERE (system_config.minimum, system_config.maximum, system_config.description)
      IS DISTINCT FROM (excluded.minimum, excluded.maximum, excluded.description);
UPDATE system_config SET value = to_jsonb((SELECT max(version) FROM schema_migrations))
WHERE key = 'schema_version' AND EXISTS (SELECT FROM schema_migrations);

-- ── Cleaning ─────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION cleanup_old_data() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    webhooks_kept interval;
    logs_kept interval;
    cleaned bigint[];
BEGIN
    -- Months are shared by all tenants, so the longest retention counts.
    SELECT make_interval(months => max(c.value::integer) FILTER (WHERE c.key = 'retention.webhooks_months')),
           make_interval(months => max(c.value::integer) FILTER (WHERE c.key = 'retention.logs_months'))
    INTO webhooks_kept, logs_kept
    FROM system_config c WHERE c.key LIKE 'retention.%';
    webhooks_kept := coalesce(webhooks_kept, interval '6 months');
    logs_kept := coalesce(logs_kept, interval '3 months');

    -- What the last cleaning took away has had a week to be dumped.
    PERFORM drop_archived_partitions();
    PERFORM detach_partitions('webhook_events', webhooks_kept);
    PERFORM detach_partitions('webhook_logs', webhooks_kept);
    PERFORM detach_partitions('application_logs', logs_kept);
    DELETE FROM webhook_keys WHERE received_at < now() - webhooks_kept - interval '1 month';

    SELECT array_agg(v.human_validations_id) INTO cleaned FROM human_validations v
    JOIN system_config c ON c.tenant_id = v.tenant_id AND c.key = 'retention.validations_months'
    WHERE v.status <> 'pending' AND v.updated_at < now() - make_interval(months => c.value::integer)
      AND NOT EXISTS (SELECT FROM validation_actions a WHERE a.human_validation_id = v.human_validations_id
                      AND a.action_status IN ('pending', 'in_progress', 'unknown'));
    INSERT INTO validation_archive (tenant_id, human_validations_id)
        SELECT v.tenant_id, v.human_validations_id FROM human_validations v WHERE v.human_validations_id = ANY (cleaned)
        ON CONFLICT (human_validations_id) DO NOTHING;
    DELETE FROM validation_actions WHERE human_validation_id = ANY (cleaned);
    DELETE FROM human_validation_responses WHERE human_validation_id = ANY (cleaned);
    DELETE FROM human_validations WHERE human_validations_id = ANY (cleaned);
END $$;
COMMENT ON FUNCTION cleanup_old_data() IS
    'Detaches months of webhooks and logs after their retention, drops those detached before, and reduces decided validations to their archive.';
ALTER FUNCTION cleanup_old_data() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION cleanup_old_data() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cleanup_old_data() TO countersign_app;

-- ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────

DROP VIEW IF EXISTS workflow_metrics_summary;
CREATE VIEW workflow_metrics_summary WITH (security_invoker = true) AS
    SELECT t.tenant_id, t.repository_name, t.repository_url,
           count(*) AS total_runs,
           count(*) FILTER (WHERE r.outcome = 'merged') AS successful_runs,
           count(*) FILTER (WHERE r.status IN ('failed', 'cancelled')) AS failed_runs,
           count(*) FILTER (WHERE r.status IN ('queued', 'running', 'waiting_validation')) AS active_runs,
           round(100.0 * count(*) FILTER (WHERE r.outcome = 'merged') / nullif(count(r.outcome), 0), 1) AS success_rate,
           round(avg(m.total_ai_cost), 6) AS avg_cost_usd,
           sum(m.total_ai_cost) AS total_cost_usd,
           round(avg(m.total_duration_seconds), 1) AS avg_duration_seconds,
           max(r.completed_at) AS last_completed_at
    FROM task_runs r
    JOIN tasks t ON t.tasks_id = r.task_id
    LEFT JOIN performance_metrics m ON m.task_run_id = r.tasks_runs_id
    GROUP BY t.tenant_id, t.repository_name, t.repository_url
    ORDER BY avg_cost_usd DESC NULLS LAST, t.repository_name;
COMMENT ON VIEW workflow_metrics_summary IS
    'Runs by repository: success_rate is merged runs per hundred ended ones, averages are of ended runs; dearest first, unknown last.';

GRANT SELECT ON workflow_metrics_summary TO countersign_app;
