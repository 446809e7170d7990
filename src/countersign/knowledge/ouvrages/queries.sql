-- ouvrage
-- One live ouvrage, by id or by code, with its cost by composition.
SELECT o.id, o.code, o.name, o.description, o.type, o.category, o.subcategory, o.unit, o.unit_price, o.currency,
       o.technical_specs, o.parent_id, p.code AS parent_code, o.depth, ouvrage_cost(o.id) AS cost, o.is_indexed, o.updated_at
FROM ouvrages o
LEFT JOIN ouvrages p ON p.id = o.parent_id
WHERE o.deleted_at IS NULL AND (o.id = %(id)s::bigint OR upper(o.code) = upper(%(code)s::text));

-- live
-- Those of several ouvrages that still live, with what each costs by composition.
SELECT o.id, o.code, o.name, o.description, o.type, o.category, o.subcategory, o.unit, o.unit_price, o.currency,
       o.technical_specs, o.parent_id, p.code AS parent_code, o.depth, c.cost, o.is_indexed, o.updated_at
FROM ouvrages o
LEFT JOIN ouvrages p ON p.id = o.parent_id
LEFT JOIN ouvrage_costs(%(ids)s::bigint[]) AS c ON c.ouvrage_id = o.id
WHERE o.deleted_at IS NULL AND o.id = ANY(%(ids)s::bigint[]);

-- components
-- Compositions of several ouvrages at once, exact line totals; a composed component costs what it is made of.
WITH lines AS (
    SELECT k.parent_id, k.component_id, k.quantity, k.unit, k.sort_order, k.id
    FROM ouvrage_components k WHERE k.parent_id = ANY(%(parents)s::bigint[])
), costs AS (
    SELECT * FROM ouvrage_costs(ARRAY(SELECT DISTINCT component_id FROM lines))
)
SELECT l.parent_id, c.id, c.code, c.name, c.type, l.quantity, coalesce(l.unit, c.unit) AS unit, costs.cost AS unit_price,
       l.quantity * costs.cost * CASE WHEN l.unit IS NULL OR l.unit = c.unit THEN 1 ELSE unit_ratio(l.unit, c.unit) END AS total
FROM lines l
JOIN ouvrages c ON c.id = l.component_id AND c.deleted_at IS NULL
LEFT JOIN costs ON costs.ouvrage_id = c.id
ORDER BY l.parent_id, l.sort_order, l.id;

-- whole
-- Live ouvrages with what they cost, the exact lines of their compositions and what stands below each of them, two levels deep: so many, the upper level first.
WITH line AS MATERIALIZED (
    SELECT k.parent_id, k.component_id, k.quantity, k.unit, k.sort_order, k.id
    FROM ouvrage_components k WHERE %(components)s::boolean AND k.parent_id = ANY(%(ids)s::bigint[])
), cost AS MATERIALIZED (
    SELECT c.ouvrage_id, c.cost FROM ouvrage_costs(%(ids)s::bigint[] || ARRAY(SELECT DISTINCT component_id FROM line)) AS c
), made AS (
    SELECT l.parent_id,
           json_agg(json_build_array(c.id, c.code, c.name, c.type, l.quantity::text, coalesce(l.unit, c.unit), cost.cost::text,
               (l.quantity * cost.cost * CASE WHEN l.unit IS NULL OR l.unit = c.unit THEN 1 ELSE unit_ratio(l.unit, c.unit) END)::text)
               ORDER BY l.sort_order, l.id) AS lines
    FROM line l
    CROSS JOIN LATERAL (SELECT * FROM ouvrages o WHERE o.id = l.component_id AND o.deleted_at IS NULL OFFSET 0) AS c
    LEFT JOIN cost ON cost.ouvrage_id = c.id
    GROUP BY l.parent_id
)
SELECT o.id, o.code, o.name, o.description, o.type, o.category, o.subcategory, o.unit, o.unit_price, o.currency,
       o.technical_specs, o.parent_id, p.code AS parent_code, o.depth, cost.cost, o.is_indexed, o.updated_at,
       coalesce(made.lines, '[]') AS lines, coalesce(below.rows, '[]') AS below
