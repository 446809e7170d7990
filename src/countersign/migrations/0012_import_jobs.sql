-- Imports run as jobs: their files until they are done with, how far they are, and mappings kept by name.

-- Each import copies this empty table as a temporary one: COPY does not go through row-level security.
DROP POLICY IF EXISTS tenant_only ON import_staging;
DROP POLICY IF EXISTS system_all ON import_staging;
ALTER TABLE import_staging NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE import_staging DROP COLUMN tenant_id;
ALTER TABLE import_staging RENAME COLUMN ouvrage_id TO target_id;
ALTER TABLE import_staging ALTER COLUMN data TYPE text;
ALTER TABLE import_staging ADD COLUMN row_values jsonb; -- by the columns of a table of users
REVOKE ALL ON import_staging FROM countersign_app, countersign_system;
GRANT SELECT ON import_staging TO countersign_app, countersign_system;
COMMENT ON TABLE import_staging IS 'The shape of the temporary table in which an import checks its rows; always empty.';

CREATE TABLE import_files (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name       varchar(255) NOT NULL,
    kind       varchar(20) NOT NULL CHECK (kind IN ('csv', 'json', 'jsonl', 'excel')),
    size_bytes bigint NOT NULL DEFAULT 0,
    sha256     varchar(64),
    names      text[] NOT NULL DEFAULT '{}',
    created_by bigint DEFAULT current_actor() REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id)
);
COMMENT ON TABLE import_files IS 'Files that were sent for an import; names are their columns. Their bytes go after a week.';

CREATE TABLE import_file_parts (
    tenant_id bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    file_id   bigint NOT NULL,
    position  integer NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (file_id, position),
    FOREIGN KEY (tenant_id, file_id) REFERENCES import_files (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE import_file_parts ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE import_file_parts IS 'The bytes of a file, in order.';

CREATE TABLE import_mappings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name         varchar(100) NOT NULL CHECK (name <> ''),
    target_table varchar(100) NOT NULL,
    names        text[] NOT NULL DEFAULT '{}',
    mapping      jsonb NOT NULL,
    created_by   bigint DEFAULT current_actor() REFERENCES users (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name)
);
COMMENT ON TABLE import_mappings IS 'Mappings by name; names are the columns of the file that one was made for.';

ALTER TABLE import_logs
    ADD COLUMN file_id         bigint,
    ADD COLUMN phase           varchar(20),
    ADD COLUMN rows_done       integer NOT NULL DEFAULT 0,
    ADD COLUMN rows_expected   integer,
    ADD COLUMN rows_per_second integer,
    ADD COLUMN seconds_left    integer,
    ADD FOREIGN KEY (tenant_id, file_id) REFERENCES import_files (tenant_id, id);
CREATE INDEX idx_import_logs_file ON import_logs (file_id);
CREATE INDEX idx_import_logs_job ON import_logs (job_id);
