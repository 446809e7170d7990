-- begin_staging
-- Room for the rows of one file, which nobody else sees and no commit keeps.
SELECT begin_staging();

-- stage
-- Rows of the file, as the target wants them.
COPY import_staging (row_number, error, data, code, name, description, type, category, subcategory, unit, currency,
                     unit_price, default_quantity) FROM STDIN;

-- stage_table
-- Rows of the file as JSON objects, by the columns of the table.
COPY import_staging (row_number, error, data, row_values) FROM STDIN;

-- compare_table_rows
-- Which rows the table has already, whether they would change, and which it cannot take.
SELECT compare_table_rows(%(table)s::bigint, %(key)s::text[], %(given)s::text[], %(conflict)s::text);

-- write_table_rows
-- A piece of what is staged goes into the table; the rows that are new or changed.
SELECT write_table_rows(%(table)s::bigint, %(import_id)s::bigint, %(given)s::text[], %(update)s::boolean, %(after)s::integer, %(last)s::integer);

-- refresh_table_statistics
-- The planner learns what a large import added to a table of users.
SELECT refresh_statistics(dynamic_relation(%(table)s::bigint)::regclass);

-- settle_staging
-- All rows are there: they are counted before they are compared.
SELECT settle_staging();

-- order_staging
-- All rows are compared: they are put in order before they are written.
SELECT order_staging();

-- one_at_a_time
-- Two imports of one organisation would each believe that a code is free.
SELECT pg_advisory_xact_lock(hashtextextended('countersign.import', current_tenant()));

-- normalise_units
-- One spelling for each unit; a price for a hundred becomes the price for one.
UPDATE import_staging s SET unit = n.unit, unit_price = round(s.unit_price / n.factor, 4)
FROM (SELECT DISTINCT unit FROM import_staging WHERE error IS NULL) AS u CROSS JOIN LATERAL normalise_unit(u.unit) AS n
WHERE s.unit = u.unit AND s.error IS NULL AND (n.unit IS DISTINCT FROM s.unit OR n.factor <> 1);

-- units_as_stored
-- What normalise_units makes of the units of a preview: the spelling, and by what a price is divided.
SELECT u.given, n.unit, n.factor FROM unnest(%(units)s::text[]) AS u(given) CROSS JOIN LATERAL normalise_unit(u.given) AS n;

-- refuse_duplicates
-- Of several rows with one code, the first counts.
UPDATE import_staging s SET error = 'code ' || s.code || ' stands in row ' || f.first || ' already'
FROM (SELECT code, min(row_number) AS first FROM import_staging WHERE error IS NULL GROUP BY code HAVING count(*) > 1) AS f
WHERE f.code = s.code AND f.first < s.row_number AND s.error IS NULL;

-- find_targets
-- Which rows are there already, and whether they would change.
UPDATE import_staging s SET target_id = o.id, changed =
    (s.name, s.unit, s.type, s.description, s.category, s.subcategory, s.unit_price,
     coalesce(s.currency, o.currency), coalesce(s.default_quantity, o.default_quantity))
    IS DISTINCT FROM
    (CASE WHEN 'name' = ANY(%(given)s::text[]) THEN o.name END, CASE WHEN 'unit' = ANY(%(given)s::text[]) THEN o.unit END,
     CASE WHEN 'type' = ANY(%(given)s::text[]) THEN o.type END,
     CASE WHEN 'description' = ANY(%(given)s::text[]) THEN o.description END,
     CASE WHEN 'category' = ANY(%(given)s::text[]) THEN o.category END,
     CASE WHEN 'subcategory' = ANY(%(given)s::text[]) THEN o.subcategory END,
     CASE WHEN 'unit_price' = ANY(%(given)s::text[]) THEN o.unit_price END, o.currency, o.default_quantity)
FROM ouvrages o
WHERE o.code = s.code AND o.deleted_at IS NULL AND s.error IS NULL AND o.tenant_id = current_tenant();

-- refuse_unfit
-- New rows need a name and a unit; known ones are errors when the mapping says so.
UPDATE import_staging s SET error = CASE WHEN s.target_id IS NOT NULL THEN 'code ' || s.code || ' exists already'
                                         WHEN s.name IS NULL THEN 'name: is missing' ELSE 'unit: is missing' END
