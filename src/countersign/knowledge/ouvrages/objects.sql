-- The tree, the compositions, what they cost exactly, and who changed what.

-- ── The tree: path and depth follow the parent ───────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION place_ouvrage() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    above ltree;
BEGIN
    IF NEW.parent_id IS NULL THEN
        NEW.path := NEW.id::text::ltree;
        NEW.depth := 0;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- Two moves at once could each be right and together make a ring.
        PERFORM pg_advisory_xact_lock(hashtextextended('countersign.tree', NEW.tenant_id));
    END IF;
    SELECT o.path INTO above FROM ouvrages o WHERE o.id = NEW.parent_id AND o.tenant_id = NEW.tenant_id;
    IF above IS NULL THEN
        RAISE EXCEPTION 'ouvrage-parent-missing' USING ERRCODE = 'P0422',
            DETAIL = format('%s cannot be placed: the ouvrage above it does not exist.', NEW.code);
    END IF;
    IF NEW.parent_id = NEW.id OR index(above, NEW.id::text::ltree) >= 0 THEN
        RAISE EXCEPTION 'ouvrage-cycle' USING ERRCODE = 'P0409',
            DETAIL = format('%s cannot be placed under itself or under what stands below it.', NEW.code);
    END IF;
    NEW.path := above || NEW.id::text;
    NEW.depth := nlevel(NEW.path) - 1;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION place_ouvrage() IS 'Trigger: path (ids from the root) and depth follow parent_id; cycles are refused.';

CREATE OR REPLACE FUNCTION move_descendants() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE ouvrages o
    SET path = NEW.path || subpath(o.path, nlevel(OLD.path)), depth = nlevel(NEW.path) + nlevel(o.path) - nlevel(OLD.path) - 1
    WHERE o.path <@ OLD.path AND o.id <> NEW.id AND o.tenant_id = NEW.tenant_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION move_descendants() IS 'Trigger: what stands below moves along, in one statement.';

CREATE OR REPLACE FUNCTION keep_place() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.path := OLD.path;
    NEW.depth := OLD.depth;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION keep_place() IS 'Trigger: path and depth are not set by hand.';

-- Triggers fire in the order of their names: a path set by hand is dropped before a move computes the true one.
CREATE OR REPLACE TRIGGER ouvrages_keep_place BEFORE UPDATE OF path, depth ON ouvrages
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION keep_place();
CREATE OR REPLACE TRIGGER ouvrages_place BEFORE INSERT ON ouvrages
    FOR EACH ROW EXECUTE FUNCTION place_ouvrage();
CREATE OR REPLACE TRIGGER ouvrages_place_again BEFORE UPDATE OF parent_id ON ouvrages
    FOR EACH ROW WHEN (NEW.parent_id IS DISTINCT FROM OLD.parent_id) EXECUTE FUNCTION place_ouvrage();
CREATE OR REPLACE TRIGGER ouvrages_move_descendants AFTER UPDATE OF parent_id ON ouvrages
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION move_descendants();
-- Bookkeeping of the index is not a change of the record.
CREATE OR REPLACE TRIGGER ouvrages_touch BEFORE UPDATE OF parent_id, code, name, description, type, category, subcategory, unit,
    unit_price, currency, default_quantity, technical_specs, import_source, import_id, deleted_at ON ouvrages
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

-- ── Compositions: no cycle at any depth ──────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION refuse_component_cycle() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    ring bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('countersign.composition', tenant_id))
    FROM (SELECT DISTINCT tenant_id FROM added ORDER BY 1) AS tenants;
    WITH RECURSIVE below AS (
        SELECT DISTINCT a.parent_id AS start, a.component_id AS node FROM added a
        UNION
        SELECT b.start, k.component_id FROM below b JOIN ouvrage_components k ON k.parent_id = b.node WHERE b.node <> b.start
    )
    SELECT start INTO ring FROM below WHERE node = start LIMIT 1;
    IF ring IS NOT NULL THEN
        RAISE EXCEPTION 'component-cycle' USING ERRCODE = 'P0409',
            DETAIL = format('%s would contain itself.', (SELECT code FROM ouvrages WHERE id = ring));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refuse_component_cycle() IS 'Trigger: nothing contains itself, directly or through others; once a statement.';

