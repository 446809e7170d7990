-- What is searchable: entries, their words, and where their vectors are. The records are the truth; this can be rebuilt.

-- One word for « plâtre », « platre » and « PLATRES ». The text is folded before it comes here (index_words), so the
-- parser meets nothing but letters and digits, and every kind of token takes the same way.
CREATE TEXT SEARCH DICTIONARY index_stem (TEMPLATE = snowball, Language = french, StopWords = french);
CREATE TEXT SEARCH CONFIGURATION index_words (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION index_words ALTER MAPPING REPLACE simple WITH index_stem;
COMMENT ON TEXT SEARCH CONFIGURATION index_words IS 'Words of the lexical half of retrieval: French stems, no stop words.';

CREATE TABLE index_collections (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         varchar(100) NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]*$'),
    generation   integer NOT NULL CHECK (generation > 0),
    physical     varchar(120) NOT NULL UNIQUE,
    backend      varchar(20) NOT NULL CHECK (backend IN ('pgvector', 'qdrant')),
    embedder     varchar(150) NOT NULL,
    dimensions   integer NOT NULL CHECK (dimensions > 0),
    state        varchar(20) NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'active', 'retired')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    retired_at   timestamptz,
    UNIQUE (name, generation)
);
COMMENT ON TABLE index_collections IS
    'Generations of each collection of vectors. Collections are shared by tenants, who are kept apart inside them.';
CREATE UNIQUE INDEX idx_index_collections_active ON index_collections (name, backend) WHERE state = 'active';
CREATE UNIQUE INDEX idx_index_collections_building ON index_collections (name, backend) WHERE state = 'building';
GRANT SELECT, INSERT, UPDATE ON index_collections TO countersign_app, countersign_system;

CREATE TABLE index_entries (
    no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    collection   varchar(100) NOT NULL,
    kind         varchar(100) NOT NULL,
    source_table varchar(100) NOT NULL,
    source_id    bigint NOT NULL,
    title        text,
    code         text,
    code_key     text,
    url          text,
    content      text NOT NULL DEFAULT '',
    payload      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    words        integer,
    text_hash    bytea,
    vector_hash  bytea,
    content_hash bytea,
    indexed_hash bytea,
    indexed_in   integer REFERENCES index_collections (id),
    embedder     varchar(150),
    indexed_at   timestamptz,
    is_stale     boolean NOT NULL DEFAULT true,
    attempts     smallint NOT NULL DEFAULT 0,
    error        text,
    not_before   timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    UNIQUE (tenant_id, collection, kind, source_id),
    UNIQUE (collection, id)
);
COMMENT ON TABLE index_entries IS 'What can be found: one entry for each source row or passage, as it was last read.';
COMMENT ON COLUMN index_entries.id IS 'UUIDv5 of kind and source: the id of its point. NULL until it is first read.';
COMMENT ON COLUMN index_entries.code_key IS 'The code with nothing but lower-case letters and digits.';
COMMENT ON COLUMN index_entries.words IS 'Length for BM25; NULL while its words are not in index_postings.';
COMMENT ON COLUMN index_entries.text_hash IS 'SHA-256 of the text that is to be embedded.';
COMMENT ON COLUMN index_entries.vector_hash IS 'The text_hash whose vector is in generation indexed_in; equal texts share their vector.';
COMMENT ON COLUMN index_entries.content_hash IS 'SHA-256 of text and payload as last read from the source.';
COMMENT ON COLUMN index_entries.indexed_hash IS 'The content_hash whose vector and payload are in generation indexed_in.';
COMMENT ON COLUMN index_entries.is_stale IS 'The source has changed since it was last read.';
CREATE INDEX idx_index_entries_pending ON index_entries (tenant_id, collection, no)
    WHERE is_stale OR deleted_at IS NOT NULL OR indexed_hash IS DISTINCT FROM content_hash;
CREATE INDEX idx_index_entries_code ON index_entries (tenant_id, collection, code_key)
    WHERE code_key IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX idx_index_entries_vector ON index_entries (vector_hash) WHERE vector_hash IS NOT NULL;
CREATE INDEX idx_index_entries_source ON index_entries (tenant_id, kind, source_id);

CREATE TABLE index_corpora (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    collection varchar(100) NOT NULL,
    kind       varchar(100) NOT NULL,
    entries    bigint NOT NULL DEFAULT 0,
    words      bigint NOT NULL DEFAULT 0,
    UNIQUE (tenant_id, collection, kind)
);
COMMENT ON TABLE index_corpora IS 'What BM25 counts over: the entries of one kind in one tenant''s part of a collection.';

CREATE TABLE index_terms (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    corpus_id integer NOT NULL REFERENCES index_corpora (id) ON DELETE CASCADE,
    term      text COLLATE "C" NOT NULL,
    entries   integer NOT NULL,
    UNIQUE (tenant_id, corpus_id, term)
) WITH (fillfactor = 80);
COMMENT ON TABLE index_terms IS 'Words of a corpus, and in how many of its entries each occurs.';

-- No foreign key on term_id: terms go only with their whole corpus. The primary key answers a search without the table.
CREATE TABLE index_postings (
    tenant_id bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    entry_no  bigint NOT NULL REFERENCES index_entries (no) ON DELETE CASCADE,
    term_id   integer NOT NULL,
    times     smallint NOT NULL,
    words     integer NOT NULL,
    PRIMARY KEY (tenant_id, term_id, entry_no) INCLUDE (times, words)
);
COMMENT ON TABLE index_postings IS 'Which word occurs how often in which entry, and how long that entry is.';
CREATE INDEX idx_index_postings_entry ON index_postings (entry_no);

CREATE SCHEMA vectors;
COMMENT ON SCHEMA vectors IS 'One table a collection where pgvector holds the vectors; empty where Qdrant does.';
GRANT USAGE ON SCHEMA vectors TO countersign_app;
GRANT USAGE, CREATE ON SCHEMA vectors TO countersign_system;

CREATE TABLE vector_tables (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       varchar(120) NOT NULL UNIQUE,
    alias      varchar(120) UNIQUE,
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 16000),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE vector_tables IS 'Tables of vectors by name, and the alias that a search may use instead.';
GRANT SELECT ON vector_tables TO countersign_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON vector_tables TO countersign_system;
