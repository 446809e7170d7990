-- add_document
-- A text that is ready to be quoted; nothing when the same text is there already.
INSERT INTO documents (collection, title, source, category, url, language, media_type, size_bytes, sha256, content, chunk_count, status)
VALUES (%(collection)s::text, %(title)s::text, %(source)s::text, %(category)s::text, %(url)s::text, %(language)s::text,
        %(media_type)s::text, %(size)s::bigint, %(sha256)s::text, %(content)s::text, %(chunks)s::integer, 'ready')
ON CONFLICT (tenant_id, collection, sha256) WHERE deleted_at IS NULL DO NOTHING
RETURNING id;

-- replace_documents
-- Takes earlier texts of the same source out of use.
UPDATE documents SET deleted_at = now()
WHERE collection = %(collection)s::text AND source = %(source)s::text AND sha256 <> %(sha256)s::text AND deleted_at IS NULL
RETURNING id;

-- add_chunks
-- The passages of a document.
INSERT INTO document_chunks (document_id, position, breadcrumb, content, content_hash, char_start, char_end, token_count)
SELECT %(document)s::bigint, c.position, c.breadcrumb, c.content, encode(sha256(convert_to(c.content, 'UTF8')), 'hex'),
       c.char_start, c.char_end, c.token_count
FROM jsonb_to_recordset(%(chunks)s::jsonb) AS c(position integer, breadcrumb text, content text, char_start integer,
     char_end integer, token_count integer);

-- document
-- One live document with its text.
SELECT id, uuid, collection, title, source, category, url, media_type, size_bytes, content, chunk_count, status, error,
       created_at, updated_at
FROM documents WHERE uuid = %(uuid)s::uuid AND deleted_at IS NULL;

-- uuid_by_url
-- The live document that says it stands at an address.
SELECT uuid FROM documents WHERE url = %(url)s::text AND deleted_at IS NULL ORDER BY id DESC LIMIT 1;

-- titles
-- Titles of a collection's documents that can be asked about, in the order they were added.
SELECT title FROM documents
WHERE collection = %(collection)s::text AND deleted_at IS NULL AND status = 'ready' ORDER BY id LIMIT %(most)s::bigint;

-- chunk
-- One passage and the document that it stands in.
SELECT c.id, c.position, c.breadcrumb, c.content, c.char_start, c.char_end, d.uuid AS document_uuid, d.title
FROM document_chunks c JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL
WHERE c.id = %(id)s::bigint;

-- read_entries
-- How passages read as searchable text: the way that leads there, then the passage.
SELECT c.id AS source_id, c.breadcrumb AS title, NULL::text AS code,
       '/records/documents/' || d.uuid || '?passage=' || c.id || '#passage' AS url, c.content,
       jsonb_build_object('title', d.title, 'source', d.source, 'category', d.category, 'url', d.url, 'document', d.uuid,
                          'position', c.position, 'tenant_id', c.tenant_id) AS payload
FROM document_chunks c
JOIN documents d ON d.id = c.document_id AND d.deleted_at IS NULL AND d.status = 'ready'
WHERE %(ids)s::bigint[] IS NULL OR c.id = ANY(%(ids)s::bigint[]);
