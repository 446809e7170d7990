-- Where the rows of a file stand while they are checked; nothing of it is ever committed.

CREATE UNLOGGED TABLE import_staging (
    tenant_id        bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    row_number       integer NOT NULL,
    code             text,
    name             text,
    description      text,
    type             text,
    category         text,
    subcategory      text,
    unit             text,
    currency         text,
    unit_price       numeric,
    default_quantity numeric,
    data             jsonb,
    error            text,
    ouvrage_id       bigint,
    changed          boolean,
    PRIMARY KEY (tenant_id, row_number)
);
COMMENT ON TABLE import_staging IS 'Rows of the file that is being imported; emptied in the transaction that fills it.';
