-- create_vector_table
-- A collection of vectors, unless it exists; its dimensions.
SELECT create_vector_table(%(name)s::text, %(dimensions)s::integer);

-- drop_vector_table
-- Removes a collection of vectors.
SELECT drop_vector_table(%(name)s::text);

-- alias_vectors
-- An alias names another collection from now on.
SELECT alias_vectors(%(alias)s::text, %(name)s::text);

-- put_vectors
-- Adds or replaces vectors of this tenant.
SELECT put_vectors(%(name)s::text, %(ids)s::uuid[], %(kinds)s::text[], %(vectors)s::text[]);

-- remove_vectors
-- Removes vectors of this tenant.
SELECT remove_vectors(%(name)s::text, %(ids)s::uuid[]);

-- nearest_vectors
-- The nearest points of this tenant, best first.
SELECT id, score FROM nearest_vectors(%(name)s::text, %(vector)s::text, %(k)s::integer, %(kinds)s::text[]);

-- vector_scores
-- Cosines of given points of this tenant.
SELECT id, score FROM vector_scores(%(name)s::text, %(vector)s::text, %(ids)s::uuid[]);

-- fetch_vectors
-- Stored vectors, of whichever tenant.
SELECT id, vector FROM fetch_vectors(%(name)s::text, %(ids)s::uuid[]);

-- vector_stats
-- Points of all tenants in a collection, and its dimensions.
SELECT points, dimensions FROM vector_stats(%(name)s::text);

-- speed_vectors
-- This tenant's HNSW index, once it has more than so many points.
SELECT speed_vectors(%(name)s::text, %(least)s::integer);

-- lexical
-- The lexical half: entries whose code is named come first, then the best by BM25.
WITH exact AS (
    SELECT c.entry_no, c.place FROM code_search(%(collection)s::text, %(question)s::text, %(kinds)s::text[], 10) c
), scored AS (
    SELECT l.entry_no, l.score
    FROM lexical_search(%(collection)s::text, %(question)s::text, %(kinds)s::text[], %(most)s::integer) l
)
SELECT e.id, coalesce(scored.score, 0) AS score, exact.entry_no IS NOT NULL AS exact, e.kind, e.source_table, e.source_id,
       coalesce(e.title, '') AS title, e.code, e.url, e.content, e.payload::text AS payload
FROM scored FULL JOIN exact USING (entry_no)
JOIN index_entries e ON e.no = entry_no
WHERE e.id IS NOT NULL
ORDER BY exact.place NULLS LAST, scored.score DESC NULLS LAST, e.no
LIMIT %(most)s::integer;

-- bm25_of
-- Entries that the vector half found, with their BM25; deleted and hidden ones are missing.
SELECT e.id, coalesce(s.score, 0) AS score, false AS exact, e.kind, e.source_table, e.source_id,
       coalesce(e.title, '') AS title, e.code, e.url, e.content, e.payload::text AS payload
FROM index_entries e
LEFT JOIN lexical_scores(%(collection)s::text, %(question)s::text, %(kinds)s::text[],
    (SELECT array_agg(v.no) FROM index_entries v WHERE v.collection = %(collection)s::text AND v.id = ANY (%(ids)s::uuid[]))) s
    ON s.entry_no = e.no
WHERE e.collection = %(collection)s::text AND e.id = ANY (%(ids)s::uuid[]) AND e.deleted_at IS NULL;

-- hidden_entries
-- Those of these entries that belong to another tenant.
SELECT h.id FROM hidden_entries(%(collection)s::text, %(ids)s::uuid[]) AS h(id);

-- generation
-- One generation of a collection.
SELECT id, name, generation, physical, backend, embedder, dimensions, state, created_at
FROM index_collections WHERE id = %(id)s::integer;

-- generation_in_state
-- The active generation of a collection, or the one that is being built.
SELECT id, name, generation, physical, backend, embedder, dimensions, state, created_at
FROM index_collections
WHERE name = %(name)s::text AND backend = %(backend)s::text AND state = %(state)s::text;

-- active_embedder
-- Whose vectors a collection holds.
SELECT embedder FROM index_collections
WHERE name = %(name)s::text AND backend = %(backend)s::text AND state = 'active';

-- lock_generations
-- Whoever begins or ends a generation of this collection is alone with it until the commit.
SELECT pg_advisory_xact_lock(hashtextextended('countersign.generations.' || %(name)s::text, 0));