FROM ouvrages o
LEFT JOIN ouvrages p ON p.id = o.parent_id
LEFT JOIN cost ON cost.ouvrage_id = o.id
LEFT JOIN made ON made.parent_id = o.id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(b.id, b.parent_id, b.code, b.name, b.type, b.category, b.unit, b.unit_price::text, b.currency)
                    ORDER BY b.upper, b.level, b.code) AS rows
    FROM (
        WITH child AS MATERIALIZED (
            SELECT * FROM ouvrages c WHERE c.parent_id = o.id AND c.deleted_at IS NULL ORDER BY c.code LIMIT %(most)s::bigint
        )
        SELECT c.*, c.code AS upper, 1 AS level FROM child c
        UNION ALL
        SELECT g.*, c.code, 2 FROM child c JOIN ouvrages g ON g.parent_id = c.id AND g.deleted_at IS NULL
        ORDER BY level, upper, code LIMIT %(most)s::bigint
    ) AS b
) AS below ON %(most)s::bigint > 0
WHERE o.deleted_at IS NULL AND o.id = ANY(%(ids)s::bigint[]);

-- breakdown
-- The whole tree of an ouvrage in reading order, quantities multiplied through, root first.
SELECT line, depth, parent_id, id, code, name, type, kind, is_leaf, quantity, unit, total_quantity, price_unit, unit_price,
       total, currency, problem
FROM ouvrage_breakdown(%(id)s::bigint);

-- children
-- What stands directly below, by code.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency
FROM ouvrages o
WHERE o.parent_id = ANY(%(parents)s::bigint[]) AND o.deleted_at IS NULL
ORDER BY o.code LIMIT %(most)s::bigint;

-- used_in
-- Composed ouvrages that contain this one.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency
FROM ouvrage_components k
JOIN ouvrages o ON o.id = k.parent_id AND o.deleted_at IS NULL
WHERE k.component_id = %(id)s::bigint
ORDER BY o.code LIMIT %(most)s::bigint;

-- prices
-- Changes of the stored price, newest first, with who made them.
SELECT h.created_at AS changed_at, u.name AS actor, h.old_unit_price, h.new_unit_price, h.import_log_id,
       l.source_name AS import_name,
       CASE WHEN h.created_at >= l.undone_at THEN 'undo' WHEN h.import_log_id IS NOT NULL THEN 'import' WHEN h.actor_id IS NOT NULL THEN 'edit' ELSE 'outside' END AS source
FROM ouvrage_history h
LEFT JOIN users u ON u.id = h.actor_id
LEFT JOIN import_logs l ON l.id = h.import_log_id
WHERE h.ouvrage_id = %(id)s::bigint AND 'unit_price' = ANY(h.changed)
ORDER BY h.id DESC LIMIT %(most)s::bigint;

-- search
-- Ouvrages by words, by the beginning of a code, by type, category and price.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency
FROM ouvrages o
WHERE o.deleted_at IS NULL
  AND (%(type)s::text IS NULL OR o.type = %(type)s::text)
  AND (%(category)s::text IS NULL OR o.category = %(category)s::text)
  AND (%(price_min)s::numeric IS NULL OR o.unit_price >= %(price_min)s::numeric)
  AND (%(price_max)s::numeric IS NULL OR o.unit_price <= %(price_max)s::numeric)
  AND (%(q)s::text IS NULL OR starts_with(upper(o.code), upper(%(q)s::text))
       OR to_tsvector('french_unaccent', o.name || ' ' || coalesce(o.description, ''))
          @@ websearch_to_tsquery('french_unaccent', %(q)s::text))
ORDER BY starts_with(upper(o.code), upper(%(q)s::text)) DESC NULLS LAST,
         ts_rank(to_tsvector('french_unaccent', o.name), websearch_to_tsquery('french_unaccent', %(q)s::text)) DESC NULLS LAST,
         o.code
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- count_search
-- How many the search finds.
SELECT count(*)
FROM ouvrages o
WHERE o.deleted_at IS NULL
  AND (%(type)s::text IS NULL OR o.type = %(type)s::text)
  AND (%(category)s::text IS NULL OR o.category = %(category)s::text)
  AND (%(price_min)s::numeric IS NULL OR o.unit_price >= %(price_min)s::numeric)
  AND (%(price_max)s::numeric IS NULL OR o.unit_price <= %(price_max)s::numeric)
  AND (%(q)s::text IS NULL OR starts_with(upper(o.code), upper(%(q)s::text))
       OR to_tsvector('french_unaccent', o.name || ' ' || coalesce(o.description, ''))
          @@ websearch_to_tsquery('french_unaccent', %(q)s::text));

