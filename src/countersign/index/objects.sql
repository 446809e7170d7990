-- ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION index_fold(p_text text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN regexp_replace(unaccent(lower(normalize(left(p_text, 200000), NFKC))), '[^[:alnum:]]+', ' ', 'g');
COMMENT ON FUNCTION index_fold(text) IS
    'Lower-case letters and digits without accents, blanks between: « l''Œuvre Ø40, 12 m² » becomes « l oeuvre o40 12 m2 ».';

CREATE OR REPLACE FUNCTION index_words(p_text text) RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_tsvector('index_words', index_fold(p_text));
COMMENT ON FUNCTION index_words(text) IS 'Stems of a text with their positions; questions and entries take the same way.';

CREATE OR REPLACE FUNCTION refresh_words(p_entries bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- Postings and statistics of these entries, from their present text; deleted entries lose theirs. Writers of one corpus
-- wait for each other at its row, so that the counts stay exact.
BEGIN
    INSERT INTO index_corpora (collection, kind)
    SELECT DISTINCT e.collection, e.kind FROM index_entries e WHERE e.no = ANY (p_entries)
    ON CONFLICT DO NOTHING;
    PERFORM FROM index_corpora c
    WHERE (c.collection, c.kind) IN (SELECT e.collection, e.kind FROM index_entries e WHERE e.no = ANY (p_entries))
    ORDER BY c.id FOR UPDATE;

    WITH taken AS (
        DELETE FROM index_postings p WHERE p.entry_no = ANY (p_entries) RETURNING p.term_id
    )
    UPDATE index_terms t SET entries = t.entries - gone.entries
    FROM (SELECT term_id, count(*) AS entries FROM taken GROUP BY term_id) gone
    WHERE t.id = gone.term_id;

    WITH old AS (
        SELECT e.collection, e.kind, count(*) AS entries, sum(e.words) AS words
        FROM index_entries e WHERE e.no = ANY (p_entries) AND e.words IS NOT NULL GROUP BY e.collection, e.kind
    )
    UPDATE index_corpora c SET entries = c.entries - old.entries, words = c.words - old.words
    FROM old WHERE c.collection = old.collection AND c.kind = old.kind;

    WITH found AS MATERIALIZED (
        SELECT e.no, c.id AS corpus_id, w.lexeme AS term, cardinality(w.positions)::smallint AS times
        FROM index_entries e
        JOIN index_corpora c ON c.collection = e.collection AND c.kind = e.kind
        CROSS JOIN LATERAL unnest(index_words(concat_ws(' ', e.title, e.code, e.content))) w
        WHERE e.no = ANY (p_entries) AND e.deleted_at IS NULL
    ), known AS (
        INSERT INTO index_terms AS t (corpus_id, term, entries)
        SELECT corpus_id, term, count(*) FROM found GROUP BY corpus_id, term ORDER BY corpus_id, term
        ON CONFLICT (tenant_id, corpus_id, term) DO UPDATE SET entries = t.entries + excluded.entries
        RETURNING t.id, t.corpus_id, t.term
    ), measured AS (
        SELECT f.no, sum(f.times)::integer AS words FROM found f GROUP BY f.no
    ), posted AS (
        INSERT INTO index_postings (entry_no, term_id, times, words)
        SELECT f.no, k.id, f.times, m.words
        FROM found f
        JOIN known k ON k.corpus_id = f.corpus_id AND k.term = f.term
        JOIN measured m ON m.no = f.no
        ORDER BY k.id, f.no
    )
    UPDATE index_entries e
    SET words = CASE WHEN e.deleted_at IS NULL THEN coalesce(m.words, 0) END
    FROM unnest(p_entries) AS wanted(no) LEFT JOIN measured m ON m.no = wanted.no
    WHERE e.no = wanted.no;

    WITH new AS (
        SELECT e.collection, e.kind, count(*) AS entries, sum(e.words) AS words
        FROM index_entries e WHERE e.no = ANY (p_entries) AND e.words IS NOT NULL GROUP BY e.collection, e.kind
    )
    UPDATE index_corpora c SET entries = c.entries + new.entries, words = c.words + new.words
    FROM new WHERE c.collection = new.collection AND c.kind = new.kind;
END $$;
COMMENT ON FUNCTION refresh_words(bigint[]) IS 'Brings the words of these entries up to date, in the transaction that changed them.';

CREATE OR REPLACE FUNCTION question_terms(p_collection text, p_question text, p_kinds text[])
RETURNS TABLE (term_id integer, weight double precision, entries bigint, average double precision)
LANGUAGE sql STABLE ROWS 30 SET search_path = public, pg_temp AS $$
    -- A term that several kinds have is one term: its frequency is counted over all of them.
    WITH corpus AS (
        SELECT c.id, c.entries, c.words FROM index_corpora c
        WHERE c.tenant_id = current_tenant() AND c.collection = p_collection
          AND (p_kinds IS NULL OR c.kind = ANY (p_kinds)) AND c.entries > 0
    ), total AS (
        SELECT sum(entries)::double precision AS entries, greatest(sum(words)::double precision / sum(entries), 1) AS average
        FROM corpus
    ), known AS (
        SELECT t.id, t.entries, sum(t.entries) OVER (PARTITION BY asked.term) AS frequency
        FROM unnest(tsvector_to_array(index_words(p_question))) AS asked(term)
        CROSS JOIN corpus
        CROSS JOIN LATERAL (
            SELECT t.id, t.entries FROM index_terms t
            WHERE t.tenant_id = current_tenant() AND t.corpus_id = corpus.id AND t.term = asked.term AND t.entries > 0
            OFFSET 0) t
    )
    SELECT known.id, ln(1 + (total.entries - known.frequency + 0.5) / (known.frequency + 0.5)), known.entries, total.average
    FROM known, total
    ORDER BY known.frequency, known.id
    LIMIT 64
$$;
COMMENT ON FUNCTION question_terms(text, text, text[]) IS
    'Words of a question that the collection knows, rarest first, with their inverse document frequency.';

CREATE OR REPLACE FUNCTION bm25(p_weight double precision, p_times smallint, p_words integer, p_average double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_weight * p_times * float8 '2.2' / (p_times + float8 '0.3' + float8 '0.9' * p_words / p_average);
COMMENT ON FUNCTION bm25(double precision, smallint, integer, double precision) IS 'Share of one term in a score: k1 = 1.2, b = 0.75.';

CREATE OR REPLACE FUNCTION lexical_scores(p_collection text, p_question text, p_kinds text[], p_entries bigint[])
RETURNS TABLE (entry_no bigint, score double precision)
LANGUAGE sql STABLE ROWS 40 SET search_path = public, pg_temp AS $$
    SELECT p.entry_no, sum(bm25(t.weight, p.times, p.words, t.average))
    FROM question_terms(p_collection, p_question, p_kinds) t
    CROSS JOIN unnest(p_entries) AS wanted(no)
    CROSS JOIN LATERAL (
        SELECT p.* FROM index_postings p
        WHERE p.tenant_id = current_tenant() AND p.term_id = t.term_id AND p.entry_no = wanted.no
        OFFSET 0) p
    GROUP BY p.entry_no
$$;
COMMENT ON FUNCTION lexical_scores(text, text, text[], bigint[]) IS 'BM25 of given entries; those that share no word are left out.';

CREATE OR REPLACE FUNCTION lexical_search(p_collection text, p_question text, p_kinds text[], p_most integer)
RETURNS TABLE (entry_no bigint, score double precision)
LANGUAGE plpgsql STABLE ROWS 40 SET search_path = public, pg_temp AS $$
-- Rare terms choose the candidates, as many as fit into a budget of postings; every term then scores the best of them.
-- Within the budget (always, for a few thousand entries) the result is plain BM25. OFFSET 0 keeps the one good plan,
-- probes of the primary key, also while a table that was just filled has no statistics.
DECLARE
    budget CONSTANT bigint := 8000;
    chosen integer[];
    weights double precision[];
    others integer[];
    other_weights double precision[];
    mean double precision;
BEGIN
    SELECT array_agg(t.term_id) FILTER (WHERE t.chosen), array_agg(t.weight) FILTER (WHERE t.chosen),
           array_agg(t.term_id) FILTER (WHERE NOT t.chosen), array_agg(t.weight) FILTER (WHERE NOT t.chosen), max(t.average)
    INTO chosen, weights, others, other_weights, mean
    FROM (
        SELECT q.*, rank() OVER (ORDER BY q.weight DESC) = 1
                    OR sum(q.entries) OVER (ORDER BY q.weight DESC, q.term_id) <= budget AS chosen
        FROM question_terms(p_collection, p_question, p_kinds) q
    ) t;
    IF chosen IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT p.entry_no, sum(bm25(t.weight, p.times, p.words, mean)) AS score
        FROM unnest(chosen, weights) AS t(id, weight)
        CROSS JOIN LATERAL (
            SELECT p.* FROM index_postings p WHERE p.tenant_id = current_tenant() AND p.term_id = t.id OFFSET 0) p
        GROUP BY p.entry_no
        ORDER BY score DESC, p.entry_no
        LIMIT greatest(200, 2 * p_most)
    ), scored AS (
        SELECT c.entry_no, c.score + coalesce((
                   SELECT sum(bm25(t.weight, p.times, p.words, mean))
                   FROM unnest(others, other_weights) AS t(id, weight)
                   CROSS JOIN LATERAL (
                       SELECT p.* FROM index_postings p
                       WHERE p.tenant_id = current_tenant() AND p.term_id = t.id AND p.entry_no = c.entry_no
                       OFFSET 0) p), 0) AS score
        FROM candidate c
    )
    SELECT s.entry_no, s.score
    FROM scored s
    CROSS JOIN LATERAL (SELECT FROM index_entries e WHERE e.no = s.entry_no AND e.deleted_at IS NULL OFFSET 0) live
    ORDER BY s.score DESC, s.entry_no
    LIMIT p_most;
END $$;
COMMENT ON FUNCTION lexical_search(text, text, text[], integer) IS 'Best entries of this tenant for a question by BM25, best first.';

-- ── Marks ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION mark_entries(p_collection text, p_kind text, p_table text, p_ids bigint[]) RETURNS bigint
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH marked AS (
        INSERT INTO index_entries AS e (collection, kind, source_table, source_id)
        SELECT DISTINCT p_collection, p_kind, p_table, id FROM unnest(p_ids) AS changed(id) ORDER BY id
        ON CONFLICT (tenant_id, collection, kind, source_id) DO UPDATE
        SET is_stale = true, deleted_at = NULL, attempts = 0, error = NULL, not_before = now()
        WHERE NOT e.is_stale OR e.deleted_at IS NOT NULL OR e.attempts > 0
        RETURNING 1
    )
    SELECT count(*) FROM marked
$$;
COMMENT ON FUNCTION mark_entries(text, text, text, bigint[]) IS
    'These rows changed or are new: their entries are read again. Call it in the transaction that changed them.';

CREATE OR REPLACE FUNCTION touch_entries(p_kind text, p_ids bigint[]) RETURNS text[]
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH touched AS (
        UPDATE index_entries
        SET is_stale = true, attempts = 0, error = NULL, not_before = now()
        WHERE tenant_id = current_tenant() AND kind = p_kind AND source_id = ANY (p_ids) AND deleted_at IS NULL
        RETURNING collection
    )
    SELECT coalesce(array_agg(DISTINCT collection::text), '{}') FROM touched
$$;
COMMENT ON FUNCTION touch_entries(text, bigint[]) IS 'These rows changed: their entries are read again. Returns their collections.';

CREATE OR REPLACE FUNCTION forget_entries(p_kind text, p_ids bigint[]) RETURNS text[]
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH forgotten AS (
        UPDATE index_entries SET deleted_at = now()
        WHERE tenant_id = current_tenant() AND kind = p_kind AND source_id = ANY (p_ids) AND deleted_at IS NULL
        RETURNING collection
    )
    SELECT coalesce(array_agg(DISTINCT collection::text), '{}') FROM forgotten
$$;
COMMENT ON FUNCTION forget_entries(text, bigint[]) IS 'These rows are gone: no search finds them from now on. Returns their collections.';

CREATE OR REPLACE FUNCTION end_index_job(p_job bigint, p_collection text) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
-- A mark made while the job ran was folded into it and holds its row until the commit. So: lock, look again with what is
-- committed by then, and give up the key if nothing waits; whoever marks afterwards gets a job of their own.
BEGIN
    PERFORM FROM jobs WHERE id = p_job FOR UPDATE;
    IF EXISTS (
        SELECT FROM index_entries
        WHERE collection = p_collection AND attempts < 8 AND not_before <= now()
          AND (is_stale OR deleted_at IS NOT NULL OR indexed_hash IS DISTINCT FROM content_hash)
    ) OR EXISTS (  -- written to a generation that another one replaced meanwhile
        SELECT FROM index_entries e
        JOIN index_collections c ON c.id = e.indexed_in AND c.state = 'retired'
        WHERE e.collection = p_collection AND e.deleted_at IS NULL AND e.attempts < 8 AND e.not_before <= now()
          AND EXISTS (SELECT FROM index_collections a
                      WHERE a.name = c.name AND a.backend = c.backend AND a.state = 'active' AND a.embedder = c.embedder)
    ) THEN
        RETURN false;
    END IF;
    UPDATE jobs SET dedup_key = NULL WHERE id = p_job;
    RETURN true;
END $$;
COMMENT ON FUNCTION end_index_job(bigint, text) IS 'Whether an index job may end; no mark is lost between its last look and its end.';

-- ── Codes ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION index_code(p_code text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(replace(index_fold(p_code), ' ', ''), '');
COMMENT ON FUNCTION index_code(text) IS '« CLO-PLA-001 », « clo pla 001 » and « CLOPLA001 » are one code: clopla001.';

CREATE OR REPLACE FUNCTION code_search(p_collection text, p_question text, p_kinds text[], p_most integer)
RETURNS TABLE (entry_no bigint, place integer)
LANGUAGE sql STABLE ROWS 2 SET search_path = public, pg_temp AS $$
    -- One to six neighbouring words may spell a code. A code of digits alone must be long and one of letters alone must be
    -- typed as it is: « 25 », « beton » are words of a sentence first.
    WITH word AS (
        SELECT w.word, w.place::integer
        FROM unnest(string_to_array(trim(index_fold(left(p_question, 2000))), ' ')) WITH ORDINALITY AS w(word, place)
        WHERE w.place <= 200
    ), spelled AS (
        SELECT string_agg(next.word, '' ORDER BY next.place) AS key, word.place, span.words
        FROM word
        CROSS JOIN generate_series(1, 6) AS span(words)
        JOIN word next ON next.place BETWEEN word.place AND word.place + span.words - 1
        GROUP BY word.place, span.words
        HAVING count(*) = span.words
    )
    SELECT e.no, min(s.place)
    FROM (SELECT key, min(place) AS place FROM spelled WHERE length(key) > 1 GROUP BY key) s
    CROSS JOIN LATERAL (
        SELECT e.no, e.code, e.kind FROM index_entries e
        WHERE e.tenant_id = current_tenant() AND e.collection = p_collection AND e.code_key = s.key AND e.deleted_at IS NULL
        LIMIT p_most) e
    WHERE (p_kinds IS NULL OR e.kind = ANY (p_kinds))
      AND CASE WHEN s.key ~ '^[0-9]+$' THEN length(s.key) >= 5
               WHEN s.key ~ '[0-9]' THEN true
               ELSE e.code = upper(e.code) AND p_question ~ ('\m' || regexp_replace(e.code, '([^[:alnum:]])', '\\\1', 'g') || '\M')
          END
    GROUP BY e.no
    ORDER BY 2, 1
    LIMIT p_most
$$;
COMMENT ON FUNCTION code_search(text, text, text[], integer) IS 'Entries whose code the question names, in the order of naming.';

-- ── Vectors in PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        CREATE EXTENSION IF NOT EXISTS vector;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'The extension vector is there but may not be created by this role: ask an administrator, or use Qdrant.';
END $$;

CREATE OR REPLACE FUNCTION vector_table(p_name text) RETURNS vector_tables
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    found vector_tables;
BEGIN
    SELECT * INTO found FROM vector_tables WHERE name = p_name OR alias = p_name ORDER BY name = p_name DESC LIMIT 1;
    IF found.id IS NULL THEN
        RAISE EXCEPTION 'unknown-collection' USING ERRCODE = 'P0404', DETAIL = format('There is no collection %s.', p_name);
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION vector_table(text) IS 'The table that a name or an alias means. Raises unknown-collection.';

CREATE OR REPLACE FUNCTION fitting_vector_table(p_name text, p_vector text) RETURNS vector_tables
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    found vector_tables := vector_table(p_name);
BEGIN
    IF found.dimensions <> regexp_count(p_vector, ',') + 1 THEN
        RAISE EXCEPTION 'dimension-mismatch' USING ERRCODE = 'P0409', DETAIL = found.dimensions;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION fitting_vector_table(text, text) IS 'The table of a name, when the vector fits. Raises dimension-mismatch with what the table has.';

CREATE OR REPLACE FUNCTION create_vector_table(p_name text, p_dimensions integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    made vector_tables;
BEGIN
    IF to_regtype('halfvec') IS NULL THEN
        RAISE EXCEPTION 'no-pgvector' USING ERRCODE = 'P0503',
            DETAIL = 'This PostgreSQL has no extension “vector”. Install pgvector and migrate again, or set COUNTERSIGN_QDRANT_URL.';
    END IF;
    INSERT INTO vector_tables (name, dimensions) VALUES (p_name, p_dimensions)
    ON CONFLICT (name) DO NOTHING RETURNING * INTO made;
    IF made.id IS NULL THEN
        RETURN (SELECT dimensions FROM vector_tables WHERE name = p_name);
    END IF;
    EXECUTE format('CREATE TABLE vectors.t%s (id uuid PRIMARY KEY, tenant_id bigint NOT NULL, kind text NOT NULL,'
                   ' embedding halfvec(%s) NOT NULL)', made.id, p_dimensions);
    -- In the row itself, where a page holds it: a scan that fetches each vector from a side table is far slower.
    IF p_dimensions <= 3900 THEN
        EXECUTE format('ALTER TABLE vectors.t%s ALTER embedding SET STORAGE PLAIN', made.id);
    END IF;
    EXECUTE format('CREATE INDEX ON vectors.t%s (tenant_id)', made.id);
    EXECUTE format('ALTER TABLE vectors.t%s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', made.id);
    EXECUTE format('CREATE POLICY tenant_only ON vectors.t%s TO countersign_app USING (tenant_id = current_tenant())'
                   ' WITH CHECK (tenant_id = current_tenant())', made.id);
    EXECUTE format('CREATE POLICY system_all ON vectors.t%s TO countersign_system USING (true) WITH CHECK (true)', made.id);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON vectors.t%s TO countersign_app', made.id);
    RETURN p_dimensions;
END $$;
COMMENT ON FUNCTION create_vector_table(text, integer) IS 'Makes a collection of vectors unless it exists; returns the dimensions that it has.';

CREATE OR REPLACE FUNCTION drop_vector_table(p_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF EXISTS (SELECT FROM index_collections WHERE physical = p_name AND backend = 'pgvector' AND state = 'active') THEN
        RAISE EXCEPTION 'collection-answers' USING ERRCODE = 'P0409',
            DETAIL = format('%s answers questions now. Build another generation first.', p_name);
    END IF;
    DELETE FROM vector_tables WHERE name = p_name RETURNING id INTO gone;
    IF gone IS NOT NULL THEN
        EXECUTE format('DROP TABLE IF EXISTS vectors.t%s', gone);
    END IF;
END $$;
COMMENT ON FUNCTION drop_vector_table(text) IS 'Removes a collection of vectors with everything in it, unless it answers questions.';

CREATE OR REPLACE FUNCTION alias_vectors(p_alias text, p_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE vector_tables SET alias = NULL WHERE alias = p_alias AND name <> p_name;
    UPDATE vector_tables SET alias = p_alias WHERE name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown-collection' USING ERRCODE = 'P0404', DETAIL = format('There is no collection %s.', p_name);
    END IF;
END $$;
COMMENT ON FUNCTION alias_vectors(text, text) IS 'Lets an alias name another collection, in one step.';

CREATE OR REPLACE FUNCTION put_vectors(p_name text, p_ids uuid[], p_kinds text[], p_vectors text[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    place vector_tables := vector_table(p_name);
BEGIN
    IF EXISTS (SELECT FROM unnest(p_vectors) AS given(v) WHERE regexp_count(given.v, ',') + 1 <> place.dimensions) THEN
        RAISE EXCEPTION 'dimension-mismatch' USING ERRCODE = 'P0409', DETAIL = place.dimensions;
    END IF;
    EXECUTE format('INSERT INTO vectors.t%s (id, tenant_id, kind, embedding)'
                   ' SELECT p.id, current_tenant(), p.kind, p.embedding::halfvec FROM unnest($1, $2, $3) AS p(id, kind, embedding)'
                   ' ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, embedding = excluded.embedding', place.id)
    USING p_ids, p_kinds, p_vectors;
END $$;
COMMENT ON FUNCTION put_vectors(text, uuid[], text[], text[]) IS 'Adds or replaces vectors of this tenant.';

CREATE OR REPLACE FUNCTION remove_vectors(p_name text, p_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM vectors.t%s WHERE id = ANY ($1) AND tenant_id = current_tenant()', (vector_table(p_name)).id)
    USING p_ids;
END $$;
COMMENT ON FUNCTION remove_vectors(text, uuid[]) IS 'Removes vectors of this tenant.';

CREATE OR REPLACE FUNCTION nearest_vectors(p_name text, p_vector text, p_most integer, p_kinds text[])
RETURNS TABLE (id uuid, score double precision)
LANGUAGE plpgsql ROWS 40 SET search_path = public, pg_temp AS $$
-- A tenant with an HNSW index of its own is asked through it; any other is scanned, exactly. A shared index filtered by
-- tenant would lose more than half of the neighbours, hence one partial index a large tenant. It is asked as thoroughly as
-- pgvector allows: texts of one trade lie close together, and of those nearest to a question 5 % were missed with 400.
DECLARE
    place vector_tables := fitting_vector_table(p_name, p_vector);
    tenant bigint := current_tenant();
    indexed boolean := to_regclass(format('vectors.t%s_hnsw_%s', place.id, tenant)) IS NOT NULL;
    kinds text := CASE WHEN p_kinds IS NOT NULL THEN 'AND v.kind = ANY ($3)' ELSE '' END;
BEGIN
    IF tenant IS NULL THEN
        RETURN;
    ELSIF indexed THEN
        PERFORM set_config('hnsw.ef_search', '1000', true),
                set_config('hnsw.iterative_scan', 'relaxed_order', true);
        RETURN QUERY EXECUTE format(
            'SELECT n.id, 1 - n.distance FROM ('
            '  SELECT v.id, v.embedding <=> $1::halfvec(%s) AS distance FROM vectors.t%s v WHERE v.tenant_id = %s %s'
            '  ORDER BY v.embedding <=> $1::halfvec(%s) LIMIT $2) n ORDER BY 2 DESC, 1',
            place.dimensions, place.id, tenant, kinds, place.dimensions)
        USING p_vector, p_most, p_kinds;
    ELSE
        RETURN QUERY EXECUTE format(
            'SELECT v.id, 1 - (v.embedding <=> $1::halfvec(%s)) AS score FROM vectors.t%s v WHERE v.tenant_id = %s %s'
            ' ORDER BY score DESC, v.id LIMIT $2',
            place.dimensions, place.id, tenant, kinds)
        USING p_vector, p_most, p_kinds;
    END IF;
END $$;
COMMENT ON FUNCTION nearest_vectors(text, text, integer, text[]) IS 'Nearest points of this tenant with their cosines, best first.';

CREATE OR REPLACE FUNCTION vector_scores(p_name text, p_vector text, p_ids uuid[])
RETURNS TABLE (id uuid, score double precision)
LANGUAGE plpgsql STABLE ROWS 40 SET search_path = public, pg_temp AS $$
DECLARE
    place vector_tables := fitting_vector_table(p_name, p_vector);
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT v.id, 1 - (v.embedding <=> $1::halfvec(%s)) FROM vectors.t%s v WHERE v.id = ANY ($2) AND v.tenant_id = current_tenant()',
        place.dimensions, place.id)
    USING p_vector, p_ids;
END $$;
COMMENT ON FUNCTION vector_scores(text, text, uuid[]) IS 'Cosines of given points of this tenant.';

CREATE OR REPLACE FUNCTION fetch_vectors(p_name text, p_ids uuid[]) RETURNS TABLE (id uuid, vector real[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.id, l2_normalize(v.embedding)::vector::real[] FROM vectors.t%s v WHERE v.id = ANY ($1) AND current_tenant() IS NOT NULL',
                                (vector_table(p_name)).id)
    USING p_ids;
END $$;
COMMENT ON FUNCTION fetch_vectors(text, uuid[]) IS 'Stored vectors of whichever tenant, so that equal texts are embedded once.';

CREATE OR REPLACE FUNCTION vector_stats(p_name text) RETURNS TABLE (points bigint, dimensions integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    place vector_tables := vector_table(p_name);
BEGIN
    RETURN QUERY EXECUTE format('SELECT count(*), %s FROM vectors.t%s', place.dimensions, place.id);
END $$;
COMMENT ON FUNCTION vector_stats(text) IS 'Points of all tenants in a collection.';

CREATE OR REPLACE FUNCTION speed_vectors(p_name text, p_least integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET maintenance_work_mem = '512MB' SET max_parallel_maintenance_workers = 0 AS $$
-- One process: a parallel build needs that much shared memory, which containers seldom have.
DECLARE
    place vector_tables := vector_table(p_name);
    tenant bigint := current_tenant();
    many boolean;
BEGIN
    IF tenant IS NULL OR place.dimensions > 4000  -- what HNSW takes
       OR to_regclass(format('vectors.t%s_hnsw_%s', place.id, tenant)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT count(*) > $1 FROM (SELECT FROM vectors.t%s WHERE tenant_id = %s LIMIT $1 + 1) own', place.id, tenant)
    INTO many USING p_least;
    IF many THEN
        EXECUTE format('CREATE INDEX t%s_hnsw_%s ON vectors.t%s USING hnsw (embedding halfvec_cosine_ops)'
                       ' WITH (m = 24, ef_construction = 200) WHERE tenant_id = %s', place.id, tenant, place.id, tenant);
    END IF;
    RETURN many;
END $$;
COMMENT ON FUNCTION speed_vectors(text, integer) IS 'Builds this tenant''s HNSW index once it has more than so many points.';

-- ── Across tenants ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION known_vectors(p_embedder text, p_backend text, p_hashes bytea[])
RETURNS TABLE (vector_hash bytea, id uuid, physical text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT ON (e.vector_hash) e.vector_hash, e.id, c.physical
    FROM index_entries e
    JOIN index_collections c ON c.id = e.indexed_in AND c.backend = p_backend AND c.state <> 'retired'
    WHERE current_tenant() IS NOT NULL AND e.vector_hash = ANY (p_hashes) AND e.embedder = p_embedder AND c.embedder = p_embedder
    ORDER BY e.vector_hash, e.no
$$;
COMMENT ON FUNCTION known_vectors(text, text, bytea[]) IS
    'Points, of whichever tenant, whose text has this hash: who knows the hash has the text.';

CREATE OR REPLACE FUNCTION hidden_entries(p_collection text, p_ids uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id FROM index_entries e
    WHERE e.collection = p_collection AND e.id = ANY (p_ids) AND e.tenant_id <> current_tenant()
$$;
COMMENT ON FUNCTION hidden_entries(text, uuid[]) IS 'Those of these entries that belong to another tenant: finding one is an alarm.';

CREATE OR REPLACE FUNCTION collection_tenants(p_collection text) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT e.tenant_id FROM index_entries e
    WHERE e.collection = p_collection AND current_tenant() IS NOT NULL ORDER BY 1
$$;
COMMENT ON FUNCTION collection_tenants(text) IS 'Who has entries in a collection: rebuilding it serves all of them.';

DO $$
DECLARE
    callable regprocedure;
BEGIN
    FOREACH callable IN ARRAY ARRAY[
        'create_vector_table(text, integer)', 'drop_vector_table(text)', 'alias_vectors(text, text)',
        'fetch_vectors(text, uuid[])', 'vector_stats(text)', 'speed_vectors(text, integer)',
        'known_vectors(text, text, bytea[])', 'hidden_entries(text, uuid[])', 'collection_tenants(text)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO countersign_system', callable);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO countersign_app', callable);
    END LOOP;
END $$;