-- add_generation
-- The next generation, unless one is being built, or is there already where only the first is wanted.
INSERT INTO index_collections (name, generation, physical, backend, embedder, dimensions)
SELECT %(name)s::text, n.next, %(name)s::text || '__g' || n.next, %(backend)s::text, %(embedder)s::text, %(dimensions)s::integer
FROM (SELECT coalesce(max(generation), 0) + 1 AS next FROM index_collections WHERE name = %(name)s::text) n
WHERE NOT (%(first)s::boolean AND EXISTS (SELECT FROM index_collections
                                          WHERE name = %(name)s::text AND backend = %(backend)s::text AND state = 'active'))
ON CONFLICT DO NOTHING
RETURNING id, name, generation, physical, backend, embedder, dimensions, state, created_at;

-- retire_generation
-- A generation that nobody will ask again.
UPDATE index_collections SET state = 'retired', retired_at = now() WHERE id = %(id)s::integer;

-- retire_former
-- The generation that another one replaces.
UPDATE index_collections SET state = 'retired', retired_at = now()
WHERE name = %(name)s::text AND backend = %(backend)s::text AND state = 'active' AND id <> %(id)s::integer
  AND EXISTS (SELECT FROM index_collections WHERE id = %(id)s::integer AND state = 'building');

-- activate_generation
-- The generation that answers from now on.
UPDATE index_collections SET state = 'active', activated_at = now() WHERE id = %(id)s::integer AND state = 'building';

-- retired_generations
-- Former generations, whose vectors may be dropped.
SELECT id, name, generation, physical, backend, embedder, dimensions, state, created_at
FROM index_collections WHERE name = %(name)s::text AND backend = %(backend)s::text AND state = 'retired'
ORDER BY id DESC LIMIT 5;

-- mark_entries
-- These rows changed or are new: their entries are read again.
SELECT mark_entries(%(collection)s::text, %(kind)s::text, %(table)s::text, %(ids)s::bigint[]);

-- mark_missing
-- Entries of a kind whose row is not among these: removed.
UPDATE index_entries SET deleted_at = now()
WHERE collection = %(collection)s::text AND kind = %(kind)s::text AND deleted_at IS NULL
  AND source_id <> ALL (%(ids)s::bigint[]);

-- touch_entries
-- These rows changed: their entries are read again, in whatever collection they are.
SELECT touch_entries(%(kind)s::text, %(ids)s::bigint[]);

-- forget_rows
-- These rows are gone: their entries are found no more, from now on.
SELECT forget_entries(%(kind)s::text, %(ids)s::bigint[]);

-- forget_points
-- Entries whose row turned out to be gone.
WITH forgotten AS (
    UPDATE index_entries SET deleted_at = now() WHERE id = ANY (%(ids)s::uuid[]) AND deleted_at IS NULL RETURNING collection
)
SELECT coalesce(array_agg(DISTINCT collection::text), '{}') FROM forgotten;

-- forget_collection
-- Every entry of this tenant in a collection.
UPDATE index_entries SET deleted_at = now() WHERE collection = %(collection)s::text AND deleted_at IS NULL;

-- force_entries
-- Everything is read and written again; vectors of unchanged texts are kept.
UPDATE index_entries
SET is_stale = true, indexed_hash = NULL, attempts = 0, error = NULL, not_before = now()
WHERE collection = %(collection)s::text AND deleted_at IS NULL;

-- force_rows
-- These rows are written again; vectors of unchanged texts are kept.
UPDATE index_entries SET indexed_hash = NULL
WHERE collection = %(collection)s::text AND kind = %(kind)s::text AND source_id = ANY (%(ids)s::bigint[])
  AND deleted_at IS NULL;

-- stale_count
-- Entries that are to be read again now.
SELECT count(*) FROM index_entries
WHERE collection = %(collection)s::text AND (is_stale OR deleted_at IS NOT NULL)
  AND CASE WHEN deleted_at IS NULL THEN not_before <= now() AND attempts < 8 ELSE words IS NOT NULL END;

-- stale_collections
-- Collections with entries whose words are to be read now.
SELECT coalesce(array_agg(DISTINCT collection::text), '{}') FROM index_entries WHERE is_stale AND not_before <= now() AND attempts < 8;