-- page
-- A page of the list in one of its orders, after the ouvrage where the page before it ended.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency
FROM ouvrages o
CROSS JOIN LATERAL (SELECT coalesce(o.unit_price, -999999999) AS price) AS p
WHERE o.deleted_at IS NULL
  AND (%(type)s::text IS NULL OR o.type = %(type)s::text)
  AND (%(category)s::text IS NULL OR o.category = %(category)s::text)
  AND (%(parent)s::bigint IS NULL OR o.parent_id = %(parent)s::bigint)
  AND (%(price_min)s::numeric IS NULL OR o.unit_price >= %(price_min)s::numeric)
  AND (%(price_max)s::numeric IS NULL OR o.unit_price <= %(price_max)s::numeric)
  AND (%(q)s::text IS NULL OR starts_with(upper(o.code), upper(%(q)s::text))
       OR to_tsvector('french_unaccent', o.name || ' ' || coalesce(o.description, ''))
          @@ websearch_to_tsquery('french_unaccent', %(q)s::text))
  AND (%(after_id)s::bigint IS NULL OR CASE %(sort)s::text
       WHEN 'code' THEN (o.code::text, o.id) > (%(after)s::text, %(after_id)s::bigint)
       WHEN '-code' THEN (o.code::text, o.id) < (%(after)s::text, %(after_id)s::bigint)
       WHEN 'name' THEN (o.name::text, o.id) > (%(after)s::text, %(after_id)s::bigint)
       WHEN '-name' THEN (o.name::text, o.id) < (%(after)s::text, %(after_id)s::bigint)
       WHEN 'unit_price' THEN (p.price, o.id) > (%(after_price)s::numeric, %(after_id)s::bigint)
       WHEN '-unit_price' THEN (p.price, o.id) < (%(after_price)s::numeric, %(after_id)s::bigint) END)
ORDER BY CASE WHEN %(sort)s::text = 'code' THEN o.code END,
         CASE WHEN %(sort)s::text = '-code' THEN o.code END DESC,
         CASE WHEN %(sort)s::text = 'name' THEN o.name END,
         CASE WHEN %(sort)s::text = '-name' THEN o.name END DESC,
         CASE WHEN %(sort)s::text = 'unit_price' THEN p.price END,
         CASE WHEN %(sort)s::text = '-unit_price' THEN p.price END DESC,
         CASE WHEN starts_with(%(sort)s::text, '-') THEN -o.id ELSE o.id END
LIMIT %(limit)s::bigint;

-- branches
-- What stands directly below an ouvrage, or at the top of the tree, by code, after one of them.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency,
       (SELECT count(*) FROM ouvrages b WHERE b.parent_id = o.id AND b.deleted_at IS NULL) AS below
FROM ouvrages o
WHERE o.deleted_at IS NULL
  AND (o.parent_id = %(parent)s::bigint OR (%(parent)s::bigint IS NULL AND o.parent_id IS NULL))
  AND (%(after)s::text IS NULL OR o.code::text > %(after)s::text)
ORDER BY o.code LIMIT %(most)s::bigint;

-- lock_ouvrage
-- Whoever changes an ouvrage is alone with it until the commit.
SELECT id FROM ouvrages WHERE id = %(id)s::bigint AND deleted_at IS NULL FOR UPDATE;

-- add_ouvrage
-- A new ouvrage; the price of a hundred square metres becomes that of one.
INSERT INTO ouvrages (code, name, description, type, category, subcategory, unit, unit_price, currency, technical_specs, parent_id)
SELECT %(code)s::text, %(name)s::text, %(description)s::text, %(type)s::text, %(category)s::text, %(subcategory)s::text, n.unit,
       round(%(unit_price)s::numeric / n.factor, 4), %(currency)s::text, %(technical_specs)s::jsonb, %(parent_id)s::bigint
FROM normalise_unit(%(unit)s::text) AS n
RETURNING id;

-- change_ouvrage
-- Writes every field of an ouvrage; its history keeps those that differ.
UPDATE ouvrages o
SET code = %(code)s::text, name = %(name)s::text, description = %(description)s::text, type = %(type)s::text,
    category = %(category)s::text, subcategory = %(subcategory)s::text, unit = n.unit,
    unit_price = round(%(unit_price)s::numeric / n.factor, 4), currency = %(currency)s::text,
    technical_specs = %(technical_specs)s::jsonb, parent_id = %(parent_id)s::bigint
