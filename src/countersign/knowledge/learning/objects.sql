-- A learned answer moves through its states in order, and each state is remembered.

CREATE OR REPLACE FUNCTION keep_learned_history() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO learned_history (tenant_id, learned_response_id, from_status, to_status, reason, question, answer, actor_id)
    VALUES (NEW.tenant_id, NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status, NEW.status_reason,
            NEW.question, NEW.answer, current_actor());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_learned_history() IS 'Trigger: remembers the state and wording of a learned answer.';

CREATE OR REPLACE TRIGGER learned_responses_begin BEFORE INSERT ON learned_responses
    FOR EACH ROW WHEN (NEW.status <> 'active') EXECUTE FUNCTION check_transition('learned_response', 'status');
CREATE OR REPLACE TRIGGER learned_responses_transition BEFORE UPDATE OF status ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION check_transition('learned_response', 'status');
CREATE OR REPLACE TRIGGER learned_responses_touch BEFORE UPDATE OF question, answer, status ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER learned_responses_first AFTER INSERT ON learned_responses
    FOR EACH ROW EXECUTE FUNCTION keep_learned_history();
CREATE OR REPLACE TRIGGER learned_responses_history AFTER UPDATE ON learned_responses
    FOR EACH ROW WHEN ((OLD.status, OLD.question, OLD.answer) IS DISTINCT FROM (NEW.status, NEW.question, NEW.answer))
    EXECUTE FUNCTION keep_learned_history();
CREATE OR REPLACE TRIGGER learned_history_insert_only BEFORE UPDATE OR DELETE ON learned_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- ── Facts: what a record says, column by column, as text ─────────────────────────────────────────────────────────
-- The same function reads them when an answer is learned and when a record changes, so that equal is equal.

CREATE OR REPLACE FUNCTION learned_facts(p_tenant bigint, p_table text, p_rows bigint[]) RETURNS TABLE (row_id bigint, facts jsonb)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF p_table = 'ouvrages' THEN
        -- « composition » and « children » are what makes a price without standing in the row.
        RETURN QUERY
            SELECT o.id, jsonb_build_object('code', o.code, 'name', o.name, 'description', o.description, 'type', o.type,
                       'category', o.category, 'subcategory', o.subcategory, 'unit', o.unit, 'unit_price', o.unit_price::text,
                       'currency', o.currency, 'technical_specs', nullif(o.technical_specs, '{}')::text,
                       'composition', (SELECT string_agg(format('%s × %s %s', c.code, trim_scale(k.quantity), coalesce(k.unit, c.unit)), E'\n' ORDER BY c.code)
                                       FROM ouvrage_components k JOIN ouvrages c ON c.id = k.component_id WHERE k.parent_id = o.id),
                       'children', (SELECT string_agg(b.code, E'\n' ORDER BY b.code) FROM ouvrages b
                                    WHERE b.parent_id = o.id AND b.tenant_id = o.tenant_id AND b.deleted_at IS NULL))
            FROM ouvrages o WHERE o.id = ANY (p_rows) AND o.tenant_id = p_tenant AND o.deleted_at IS NULL;
    ELSIF p_table = 'document_chunks' THEN
        RETURN QUERY
            SELECT c.id, jsonb_build_object('title', d.title, 'content', c.content)
            FROM document_chunks c JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL
            WHERE c.id = ANY (p_rows) AND c.tenant_id = p_tenant;
    ELSIF to_regclass(format('dynamic.%I', p_table)) IS NOT NULL
          AND EXISTS (SELECT FROM dynamic_tables t WHERE t.table_name = p_table AND t.tenant_id = p_tenant) THEN
        RETURN QUERY EXECUTE format(
            'SELECT r.id, (SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each_text(to_jsonb(r)) f'
            ' WHERE f.key <> ALL (''{id,tenant_id,created_at,updated_at,deleted_at}''))'
            ' FROM dynamic.%I r WHERE r.id = ANY ($1) AND r.tenant_id = $2 AND r.deleted_at IS NULL', p_table) USING p_rows, p_tenant;
    END IF;
