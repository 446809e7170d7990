-- add_document
-- A text that is ready to be quoted; nothing when the same text is there already.
INSERT INTO documents (collection, title, source, category, url, language, media_type, size_bytes, sha256, content, chunk_count,
                       metadata, status)
VALUES (%(collection)s::text, %(title)s::text, %(source)s::text, %(category)s::text, %(url)s::text, %(language)s::text,
        %(media_type)s::text, %(size)s::bigint, %(sha256)s::text, %(content)s::text, %(chunks)s::integer,
        %(metadata)s::jsonb, 'ready')
ON CONFLICT (tenant_id, collection, sha256) WHERE deleted_at IS NULL DO NOTHING
RETURNING id;

-- earlier_documents
-- Live documents of the same source that came before this one.
SELECT d.id FROM documents d
WHERE d.collection = %(collection)s::text AND d.source = %(source)s::text AND d.deleted_at IS NULL AND d.id < %(id)s::bigint;

-- later_document
-- A document of the same source that came after this one and can be quoted.
SELECT d.id FROM documents d
WHERE d.collection = %(collection)s::text AND d.source = %(source)s::text AND d.deleted_at IS NULL
  AND d.id > %(id)s::bigint AND d.status = 'ready'
LIMIT 1;

-- announced
-- What is told of a document.
SELECT id, uuid, title, source, collection, status, error FROM documents WHERE id = %(id)s::bigint;

-- retire
-- Takes documents out of use, with the texts that came in them; returns the passages that go.
WITH gone AS (
    UPDATE documents SET deleted_at = now()
    WHERE deleted_at IS NULL
      AND (id = ANY(%(ids)s::bigint[])
           OR metadata ->> 'from' IN (SELECT uuid::text FROM documents WHERE id = ANY(%(ids)s::bigint[])))
    RETURNING id
), emptied AS (
    DELETE FROM document_pieces WHERE document_id IN (SELECT id FROM gone)
)
SELECT coalesce(array_agg(c.id), '{}') FROM document_chunks c JOIN gone ON gone.id = c.document_id;

-- add_upload
-- A file that waits to be read; nothing when the same bytes are there already.
INSERT INTO documents (collection, title, source, media_type, size_bytes, sha256, metadata)
VALUES (%(collection)s::text, %(title)s::text, %(source)s::text, %(media_type)s::text, %(size)s::bigint, %(sha256)s::text,
        %(metadata)s::jsonb)
ON CONFLICT (tenant_id, collection, sha256) WHERE deleted_at IS NULL DO NOTHING
RETURNING id, uuid, source, status, job_id, false AS duplicate;

-- same_upload
-- The live document with these bytes.
SELECT id, uuid, source, status, job_id, true AS duplicate FROM documents
WHERE collection = %(collection)s::text AND sha256 = %(sha256)s::text AND deleted_at IS NULL;

-- taken_before
-- The latest document of each of these bytes, whatever became of it.
SELECT d.id, d.uuid, d.source, d.status, d.job_id, true AS duplicate
FROM unnest(%(hashes)s::text[]) WITH ORDINALITY h(sha256, at)
CROSS JOIN LATERAL (
    SELECT * FROM documents WHERE collection = %(collection)s::text AND sha256 = h.sha256 ORDER BY id DESC LIMIT 1) d
ORDER BY h.at;

-- add_piece
-- The next bytes of a file.
INSERT INTO document_pieces (document_id, position, data) VALUES (%(document)s::bigint, %(position)s::integer, %(data)s::bytea);

-- pieces
-- The bytes of a file, in order.
SELECT data FROM document_pieces WHERE document_id = %(document)s::bigint ORDER BY position;

-- await_job
-- Names the job that reads a file.
UPDATE documents SET job_id = %(job)s::bigint, status = 'pending', error = NULL WHERE id = %(id)s::bigint;

