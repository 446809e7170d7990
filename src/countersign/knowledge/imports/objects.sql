-- An import moves through its states in order, and leaves true statistics behind.

CREATE OR REPLACE TRIGGER import_logs_begin BEFORE INSERT ON import_logs
    FOR EACH ROW EXECUTE FUNCTION check_transition('import', 'status');
CREATE OR REPLACE TRIGGER import_logs_transition BEFORE UPDATE OF status ON import_logs
    FOR EACH ROW EXECUTE FUNCTION check_transition('import', 'status');

CREATE OR REPLACE FUNCTION refresh_statistics(p_table regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.oid = p_table AND c.relkind IN ('r', 'p') AND c.relnamespace IN ('public'::regnamespace, to_regnamespace('dynamic'))) THEN
        RAISE EXCEPTION 'not-a-record-table' USING ERRCODE = 'P0422', DETAIL = format('%s holds no records.', p_table);
    END IF;
    PERFORM set_config('work_mem', '64MB', true);
    PERFORM gin_clean_pending_list(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'gin'
    WHERE i.indrelid = p_table;
    EXECUTE format('ANALYZE %s', p_table);
END $$;
COMMENT ON FUNCTION refresh_statistics(regclass) IS
    'ANALYZE after a large import, and order in its indexes of texts: until then the planner believes that a tenant has next to no rows. Needs the owner of the table.';
REVOKE ALL ON FUNCTION refresh_statistics(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_statistics(regclass) TO countersign_app, countersign_system;

CREATE OR REPLACE FUNCTION begin_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    DROP TABLE IF EXISTS pg_temp.import_staging;
    CREATE TEMP TABLE import_staging (LIKE public.import_staging) ON COMMIT DROP;
    -- Sorts and hashes of this one transaction stay in memory for a price book of ordinary size.
    PERFORM set_config('work_mem', '64MB', true);
END $$;
COMMENT ON FUNCTION begin_staging() IS
    'A temporary table of this transaction that hides import_staging: rows of a file come in by COPY and leave with the end.';

CREATE OR REPLACE FUNCTION settle_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    -- Without statistics the planner compares every row with every other.
    ANALYZE pg_temp.import_staging;
END $$;
COMMENT ON FUNCTION settle_staging() IS 'Counts what has been staged, so that it is compared in a sensible way.';

CREATE OR REPLACE FUNCTION order_staging() RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- While a table fills up in one transaction its statistics may say that it is empty: however a piece is joined with it, no
-- more than the piece may be read.
BEGIN
    CREATE INDEX ON pg_temp.import_staging (row_number);
    CREATE INDEX ON pg_temp.import_staging (target_id) WHERE changed;
END $$;
COMMENT ON FUNCTION order_staging() IS 'Lets the staged rows be written piece by piece.';

CREATE OR REPLACE FUNCTION end_import_of_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    failed bigint;
BEGIN
    UPDATE import_logs SET phase = NULL, seconds_left = NULL,
        report = coalesce(report, '{}') || jsonb_build_object('undo_error', coalesce(NEW.error, NEW.status))
    WHERE job_id = NEW.id AND tenant_id = NEW.tenant_id AND phase = 'undoing';
    UPDATE import_logs
    SET status = NEW.status, completed_at = now(), seconds_left = NULL,
        errors = CASE WHEN NEW.status = 'failed' THEN jsonb_build_array(jsonb_build_object('error', NEW.error)) ELSE errors END
    WHERE job_id = NEW.id AND tenant_id = NEW.tenant_id AND status IN ('pending', 'processing')
    RETURNING CASE WHEN status = 'failed' AND NOT dry_run THEN id END INTO failed;
    IF failed IS NOT NULL THEN
        INSERT INTO jobs (tenant_id, name, args, max_attempts, actor_id)
        VALUES (NEW.tenant_id, 'imports.failed', jsonb_build_object('import_id', failed), 5, NEW.actor_id);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION end_import_of_job() IS
    'Trigger: a job that was cancelled, or given up because its workers fell silent, leaves no import that seems to go on; another job tells of the failure.';

CREATE OR REPLACE TRIGGER jobs_end_import AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (NEW.name IN ('imports.run', 'imports.undo') AND NEW.status IN ('failed', 'cancelled')) EXECUTE FUNCTION end_import_of_job();

-- ── Into tables of users ─────────────────────────────────────────────────────────────────────────────────────────
-- Values stand as one JSON object in row_values. Names are those that the table declares, quoted by %I; ours begin with #,
-- which none of theirs can.

CREATE OR REPLACE FUNCTION compare_table_rows(p_table bigint, p_key text[], p_given text[], p_conflict text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- Which rows are there already, whether they would change, and which cannot be written: a bad row never stops the others.
DECLARE
    relation text := dynamic_relation(p_table);
    refuse text := 'UPDATE pg_temp.import_staging s SET error = %s FROM %s WHERE f."#row" = s.row_number AND s.error IS NULL AND %s';
    part jsonb;
    named text;
    target text;
BEGIN
    IF EXISTS (SELECT FROM unnest(p_key || p_given) AS n WHERE n NOT IN (SELECT c.name FROM dynamic_columns(p_table) c)) THEN
        RAISE EXCEPTION 'no-such-column' USING ERRCODE = 'P0422', DETAIL = 'The mapping names a column that the table has not.';
    END IF;
    DROP TABLE IF EXISTS pg_temp.import_rows;
    EXECUTE format('CREATE TEMP TABLE import_rows ON COMMIT DROP AS SELECT s.row_number AS "#row", NULL::bigint AS "#target", %s'
        ' FROM pg_temp.import_staging s CROSS JOIN LATERAL jsonb_populate_record(NULL::%s, s.row_values) r WHERE s.error IS NULL',
        (SELECT string_agg(format('r.%I', n), ', ') FROM unnest(p_given) AS n), relation);
    CREATE INDEX ON pg_temp.import_rows ("#row");
    ANALYZE pg_temp.import_rows;
    IF cardinality(p_key) > 0 THEN
        EXECUTE format(refuse, format('%L || f.first || %L', array_to_string(p_key, ', ') || ': the same stands in row ', ' already'),
            format('(SELECT r."#row", min(r."#row") OVER (PARTITION BY %1$s) AS first FROM pg_temp.import_rows r WHERE (%1$s) IS NOT NULL) f',
                (SELECT string_agg(format('r.%I', n), ', ') FROM unnest(p_key) AS n)), 'f.first < f."#row"');
        EXECUTE format('UPDATE pg_temp.import_rows r SET "#target" = f.id FROM (SELECT r."#row", min(t.id) AS id'
            ' FROM pg_temp.import_rows r JOIN %s t ON t.tenant_id = current_tenant() AND t.deleted_at IS NULL AND %s GROUP BY 1) f'
            ' WHERE f."#row" = r."#row"', relation,
            (SELECT string_agg(format('t.%1$I = r.%1$I', n), ' AND ') FROM unnest(p_key) AS n));
    END IF;
    FOR part IN SELECT c.value FROM dynamic_tables d, jsonb_array_elements(d.schema_definition -> 'columns') c
                WHERE d.id = p_table AND d.tenant_id = current_tenant() LOOP
        named := part ->> 'name';
        IF NOT named = ANY (p_given) THEN
            IF NOT (part ->> 'nullable')::boolean AND part ->> 'default' IS NULL THEN
                EXECUTE format(refuse, quote_literal(named || ': is missing'), 'pg_temp.import_rows f', 'f."#target" IS NULL');
            END IF;
            CONTINUE;
        END IF;
        IF (part ->> 'unique')::boolean AND p_key <> ARRAY[named] THEN
            EXECUTE format(refuse, format('%L || f.first || %L', named || ': the same stands in row ', ' already'),
                format('(SELECT r."#row", min(r."#row") OVER (PARTITION BY r.%1$I) AS first FROM pg_temp.import_rows r'
                       ' JOIN pg_temp.import_staging g ON g.row_number = r."#row" AND g.error IS NULL WHERE r.%1$I IS NOT NULL) f', named),
                'f.first < f."#row"');
            EXECUTE format(refuse, quote_literal(named || ': another row has the same'), 'pg_temp.import_rows f', format(
                'EXISTS (SELECT FROM %s t WHERE t.tenant_id = current_tenant() AND t.deleted_at IS NULL AND t.%I = f.%I'
                ' AND t.id IS DISTINCT FROM f."#target")', relation, named, named));
        END IF;
        IF part ->> 'references' IS NOT NULL THEN
            SELECT format('dynamic.%I', d.table_name) INTO target FROM dynamic_tables d
            WHERE d.name = part ->> 'references' AND d.tenant_id = current_tenant();
            EXECUTE format(refuse, format('%L || f.%I || %L', named || ': there is no row ', named, ' in ' || (part ->> 'references')),
                'pg_temp.import_rows f', format('f.%1$I IS NOT NULL AND NOT EXISTS (SELECT FROM %2$s t WHERE t.tenant_id = current_tenant()'
                ' AND t.id = f.%1$I AND t.deleted_at IS NULL)', named, coalesce(target, 'public.ouvrages')));
        END IF;
    END LOOP;
    EXECUTE format('UPDATE pg_temp.import_staging s SET target_id = t.id, changed = ROW(%s) IS DISTINCT FROM ROW(%s)'
        ' FROM pg_temp.import_rows r JOIN %s t ON t.id = r."#target" WHERE r."#row" = s.row_number AND s.error IS NULL',
        (SELECT string_agg(format('r.%I', n), ', ') FROM unnest(p_given) AS n),
        (SELECT string_agg(format('t.%I', n), ', ') FROM unnest(p_given) AS n), relation);
    IF p_conflict = 'error' THEN
        UPDATE pg_temp.import_staging s SET error = array_to_string(p_key, ', ') || ': exists already'
        WHERE s.error IS NULL AND s.target_id IS NOT NULL;
    END IF;
END $$;
COMMENT ON FUNCTION compare_table_rows(bigint, text[], text[], text) IS 'Compares what is staged with a table of users.';

CREATE OR REPLACE FUNCTION row_print(p_row jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(jsonb_strip_nulls(p_row - '{id,tenant_id,created_at,updated_at,deleted_at}'::text[])::text)::uuid;
COMMENT ON FUNCTION row_print(jsonb) IS 'A fingerprint of what a user''s row says; a column that is empty, or was added since and is, does not count.';

DROP FUNCTION IF EXISTS write_table_rows(bigint, text[], boolean, integer, integer);
CREATE OR REPLACE FUNCTION write_table_rows(p_table bigint, p_import bigint, p_given text[], p_update boolean, p_after integer, p_last integer)
RETURNS bigint[]
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- In one statement everything but w reads the rows as they were before.
DECLARE
    relation text := dynamic_relation(p_table);
    columns text := (SELECT string_agg(format('%I', n), ', ') FROM unnest(p_given) AS n);
    cells text := (SELECT string_agg(format('r.%I', n), ', ') FROM unnest(p_given) AS n);
    known text := 't.id = ANY (ARRAY(SELECT k.target_id FROM pg_temp.import_staging k'
                  ' WHERE k.changed AND k.row_number > $1 AND k.row_number <= $2)) AND ';
    piece text := ' FROM pg_temp.import_rows r JOIN pg_temp.import_staging s ON s.row_number = r."#row" AND s.error IS NULL'
                  ' WHERE s.row_number > $1 AND s.row_number <= $2 AND ';
    keep text := 'INSERT INTO import_changes (import_log_id, table_id, row_id, old_values, left_as) SELECT $3, $4, w.id, %s, row_print(to_jsonb(w)) FROM w%s';
    changed bigint[] := '{}';
    added bigint[];
BEGIN
    IF p_update THEN
        EXECUTE format('WITH w AS (UPDATE %s t SET (%s) = ROW(%s)%s t.id = s.target_id AND s.changed RETURNING t.*), kept AS (%s)'
            ' SELECT coalesce(array_agg(id), ''{}'') FROM w', relation, columns, cells, piece || known, format(keep,
                '(SELECT jsonb_object_agg(n, to_jsonb(o) -> n) FROM unnest($5) AS n)', format(' JOIN %s o ON o.id = w.id', relation)))
        USING p_after, p_last, p_import, p_table, p_given INTO changed;
    END IF;
    EXECUTE format('WITH w AS (INSERT INTO %s AS t (%s) SELECT %s%s s.target_id IS NULL ORDER BY s.row_number RETURNING t.*), kept AS (%s)'
        ' SELECT coalesce(array_agg(id), ''{}'') FROM w', relation, columns, cells, piece, format(keep, 'NULL', ''))
    USING p_after, p_last, p_import, p_table INTO added;
    RETURN changed || added;
END $$;
COMMENT ON FUNCTION write_table_rows(bigint, bigint, text[], boolean, integer, integer) IS
    'Writes a piece of what is staged, and keeps what was there before; the rows that are new or changed.';

CREATE OR REPLACE FUNCTION undoable_table_rows(p_table bigint, p_import bigint, OUT inserted bigint, OUT updated bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    relation text := dynamic_relation(p_table);
    unused text;
BEGIN
    SELECT string_agg(format(' AND NOT EXISTS (SELECT FROM %s u WHERE u.%I = r.id AND u.deleted_at IS NULL)', f.conrelid::regclass, a.attname), '')
    INTO unused
    FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey) AND a.attname <> 'tenant_id'
    WHERE f.contype = 'f' AND f.confrelid = relation::regclass
      AND f.conrelid IN (SELECT to_regclass(format('dynamic.%I', t.table_name)) FROM dynamic_tables t WHERE t.tenant_id = current_tenant());
    EXECUTE format('SELECT count(*) FILTER (WHERE c.old_values IS NULL%s), count(*) FILTER (WHERE c.old_values IS NOT NULL)'
        ' FROM import_changes c JOIN %s r ON r.id = c.row_id AND r.deleted_at IS NULL AND row_print(to_jsonb(r)) = c.left_as'
        ' WHERE c.import_log_id = $1 AND c.table_id = $2', coalesce(unused, ''), relation)
    USING p_import, p_table INTO inserted, updated;
END $$;
COMMENT ON FUNCTION undoable_table_rows(bigint, bigint) IS
    'How many rows of a user''s table are as an import left them: those it added and nothing refers to, those it changed.';

CREATE OR REPLACE FUNCTION take_back_table_rows(p_table bigint, p_import bigint, p_first bigint, p_last bigint, OUT gone bigint[], OUT restored bigint[])
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- Columns that the table lost since are left out; undoable_table_rows says whether anything else changed.
DECLARE
    relation text := dynamic_relation(p_table);
    columns text;
BEGIN
    EXECUTE format('WITH w AS (UPDATE %s r SET deleted_at = now() FROM import_changes c WHERE c.import_log_id = $1 AND c.table_id = $2'
        ' AND c.id BETWEEN $3 AND $4 AND c.old_values IS NULL AND r.id = c.row_id AND r.deleted_at IS NULL RETURNING r.id)'
        ' SELECT coalesce(array_agg(id), ''{}'') FROM w', relation) USING p_import, p_table, p_first, p_last INTO gone;
    SELECT string_agg(format('%I', d.name), ', ') INTO columns FROM dynamic_columns(p_table) d
    WHERE d.name IN (SELECT jsonb_object_keys(c.old_values) FROM (
        SELECT old_values FROM import_changes WHERE import_log_id = p_import AND old_values IS NOT NULL LIMIT 1) c);
    restored := '{}';
    IF columns IS NOT NULL THEN
        EXECUTE format('WITH w AS (UPDATE %1$s r SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, c.old_values)) FROM import_changes c'
            ' WHERE c.import_log_id = $1 AND c.table_id = $2 AND c.id BETWEEN $3 AND $4 AND c.old_values IS NOT NULL AND r.id = c.row_id'
            ' AND r.deleted_at IS NULL RETURNING r.id) SELECT coalesce(array_agg(id), ''{}'') FROM w', relation, columns)
        USING p_import, p_table, p_first, p_last INTO restored;
    END IF;
END $$;
COMMENT ON FUNCTION take_back_table_rows(bigint, bigint, bigint, bigint) IS
    'A piece of what an import wrote is as before: rows that it added go, rows that it changed are put back.';
