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
SELECT h.created_at AS changed_at, u.name AS actor, h.old_unit_price, h.new_unit_price
FROM ouvrage_history h
LEFT JOIN users u ON u.id = h.actor_id
WHERE h.ouvrage_id = %(id)s::bigint AND 'unit_price' = ANY(h.changed)
ORDER BY h.id DESC LIMIT %(most)s::bigint;

-- search
-- Ouvrages by words, by the beginning of a code, by type and category.
SELECT o.id, o.parent_id, o.code, o.name, o.type, o.category, o.unit, o.unit_price, o.currency
FROM ouvrages o
WHERE o.deleted_at IS NULL
  AND (%(type)s::text IS NULL OR o.type = %(type)s::text)
  AND (%(category)s::text IS NULL OR o.category = %(category)s::text)
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
  AND (%(q)s::text IS NULL OR starts_with(upper(o.code), upper(%(q)s::text))
       OR to_tsvector('french_unaccent', o.name || ' ' || coalesce(o.description, ''))
          @@ websearch_to_tsquery('french_unaccent', %(q)s::text));

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