CREATE OR REPLACE TRIGGER ouvrage_components_no_cycle AFTER INSERT ON ouvrage_components
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_component_cycle();
CREATE OR REPLACE TRIGGER ouvrage_components_no_cycle_later AFTER UPDATE ON ouvrage_components
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_component_cycle();

-- ── History ──────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION keep_ouvrage_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ouvrage_history (tenant_id, ouvrage_id, operation, changed, old_values, new_values,
                                 old_unit_price, new_unit_price, actor_id, import_log_id)
    SELECT n.tenant_id, n.id,
           CASE WHEN o.deleted_at IS NULL AND n.deleted_at IS NOT NULL THEN 'deleted'
                WHEN o.deleted_at IS NOT NULL AND n.deleted_at IS NULL THEN 'restored' ELSE 'updated' END,
           d.changed, v.old_values, v.new_values, o.unit_price, n.unit_price, current_actor(),
           nullif(current_setting('countersign.import_id', true), '')::bigint
    FROM new_rows n
    JOIN old_rows o ON o.id = n.id
    CROSS JOIN LATERAL (
        -- Where it stands in the tree and what the index notes about it are not listed: they follow from other changes.
        SELECT array_remove(ARRAY[
            CASE WHEN o.category IS DISTINCT FROM n.category THEN 'category' END, CASE WHEN o.code IS DISTINCT FROM n.code THEN 'code' END,
            CASE WHEN o.currency IS DISTINCT FROM n.currency THEN 'currency' END, CASE WHEN o.default_quantity IS DISTINCT FROM n.default_quantity THEN 'default_quantity' END,
            CASE WHEN o.deleted_at IS DISTINCT FROM n.deleted_at THEN 'deleted_at' END, CASE WHEN o.description IS DISTINCT FROM n.description THEN 'description' END,
            CASE WHEN o.import_id IS DISTINCT FROM n.import_id THEN 'import_id' END, CASE WHEN o.import_source IS DISTINCT FROM n.import_source THEN 'import_source' END,
            CASE WHEN o.name IS DISTINCT FROM n.name THEN 'name' END, CASE WHEN o.parent_id IS DISTINCT FROM n.parent_id THEN 'parent_id' END,
            CASE WHEN o.subcategory IS DISTINCT FROM n.subcategory THEN 'subcategory' END, CASE WHEN o.technical_specs IS DISTINCT FROM n.technical_specs THEN 'technical_specs' END,
            CASE WHEN o.type IS DISTINCT FROM n.type THEN 'type' END, CASE WHEN o.unit IS DISTINCT FROM n.unit THEN 'unit' END,
            CASE WHEN o.unit_price IS DISTINCT FROM n.unit_price THEN 'unit_price' END], NULL) AS changed
    ) AS d
    CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(name, to_jsonb(o) -> name) AS old_values, jsonb_object_agg(name, to_jsonb(n) -> name) AS new_values
        FROM unnest(d.changed) AS name
    ) AS v
    WHERE d.changed <> '{}';
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_ouvrage_history() IS
    'Trigger: one row for each ouvrage that really changed; the setting countersign.import_id names the import that did it.';