WHERE s.error IS NULL AND ((s.target_id IS NOT NULL AND %(conflict)s::text = 'error')
                           OR (s.target_id IS NULL AND (s.name IS NULL OR s.unit IS NULL)));

-- undescribed
-- Rows that were good until they were compared: their errors do not yet tell what the file says.
SELECT coalesce(array_agg(s.row_number ORDER BY s.row_number), '{}') FROM import_staging s WHERE s.error IS NOT NULL AND s.data IS NULL;

-- describe
-- What the file says of a row, as a row of its own that has no error.
COPY import_staging (row_number, data) FROM STDIN;

-- end_describing
-- Each of these rows is kept with what the file says of it.
WITH said AS (DELETE FROM import_staging WHERE error IS NULL AND data IS NOT NULL RETURNING row_number, data)
UPDATE import_staging s SET data = said.data FROM said WHERE said.row_number = s.row_number AND s.error IS NOT NULL;

-- gather_words
-- The words of many rows go into the index of texts together; it is put in order before anybody else waits for that.
SELECT set_config('gin_pending_list_limit', '32MB', true);

-- report
-- What the import does, in numbers that add up.
SELECT count(*) AS total, count(*) FILTER (WHERE s.error IS NOT NULL) AS failed,
       count(*) FILTER (WHERE s.error IS NULL AND s.target_id IS NULL) AS inserted,
       count(*) FILTER (WHERE s.error IS NULL AND s.changed AND %(conflict)s::text = 'update') AS updated,
       count(*) FILTER (WHERE s.error IS NULL AND NOT s.changed) AS unchanged,
       count(*) FILTER (WHERE s.error IS NULL AND s.changed AND %(conflict)s::text = 'skip') AS skipped,
       count(*) FILTER (WHERE p.change > 0) AS prices_up, count(*) FILTER (WHERE p.change < 0) AS prices_down,
       max(p.change) FILTER (WHERE p.change > 0) AS largest_rise, min(p.change) FILTER (WHERE p.change < 0) AS largest_fall
FROM import_staging s
LEFT JOIN ouvrages o ON o.id = s.target_id AND s.error IS NULL AND s.changed AND %(conflict)s::text = 'update'
CROSS JOIN LATERAL (SELECT s.unit_price - o.unit_price AS change) AS p;

-- price_jumps
-- The prices that change most, by their share of the former one.
SELECT o.id, o.code, coalesce(s.name, o.name) AS name, o.unit_price AS old, s.unit_price AS new,
       round(100 * (s.unit_price - o.unit_price) / nullif(o.unit_price, 0), 1) AS percent
FROM import_staging s JOIN ouvrages o ON o.id = s.target_id
WHERE s.error IS NULL AND s.changed AND s.unit_price <> o.unit_price
ORDER BY abs(s.unit_price - o.unit_price) / nullif(abs(o.unit_price), 0) DESC NULLS FIRST, o.id
LIMIT 20;

-- name_import
-- The history of every price names the import that changed it.
SELECT set_config('countersign.import_id', %(id)s::text, true);

-- update_ouvrages
-- Rows of a piece that changed, marked for the index; columns that the mapping does not name stay as they are.
WITH changed AS (
    UPDATE ouvrages o SET
        name = coalesce(s.name, o.name), unit = coalesce(s.unit, o.unit), type = coalesce(s.type, o.type),
        description = CASE WHEN 'description' = ANY(%(given)s::text[]) THEN s.description ELSE o.description END,
        category = CASE WHEN 'category' = ANY(%(given)s::text[]) THEN s.category ELSE o.category END,
        subcategory = CASE WHEN 'subcategory' = ANY(%(given)s::text[]) THEN s.subcategory ELSE o.subcategory END,
        unit_price = CASE WHEN 'unit_price' = ANY(%(given)s::text[]) THEN s.unit_price ELSE o.unit_price END,
        currency = coalesce(s.currency, o.currency), default_quantity = coalesce(s.default_quantity, o.default_quantity),
        import_source = %(kind)s::text, import_id = %(id)s::text
    FROM import_staging s
    WHERE o.id = s.target_id AND s.error IS NULL AND s.changed
      AND s.row_number > %(after)s::integer AND s.row_number <= %(last)s::integer
      AND o.id = ANY (ARRAY(SELECT k.target_id FROM import_staging k
                            WHERE k.changed AND k.row_number > %(after)s::integer AND k.row_number <= %(last)s::integer))
    RETURNING o.id
), every AS (SELECT array_agg(id) AS ids FROM changed)
SELECT CASE WHEN coalesce(c.place, 1) = 1 THEN touch_entries('ouvrage', every.ids) END,
       CASE WHEN c.place IS NOT NULL THEN mark_entries(c.name, 'ouvrage', 'ouvrages', every.ids) END
