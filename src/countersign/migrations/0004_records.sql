-- A company's own records: ouvrages and what they are made of, documents, tables of its own, imports.

-- French without accents: « plâtre », « platre » and « PLATRES » are one word. Dictionaries are fixed, so it may be indexed.
CREATE TEXT SEARCH CONFIGURATION french_unaccent (COPY = french);
ALTER TEXT SEARCH CONFIGURATION french_unaccent
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, french_stem;
COMMENT ON TEXT SEARCH CONFIGURATION french_unaccent IS 'French stems after accents are removed.';

CREATE TABLE ouvrages (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    parent_id        bigint,
    path             ltree,
    depth            integer NOT NULL DEFAULT 0,
    code             varchar(50) NOT NULL CHECK (code <> ''),
    name             varchar(255) NOT NULL,
    description      text,
    type             varchar(50) NOT NULL CHECK (type IN ('compose', 'simple', 'fourniture', 'main_oeuvre')),
    category         varchar(100),
    subcategory      varchar(100),
    unit             varchar(20) NOT NULL,
    unit_price       numeric(12, 4),
    currency         varchar(3) NOT NULL DEFAULT 'EUR',
    default_quantity numeric(10, 4) NOT NULL DEFAULT 1,
    technical_specs  jsonb NOT NULL DEFAULT '{}',
    is_indexed       boolean NOT NULL DEFAULT false,
    indexed_at       timestamptz,
    qdrant_point_id  varchar(100),
    import_source    varchar(50),
    import_id        varchar(100),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES ouvrages (tenant_id, id) ON DELETE SET NULL (parent_id)
);
COMMENT ON TABLE ouvrages IS 'The price library: works, supplies (fournitures) and labour (main d''œuvre), as a tree and as compositions.';
CREATE UNIQUE INDEX idx_ouvrages_tenant_code ON ouvrages (tenant_id, code) WHERE deleted_at IS NULL;
CREATE INDEX idx_ouvrages_parent ON ouvrages (parent_id);
CREATE INDEX idx_ouvrages_path ON ouvrages USING gist (path);
CREATE INDEX idx_ouvrages_code ON ouvrages (code);
CREATE INDEX idx_ouvrages_code_upper ON ouvrages (upper(code) text_pattern_ops);
CREATE INDEX idx_ouvrages_type ON ouvrages (type);
CREATE INDEX idx_ouvrages_indexed ON ouvrages (is_indexed);
CREATE INDEX idx_ouvrages_tenant ON ouvrages (tenant_id);
CREATE INDEX idx_ouvrages_search ON ouvrages
    USING gin (to_tsvector('french_unaccent', name || ' ' || coalesce(description, '')));