CREATE OR REPLACE FUNCTION keep_component_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- The first composition, written together with its ouvrage, is not a change.
        INSERT INTO ouvrage_history (tenant_id, ouvrage_id, operation, changed, new_values, actor_id, import_log_id)
        SELECT n.tenant_id, n.parent_id, 'component_added', '{component_id,quantity,unit}',
               jsonb_build_object('component_id', n.component_id, 'quantity', n.quantity, 'unit', n.unit), current_actor(),
               nullif(current_setting('countersign.import_id', true), '')::bigint
        FROM new_rows n JOIN ouvrages o ON o.id = n.parent_id AND o.created_at < now();
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO ouvrage_history (tenant_id, ouvrage_id, operation, changed, old_values, actor_id, import_log_id)
        SELECT o.tenant_id, o.parent_id, 'component_removed', '{component_id,quantity,unit}',
               jsonb_build_object('component_id', o.component_id, 'quantity', o.quantity, 'unit', o.unit), current_actor(),
               nullif(current_setting('countersign.import_id', true), '')::bigint
        FROM old_rows o;
    ELSE
        INSERT INTO ouvrage_history (tenant_id, ouvrage_id, operation, changed, old_values, new_values, actor_id, import_log_id)
        SELECT n.tenant_id, n.parent_id, 'component_changed', '{component_id,quantity,unit}',
               jsonb_build_object('component_id', o.component_id, 'quantity', o.quantity, 'unit', o.unit),
               jsonb_build_object('component_id', n.component_id, 'quantity', n.quantity, 'unit', n.unit), current_actor(),
               nullif(current_setting('countersign.import_id', true), '')::bigint
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE (o.component_id, o.quantity, o.unit) IS DISTINCT FROM (n.component_id, n.quantity, n.unit);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_component_history() IS 'Trigger: changes of a composition are history of its ouvrage.';