FROM every LEFT JOIN unnest(%(collections)s::text[]) WITH ORDINALITY AS c(name, place) ON true WHERE every.ids IS NOT NULL;

-- insert_ouvrages
-- Rows of a piece whose code is new, marked for the index.
WITH added AS (
    INSERT INTO ouvrages (code, name, description, type, category, subcategory, unit, currency, unit_price,
                          default_quantity, import_source, import_id)
    SELECT s.code, s.name, s.description, coalesce(s.type, 'simple'), s.category, s.subcategory, s.unit,
           coalesce(s.currency, 'EUR'), s.unit_price, coalesce(s.default_quantity, 1), %(kind)s::text, %(id)s::text
    FROM import_staging s
    WHERE s.error IS NULL AND s.target_id IS NULL
      AND s.row_number > %(after)s::integer AND s.row_number <= %(last)s::integer
    ORDER BY s.row_number
    RETURNING id
), every AS (SELECT array_agg(id) AS ids FROM added)
SELECT mark_entries(c.name, 'ouvrage', 'ouvrages', every.ids)
FROM every CROSS JOIN unnest(%(collections)s::text[]) AS c(name) WHERE every.ids IS NOT NULL;

-- keep_errors
-- Every refused row, for whoever corrects it.
INSERT INTO import_errors (import_log_id, row_number, error, data)
SELECT %(id)s::bigint, s.row_number, s.error, coalesce(s.data::jsonb, '{}') FROM import_staging s WHERE s.error IS NOT NULL
ORDER BY s.row_number;

-- collections
-- Where agents search ouvrages.
SELECT DISTINCT qdrant_collection AS name FROM agents
WHERE hydration_config ->> 'table' = 'ouvrages' AND qdrant_collection IS NOT NULL AND deleted_at IS NULL;

-- refresh_statistics
-- The planner learns what a large import added.
SELECT refresh_statistics('ouvrages'::regclass);

-- add_file
-- A file that begins to arrive.
INSERT INTO import_files (name, kind) VALUES (%(name)s::text, %(kind)s::text) RETURNING id;

-- add_part
-- The next piece of a file.
INSERT INTO import_file_parts (file_id, position, content) VALUES (%(id)s::bigint, %(position)s::integer, %(content)s::bytea);

-- end_file
-- A file is complete, and this is what its columns are named.
UPDATE import_files SET size_bytes = %(size)s::bigint, sha256 = %(sha256)s::text, names = %(names)s::text[]
WHERE id = %(id)s::bigint;

-- file
-- A file, by its address or its number.
SELECT f.id, f.uuid, f.name, f.kind, f.size_bytes, f.sha256, f.names, f.created_at,
       EXISTS (SELECT FROM import_file_parts p WHERE p.file_id = f.id) AS kept
FROM import_files f
WHERE (f.uuid = %(uuid)s::uuid OR f.id = %(id)s::bigint) AND f.tenant_id = current_tenant();

-- part
-- One piece of a file.
SELECT content FROM import_file_parts WHERE file_id = %(id)s::bigint AND position = %(position)s::integer;

-- empty_files
-- Bytes of files that nobody asked for in a week go; what was imported from them stays known.
DELETE FROM import_file_parts p USING import_files f
WHERE f.id = p.file_id AND f.created_at < now() - make_interval(days => %(days)s::integer)
  AND NOT EXISTS (SELECT FROM import_logs l WHERE l.file_id = f.id AND l.status IN ('pending', 'processing'));