-- begin_reading
-- A job takes a file up, again if the one before it was killed.
UPDATE documents SET status = 'processing', error = NULL
WHERE id = %(id)s::bigint AND status <> 'ready' AND deleted_at IS NULL
RETURNING id, uuid, collection, source, media_type, metadata;

-- finish_reading
-- A file is read, its text follows; nothing when another worker was faster or the document was deleted.
UPDATE documents SET status = 'ready', title = %(title)s::text, category = coalesce(%(category)s::text, category),
       url = coalesce(%(url)s::text, url), page_count = %(pages)s::integer,
       chunk_count = %(chunks)s::integer, metadata = metadata || jsonb_build_object('parts', %(parts)s::integer)
WHERE id = %(id)s::bigint AND status = 'processing' AND deleted_at IS NULL
RETURNING id;

-- join_text
-- A document's text, from the pieces below zero.
UPDATE documents SET content = (
    SELECT convert_from(string_agg(p.data, ''::bytea ORDER BY p.position DESC), 'UTF8')
    FROM document_pieces p WHERE p.document_id = %(id)s::bigint AND p.position < 0)
WHERE id = %(id)s::bigint;

-- drop_text
-- The pieces of a text are in its document now.
DELETE FROM document_pieces WHERE document_id = %(document)s::bigint AND position < 0;

-- adopt
-- Texts that came in a file before belong to the file that holds them now.
UPDATE documents SET metadata = metadata || jsonb_build_object('from', %(uuid)s::text)
WHERE collection = %(collection)s::text AND sha256 = ANY(%(sha256)s::text[]) AND deleted_at IS NULL;

-- readers
-- Agents that answer from documents: all, or one by its slug.
SELECT a.slug, a.name, a.qdrant_collection AS collection FROM agents a
WHERE a.deleted_at IS NULL AND a.is_active AND a.retrieval_mode = 'TEXT_ONLY'
  AND (%(slug)s::text IS NULL OR a.slug = %(slug)s::text)
ORDER BY a.name, a.id;

-- chunk_ids
-- Passages of a document.
SELECT coalesce(array_agg(id), '{}') FROM document_chunks WHERE document_id = %(document)s::bigint;

-- search_documents
-- The list: by words of title or source, collection and status, in a chosen order, from the start or after a place in it.
SELECT d.* FROM document_lines d
WHERE d.deleted_at IS NULL
  AND (%(collection)s::text IS NULL OR d.collection = %(collection)s::text)
  AND (%(status)s::text IS NULL OR d.status = %(status)s::text)
  AND (%(q)s::text IS NULL OR strpos(lower(unaccent(d.title || ' ' || d.source)), lower(unaccent(%(q)s::text))) > 0)
  AND (%(after)s::bigint IS NULL OR CASE %(sort)s::text
       WHEN 'title' THEN (lower(d.title), -d.id) > (lower(%(title)s::text), -%(after)s::bigint)
       WHEN '-title' THEN (lower(d.title), d.id) < (lower(%(title)s::text), %(after)s::bigint)
       WHEN 'size' THEN (d.size_bytes, -d.id) > (%(size)s::bigint, -%(after)s::bigint)
       WHEN '-size' THEN (d.size_bytes, d.id) < (%(size)s::bigint, %(after)s::bigint)
       WHEN 'created' THEN d.id > %(after)s::bigint
       ELSE d.id < %(after)s::bigint END)
ORDER BY CASE WHEN %(sort)s::text = 'title' THEN lower(d.title) END,
         CASE WHEN %(sort)s::text = '-title' THEN lower(d.title) END DESC,
         CASE WHEN %(sort)s::text = 'size' THEN d.size_bytes END,
         CASE WHEN %(sort)s::text = '-size' THEN d.size_bytes END DESC,
         CASE WHEN %(sort)s::text = 'created' THEN d.id END,
         d.id DESC
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- count_documents
-- How many the list holds.
SELECT count(*) FROM documents d
WHERE d.deleted_at IS NULL
  AND (%(collection)s::text IS NULL OR d.collection = %(collection)s::text)
  AND (%(status)s::text IS NULL OR d.status = %(status)s::text)
  AND (%(q)s::text IS NULL OR strpos(lower(unaccent(d.title || ' ' || d.source)), lower(unaccent(%(q)s::text))) > 0);