FROM normalise_unit(%(unit)s::text) AS n
WHERE o.id = %(id)s::bigint;

-- renew_ouvrage
-- A changed composition is a new version of its ouvrage.
UPDATE ouvrages SET name = name WHERE id = %(id)s::bigint;

-- delete_ouvrage
-- Out of sight; what it was stays in the history.
UPDATE ouvrages SET deleted_at = now() WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- holding
-- Codes of live ouvrages that stand below one or are made of it.
SELECT o.code FROM ouvrages o
WHERE o.deleted_at IS NULL
  AND (o.parent_id = %(id)s::bigint OR EXISTS (
      SELECT FROM ouvrage_components k WHERE k.parent_id = o.id AND k.component_id = %(id)s::bigint))
ORDER BY o.code LIMIT 5;

-- made_of
-- Live ouvrages whose composition reaches one of these, at any depth: what they cost follows.
WITH RECURSIVE above AS (
    SELECT unnest(%(ids)s::bigint[]) AS id
    UNION
    SELECT k.parent_id FROM above a JOIN ouvrage_components k ON k.component_id = a.id
)
SELECT o.id FROM above a JOIN ouvrages o ON o.id = a.id AND o.deleted_at IS NULL;

-- reading_collections
-- Collections of agents that answer from ouvrages.
SELECT DISTINCT qdrant_collection AS name FROM agents
WHERE hydration_config ->> 'table' = 'ouvrages' AND qdrant_collection IS NOT NULL AND deleted_at IS NULL;

-- fit_parts
-- Lines of a composition with their unit in one spelling, and what is wrong with them; a line of « 2 × 100 m2 » is 200 m².
SELECT r.component_id, r.place, c.code, trim_scale(r.quantity * coalesce(n.factor, 1)) AS quantity, nullif(n.unit, c.unit) AS unit,
       c.id IS NULL AS missing, r.unit IS NOT NULL AND unit_ratio(r.unit, c.unit) IS NULL AS mismatch
FROM jsonb_to_recordset(%(parts)s::jsonb) AS r(component_id bigint, quantity numeric, unit text, place integer)
LEFT JOIN ouvrages c ON c.id = r.component_id AND c.deleted_at IS NULL
LEFT JOIN LATERAL normalise_unit(r.unit) AS n ON r.unit IS NOT NULL
ORDER BY r.place;

-- cut_components
-- Takes out of a composition what it holds no more.
DELETE FROM ouvrage_components WHERE parent_id = %(id)s::bigint AND NOT component_id = ANY(%(kept)s::bigint[]);

-- change_components
-- New quantities, units and places of components that stay.
UPDATE ouvrage_components k SET quantity = r.quantity, unit = r.unit, sort_order = r.place
FROM jsonb_to_recordset(%(parts)s::jsonb) AS r(component_id bigint, quantity numeric, unit text, place integer)
WHERE k.parent_id = %(id)s::bigint AND k.component_id = r.component_id
  AND (k.quantity, k.unit, k.sort_order) IS DISTINCT FROM (r.quantity, r.unit, r.place);

-- add_components
-- Components that are new to a composition.
INSERT INTO ouvrage_components (parent_id, component_id, quantity, unit, sort_order)
SELECT %(id)s::bigint, r.component_id, r.quantity, r.unit, r.place
FROM jsonb_to_recordset(%(parts)s::jsonb) AS r(component_id bigint, quantity numeric, unit text, place integer)
WHERE NOT EXISTS (SELECT FROM ouvrage_components k WHERE k.parent_id = %(id)s::bigint AND k.component_id = r.component_id);

-- categories
-- Categories in use.
SELECT DISTINCT category FROM ouvrages WHERE deleted_at IS NULL AND category IS NOT NULL ORDER BY category;

-- quote
-- The exact price of a quantity, in whatever unit of the same measure; its share of supplies and labour where the
-- composition makes the price.
SELECT o.id, o.code, o.name, trim_scale(asked.quantity) AS quantity, o.unit, o.currency, price.unit_price,
       trim_scale(asked.quantity * price.unit_price) AS total,
       trim_scale(asked.quantity * split.supplies) AS supplies, trim_scale(asked.quantity * split.labour) AS labour