-- add_import
-- An import that waits for its job.
INSERT INTO import_logs (source_type, source_name, source_sha256, target_table, mapping, dry_run, status, file_id)
SELECT f.kind, f.name, f.sha256, %(target)s::text, %(mapping)s::jsonb, %(dry_run)s::boolean, 'pending', f.id
FROM import_files f WHERE f.id = %(file)s::bigint
RETURNING id;

-- await_job
-- Names the job that does an import.
UPDATE import_logs SET job_id = %(job)s::bigint WHERE id = %(id)s::bigint;

-- begin_import
-- A job takes an import up, again if the one before it was killed.
UPDATE import_logs SET status = 'processing', started_at = now(), phase = 'reading', rows_done = 0, rows_expected = NULL,
       rows_per_second = NULL, seconds_left = NULL
WHERE id = %(id)s::bigint AND status IN ('pending', 'processing')
RETURNING id, file_id, target_table, mapping, dry_run;

-- import_progress
-- How far an import is.
UPDATE import_logs SET phase = %(phase)s::text, rows_done = %(done)s::integer, rows_expected = %(expected)s::integer,
       rows_per_second = %(rate)s::integer, seconds_left = %(left)s::integer
WHERE id = %(id)s::bigint AND (status = 'processing' OR phase = 'undoing');

-- complete_import
-- An import ended well; its first thousand errors stand on it.
UPDATE import_logs SET status = 'completed', completed_at = now(), total_rows = %(total)s::integer,
    imported_rows = %(total)s::integer - %(failed)s::integer, failed_rows = %(failed)s::integer,
    inserted_rows = %(inserted)s::integer, updated_rows = %(updated)s::integer, unchanged_rows = %(unchanged)s::integer,
    skipped_rows = %(skipped)s::integer, report = %(report)s::jsonb, phase = NULL, rows_done = %(total)s::integer,
    rows_expected = %(total)s::integer, seconds_left = NULL,
    errors = (SELECT coalesce(jsonb_agg(jsonb_build_object('row', e.row_number, 'error', e.error, 'data', e.data) ORDER BY e.row_number), '[]')
              FROM (SELECT * FROM import_errors WHERE import_log_id = %(id)s::bigint ORDER BY row_number LIMIT 1000) AS e)
WHERE id = %(id)s::bigint;

-- fail_import
-- An import that wrote nothing, and why.
UPDATE import_logs SET status = 'failed', completed_at = now(), phase = NULL, seconds_left = NULL,
    errors = jsonb_build_array(jsonb_build_object('error', %(error)s::text))
WHERE id = %(id)s::bigint AND status IN ('pending', 'processing')
RETURNING id;

-- imports
-- Imports, newest first, or one of them; with a mark when its file is still there.
SELECT l.id, l.source_type, l.source_name, l.target_table, l.mapping, l.dry_run, l.status, l.total_rows, l.imported_rows,
       l.failed_rows, l.inserted_rows, l.updated_rows, l.unchanged_rows, l.skipped_rows, l.report, l.errors -> 0 ->> 'error' AS first_error,
       l.phase, l.rows_done, l.rows_expected, l.rows_per_second, l.seconds_left, l.file_id, l.job_id, u.name AS author,
       l.started_at, l.completed_at, l.undone_at, l.created_at
FROM import_logs l LEFT JOIN users u ON u.id = l.created_by
WHERE (%(id)s::bigint IS NULL OR l.id = %(id)s::bigint) AND (%(before)s::bigint IS NULL OR l.id < %(before)s::bigint)
ORDER BY l.id DESC LIMIT %(limit)s::bigint;

-- lock_import
-- An import that is about to be cancelled or undone.
SELECT id, status, dry_run, target_table, phase FROM import_logs
WHERE id = %(id)s::bigint FOR UPDATE;

-- errors
-- Refused rows of an import after a number, in order.
SELECT e.row_number, e.error, e.data FROM import_errors e
WHERE e.import_log_id = %(id)s::bigint AND e.row_number > %(after)s::integer ORDER BY e.row_number LIMIT %(limit)s::bigint;

