-- Tables that users define: what they are, safe DDL for them, and their rows. Names are quoted by %I, values by %L, always.

CREATE OR REPLACE TRIGGER dynamic_tables_touch BEFORE UPDATE OF name, table_name, description, schema_definition, qdrant_collection,
    embedding_template ON dynamic_tables
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

CREATE OR REPLACE FUNCTION dynamic_name(p_name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF p_name IS NULL OR p_name !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'not-a-name' USING ERRCODE = 'P0422', DETAIL = format(
            'The name “%s” is not possible: small letters, digits and _, a letter first, 63 at most.', left(p_name, 80));
    ELSIF EXISTS (SELECT FROM pg_get_keywords() k WHERE k.word = p_name AND k.catcode IN ('R', 'T')) OR p_name = ANY (
        '{id,tenant_id,created_at,updated_at,deleted_at,ouvrage,ouvrages,document,documents,document_chunks,learned_responses,
          tableoid,ctid,xmin,xmax,cmin,cmax}') THEN
        RAISE EXCEPTION 'reserved-name' USING ERRCODE = 'P0422', DETAIL = format('The name “%s” is reserved. Choose another.', p_name);
    END IF;
    RETURN p_name;
END $$;
COMMENT ON FUNCTION dynamic_name(text) IS 'The name of a table or column of a user, or a refusal that says why.';

CREATE OR REPLACE FUNCTION dynamic_columns(p_table bigint) RETURNS TABLE (name text, type text, at bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT c.value ->> 'name', c.value ->> 'type', c.ordinality
    FROM dynamic_tables t, jsonb_array_elements(t.schema_definition -> 'columns') WITH ORDINALITY c
    WHERE t.id = p_table AND t.tenant_id = current_tenant()
$$;
COMMENT ON FUNCTION dynamic_columns(bigint) IS 'Columns that a table of the caller''s tenant declares, in order.';

CREATE OR REPLACE FUNCTION dynamic_relation(p_table bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    relation text;
BEGIN
    SELECT format('dynamic.%I', t.table_name) INTO relation FROM dynamic_tables t
    WHERE t.id = p_table AND t.tenant_id = current_tenant();
    IF relation IS NULL THEN
        RAISE EXCEPTION 'no-such-table' USING ERRCODE = 'P0404', DETAIL = 'There is no table of this name.';
    END IF;
    RETURN relation;
END $$;
COMMENT ON FUNCTION dynamic_relation(bigint) IS 'The real table of a definition, quoted; another tenant''s is not found.';

-- ── Counts ───────────────────────────────────────────────────────────────────────────────────────────────────────
-- row_count and indexed_count change with the rows and their entries. The row of dynamic_tables is the last that a transaction
-- takes, at its end: taken earlier, an import and the indexer would wait for each other.

CREATE OR REPLACE FUNCTION count_dynamic_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    change bigint := 0;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        change := (SELECT count(*) FROM new_rows WHERE deleted_at IS NULL);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        change := change - (SELECT count(*) FROM old_rows WHERE deleted_at IS NULL);
    END IF;
    INSERT INTO dynamic_changes (tenant_id, table_id, rows, indexed)
    SELECT t.tenant_id, t.id, change, 0 FROM dynamic_tables t WHERE t.table_name = TG_TABLE_NAME AND change <> 0;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_dynamic_rows() IS 'Trigger of each table of users: how many more rows live after a statement.';

CREATE OR REPLACE FUNCTION count_indexed_rows() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO dynamic_changes (tenant_id, table_id, rows, indexed)
    SELECT t.tenant_id, t.id, 0, sum(e.change)
    FROM (SELECT 1 AS change, n.* FROM new_entries n UNION ALL SELECT -1, o.* FROM old_entries o) e
    JOIN dynamic_tables t ON t.tenant_id = e.tenant_id AND t.name = e.kind AND t.qdrant_collection = e.collection
    WHERE e.deleted_at IS NULL AND NOT e.is_stale AND e.indexed_hash = e.content_hash
    GROUP BY t.tenant_id, t.id HAVING sum(e.change) <> 0;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_indexed_rows() IS 'Trigger: how many more rows of users'' tables can be found after a statement.';
CREATE OR REPLACE TRIGGER index_entries_count AFTER UPDATE ON index_entries
    REFERENCING OLD TABLE AS old_entries NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION count_indexed_rows();

CREATE OR REPLACE FUNCTION apply_dynamic_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE dynamic_tables SET row_count = row_count + NEW.rows, indexed_count = indexed_count + NEW.indexed WHERE id = NEW.table_id;
    DELETE FROM dynamic_changes WHERE no = NEW.no;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION apply_dynamic_change() IS 'Trigger at the end of a transaction: the counts of a table become true.';
DROP TRIGGER IF EXISTS dynamic_changes_apply ON dynamic_changes;
CREATE CONSTRAINT TRIGGER dynamic_changes_apply AFTER INSERT ON dynamic_changes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION apply_dynamic_change();

CREATE OR REPLACE PROCEDURE count_dynamic_table(p_table bigint)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- One trigger an event: PostgreSQL gives the rows of a statement to no other.
DECLARE
    relation text;
    event text;
BEGIN
    SELECT format('dynamic.%I', t.table_name) INTO relation FROM dynamic_tables t WHERE t.id = p_table;
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s REFERENCING %s%s FOR EACH STATEMENT EXECUTE FUNCTION count_dynamic_rows()',
            'count_' || lower(event), event, relation, CASE WHEN event <> 'INSERT' THEN 'OLD TABLE AS old_rows ' ELSE '' END,
            CASE WHEN event <> 'DELETE' THEN 'NEW TABLE AS new_rows' ELSE '' END);
    END LOOP;
    EXECUTE format('UPDATE dynamic_tables t SET row_count = (SELECT count(*) FROM %s WHERE deleted_at IS NULL), indexed_count = ('
        ' SELECT count(*) FROM index_entries e WHERE e.tenant_id = t.tenant_id AND e.kind = t.name AND e.collection = t.qdrant_collection'
        ' AND e.deleted_at IS NULL AND NOT e.is_stale AND e.indexed_hash = e.content_hash) WHERE t.id = $1', relation) USING p_table;
END $$;
COMMENT ON PROCEDURE count_dynamic_table(bigint) IS 'Begins to count one table of users.';
REVOKE ALL ON PROCEDURE count_dynamic_table(bigint) FROM PUBLIC;

DO $$
-- Tables that were made before they were counted.
DECLARE
    uncounted bigint;
BEGIN
    FOR uncounted IN
        SELECT t.id FROM dynamic_tables t JOIN pg_class c ON c.oid = to_regclass(format('dynamic.%I', t.table_name))
        WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'count_insert')
    LOOP
        CALL count_dynamic_table(uncounted);
    END LOOP;
END $$;

-- ── Definition ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION dynamic_column_sql(p_column jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    kind text;
BEGIN
    kind := CASE p_column ->> 'type'
        WHEN 'string' THEN format('varchar(%s)', (p_column ->> 'length')::integer)
        WHEN 'text' THEN 'text' WHEN 'integer' THEN 'bigint' WHEN 'boolean' THEN 'boolean' WHEN 'date' THEN 'date'
        WHEN 'datetime' THEN 'timestamptz' WHEN 'json' THEN 'jsonb'
        WHEN 'decimal' THEN format('numeric(%s,%s)', (p_column ->> 'precision')::integer, (p_column ->> 'scale')::integer) END;
    IF kind IS NULL THEN
        RAISE EXCEPTION 'no-such-type' USING ERRCODE = 'P0422', DETAIL = format('“%s” is not a type of column.', p_column ->> 'type');
    END IF;
    RETURN format('%I %s', dynamic_name(p_column ->> 'name'), kind)
        || CASE WHEN p_column -> 'default' IS NULL OR p_column -> 'default' = 'null' THEN ''
                ELSE format(' DEFAULT %L', CASE WHEN kind = 'jsonb' THEN (p_column -> 'default')::text ELSE p_column ->> 'default' END) END
        || CASE WHEN (p_column ->> 'nullable')::boolean THEN '' ELSE ' NOT NULL' END;
END $$;
COMMENT ON FUNCTION dynamic_column_sql(jsonb) IS 'One column of a definition as DDL.';

CREATE OR REPLACE FUNCTION dynamic_column_extras(p_relation text, p_column jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    target text;
    named text := p_column ->> 'name';
BEGIN
    IF (p_column ->> 'unique')::boolean THEN
        EXECUTE format('CREATE UNIQUE INDEX ON %s (tenant_id, %I) WHERE deleted_at IS NULL', p_relation, named);
    ELSIF (p_column ->> 'indexed')::boolean OR p_column ->> 'references' IS NOT NULL THEN
        EXECUTE format('CREATE INDEX ON %s (%I)', p_relation, named);
    END IF;
    IF p_column ->> 'references' IS NOT NULL THEN
        SELECT format('dynamic.%I', t.table_name) INTO target FROM dynamic_tables t
        WHERE t.name = p_column ->> 'references' AND t.tenant_id = current_tenant();
        IF target IS NULL AND p_column ->> 'references' = 'ouvrages' THEN
            target := 'public.ouvrages';
        ELSIF target IS NULL THEN
            RAISE EXCEPTION 'no-such-reference' USING ERRCODE = 'P0422',
                DETAIL = format('%s: there is no table “%s” to refer to.', named, p_column ->> 'references');
        END IF;
        EXECUTE format('ALTER TABLE %s ADD FOREIGN KEY (tenant_id, %I) REFERENCES %s (tenant_id, id)', p_relation, named, target);
    END IF;
END $$;
COMMENT ON FUNCTION dynamic_column_extras(text, jsonb) IS 'Index, uniqueness and foreign key of one new column.';
REVOKE ALL ON FUNCTION dynamic_column_extras(text, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION build_dynamic_table(p_table bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Needs the owner, for the application creates no table. It reads the stored definition of the caller's own tenant only.
DECLARE
    relation text := dynamic_relation(p_table);
    definition jsonb;
    part jsonb;
BEGIN
    SELECT t.schema_definition INTO definition FROM dynamic_tables t WHERE t.id = p_table AND t.tenant_id = current_tenant();
    EXECUTE format('CREATE TABLE %s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,'
        ' tenant_id bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id), %s,'
        ' created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),'
        ' deleted_at timestamptz, CHECK (tenant_id = %L::bigint), UNIQUE (tenant_id, id))', relation,
        (SELECT string_agg(dynamic_column_sql(c.value), ', ' ORDER BY c.ordinality)
         FROM jsonb_array_elements(definition -> 'columns') WITH ORDINALITY c), current_tenant());
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation, 'Defined by users: row ' || p_table || ' of dynamic_tables.');
    EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at()', relation);
    CALL guard_tenant_table(relation::regclass);
    CALL count_dynamic_table(p_table);
    FOR part IN SELECT value FROM jsonb_array_elements(definition -> 'columns') LOOP
        PERFORM dynamic_column_extras(relation, part);
    END LOOP;
    FOR part IN SELECT value FROM jsonb_array_elements(definition -> 'indexes') LOOP
        EXECUTE format('CREATE INDEX ON %s (%s)', relation,
            (SELECT string_agg(format('%I', c.value), ', ' ORDER BY c.ordinality) FROM jsonb_array_elements_text(part) WITH ORDINALITY c));
    END LOOP;
EXCEPTION WHEN data_exception OR invalid_column_reference OR undefined_column OR duplicate_column THEN
    RAISE EXCEPTION 'bad-definition' USING ERRCODE = 'P0422', DETAIL = format('The table cannot be built: %s.', SQLERRM);
END $$;
COMMENT ON FUNCTION build_dynamic_table(bigint) IS 'Creates the real table of a definition, behind row-level security like every other.';

CREATE OR REPLACE FUNCTION alter_dynamic_table(p_table bigint, p_verb text, p_column text, p_new jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Needs the owner. The column to rename or drop must be a declared one: the table's own columns are never touched.
DECLARE
    relation text := dynamic_relation(p_table);
BEGIN
    IF p_verb <> 'add' AND NOT EXISTS (SELECT FROM dynamic_columns(p_table) c WHERE c.name = p_column) THEN
        RAISE EXCEPTION 'no-such-column' USING ERRCODE = 'P0422', DETAIL = format('There is no column “%s”.', p_column);
    END IF;
    CASE p_verb
        WHEN 'add' THEN
            EXECUTE format('ALTER TABLE %s ADD COLUMN %s', relation, dynamic_column_sql(p_new));
            PERFORM dynamic_column_extras(relation, p_new);
        WHEN 'rename' THEN
            EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', relation, p_column, dynamic_name(p_new ->> 'name'));
        WHEN 'drop' THEN
            EXECUTE format('ALTER TABLE %s DROP COLUMN %I', relation, p_column);
    END CASE;
EXCEPTION
    WHEN not_null_violation THEN
        RAISE EXCEPTION 'needs-a-default' USING ERRCODE = 'P0422',
            DETAIL = 'The table has rows: a new column that must be filled needs a default.';
    WHEN data_exception OR duplicate_column OR unique_violation OR foreign_key_violation THEN
        RAISE EXCEPTION 'bad-definition' USING ERRCODE = 'P0422', DETAIL = format('The column cannot be built: %s.', SQLERRM);
END $$;
COMMENT ON FUNCTION alter_dynamic_table(bigint, text, text, jsonb) IS 'Adds, renames or drops one column of the real table.';

CREATE OR REPLACE FUNCTION drop_dynamic_table(p_table bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Needs the owner. A table that others refer to stays, for their rows would refer to nothing.
DECLARE
    relation text := dynamic_relation(p_table);
    referring text;
BEGIN
    SELECT string_agg(DISTINCT t.name, ', ') INTO referring
    FROM pg_constraint f JOIN dynamic_tables t ON f.conrelid = to_regclass(format('dynamic.%I', t.table_name))
    WHERE f.contype = 'f' AND f.confrelid = relation::regclass AND f.conrelid <> f.confrelid AND t.tenant_id = current_tenant();
    IF referring IS NOT NULL THEN
        RAISE EXCEPTION 'table-in-use' USING ERRCODE = 'P0409',
            DETAIL = format('Other tables refer to this one: %s. Drop the column there first.', referring);
    END IF;
    EXECUTE format('DROP TABLE %s', relation);
    DELETE FROM dynamic_tables WHERE id = p_table AND tenant_id = current_tenant();
END $$;
COMMENT ON FUNCTION drop_dynamic_table(bigint) IS 'Removes a table of the caller''s tenant with all its rows, unless another table refers to it.';

-- ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION dynamic_where(p_table bigint, p_filters jsonb, p_words text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    found text := 'r.deleted_at IS NULL';
    one jsonb;
    kind text;
    pattern text := '%' || replace(replace(replace(p_words, '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
    FOR one IN SELECT value FROM jsonb_array_elements(p_filters) LOOP
        SELECT c.type INTO kind FROM dynamic_columns(p_table) c WHERE c.name = one ->> 'column';
        kind := CASE WHEN one ->> 'column' = 'id' THEN 'bigint'
            WHEN kind IN ('integer') THEN 'bigint' WHEN kind = 'decimal' THEN 'numeric' WHEN kind = 'datetime' THEN 'timestamptz'
            WHEN kind IN ('string', 'json') THEN 'text' ELSE kind END;
        IF kind IS NULL THEN
            RAISE EXCEPTION 'no-such-column' USING ERRCODE = 'P0422', DETAIL = format('There is no column “%s”.', one ->> 'column');
        END IF;
        found := found || ' AND ' || CASE one ->> 'op'
            WHEN 'empty' THEN format('r.%I IS NULL', one ->> 'column')
            WHEN 'filled' THEN format('r.%I IS NOT NULL', one ->> 'column')
            WHEN 'contains' THEN format('position(lower(%L) in lower(r.%I::text)) > 0', one ->> 'value', one ->> 'column')
            ELSE format('r.%I%s %s %L::%s', one ->> 'column', CASE WHEN kind = 'text' THEN '::text' ELSE '' END,
                CASE one ->> 'op' WHEN 'eq' THEN '=' WHEN 'ne' THEN 'IS DISTINCT FROM' WHEN 'lt' THEN '<' WHEN 'le' THEN '<='
                    WHEN 'gt' THEN '>' WHEN 'ge' THEN '>=' END, one ->> 'value', kind) END;
    END LOOP;
    IF p_words IS NOT NULL THEN
        found := found || coalesce(' AND (' || (SELECT string_agg(format('unaccent(r.%I::text) ILIKE unaccent(%L)', c.name, pattern), ' OR ')
            FROM dynamic_columns(p_table) c WHERE c.type IN ('string', 'text')) || ')', ' AND false');
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION dynamic_where(bigint, jsonb, text) IS 'A condition on r of filters {column, op, value} and words; every name declared, every value quoted.';

CREATE OR REPLACE FUNCTION dynamic_list(p_table bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    -- Decimals travel as text: JSON knows no exact number.
    SELECT string_agg(CASE WHEN c.type = 'decimal' THEN format('r.%I::text AS %I', c.name, c.name) ELSE format('r.%I', c.name) END,
                      ', ' ORDER BY c.at)
    FROM dynamic_columns(p_table) c
$$;
COMMENT ON FUNCTION dynamic_list(bigint) IS 'The declared columns of r for a SELECT.';

DROP FUNCTION IF EXISTS dynamic_rows(bigint, jsonb, text, text, boolean, integer, bigint);
CREATE OR REPLACE FUNCTION dynamic_rows(p_table bigint, p_filters jsonb, p_words text, p_sort text, p_down boolean, p_limit integer,
    p_offset bigint, p_value text, p_after bigint)
RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
-- p_value and p_after are the place in the order after which to begin: the value of p_sort and the id of a row. Empty values come last.
DECLARE
    kind text;
    beyond text := '';
BEGIN
    IF p_sort NOT IN ('id', 'created_at', 'updated_at') AND NOT EXISTS (
        SELECT FROM dynamic_columns(p_table) c WHERE c.name = p_sort AND c.type <> 'json') THEN
        RAISE EXCEPTION 'no-such-column' USING ERRCODE = 'P0422', DETAIL = format('Rows cannot be sorted by “%s”.', p_sort);
    END IF;
    IF p_after IS NOT NULL AND p_value IS NULL THEN
        beyond := format(' AND r.%I IS NULL AND r.id > %s', p_sort, p_after);
    ELSIF p_after IS NOT NULL THEN
        SELECT format_type(a.atttypid, a.atttypmod) INTO kind FROM pg_attribute a
        WHERE a.attrelid = dynamic_relation(p_table)::regclass AND a.attname = p_sort;
        beyond := format(' AND (r.%1$I %2$s %3$L::%4$s OR r.%1$I IS NULL OR (r.%1$I = %3$L::%4$s AND r.id > %5$s))', p_sort,
            CASE WHEN p_down THEN '<' ELSE '>' END, p_value, kind, p_after);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT to_jsonb(x)::text FROM (SELECT r.id, %s, r.created_at, r.updated_at FROM %s r WHERE %s%s ORDER BY r.%I %s NULLS LAST, r.id LIMIT %s OFFSET %s) x',
        dynamic_list(p_table), dynamic_relation(p_table), dynamic_where(p_table, p_filters, p_words), beyond, p_sort,
        CASE WHEN p_down THEN 'DESC' ELSE 'ASC' END, p_limit, p_offset);
END $$;
COMMENT ON FUNCTION dynamic_rows(bigint, jsonb, text, text, boolean, integer, bigint, text, bigint) IS 'Live rows as JSON texts.';

CREATE OR REPLACE FUNCTION dynamic_rows_by(p_table bigint, p_column text, p_values bigint[], p_most integer) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF p_column <> 'id' AND NOT EXISTS (SELECT FROM dynamic_columns(p_table) c WHERE c.name = p_column AND c.type = 'integer') THEN
        RAISE EXCEPTION 'no-such-column' USING ERRCODE = 'P0422', DETAIL = format('There is no key “%s”.', p_column);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT to_jsonb(x)::text FROM unnest($1) AS wanted(value) CROSS JOIN LATERAL (SELECT r.id, %s, r.created_at, r.updated_at FROM %s r'
        ' WHERE r.%I = wanted.value AND r.deleted_at IS NULL ORDER BY r.id LIMIT $2) x',
        dynamic_list(p_table), dynamic_relation(p_table), p_column) USING p_values, p_most;
END $$;
COMMENT ON FUNCTION dynamic_rows_by(bigint, text, bigint[], integer) IS 'Live rows whose key is one of these, so many for each.';

CREATE OR REPLACE FUNCTION dynamic_count(p_table bigint, p_filters jsonb, p_words text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s r WHERE %s', dynamic_relation(p_table), dynamic_where(p_table, p_filters, p_words)) INTO found;
    RETURN found;
END $$;
COMMENT ON FUNCTION dynamic_count(bigint, jsonb, text) IS 'How many live rows these filters leave.';

CREATE OR REPLACE FUNCTION dynamic_write(p_table bigint, p_row bigint, p_values jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- Inserts where p_row is NULL, else updates; NULL when that row does not live. Only declared columns are written.
DECLARE
    relation text := dynamic_relation(p_table);
    columns text;
    written bigint;
    broken text;
BEGIN
    SELECT string_agg(format('%I', c.name), ', ' ORDER BY c.at) INTO columns FROM dynamic_columns(p_table) c WHERE p_values ? c.name;
    IF p_row IS NULL AND columns IS NULL THEN
        EXECUTE format('INSERT INTO %s DEFAULT VALUES RETURNING id', relation) INTO written;
    ELSIF p_row IS NULL THEN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) RETURNING id', relation, columns)
        USING p_values INTO written;
    ELSIF columns IS NULL THEN
        EXECUTE format('SELECT id FROM %s WHERE id = $1 AND deleted_at IS NULL', relation) USING p_row INTO written;
    ELSE
        EXECUTE format('UPDATE %1$s SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)) WHERE id = $2 AND deleted_at IS NULL'
                       ' RETURNING id', relation, columns) USING p_values, p_row INTO written;
    END IF;
    RETURN written;
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        RAISE EXCEPTION 'not-unique' USING ERRCODE = 'P0409', DETAIL = format('Another row has the same value of “%s”.',
            (SELECT string_agg(a.attname, ', ') FROM pg_attribute a
             WHERE a.attrelid = to_regclass(format('dynamic.%I', broken)) AND a.attname <> 'tenant_id'));
    WHEN foreign_key_violation THEN
        GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
        RAISE EXCEPTION 'no-such-row' USING ERRCODE = 'P0422', DETAIL = format('“%s” names a row that does not exist.',
            (SELECT string_agg(a.attname, ', ') FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
             WHERE f.conrelid = relation::regclass AND f.conname = broken AND a.attname <> 'tenant_id'));
    WHEN not_null_violation THEN
        GET STACKED DIAGNOSTICS broken = COLUMN_NAME;
        RAISE EXCEPTION 'missing' USING ERRCODE = 'P0422', DETAIL = format('“%s” must be filled.', broken);
END $$;
COMMENT ON FUNCTION dynamic_write(bigint, bigint, jsonb) IS 'Writes one row; what the table refuses is said in words.';

CREATE OR REPLACE FUNCTION dynamic_delete(p_table bigint, p_row bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    EXECUTE format('UPDATE %s SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL RETURNING id', dynamic_relation(p_table))
    USING p_row INTO gone;
    RETURN gone IS NOT NULL;
END $$;
COMMENT ON FUNCTION dynamic_delete(bigint, bigint) IS 'Takes one row out of sight; whether it lived.';

CREATE OR REPLACE FUNCTION dynamic_empty(p_table bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint[];
BEGIN
    EXECUTE format('WITH gone AS (UPDATE %s SET deleted_at = now() WHERE deleted_at IS NULL RETURNING id)'
        ' SELECT coalesce(array_agg(id), %L) FROM gone', dynamic_relation(p_table), '{}') INTO gone;
    RETURN gone;
END $$;
COMMENT ON FUNCTION dynamic_empty(bigint) IS 'Takes every row out of sight; their ids.';

CREATE OR REPLACE FUNCTION dynamic_entries(p_table bigint, p_template text, p_rows bigint[])
RETURNS TABLE (source_id bigint, title text, code text, url text, content text, payload jsonb)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
-- How rows read as searchable text. A value that holds braces itself stays what it is.
DECLARE
    template text := coalesce(p_template, (SELECT t.embedding_template FROM dynamic_tables t WHERE t.id = p_table AND t.tenant_id = current_tenant()));
    texts text[] := regexp_split_to_array(template, '\{\{\s*[a-z][a-z0-9_]*\s*\}\}');
    names text[] := ARRAY(SELECT m[1] FROM regexp_matches(template, '\{\{\s*([a-z][a-z0-9_]*)\s*\}\}', 'g') m);
    expression text := format('%L', texts[1]);
    heading text;
    coded text;
BEGIN
    IF template IS NULL OR to_regclass(dynamic_relation(p_table)) IS NULL THEN
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(names) LOOP
        expression := expression || format(' || coalesce(r.%I::text, %L) || %L', names[i], '', texts[i + 1]);
    END LOOP;
    SELECT c.name INTO heading FROM dynamic_columns(p_table) c WHERE c.type IN ('string', 'text')
    ORDER BY c.name NOT IN ('name', 'nom', 'title', 'titre', 'designation', 'libelle'), c.name IN ('code', 'reference', 'ref', 'sku'), c.at LIMIT 1;
    SELECT c.name INTO coded FROM dynamic_columns(p_table) c WHERE c.type = 'string' AND c.name IN ('code', 'reference', 'ref', 'sku') ORDER BY c.at LIMIT 1;
    RETURN QUERY EXECUTE format(
        'SELECT r.id, %s, %s, %L || r.id, %s, (SELECT to_jsonb(x) FROM (SELECT r.id AS db_id, r.tenant_id, %s) x)'
        ' FROM %s r WHERE r.deleted_at IS NULL AND ($1 IS NULL OR r.id = ANY ($1)) ORDER BY r.id',
        coalesce('left(r.' || quote_ident(heading) || '::text, 500)', '''#'' || r.id'), coalesce('r.' || quote_ident(coded) || '::text', 'NULL::text'),
        (SELECT '/records/tables/' || t.name || '/rows/' FROM dynamic_tables t WHERE t.id = p_table AND t.tenant_id = current_tenant()),
        expression, dynamic_list(p_table), dynamic_relation(p_table)) USING p_rows;
END $$;
COMMENT ON FUNCTION dynamic_entries(bigint, text, bigint[]) IS 'Rows as the index reads them, by the table''s template or another one.';
