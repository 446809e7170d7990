-- clear_staging
-- No row of a file outlives its transaction.
DELETE FROM import_staging;

-- stage_rows
-- Rows of the file, as the target wants them.
INSERT INTO import_staging (row_number, code, name, description, type, category, subcategory, unit, currency, unit_price,
                            default_quantity, data, error)
SELECT r.row_number, r.code, r.name, r.description, r.type, r.category, r.subcategory, r.unit, r.currency, r.unit_price,
       r.default_quantity, r.data, r.error
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(row_number integer, code text, name text, description text, type text,
     category text, subcategory text, unit text, currency text, unit_price numeric, default_quantity numeric, data jsonb,
     error text);

-- one_at_a_time
-- Two imports of one organisation would each believe that a code is free.
SELECT pg_advisory_xact_lock(hashtextextended('countersign.import', current_tenant()));

-- normalise_units
-- One spelling for each unit; a price for a hundred becomes the price for one.
UPDATE import_staging s SET unit = n.unit, unit_price = round(s.unit_price / n.factor, 4)
FROM (SELECT DISTINCT unit FROM import_staging WHERE error IS NULL) AS u CROSS JOIN LATERAL normalise_unit(u.unit) AS n
WHERE s.unit = u.unit AND s.error IS NULL AND (n.unit IS DISTINCT FROM s.unit OR n.factor <> 1);

-- refuse_duplicates
-- Of several rows with one code, the first counts.
UPDATE import_staging s SET error = 'code ' || s.code || ' stands in row ' || f.first || ' already'
FROM (SELECT row_number, min(row_number) OVER (PARTITION BY code) AS first FROM import_staging WHERE error IS NULL) AS f
WHERE f.row_number = s.row_number AND f.first < s.row_number;

-- find_targets
-- Which rows are there already, and whether they would change.
UPDATE import_staging s SET ouvrage_id = o.id, changed =
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
WHERE o.code = s.code AND o.deleted_at IS NULL AND s.error IS NULL;

-- refuse_unfit
-- New rows need a name and a unit; known ones are errors when the mapping says so.
UPDATE import_staging s SET error = CASE WHEN s.ouvrage_id IS NOT NULL THEN 'code ' || s.code || ' exists already'
                                         WHEN s.name IS NULL THEN 'name: is missing' ELSE 'unit: is missing' END
WHERE s.error IS NULL AND ((s.ouvrage_id IS NOT NULL AND %(conflict)s::text = 'error')
                           OR (s.ouvrage_id IS NULL AND (s.name IS NULL OR s.unit IS NULL)));

-- report
-- What the import does, in numbers that add up.
SELECT count(*) AS total, count(*) FILTER (WHERE s.error IS NOT NULL) AS failed,
       count(*) FILTER (WHERE s.error IS NULL AND s.ouvrage_id IS NULL) AS inserted,
       count(*) FILTER (WHERE s.error IS NULL AND s.changed AND %(conflict)s::text = 'update') AS updated,
       count(*) FILTER (WHERE s.error IS NULL AND NOT s.changed) AS unchanged,
       count(*) FILTER (WHERE s.error IS NULL AND s.changed AND %(conflict)s::text = 'skip') AS skipped,
       count(*) FILTER (WHERE p.change > 0) AS prices_up, count(*) FILTER (WHERE p.change < 0) AS prices_down,
       max(p.change) FILTER (WHERE p.change > 0) AS largest_rise, min(p.change) FILTER (WHERE p.change < 0) AS largest_fall
FROM import_staging s
LEFT JOIN ouvrages o ON o.id = s.ouvrage_id AND s.error IS NULL AND s.changed AND %(conflict)s::text = 'update'
CROSS JOIN LATERAL (SELECT s.unit_price - o.unit_price AS change) AS p;

-- name_import
-- The history of every price names the import that changed it.
SELECT set_config('countersign.import_id', %(id)s::text, true);

-- update_ouvrages
-- Rows that changed; columns that the mapping does not name stay as they are.
UPDATE ouvrages o SET
    name = coalesce(s.name, o.name), unit = coalesce(s.unit, o.unit), type = coalesce(s.type, o.type),
    description = CASE WHEN 'description' = ANY(%(given)s::text[]) THEN s.description ELSE o.description END,
    category = CASE WHEN 'category' = ANY(%(given)s::text[]) THEN s.category ELSE o.category END,
    subcategory = CASE WHEN 'subcategory' = ANY(%(given)s::text[]) THEN s.subcategory ELSE o.subcategory END,
    unit_price = CASE WHEN 'unit_price' = ANY(%(given)s::text[]) THEN s.unit_price ELSE o.unit_price END,
    currency = coalesce(s.currency, o.currency), default_quantity = coalesce(s.default_quantity, o.default_quantity),
    import_source = %(kind)s::text, import_id = %(id)s::text
FROM import_staging s
WHERE o.id = s.ouvrage_id AND s.error IS NULL AND s.changed
RETURNING o.id;

-- insert_ouvrages
-- Rows whose code is new.
INSERT INTO ouvrages (code, name, description, type, category, subcategory, unit, currency, unit_price, default_quantity,
                      import_source, import_id)
SELECT s.code, s.name, s.description, coalesce(s.type, 'simple'), s.category, s.subcategory, s.unit,
       coalesce(s.currency, 'EUR'), s.unit_price, coalesce(s.default_quantity, 1), %(kind)s::text, %(id)s::text
FROM import_staging s WHERE s.error IS NULL AND s.ouvrage_id IS NULL
ORDER BY s.row_number
RETURNING id;

-- keep_errors
-- Every refused row, for whoever corrects it.
INSERT INTO import_errors (import_log_id, row_number, error, data)
SELECT %(id)s::bigint, s.row_number, s.error, coalesce(s.data, '{}') FROM import_staging s WHERE s.error IS NOT NULL
ORDER BY s.row_number;

-- begin_import
-- An import begins.
INSERT INTO import_logs (source_type, source_name, target_table, mapping, status, started_at)
VALUES (%(kind)s::text, %(name)s::text, 'ouvrages', %(mapping)s::jsonb, 'processing', now())
RETURNING id;

-- complete_import
-- An import ended well; its first thousand errors stand on it.
UPDATE import_logs SET status = 'completed', completed_at = now(), total_rows = %(total)s::integer,
    imported_rows = %(total)s::integer - %(failed)s::integer, failed_rows = %(failed)s::integer,
    inserted_rows = %(inserted)s::integer, updated_rows = %(updated)s::integer, unchanged_rows = %(unchanged)s::integer,
    skipped_rows = %(skipped)s::integer, report = %(report)s::jsonb,
    errors = (SELECT coalesce(jsonb_agg(jsonb_build_object('row', e.row_number, 'error', e.error, 'data', e.data) ORDER BY e.row_number), '[]')
              FROM (SELECT * FROM import_errors WHERE import_log_id = %(id)s::bigint ORDER BY row_number LIMIT 1000) AS e)
WHERE id = %(id)s::bigint;

-- fail_import
-- An import that wrote nothing, and why.
UPDATE import_logs SET status = 'failed', completed_at = now(),
    errors = jsonb_build_array(jsonb_build_object('error', %(error)s::text))
WHERE id = %(id)s::bigint;

-- collections
-- Where agents search ouvrages.
SELECT DISTINCT qdrant_collection AS name FROM agents
WHERE hydration_config ->> 'table' = 'ouvrages' AND deleted_at IS NULL;