-- error_reasons
-- Why rows were refused, most frequent first; what stands in « » or names a code is one reason.
SELECT r.reason, count(*) AS rows, min(e.row_number) AS first
FROM import_errors e
CROSS JOIN LATERAL (SELECT regexp_replace(regexp_replace(e.error, '« .* »', '« … »'), 'code .* (stands in row) [0-9]+', 'code … \1 …') AS reason) AS r
WHERE e.import_log_id = %(id)s::bigint GROUP BY r.reason ORDER BY count(*) DESC, r.reason LIMIT 20;

-- undoable
-- How many rows of an import are as it left them: those it added, those it changed. What an import did that was itself undone does not count.
SELECT (SELECT count(*) FROM ouvrages o
        WHERE o.import_id = %(id)s::text AND o.tenant_id = current_tenant() AND o.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM ouvrage_history h LEFT JOIN import_logs u ON u.id = h.import_log_id
                          WHERE h.ouvrage_id = o.id AND u.status IS DISTINCT FROM 'undone')
          AND NOT EXISTS (SELECT FROM ouvrage_components k WHERE k.component_id = o.id OR k.parent_id = o.id)
          AND NOT EXISTS (SELECT FROM ouvrages below WHERE below.parent_id = o.id AND below.deleted_at IS NULL)) AS inserted,
       (SELECT count(*) FROM ouvrage_history h JOIN ouvrages o ON o.id = h.ouvrage_id AND o.deleted_at IS NULL
        WHERE h.import_log_id = %(id)s::bigint
          AND NOT EXISTS (SELECT FROM ouvrage_history later LEFT JOIN import_logs u ON u.id = later.import_log_id
                          WHERE later.ouvrage_id = h.ouvrage_id AND later.id > h.id AND u.status IS DISTINCT FROM 'undone')) AS updated;

-- undoable_table_rows
-- How many rows of a user's table are as an import left them: those it added, those it changed.
SELECT inserted, updated FROM undoable_table_rows(%(table)s::bigint, %(id)s::bigint);

-- ends_of_changes
-- The first and the last of the rows of a user's table that an import wrote.
SELECT min(id) AS first, max(id) AS last FROM import_changes WHERE import_log_id = %(id)s::bigint AND table_id = %(table)s::bigint;

-- take_back_table_rows
-- A piece of the rows of a user's table is as before the import.
SELECT gone, restored FROM take_back_table_rows(%(table)s::bigint, %(id)s::bigint, %(first)s::bigint, %(last)s::bigint);

-- ask_undo
-- An import that a job will take back.
UPDATE import_logs SET phase = 'undoing', job_id = %(job)s::bigint, rows_done = 0, rows_expected = inserted_rows + updated_rows,
       rows_per_second = NULL, seconds_left = NULL, report = report - 'kept' - 'undo_error'
WHERE id = %(id)s::bigint;

-- begin_undo
-- A job takes the undoing up: how many rows the import wrote.
SELECT inserted_rows + updated_rows AS rows, target_table FROM import_logs
WHERE id = %(id)s::bigint AND status = 'completed' AND phase = 'undoing';

-- refuse_undo
-- Rows that changed since the import are kept, and with them all of it.
UPDATE import_logs SET phase = NULL, report = coalesce(report, '{}') || jsonb_build_object('kept', %(kept)s::integer)
WHERE id = %(id)s::bigint AND phase = 'undoing';

-- ends_of_added
-- The first and the last of the rows that an import added.
SELECT min(id) AS first, max(id) AS last FROM ouvrages
WHERE import_id = %(id)s::text AND tenant_id = current_tenant() AND deleted_at IS NULL;

-- ends_of_changed
-- The first and the last of the changes that an import made.
SELECT min(id) AS first, max(id) AS last FROM ouvrage_history WHERE import_log_id = %(id)s::bigint;