CREATE TABLE ouvrage_components (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    parent_id    bigint NOT NULL,
    component_id bigint NOT NULL,
    quantity     numeric(10, 4) NOT NULL DEFAULT 1 CHECK (quantity > 0),
    unit         varchar(20),
    sort_order   integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (parent_id, component_id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES ouvrages (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, component_id) REFERENCES ouvrages (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE ouvrage_components IS 'What a composed ouvrage is made of: so much of that, in which unit, in which order.';
CREATE INDEX idx_ouvrage_components_parent ON ouvrage_components (parent_id);
CREATE INDEX idx_ouvrage_components_component ON ouvrage_components (component_id);

CREATE TABLE ouvrage_history (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    ouvrage_id     bigint NOT NULL,
    operation      varchar(20) NOT NULL CHECK (operation IN (
                       'updated', 'deleted', 'restored', 'component_added', 'component_changed', 'component_removed')),
    changed        text[] NOT NULL,
    old_values     jsonb,
    new_values     jsonb,
    old_unit_price numeric(12, 4),
    new_unit_price numeric(12, 4),
    actor_id       bigint REFERENCES users (id),
    import_log_id  bigint,
    created_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ouvrage_history IS 'Who changed what of an ouvrage and its composition; written by triggers, insert-only.';
CREATE INDEX idx_ouvrage_history_ouvrage ON ouvrage_history (ouvrage_id, id DESC);
CREATE INDEX idx_ouvrage_history_import ON ouvrage_history (import_log_id) WHERE import_log_id IS NOT NULL;

CREATE TABLE documents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid        uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    tenant_id   bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    agent_id    bigint,
    collection  varchar(100) NOT NULL,
    title       varchar(500) NOT NULL,
    source      varchar(2048) NOT NULL,
    category    varchar(100),
    url         varchar(2048),
    language    varchar(10),
    media_type  varchar(100) NOT NULL,
    size_bytes  bigint NOT NULL DEFAULT 0,
    sha256      varchar(64) NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    original    bytea,
    content     text,
    page_count  integer,
    chunk_count integer NOT NULL DEFAULT 0,
    status      varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'ready', 'failed')),
    error       text,
    job_id      bigint REFERENCES jobs (id) ON DELETE SET NULL,
    metadata    jsonb NOT NULL DEFAULT '{}',
    created_by  bigint DEFAULT current_actor() REFERENCES users (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);
ALTER TABLE documents ALTER COLUMN original SET STORAGE EXTERNAL;
COMMENT ON TABLE documents IS 'Files and texts that agents may quote; source is where it came from, original the bytes as uploaded.';
CREATE UNIQUE INDEX idx_documents_sha256 ON documents (tenant_id, collection, sha256) WHERE deleted_at IS NULL;
CREATE INDEX idx_documents_source ON documents (tenant_id, collection, source) WHERE deleted_at IS NULL;
CREATE INDEX idx_documents_agent ON documents (agent_id);
CREATE INDEX idx_documents_created ON documents (tenant_id, created_at DESC);

CREATE TABLE document_chunks (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    document_id  bigint NOT NULL,
    position     integer NOT NULL,
    breadcrumb   text NOT NULL DEFAULT '',
    content      text NOT NULL,
    content_hash varchar(64) NOT NULL,
    page         integer,
    char_start   integer,
    char_end     integer,
    token_count  integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_id, position),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE document_chunks IS 'Passages of a document, in order, with the headings above them.';

CREATE SCHEMA dynamic;
COMMENT ON SCHEMA dynamic IS 'The tables that users define; dynamic_tables says what they are.';
GRANT USAGE ON SCHEMA dynamic TO countersign_app, countersign_system;

CREATE TABLE dynamic_tables (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id          bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name               varchar(100) NOT NULL,
    table_name         varchar(100) NOT NULL UNIQUE CHECK (table_name ~ '^[a-z][a-z0-9_]{0,62}$'),
    description        text,
    schema_definition  jsonb NOT NULL CHECK ((jsonb_typeof(schema_definition -> 'columns') = 'array') IS TRUE),
    qdrant_collection  varchar(100),
    embedding_template text,
    row_count          integer NOT NULL DEFAULT 0,
    indexed_count      integer NOT NULL DEFAULT 0,
    created_by         bigint DEFAULT current_actor() REFERENCES users (id),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, name)
);
COMMENT ON TABLE dynamic_tables IS 'Tables that users defined; table_name is a real table in schema dynamic.';
CREATE INDEX idx_dynamic_tables_tenant ON dynamic_tables (tenant_id);
CREATE INDEX idx_dynamic_tables_name ON dynamic_tables (table_name);

CREATE TABLE import_logs (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    source_type    varchar(50) NOT NULL CHECK (source_type IN ('csv', 'json', 'jsonl', 'excel', 'api', 'database')),
    source_name    varchar(255),
    source_sha256  varchar(64),
    target_table   varchar(100) NOT NULL,
    mapping        jsonb,
    dry_run        boolean NOT NULL DEFAULT false,
    status         varchar(20) NOT NULL DEFAULT 'pending'
                   CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled', 'undone')),
    total_rows     integer NOT NULL DEFAULT 0,
    imported_rows  integer NOT NULL DEFAULT 0,
    failed_rows    integer NOT NULL DEFAULT 0,
    inserted_rows  integer NOT NULL DEFAULT 0,
    updated_rows   integer NOT NULL DEFAULT 0,
    unchanged_rows integer NOT NULL DEFAULT 0,
    skipped_rows   integer NOT NULL DEFAULT 0,
    errors         jsonb CHECK (jsonb_typeof(errors) = 'array'),
    report         jsonb,
    job_id         bigint REFERENCES jobs (id) ON DELETE SET NULL,
    started_at     timestamptz,
    completed_at   timestamptz,
    undone_at      timestamptz,
    created_by     bigint DEFAULT current_actor() REFERENCES users (id),
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    CONSTRAINT chk_every_row_counted CHECK (status <> 'completed' OR imported_rows + failed_rows = total_rows)
);
COMMENT ON TABLE import_logs IS 'Imports; errors holds the first 1,000 bad rows, import_errors all of them.';
CREATE INDEX idx_import_logs_tenant ON import_logs (tenant_id);
CREATE INDEX idx_import_logs_status ON import_logs (status);
CREATE INDEX idx_import_logs_created ON import_logs (created_at DESC);

CREATE TABLE import_errors (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    import_log_id bigint NOT NULL,
    row_number    integer NOT NULL,
    error         text NOT NULL,
    data          jsonb NOT NULL DEFAULT '{}',
    FOREIGN KEY (tenant_id, import_log_id) REFERENCES import_logs (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE import_errors IS 'Every row that an import refused, for download.';
CREATE INDEX idx_import_errors_import ON import_errors (import_log_id, row_number);

INSERT INTO status_transitions (entity, from_status, to_status) VALUES
    ('document', NULL, 'pending'), ('document', NULL, 'processing'), ('document', NULL, 'ready'),
    ('document', 'pending', 'processing'), ('document', 'pending', 'failed'), ('document', 'pending', 'ready'),
    ('document', 'processing', 'ready'), ('document', 'processing', 'failed'), ('document', 'processing', 'pending'),
    ('document', 'failed', 'pending'), ('document', 'failed', 'processing'),
    ('document', 'ready', 'pending'), ('document', 'ready', 'processing'),
    ('import', NULL, 'pending'), ('import', NULL, 'processing'),
    ('import', 'pending', 'processing'), ('import', 'pending', 'failed'), ('import', 'pending', 'cancelled'),
    ('import', 'processing', 'completed'), ('import', 'processing', 'failed'), ('import', 'processing', 'cancelled'),
    ('import', 'processing', 'pending'), ('import', 'completed', 'undone');

CREATE TRIGGER documents_begin BEFORE INSERT ON documents
    FOR EACH ROW EXECUTE FUNCTION check_transition('document', 'status');
CREATE TRIGGER documents_transition BEFORE UPDATE OF status ON documents
    FOR EACH ROW EXECUTE FUNCTION check_transition('document', 'status');
CREATE TRIGGER documents_touch BEFORE UPDATE ON documents
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