CREATE OR REPLACE TRIGGER ouvrages_history AFTER UPDATE ON ouvrages
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_ouvrage_history();
CREATE OR REPLACE TRIGGER ouvrage_components_history_added AFTER INSERT ON ouvrage_components
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_component_history();
CREATE OR REPLACE TRIGGER ouvrage_components_history_changed AFTER UPDATE ON ouvrage_components
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_component_history();
CREATE OR REPLACE TRIGGER ouvrage_components_history_removed AFTER DELETE ON ouvrage_components
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION keep_component_history();
CREATE OR REPLACE TRIGGER ouvrage_history_insert_only BEFORE UPDATE OR DELETE ON ouvrage_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- ── Units ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION normalise_unit(p_unit text, OUT factor numeric, OUT unit text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    found text[];
BEGIN
    factor := 1;
    unit := nullif(btrim(translate(lower(p_unit), '²³', '23')), '');
    IF unit ~ '[[:space:]]{2}|[[:space:]]$' THEN
        unit := regexp_replace(unit, '[[:space:]]+', ' ', 'g');
    END IF;
    -- « 100 m2 » is a hundred square metres: factor 100, unit m².
    IF unit ~ '^[0-9]' THEN
        found := regexp_match(unit, '^([0-9]+(?:[.,][0-9]+)?) ?([^0-9 ].*)$');
        IF found IS NOT NULL AND found[1] ~ '[1-9]' THEN
            factor := trim_scale(replace(found[1], ',', '.')::numeric);
            unit := found[2];
        END IF;
    END IF;
    unit := CASE
        WHEN unit IN ('kg', 'g', 't', 'm', 'ml', 'h', 'j', 'l', 'ens', 'fft', 'cm', 'mm', 'km') THEN unit
        ELSE CASE replace(unit, '.', '')
            WHEN 'm2' THEN 'm²' WHEN 'mètre carré' THEN 'm²' WHEN 'mètres carrés' THEN 'm²'
            WHEN 'm3' THEN 'm³' WHEN 'mètre cube' THEN 'm³' WHEN 'mètres cubes' THEN 'm³'
            WHEN 'cm2' THEN 'cm²' WHEN 'cm3' THEN 'cm³' WHEN 'dm3' THEN 'dm³'
            WHEN 'ml' THEN 'ml' WHEN 'm l' THEN 'ml' WHEN 'mètre linéaire' THEN 'ml' WHEN 'mètres linéaires' THEN 'ml'
            WHEN 'mètre' THEN 'm' WHEN 'mètres' THEN 'm' WHEN 'metre' THEN 'm'
            WHEN 'u' THEN 'U' WHEN 'un' THEN 'U' WHEN 'unité' THEN 'U' WHEN 'unités' THEN 'U' WHEN 'unite' THEN 'U'
            WHEN 'pièce' THEN 'U' WHEN 'pièces' THEN 'U' WHEN 'piece' THEN 'U' WHEN 'pieces' THEN 'U'
            WHEN 'pce' THEN 'U' WHEN 'pces' THEN 'U' WHEN 'pcs' THEN 'U' WHEN 'pc' THEN 'U'
            WHEN 'heure' THEN 'h' WHEN 'heures' THEN 'h' WHEN 'hr' THEN 'h' WHEN 'hrs' THEN 'h'
            WHEN 'personnes-heures' THEN 'h' WHEN 'personne-heure' THEN 'h'
            WHEN 'heures machine' THEN 'h machine' WHEN 'heure machine' THEN 'h machine'
            WHEN 'jour' THEN 'j' WHEN 'jours' THEN 'j'
            WHEN 'kilo' THEN 'kg' WHEN 'kilos' THEN 'kg' WHEN 'kilogramme' THEN 'kg' WHEN 'kilogrammes' THEN 'kg'
            WHEN 'gramme' THEN 'g' WHEN 'grammes' THEN 'g' WHEN 'tonne' THEN 't' WHEN 'tonnes' THEN 't'
            WHEN 'litre' THEN 'l' WHEN 'litres' THEN 'l'
            WHEN 'ensemble' THEN 'ens' WHEN 'ensembles' THEN 'ens' WHEN 'compl' THEN 'ens'
            WHEN 'forfait' THEN 'fft' WHEN 'ff' THEN 'fft' WHEN 'ft' THEN 'fft'
            WHEN 'kw' THEN 'kW' WHEN 'kwh' THEN 'kWh'
            ELSE unit END
        END;
END $$;
COMMENT ON FUNCTION normalise_unit(text) IS 'One spelling for each unit, and how many of it the text means: « 100 m2 » is (100, m²).';

CREATE OR REPLACE FUNCTION unit_measure(p_unit text, OUT factor numeric, OUT measure text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
BEGIN
    SELECT n.factor, n.unit INTO factor, measure FROM normalise_unit(p_unit) AS n;
    factor := factor * CASE measure
        WHEN 'km' THEN 1000 WHEN 'dm' THEN 0.1 WHEN 'cm' THEN 0.01 WHEN 'mm' THEN 0.001
        WHEN 'cm²' THEN 0.0001 WHEN 'ha' THEN 10000
        WHEN 'dm³' THEN 0.001 WHEN 'l' THEN 0.001 WHEN 'cm³' THEN 0.000001
        WHEN 'g' THEN 0.001 WHEN 't' THEN 1000 ELSE 1 END;
    measure := CASE
        WHEN measure IN ('ml', 'km', 'dm', 'cm', 'mm') THEN 'm' WHEN measure IN ('cm²', 'ha') THEN 'm²'
        WHEN measure IN ('dm³', 'l', 'cm³') THEN 'm³' WHEN measure IN ('g', 't') THEN 'kg' ELSE measure END;
END $$;
COMMENT ON FUNCTION unit_measure(text) IS 'What a unit measures (m, m², m³, kg, or itself), and how many of that one unit is.';

CREATE OR REPLACE FUNCTION unit_ratio(p_from text, p_to text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    a record;
    b record;
BEGIN
    IF p_from = p_to THEN
        RETURN 1;
    END IF;
    a := unit_measure(p_from);
    b := unit_measure(p_to);
    -- Factors of the trade are powers of ten: multiplying by this keeps decimal quantities exact.
    RETURN CASE WHEN a.measure = b.measure THEN trim_scale(a.factor * (1 / b.factor)) END;
END $$;
COMMENT ON FUNCTION unit_ratio(text, text) IS 'How many of the second unit one of the first is; NULL when they measure different things.';

-- ── What it costs ────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION ouvrage_costs(p_ids bigint[])
RETURNS TABLE (ouvrage_id bigint, cost numeric, reason text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    -- OFFSET 0 keeps each step a look-up by key, also where an import has just made the statistics wrong.
    WITH RECURSIVE tree AS (
        SELECT o.id AS root, o.id AS node, o.code, 1::numeric AS quantity, o.unit_price, o.currency, NULL::text AS problem
        FROM ouvrages o WHERE o.id = ANY (p_ids)
        UNION ALL
        SELECT t.root, c.id, c.code, t.quantity * k.quantity * k.ratio, c.unit_price, t.currency,
               CASE WHEN c.deleted_at IS NOT NULL THEN 'deleted' WHEN k.ratio IS NULL THEN 'unit-mismatch'
                    WHEN c.currency <> t.currency THEN 'currency-mismatch' END
        FROM tree t
        CROSS JOIN LATERAL (SELECT * FROM ouvrage_components k WHERE k.parent_id = t.node OFFSET 0) AS part
        CROSS JOIN LATERAL (SELECT * FROM ouvrages o WHERE o.id = part.component_id OFFSET 0) AS c
        CROSS JOIN LATERAL (
            SELECT part.quantity, CASE WHEN part.unit IS NULL OR part.unit = c.unit THEN 1 ELSE unit_ratio(part.unit, c.unit) END AS ratio
        ) AS k
        WHERE t.problem IS NULL
    ), leaf AS (
        SELECT t.root, t.code, t.quantity * t.unit_price AS amount,
               coalesce(t.problem, CASE WHEN t.unit_price IS NULL THEN 'missing-price' END) AS problem
        FROM tree t
        WHERE t.problem IS NOT NULL OR (SELECT k.id FROM ouvrage_components k WHERE k.parent_id = t.node LIMIT 1) IS NULL
    ), summed AS (
        SELECT root, count(problem) = 0 AS complete, trim_scale(sum(amount)) AS cost FROM leaf GROUP BY root
    ), trouble AS (
        SELECT root, problem || ': ' || string_agg(DISTINCT code, ', ' ORDER BY code) AS told FROM leaf
        WHERE problem IS NOT NULL GROUP BY root, problem
    ), reason AS (
        SELECT root, string_agg(told, '; ' ORDER BY told) AS told FROM trouble GROUP BY root
    )
    SELECT s.root, CASE WHEN s.complete THEN s.cost END, r.told FROM summed s LEFT JOIN reason r ON r.root = s.root
$$;
COMMENT ON FUNCTION ouvrage_costs(bigint[]) IS
    'Exact cost of one unit of each ouvrage: Σ quantity × cost of its components, a leaf''s unit_price; NULL with the reason when
something is missing. Reasons: missing-price, unit-mismatch, currency-mismatch, deleted, each with codes.';

CREATE OR REPLACE FUNCTION ouvrage_cost(p_id bigint) RETURNS numeric
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT cost FROM ouvrage_costs(ARRAY[p_id])
$$;
COMMENT ON FUNCTION ouvrage_cost(bigint) IS 'Exact cost of one unit; NULL when a price is missing, never 0 for it.';

CREATE OR REPLACE FUNCTION ouvrage_cost_reason(p_id bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT reason FROM ouvrage_costs(ARRAY[p_id])
$$;
COMMENT ON FUNCTION ouvrage_cost_reason(bigint) IS 'Why ouvrage_cost is NULL, as « missing-price: CODE, CODE; unit-mismatch: CODE »; NULL when it is not.';

DROP FUNCTION IF EXISTS ouvrage_breakdown(bigint);
CREATE FUNCTION ouvrage_breakdown(p_id bigint)
RETURNS TABLE (line bigint, depth integer, parent_id bigint, id bigint, code text, name text, type text, kind text, is_leaf boolean,
               quantity numeric, unit text, total_quantity numeric, price_unit text, unit_price numeric, total numeric,
               currency text, problem text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE tree AS (
        SELECT o.id AS node, NULL::bigint AS above, 0 AS depth, 1::numeric AS quantity, o.unit, 1::numeric AS total_quantity,
               NULL::text AS problem, '{}'::bigint[] AS place, o.currency, o.code, o.name, o.type, o.unit AS price_unit
        FROM ouvrages o WHERE o.id = p_id
        UNION ALL
        SELECT c.id, t.node, t.depth + 1, part.quantity, coalesce(part.unit, c.unit), t.total_quantity * part.quantity * u.ratio,
               CASE WHEN c.deleted_at IS NOT NULL THEN 'deleted' WHEN u.ratio IS NULL THEN 'unit-mismatch'
                    WHEN c.currency <> t.currency THEN 'currency-mismatch' END,
               t.place || part.sort_order::bigint || part.id, t.currency, c.code, c.name, c.type, c.unit
        FROM tree t
        CROSS JOIN LATERAL (SELECT * FROM ouvrage_components k WHERE k.parent_id = t.node OFFSET 0) AS part
        CROSS JOIN LATERAL (SELECT * FROM ouvrages o WHERE o.id = part.component_id OFFSET 0) AS c
        CROSS JOIN LATERAL (
            SELECT CASE WHEN part.unit IS NULL OR part.unit = c.unit THEN 1 ELSE unit_ratio(part.unit, c.unit) END AS ratio
        ) AS u
        WHERE t.problem IS NULL
    )
    SELECT row_number() OVER (ORDER BY t.place), t.depth, t.above, t.node, t.code::text, t.name::text, t.type::text,
           CASE WHEN NOT s.is_leaf THEN 'composed' WHEN t.type = 'fourniture' THEN 'supplies'
                WHEN t.type = 'main_oeuvre' THEN 'labour' ELSE 'other' END,
           s.is_leaf, t.quantity, t.unit::text, trim_scale(t.total_quantity), t.price_unit::text, c.cost,
           CASE WHEN t.problem IS NULL THEN trim_scale(t.total_quantity * c.cost) END, t.currency::text,
           coalesce(t.problem, c.reason)
    FROM tree t
    JOIN ouvrage_costs(ARRAY(SELECT DISTINCT node FROM tree)) AS c ON c.ouvrage_id = t.node
    CROSS JOIN LATERAL (
        SELECT t.problem IS NOT NULL OR (SELECT k.id FROM ouvrage_components k WHERE k.parent_id = t.node LIMIT 1) IS NULL AS is_leaf
    ) AS s
    ORDER BY 1
$$;
COMMENT ON FUNCTION ouvrage_breakdown(bigint) IS
    'The whole tree in reading order, root first: quantity as written, total_quantity multiplied through in the line''s own price_unit,
total = total_quantity × unit_price; kind is composed, supplies, labour or other, and the leaves add up to the root.';

-- ── Views named by the trade ─────────────────────────────────────────────────────────────────────────────────────

DROP VIEW IF EXISTS fournitures;
CREATE VIEW fournitures WITH (security_invoker = true) AS
    SELECT * FROM ouvrages WHERE type = 'fourniture' AND deleted_at IS NULL;
COMMENT ON VIEW fournitures IS 'Live supplies of the price library.';

DROP VIEW IF EXISTS main_oeuvres;
CREATE VIEW main_oeuvres WITH (security_invoker = true) AS
    SELECT * FROM ouvrages WHERE type = 'main_oeuvre' AND deleted_at IS NULL;
COMMENT ON VIEW main_oeuvres IS 'Live labour of the price library.';

GRANT SELECT ON fournitures, main_oeuvres TO countersign_app;