FROM ouvrages o
CROSS JOIN LATERAL (
    SELECT %(quantity)s::numeric * CASE WHEN %(unit)s::text IS NULL THEN 1 ELSE unit_ratio(%(unit)s::text, o.unit) END AS quantity
) AS asked
CROSS JOIN LATERAL (
    SELECT sum(total) FILTER (WHERE is_leaf) AS cost, sum(total) FILTER (WHERE is_leaf AND kind = 'supplies') AS supplies,
           sum(total) FILTER (WHERE is_leaf AND kind = 'labour') AS labour, bool_or(problem IS NOT NULL) AS broken
    FROM ouvrage_breakdown(o.id)
) AS made
CROSS JOIN LATERAL (SELECT coalesce(o.unit_price, CASE WHEN NOT made.broken THEN made.cost END) AS unit_price) AS price
LEFT JOIN LATERAL (
    SELECT made.supplies, made.labour WHERE o.type = 'compose' AND NOT made.broken AND made.cost = price.unit_price
) AS split ON true
WHERE o.deleted_at IS NULL AND upper(o.code) = upper(%(code)s::text) AND asked.quantity IS NOT NULL;

-- load_ouvrages
-- Adds rows of a library whose codes are free, below parents that are there already.
INSERT INTO ouvrages (code, parent_id, name, description, type, category, subcategory, unit, unit_price, technical_specs,
                      import_source)
SELECT r.code, r.parent_id, r.name, r.description, r.type, r.category, r.subcategory, r.unit, r.unit_price,
       r.technical_specs, %(source)s::text
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(code text, parent_id bigint, name text, description text, type text,
     category text, subcategory text, unit text, unit_price numeric, technical_specs jsonb)
ON CONFLICT DO NOTHING
RETURNING code, id;

-- load_components
-- Composes rows of a library.
INSERT INTO ouvrage_components (parent_id, component_id, quantity, unit, sort_order)
SELECT r.parent_id, r.component_id, r.quantity, r.unit, r.sort_order
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(parent_id bigint, component_id bigint, quantity numeric, unit text,
     sort_order integer)
ON CONFLICT DO NOTHING;

-- read_entries
-- How ouvrages read as searchable text; a chapter that only holds others is not searched.
SELECT o.id AS source_id, o.name AS title, o.code, '/records/ouvrages/' || o.id AS url,
       concat_ws(E'\n', o.name, o.description, concat_ws(' / ', o.category, o.subcategory), 'unité : ' || o.unit,
                 specs.text, 'comprend : ' || parts.text) AS content,
       jsonb_build_object('db_id', o.id, 'type', o.type, 'code', o.code, 'category', o.category, 'subcategory', o.subcategory,
                          'unit', o.unit, 'unit_price', o.unit_price, 'tenant_id', o.tenant_id) AS payload
FROM ouvrages o
LEFT JOIN LATERAL (
    SELECT string_agg(replace(s.key, '_', ' ') || ' ' || s.value, ' ; ' ORDER BY s.key) AS text
    FROM jsonb_each_text(o.technical_specs) AS s
) AS specs ON true
LEFT JOIN LATERAL (
    SELECT string_agg(trim_scale(k.quantity) || ' ' || coalesce(k.unit, c.unit) || ' ' || c.name, ', ' ORDER BY k.sort_order, k.id) AS text
    FROM ouvrage_components k JOIN ouvrages c ON c.id = k.component_id AND c.deleted_at IS NULL
    WHERE k.parent_id = o.id
) AS parts ON true
WHERE o.deleted_at IS NULL AND (%(ids)s::bigint[] IS NULL OR o.id = ANY(%(ids)s::bigint[]))
  AND NOT (o.type = 'simple' AND o.unit_price IS NULL AND EXISTS (SELECT FROM ouvrages below WHERE below.parent_id = o.id));

-- entries_indexed
-- Says on the rows themselves that their vectors are stored.
UPDATE ouvrages o SET is_indexed = true, indexed_at = now(), qdrant_point_id = p.point::text
FROM unnest(%(ids)s::bigint[], %(points)s::uuid[]) AS p(id, point)
WHERE o.id = p.id;

-- live_ids
-- One array of every live ouvrage, or of those of one type.
SELECT coalesce(array_agg(id ORDER BY id), '{}')::bigint[] FROM ouvrages
WHERE deleted_at IS NULL AND (%(type)s::text IS NULL OR type = %(type)s::text);