-- collections
-- Collections that hold documents.
SELECT DISTINCT collection FROM documents WHERE deleted_at IS NULL ORDER BY collection;

-- add_chunks
-- The passages of a document.
INSERT INTO document_chunks (document_id, position, breadcrumb, content, content_hash, page, last_page, char_start, char_end, token_count)
SELECT %(document)s::bigint, c.position, c.breadcrumb, c.content, encode(sha256(convert_to(c.content, 'UTF8')), 'hex'),
       c.page, c.last_page, c.char_start, c.char_end, c.token_count
FROM jsonb_to_recordset(%(chunks)s::jsonb) AS c(position integer, breadcrumb text, content text, page integer,
     last_page integer, char_start integer, char_end integer, token_count integer);

-- document
-- One document; live, or whatever became of it.
SELECT * FROM document_lines WHERE uuid = %(uuid)s::uuid AND (%(any)s::boolean OR deleted_at IS NULL);

-- successor
-- What is read in the place of a document that was replaced.
SELECT n.uuid FROM documents o
JOIN documents n ON n.collection = o.collection AND n.source = o.source AND n.deleted_at IS NULL AND n.status = 'ready'
WHERE o.id = %(id)s::bigint
ORDER BY n.id DESC LIMIT 1;

-- excerpt
-- So many characters of a document's text, from a place on.
SELECT coalesce(substr(content, %(start)s::integer + 1, %(most)s::integer), '') AS text, %(start)s::integer AS start,
       %(start)s::integer = 0 AND coalesce(length(content), 0) <= %(most)s::integer AS whole
FROM documents WHERE id = %(id)s::bigint;

-- within
-- Passages that belong into a collection.
SELECT coalesce(array_agg(c.id), '{}')::bigint[]
FROM document_chunks c JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL AND d.status = 'ready'
WHERE d.collection = %(collection)s::text;

-- standing
-- Passages that an answer quoted and that are no longer read, and whether another text has the place of theirs.
SELECT c.id, EXISTS (
           SELECT FROM documents n WHERE n.collection = d.collection AND n.source = d.source AND n.deleted_at IS NULL
           AND n.status = 'ready') AS replaced
FROM document_chunks c JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NOT NULL
WHERE c.id = ANY(%(ids)s::bigint[]);

-- uuid_by_url
-- The live document that says it stands at an address.
SELECT uuid FROM documents WHERE url = %(url)s::text AND deleted_at IS NULL ORDER BY id DESC LIMIT 1;

-- titles
-- Titles of a collection's documents that can be asked about, in the order they were added.
SELECT title FROM documents
WHERE collection = %(collection)s::text AND deleted_at IS NULL AND status = 'ready' ORDER BY id LIMIT %(most)s::bigint;

-- chunk
-- One passage and the document that it stands in, or stood in.
SELECT c.id, c.position, c.breadcrumb, c.content, c.page, c.last_page, c.char_start, c.char_end, d.uuid AS document_uuid, d.title
FROM document_chunks c JOIN documents d ON d.id = c.document_id
WHERE c.id = %(id)s::bigint;

-- read_entries
-- How passages read as searchable text: the way that leads there, then the passage.
SELECT c.id AS source_id, c.breadcrumb AS title, NULL::text AS code,
       '/records/documents/' || d.uuid || '?passage=' || c.id || '#passage' AS url, c.content,
       jsonb_build_object('title', d.title, 'source', d.source, 'category', d.category, 'url', d.url, 'document', d.uuid,
                          'position', c.position, 'page', c.page, 'last_page', c.last_page, 'tenant_id', c.tenant_id) AS payload
FROM document_chunks c
JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL AND d.status = 'ready'
WHERE %(ids)s::bigint[] IS NULL OR c.id = ANY(%(ids)s::bigint[]);