-- take_stale
-- Entries to be read again, locked; those that a change holds just now come later.
SELECT no, kind, source_id, code, words, text_hash, deleted_at IS NOT NULL AS deleted
FROM index_entries
WHERE collection = %(collection)s::text AND (is_stale OR deleted_at IS NOT NULL)
  AND CASE WHEN deleted_at IS NULL THEN not_before <= now() AND attempts < 8 ELSE words IS NOT NULL END
ORDER BY no LIMIT %(most)s::integer
FOR UPDATE SKIP LOCKED;

-- write_entries
-- What the sources say now.
UPDATE index_entries e
SET id = r.id, title = r.title, code = r.code, code_key = index_code(r.code), url = r.url, content = r.content,
    payload = r.payload::jsonb, text_hash = r.text_hash, content_hash = r.content_hash, is_stale = false,
    attempts = 0, error = NULL, not_before = now()
FROM unnest(%(nos)s::bigint[], %(ids)s::uuid[], %(titles)s::text[], %(codes)s::text[], %(urls)s::text[],
            %(contents)s::text[], %(payloads)s::text[], %(text_hashes)s::bytea[], %(content_hashes)s::bytea[])
     AS r(no, id, title, code, url, content, payload, text_hash, content_hash)
WHERE e.no = r.no;

-- bury_entries
-- Entries whose source is gone.
UPDATE index_entries SET deleted_at = now(), is_stale = false WHERE no = ANY (%(nos)s::bigint[]);

-- refresh_words
-- Words and statistics of these entries.
SELECT refresh_words(%(nos)s::bigint[]);

-- deleted_entries
-- Entries whose points are to be removed.
SELECT no, id FROM index_entries
WHERE collection = %(collection)s::text AND deleted_at IS NOT NULL AND words IS NULL
ORDER BY no LIMIT %(most)s::integer;

-- drop_entries
-- Entries whose points are removed, unless they came back meanwhile.
DELETE FROM index_entries WHERE no = ANY (%(nos)s::bigint[]) AND deleted_at IS NOT NULL;

-- outdate_entries
-- Entries whose vector is in another generation wait for this one.
UPDATE index_entries SET indexed_hash = NULL
WHERE collection = %(collection)s::text AND deleted_at IS NULL AND indexed_hash IS NOT NULL
  AND indexed_in IS DISTINCT FROM %(generation)s::integer;

-- waiting_count
-- Entries that the indexer can serve now.
SELECT count(*) FROM index_entries
WHERE collection = %(collection)s::text AND deleted_at IS NULL AND NOT is_stale
  AND (indexed_hash IS DISTINCT FROM content_hash OR indexed_in IS DISTINCT FROM %(generation)s::integer)
  AND not_before <= now() AND attempts < 8;

-- unindexed_count
-- Entries that are not in a generation, for whatever reason.
SELECT count(*) FROM index_entries
WHERE collection = %(collection)s::text AND deleted_at IS NULL
  AND (indexed_hash IS NULL OR indexed_in IS DISTINCT FROM %(generation)s::integer);

-- pending_entries
-- The next entries whose vector or payload is to be stored.
SELECT no, id, kind, source_id, title, content, payload, text_hash, content_hash
FROM index_entries
WHERE collection = %(collection)s::text AND deleted_at IS NULL AND NOT is_stale
  AND indexed_hash IS DISTINCT FROM content_hash AND not_before <= now() AND attempts < 8 AND no > %(after)s::bigint
ORDER BY no LIMIT %(most)s::integer;

-- known_vectors
-- Points that hold the vector of a text with one of these hashes.
SELECT vector_hash, id, physical FROM known_vectors(%(embedder)s::text, %(backend)s::text, %(hashes)s::bytea[]);

-- finish_entries
-- What is stored now. An entry that changed meanwhile keeps waiting, for its content_hash is another one.
UPDATE index_entries e
SET indexed_hash = r.content_hash, vector_hash = r.text_hash, indexed_in = %(generation)s::integer,
    embedder = %(embedder)s::text, indexed_at = now(), attempts = 0, error = NULL
FROM unnest(%(nos)s::bigint[], %(text_hashes)s::bytea[], %(content_hashes)s::bytea[]) AS r(no, text_hash, content_hash)
WHERE e.no = r.no
RETURNING e.no;

-- fail_entries
-- Tried again later and later; after eight times only when they change.
UPDATE index_entries
SET attempts = attempts + 1, error = %(error)s::text,
    not_before = now() + least(interval '30 seconds' * 2 ^ attempts, interval '1 hour')
