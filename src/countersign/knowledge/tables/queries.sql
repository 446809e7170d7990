-- tables
-- Tables that users defined, by name; all of them, or the one of this name.
SELECT t.id, t.name, t.table_name, t.description, t.schema_definition, t.qdrant_collection, t.embedding_template, t.created_at,
       t.updated_at, t.row_count, t.indexed_count
FROM dynamic_tables t
WHERE %(name)s::text IS NULL OR t.name = %(name)s::text
ORDER BY t.name;

-- lock_table
-- Whoever changes a table is alone with it until the commit.
SELECT id FROM dynamic_tables WHERE name = %(name)s::text FOR UPDATE;

-- check_name
-- Refuses what cannot be a name.
SELECT dynamic_name(%(name)s::text);

-- add_table
-- A definition; nothing when its name is taken. The real table has a name of its own in the whole database.
INSERT INTO dynamic_tables (name, table_name, description, schema_definition, qdrant_collection, embedding_template)
VALUES (%(name)s::text, CASE WHEN length(%(name)s::text) <= 40 THEN %(name)s::text
            ELSE left(%(name)s::text, 30) || '_' || left(md5(%(name)s::text), 9) END || '_t' || current_tenant(),
        %(description)s::text, %(schema)s::jsonb, %(collection)s::text, %(template)s::text)
ON CONFLICT (tenant_id, name) DO NOTHING
RETURNING id;

-- build_table
-- Creates the real table.
SELECT build_dynamic_table(%(table)s::bigint);

-- alter_table
-- Adds, renames or drops a column of the real table.
SELECT alter_dynamic_table(%(table)s::bigint, %(verb)s::text, %(column)s::text, %(new)s::jsonb);

-- drop_table
-- Removes the real table and what says that it was there.
SELECT drop_dynamic_table(%(table)s::bigint);

-- empty_table
-- Whoever follows the rows of a table sees each of them go.
SELECT dynamic_empty(%(table)s::bigint);

-- agents_of
-- Agents that answer from a table.
SELECT a.name FROM agents a
WHERE a.deleted_at IS NULL AND a.hydration_config ->> 'table' IN (%(name)s::text, %(real)s::text) ORDER BY a.name;

-- save_definition
-- What the table is from now on.
UPDATE dynamic_tables SET schema_definition = %(schema)s::jsonb, embedding_template = %(template)s::text, description = %(description)s::text
WHERE id = %(table)s::bigint;

-- rows
-- Live rows that the filters leave, in order, as JSON texts.
SELECT r AS row FROM dynamic_rows(%(table)s::bigint, %(filters)s::jsonb, %(words)s::text, %(sort)s::text, %(down)s::boolean,
    %(limit)s::integer, %(offset)s::bigint, %(value)s::text, %(after)s::bigint) AS r;

-- rows_by
-- Live rows by their id or by the row they refer to, as JSON texts.
SELECT r AS row FROM dynamic_rows_by(%(table)s::bigint, %(column)s::text, %(values)s::bigint[], %(most)s::integer) AS r;

-- ouvrages_named
-- Ouvrages that rows refer to.
SELECT id, code, name, unit, unit_price, currency FROM ouvrages WHERE id = ANY (%(ids)s::bigint[]) AND deleted_at IS NULL;

-- count_rows
-- How many live rows the filters leave.
SELECT dynamic_count(%(table)s::bigint, %(filters)s::jsonb, %(words)s::text);

-- write_row
-- Inserts a row, or updates the one named; its id.
SELECT dynamic_write(%(table)s::bigint, %(row)s::bigint, %(values)s::jsonb);

-- lock_row
-- Whoever changes a row is alone with it until the commit: what was compared is what is changed.
SELECT pg_advisory_xact_lock(hashtextextended('countersign.dynamic.' || %(table)s::bigint || '.' || %(row)s::bigint, 0));

-- delete_row
-- Takes a row out of sight; whether it lived.
SELECT dynamic_delete(%(table)s::bigint, %(row)s::bigint);

-- read_entries
-- How the rows of a table read as searchable text.
SELECT source_id, title, code, url, content, payload FROM dynamic_entries(%(table)s::bigint, NULL, %(ids)s::bigint[]);

-- preview
-- How one row reads by a template that is not saved yet; the first row when none is named.
SELECT e.content FROM dynamic_entries(%(table)s::bigint, %(template)s::text, %(ids)s::bigint[]) e LIMIT 1;

-- searched_in
-- Collections in which rows of a table are searched: its own, and those of the agents that answer from it.
SELECT coalesce(array_agg(DISTINCT c.name), '{}') FROM (
    SELECT coalesce(t.qdrant_collection, t.name)::text FROM dynamic_tables t WHERE t.id = %(table)s::bigint
    UNION
    SELECT a.qdrant_collection::text FROM agents a JOIN dynamic_tables t ON a.hydration_config ->> 'table' = t.name
    WHERE t.id = %(table)s::bigint AND a.deleted_at IS NULL
) AS c(name);
