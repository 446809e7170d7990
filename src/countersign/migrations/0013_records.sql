-- Files are kept in pieces, so that nobody ever holds a whole one; the counts of users' tables are kept as rows change.

CREATE TABLE document_pieces (
    tenant_id   bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    document_id bigint NOT NULL,
    position    integer NOT NULL,
    data        bytea NOT NULL,
    PRIMARY KEY (document_id, position),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE document_pieces ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE document_pieces IS 'Bytes of a document as uploaded, in order, a megabyte each.';

INSERT INTO document_pieces (tenant_id, document_id, position, data)
SELECT d.tenant_id, d.id, n, substring(d.original FROM n * 1048576 + 1 FOR 1048576)
FROM documents d CROSS JOIN LATERAL generate_series(0, (length(d.original) - 1) / 1048576) AS n
WHERE length(d.original) > 0;
ALTER TABLE documents DROP COLUMN original;
COMMENT ON TABLE documents IS 'Files and texts that agents may quote; source is where it came from, document_pieces the bytes as uploaded.';

-- A change is counted when its transaction ends (knowledge/tables/objects.sql), so that whoever writes waits for nobody before.
CREATE TABLE dynamic_changes (
    no        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    table_id  bigint NOT NULL,
    rows      integer NOT NULL,
    indexed   integer NOT NULL
);
COMMENT ON TABLE dynamic_changes IS 'How much the counts of dynamic_tables change by the transaction that is under way; empty in between.';