WHERE no = ANY (%(nos)s::bigint[]);

-- note_error
-- Why these entries wait; it is not their fault.
UPDATE index_entries SET error = %(error)s::text WHERE no = ANY (%(nos)s::bigint[]);

-- next_retry
-- Seconds until an entry that failed may be tried again.
SELECT extract(epoch FROM min(not_before) - now())::double precision FROM index_entries
WHERE collection = %(collection)s::text AND attempts BETWEEN 1 AND 7
  AND (is_stale OR deleted_at IS NOT NULL OR indexed_hash IS DISTINCT FROM content_hash);

-- end_index_job
-- False while entries wait; otherwise later marks start a job of their own.
SELECT end_index_job(%(job)s::bigint, %(collection)s::text);

-- collection_tenants
-- Who has entries in a collection.
SELECT coalesce(array_agg(t.id), '{}') FROM collection_tenants(%(collection)s::text) AS t(id);

-- entry_stats
-- How far each collection is, for this tenant.
SELECT e.collection, array_agg(DISTINCT e.kind::text ORDER BY e.kind::text) AS kinds,
       count(*) AS entries,
       count(*) FILTER (WHERE e.vector_hash IS NOT NULL AND e.indexed_in = c.id) AS points,
       count(*) FILTER (WHERE e.is_stale OR e.indexed_hash IS DISTINCT FROM e.content_hash
                           OR e.indexed_in IS DISTINCT FROM coalesce(b.id, c.id)) AS stale,
       count(*) FILTER (WHERE e.attempts >= 8) AS failed,
       count(e.error) AS errors, max(e.error) AS error,
       coalesce(c.backend, b.backend) AS backend, coalesce(c.embedder, b.embedder) AS embedder,
       coalesce(c.dimensions, b.dimensions) AS dimensions, coalesce(c.generation, b.generation) AS generation,
       b.id IS NOT NULL AS building, max(e.indexed_at) AS last_indexed
FROM index_entries e
LEFT JOIN index_collections c ON c.name = e.collection AND c.backend = %(backend)s::text AND c.state = 'active'
LEFT JOIN index_collections b ON b.name = e.collection AND b.backend = %(backend)s::text AND b.state = 'building'
WHERE e.deleted_at IS NULL
GROUP BY e.collection, c.id, b.id
ORDER BY e.collection;

-- empty_collections
-- Collections that exist and hold nothing of this tenant.
SELECT c.name AS collection, ARRAY[]::text[] AS kinds, 0::bigint AS entries, 0::bigint AS points, 0::bigint AS stale,
       0::bigint AS failed, 0::bigint AS errors, NULL::text AS error, c.backend, c.embedder, c.dimensions, c.generation,
       EXISTS (SELECT FROM index_collections b
               WHERE b.name = c.name AND b.backend = c.backend AND b.state = 'building') AS building,
       NULL::timestamptz AS last_indexed
FROM index_collections c
WHERE c.backend = %(backend)s::text AND c.state = 'active'
  AND NOT EXISTS (SELECT FROM index_entries e WHERE e.collection = c.name AND e.deleted_at IS NULL)
ORDER BY c.name;

-- failed_entries
-- Entries that could not be read or indexed, those that gave up first.
SELECT collection, kind, source_table, source_id, title, code, url, error, attempts,
       CASE WHEN attempts < 8 THEN not_before END AS retry_at
FROM index_entries
WHERE error IS NOT NULL AND deleted_at IS NULL AND (%(collection)s::text IS NULL OR collection = %(collection)s::text)
ORDER BY collection, attempts DESC, no
LIMIT %(most)s::integer;

-- retry_entries
-- What failed is tried again at once, as often as if it had never failed.
UPDATE index_entries SET attempts = 0, error = NULL, not_before = now()
WHERE collection = %(collection)s::text AND error IS NOT NULL AND deleted_at IS NULL;

-- index_work
-- The newest job of each collection that was asked for within a week; one that runs comes before one that waits.
SELECT DISTINCT ON (args ->> 'collection')
       args ->> 'collection' AS collection, id AS job, name = 'index.reindex' AS rebuilds, status,
       progress_done AS done, progress_total AS total, progress_note AS note, error, run_at
FROM jobs
WHERE name IN ('index.run', 'index.reindex') AND created_at > now() - interval '7 days' AND args ? 'collection'
ORDER BY args ->> 'collection', status = 'running' DESC, id DESC;