END $$;
COMMENT ON FUNCTION learned_facts(bigint, text, bigint[]) IS 'What live records say; those that are gone are missing.';

CREATE OR REPLACE FUNCTION learned_pick(p_facts jsonb, p_columns text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_facts IS NOT NULL THEN (SELECT jsonb_object_agg(c, p_facts -> c) FROM unnest(p_columns) AS c) END;
COMMENT ON FUNCTION learned_pick(jsonb, text[]) IS 'Some columns of what a record says.';

CREATE OR REPLACE FUNCTION learned_below(p_rows bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH RECURSIVE below AS (
        SELECT k.component_id AS id FROM ouvrage_components k WHERE k.parent_id = ANY (p_rows)
        UNION
        SELECT k.component_id FROM below b JOIN ouvrage_components k ON k.parent_id = b.id
    )
    SELECT id FROM below
$$;
COMMENT ON FUNCTION learned_below(bigint[]) IS 'Ouvrages that these are made of, at any depth.';

-- ── Suspension: in the transaction that changes the record, whoever changes it ───────────────────────────────────

CREATE OR REPLACE FUNCTION recheck_learned(p_tenant bigint, p_table text, p_rows bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    suspended bigint[];
BEGIN
    IF p_table = 'document_chunks' THEN
        -- A document that came again with the same passage in it says the same.
        UPDATE learned_dependencies d SET row_id = again.id
        FROM document_chunks c
        JOIN documents was ON was.id = c.document_id AND was.deleted_at IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT n.id FROM documents o JOIN document_chunks n ON n.document_id = o.id AND n.content = c.content
            WHERE o.tenant_id = was.tenant_id AND o.collection = was.collection AND o.source = was.source
              AND o.title = was.title AND o.deleted_at IS NULL ORDER BY o.id DESC, n.position LIMIT 1) AS again
        WHERE d.tenant_id = p_tenant AND d.source_table = p_table AND d.row_id = ANY (p_rows) AND c.id = d.row_id
          AND NOT EXISTS (SELECT FROM learned_dependencies e WHERE e.learned_response_id = d.learned_response_id
                          AND e.source_table = p_table AND e.row_id = again.id);
    END IF;
    WITH now_said AS MATERIALIZED (
        SELECT f.row_id, f.facts FROM learned_facts(p_tenant, p_table, p_rows) f
    ), differing AS (
        UPDATE learned_dependencies d SET found = learned_pick(said.facts, d.columns), changed_at = now()
        FROM learned_dependencies own
        JOIN learned_responses l ON l.id = own.learned_response_id AND l.status IN ('active', 'suspended')
        LEFT JOIN now_said said ON said.row_id = own.row_id
        WHERE d.id = own.id AND own.tenant_id = p_tenant AND own.source_table = p_table AND own.row_id = ANY (p_rows)
          AND learned_pick(said.facts, own.columns) IS DISTINCT FROM own.snapshot
          AND (own.changed_at IS NULL OR learned_pick(said.facts, own.columns) IS DISTINCT FROM own.found)
        RETURNING d.learned_response_id AS id, coalesce(d.snapshot ->> 'code', d.snapshot ->> 'name', d.snapshot ->> 'title',
                      d.source_table || ' ' || d.row_id) AS label,
                  CASE WHEN said.facts IS NULL THEN 'gone' ELSE (
                      SELECT string_agg(c, ', ') FROM unnest(d.columns) AS c WHERE said.facts -> c IS DISTINCT FROM d.snapshot -> c) END AS what
    ), stopped AS (
        UPDATE learned_responses l SET status = 'suspended', suspended_at = now(), status_reason = left(why.reason, 500)
        FROM (SELECT id, string_agg(format('%s (%s)', label, what), ', ' ORDER BY label) AS reason FROM differing GROUP BY id) AS why
        WHERE l.id = why.id AND l.status = 'active'
        RETURNING l.id
    )
    SELECT array_agg(id) INTO suspended FROM stopped;
    IF suspended IS NOT NULL THEN
        INSERT INTO jobs (tenant_id, name, args, max_attempts, actor_id)
        VALUES (p_tenant, 'learning.suspended', jsonb_build_object('learned', suspended), 5, current_actor());
    END IF;
END $$;
COMMENT ON FUNCTION recheck_learned(bigint, text, bigint[]) IS
    'Suspends what was learned from these records if they say something else now, and keeps what they say.';
ALTER FUNCTION recheck_learned(bigint, text, bigint[]) OWNER TO countersign_system;
REVOKE ALL ON FUNCTION recheck_learned(bigint, text, bigint[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION watch_learned_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- One look a statement: an import of thousands of rows asks once which of them anything was learned from.
BEGIN
    PERFORM recheck_learned(d.tenant_id, TG_TABLE_NAME, array_agg(DISTINCT d.row_id))
    FROM (SELECT id, tenant_id FROM old_rows) o
    JOIN learned_dependencies d ON d.tenant_id = o.tenant_id AND d.source_table = TG_TABLE_NAME AND d.row_id = o.id
    GROUP BY d.tenant_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION watch_learned_rows() IS 'Trigger: records that changed or went are compared with what was learned from them.';
ALTER FUNCTION watch_learned_rows() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION watch_learned_rows() FROM PUBLIC;

CREATE OR REPLACE FUNCTION watch_learned_tree() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- What stands above a changed ouvrage or composition has changed too: what it is made of, what stands below it.
BEGIN
    PERFORM recheck_learned(d.tenant_id, 'ouvrages', array_agg(DISTINCT d.row_id))
    FROM (SELECT DISTINCT tenant_id, parent_id FROM new_rows WHERE parent_id IS NOT NULL) n
    JOIN learned_dependencies d ON d.tenant_id = n.tenant_id AND d.source_table = 'ouvrages' AND d.row_id = n.parent_id
    GROUP BY d.tenant_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION watch_learned_tree() IS 'Trigger: an ouvrage whose composition or children changed is compared with what was learned from it.';
ALTER FUNCTION watch_learned_tree() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION watch_learned_tree() FROM PUBLIC;

CREATE OR REPLACE FUNCTION watch_learned_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM recheck_learned(d.tenant_id, 'document_chunks', array_agg(DISTINCT d.row_id))
    FROM old_rows o
    JOIN new_rows n ON n.id = o.id AND (n.deleted_at, n.title) IS DISTINCT FROM (o.deleted_at, o.title)
    JOIN document_chunks c ON c.document_id = o.id
    JOIN learned_dependencies d ON d.tenant_id = o.tenant_id AND d.source_table = 'document_chunks' AND d.row_id = c.id
    GROUP BY d.tenant_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION watch_learned_documents() IS 'Trigger: passages of a document that left or has another title are compared with what was learned from them.';
ALTER FUNCTION watch_learned_documents() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION watch_learned_documents() FROM PUBLIC;

CREATE OR REPLACE FUNCTION watch_learned_tables() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM recheck_learned(d.tenant_id, d.source_table, array_agg(DISTINCT d.row_id))
    FROM learned_dependencies d WHERE d.tenant_id = OLD.tenant_id AND d.source_table = OLD.table_name
    GROUP BY d.tenant_id, d.source_table;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION watch_learned_tables() IS 'Trigger: a table of users that lost a column, or is gone, is compared with what was learned from it.';
ALTER FUNCTION watch_learned_tables() OWNER TO countersign_system;
REVOKE ALL ON FUNCTION watch_learned_tables() FROM PUBLIC;

CREATE OR REPLACE TRIGGER ouvrages_learned_changed AFTER UPDATE ON ouvrages
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows();
CREATE OR REPLACE TRIGGER ouvrages_learned_gone AFTER DELETE ON ouvrages
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows();
CREATE OR REPLACE TRIGGER ouvrages_learned_below AFTER INSERT ON ouvrages
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrages_learned_moved_to AFTER UPDATE ON ouvrages
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrages_learned_moved_from AFTER UPDATE ON ouvrages
    REFERENCING OLD TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrage_components_learned_added AFTER INSERT ON ouvrage_components
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrage_components_learned_changed AFTER UPDATE ON ouvrage_components
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrage_components_learned_left AFTER UPDATE ON ouvrage_components
    REFERENCING OLD TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER ouvrage_components_learned_removed AFTER DELETE ON ouvrage_components
    REFERENCING OLD TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_tree();
CREATE OR REPLACE TRIGGER document_chunks_learned_changed AFTER UPDATE ON document_chunks
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows();
CREATE OR REPLACE TRIGGER document_chunks_learned_gone AFTER DELETE ON document_chunks
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows();
CREATE OR REPLACE TRIGGER documents_learned_changed AFTER UPDATE ON documents
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_documents();
CREATE OR REPLACE TRIGGER dynamic_tables_learned_changed AFTER UPDATE OF schema_definition ON dynamic_tables
    FOR EACH ROW EXECUTE FUNCTION watch_learned_tables();
CREATE OR REPLACE TRIGGER dynamic_tables_learned_gone AFTER DELETE ON dynamic_tables
    FOR EACH ROW EXECUTE FUNCTION watch_learned_tables();

CREATE OR REPLACE FUNCTION watch_learned_table(p_table text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
-- Needs the owner. A table of users is watched from the first answer that is learned from it.
DECLARE
    relation regclass := to_regclass(format('dynamic.%I', p_table));
BEGIN
    IF relation IS NULL OR NOT EXISTS (SELECT FROM dynamic_tables t WHERE t.table_name = p_table AND t.tenant_id = current_tenant())
       OR EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = relation AND g.tgname = 'learned_changed') THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TRIGGER learned_changed AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows()', relation);
    EXECUTE format('CREATE TRIGGER learned_gone AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION watch_learned_rows()', relation);
END $$;
COMMENT ON FUNCTION watch_learned_table(text) IS 'Begins to watch a table of the caller''s tenant.';
REVOKE ALL ON FUNCTION watch_learned_table(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION watch_learned_table(text) TO countersign_app;

-- ── What is not in use is not found, and what was rejected is not in use ─────────────────────────────────────────

CREATE OR REPLACE FUNCTION forget_learned() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE index_entries SET deleted_at = now()
    WHERE tenant_id = NEW.tenant_id AND collection = 'learned_responses' AND source_table = 'learned_responses'
      AND source_id = NEW.id AND deleted_at IS NULL;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_learned() IS 'Trigger: a learned answer that is no longer active is found no more.';
CREATE OR REPLACE TRIGGER learned_responses_forget AFTER UPDATE OF status ON learned_responses
    FOR EACH ROW WHEN (NEW.status <> 'active' AND OLD.status = 'active') EXECUTE FUNCTION forget_learned();

CREATE OR REPLACE FUNCTION revoke_rejected() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE learned_responses SET status = 'revoked', status_reason = coalesce(NEW.rejection_reason, 'rejected')
    WHERE tenant_id = NEW.tenant_id AND status IN ('active', 'suspended')
      AND (message_id = NEW.id
           OR id = (jsonb_path_query_first(NEW.rag_context, '$.learned[*] ? (@.direct == true).id') #>> '{}')::bigint);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION revoke_rejected() IS 'Trigger: what was learned from an answer, or given as it, goes when the answer is rejected.';
CREATE OR REPLACE TRIGGER ai_messages_revoke_learned AFTER UPDATE OF validation_status ON ai_messages
    FOR EACH ROW WHEN (NEW.validation_status = 'rejected' AND OLD.validation_status IN ('validated', 'learned')) EXECUTE FUNCTION revoke_rejected();