-- take_back
-- Rows of a piece that an import added go, and no search finds them.
WITH gone AS (
    UPDATE ouvrages o SET deleted_at = now()
    WHERE o.id BETWEEN %(first)s::bigint AND %(last)s::bigint
      AND o.import_id = %(id)s::text AND o.tenant_id = current_tenant() AND o.deleted_at IS NULL
      AND NOT EXISTS (SELECT FROM ouvrage_history h LEFT JOIN import_logs u ON u.id = h.import_log_id
                      WHERE h.ouvrage_id = o.id AND u.status IS DISTINCT FROM 'undone')
    RETURNING o.id
), every AS (SELECT coalesce(array_agg(id), '{}') AS ids FROM gone)
SELECT cardinality(every.ids), forget_entries('ouvrage', every.ids) FROM every;

-- put_back
-- Rows of a piece of its changes are what they were, and are read again by the index.
WITH restored AS (
    UPDATE ouvrages o SET
        name = CASE WHEN 'name' = ANY(h.changed) THEN h.old_values ->> 'name' ELSE o.name END,
        unit = CASE WHEN 'unit' = ANY(h.changed) THEN h.old_values ->> 'unit' ELSE o.unit END,
        type = CASE WHEN 'type' = ANY(h.changed) THEN h.old_values ->> 'type' ELSE o.type END,
        description = CASE WHEN 'description' = ANY(h.changed) THEN h.old_values ->> 'description' ELSE o.description END,
        category = CASE WHEN 'category' = ANY(h.changed) THEN h.old_values ->> 'category' ELSE o.category END,
        subcategory = CASE WHEN 'subcategory' = ANY(h.changed) THEN h.old_values ->> 'subcategory' ELSE o.subcategory END,
        currency = CASE WHEN 'currency' = ANY(h.changed) THEN h.old_values ->> 'currency' ELSE o.currency END,
        unit_price = CASE WHEN 'unit_price' = ANY(h.changed) THEN (h.old_values ->> 'unit_price')::numeric ELSE o.unit_price END,
        default_quantity = CASE WHEN 'default_quantity' = ANY(h.changed) THEN (h.old_values ->> 'default_quantity')::numeric ELSE o.default_quantity END,
        import_source = CASE WHEN 'import_source' = ANY(h.changed) THEN h.old_values ->> 'import_source' ELSE o.import_source END,
        import_id = CASE WHEN 'import_id' = ANY(h.changed) THEN h.old_values ->> 'import_id' ELSE o.import_id END
    FROM ouvrage_history h
    WHERE h.id BETWEEN %(first)s::bigint AND %(last)s::bigint AND h.import_log_id = %(id)s::bigint AND o.id = h.ouvrage_id
    RETURNING o.id
), every AS (SELECT coalesce(array_agg(id), '{}') AS ids FROM restored)
SELECT cardinality(every.ids), touch_entries('ouvrage', every.ids) FROM every;

-- end_undo
-- The import counts as undone.
UPDATE import_logs SET status = 'undone', undone_at = now(), phase = NULL, seconds_left = NULL WHERE id = %(id)s::bigint;

-- mappings
-- Mappings by name: all, one, those of one target, or those made for a file with these columns.
SELECT id, name, target_table, names, mapping, updated_at FROM import_mappings
WHERE (%(name)s::text IS NULL OR name = %(name)s::text) AND (%(target)s::text IS NULL OR target_table = %(target)s::text)
  AND (%(names)s::text[] IS NULL OR names = %(names)s::text[])
ORDER BY updated_at DESC, name;

-- save_mapping
-- Keeps a mapping under a name, in place of the one that had it.
INSERT INTO import_mappings (name, target_table, names, mapping)
VALUES (%(name)s::text, %(target)s::text, %(names)s::text[], %(mapping)s::jsonb)
ON CONFLICT (tenant_id, name) DO UPDATE SET target_table = excluded.target_table, names = excluded.names,
    mapping = excluded.mapping, updated_at = now()
RETURNING id;

-- drop_mapping
-- A mapping is needed no more.
DELETE FROM import_mappings WHERE name = %(name)s::text RETURNING id;

-- last_mapping
-- What the last import of a file with the same columns used.
SELECT l.mapping FROM import_logs l JOIN import_files f ON f.id = l.file_id
WHERE l.target_table = %(target)s::text AND f.names = %(names)s::text[] AND NOT l.dry_run AND l.status = 'completed'
ORDER BY l.id DESC LIMIT 1;
