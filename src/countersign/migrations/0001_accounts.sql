-- Who may do what: tenants, users, roles, permissions, tokens, sessions.

DO $$
DECLARE
    wanted text;
BEGIN
    -- Roles belong to the whole server: another database may have made them already, or be making them now.
    FOREACH wanted IN ARRAY ARRAY['countersign_app', 'countersign_system'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END $$;

CREATE EXTENSION IF NOT EXISTS ltree;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- Column defaults and policies below name these two; kernel/objects.sql holds their current text.
CREATE OR REPLACE FUNCTION current_tenant() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('countersign.tenant_id', true), '')::bigint;

CREATE OR REPLACE FUNCTION current_actor() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('countersign.user_id', true), '')::bigint;

CREATE TABLE tenants (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid       uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    name       varchar(255) NOT NULL,
    slug       varchar(100) NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    domain     varchar(255) UNIQUE,
    settings   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    is_active  boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
COMMENT ON TABLE tenants IS 'Organisations; every other row belongs to one of them.';

INSERT INTO tenants (name, slug) VALUES ('Default', 'default');

CREATE TABLE users (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid              uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    tenant_id         bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    name              varchar(255) NOT NULL,
    email             varchar(255) NOT NULL UNIQUE CHECK (email LIKE '_%@%_'),
    email_verified_at timestamptz,
    password          varchar(255) NOT NULL,
    remember_token    varchar(100),
    locale            varchar(10),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    UNIQUE (tenant_id, id)
);
COMMENT ON TABLE users IS 'People and API clients; password is an Argon2id hash.';
CREATE INDEX idx_users_email ON users (email);
CREATE UNIQUE INDEX idx_users_email_live ON users (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_tenant ON users (tenant_id);
CREATE INDEX idx_users_uuid ON users (uuid);

CREATE TABLE roles (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   bigint DEFAULT current_tenant() REFERENCES tenants (id),
    name        varchar(50) NOT NULL,
    slug        varchar(50) NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]*$'),
    description text,
    is_system   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (is_system = (tenant_id IS NULL)),
    UNIQUE NULLS NOT DISTINCT (tenant_id, name),
    UNIQUE NULLS NOT DISTINCT (tenant_id, slug)
);
COMMENT ON TABLE roles IS 'Sets of permissions; without a tenant it is a system role that everyone reads and nobody deletes.';

INSERT INTO roles (tenant_id, name, slug, description, is_system) VALUES
    (NULL, 'Super Admin', 'super-admin', 'Accès complet au système', true),
    (NULL, 'Admin', 'admin', 'Administration des agents et utilisateurs', true),
    (NULL, 'Validateur', 'validator', 'Validation des réponses IA', true),
    (NULL, 'Utilisateur', 'user', 'Utilisation des agents IA', true),
    (NULL, 'API Client', 'api-client', 'Accès API uniquement (marque blanche)', true);

CREATE TABLE permissions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        varchar(100) NOT NULL UNIQUE,
    slug        varchar(100) NOT NULL UNIQUE,
    group_name  varchar(50) NOT NULL,
    description text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE permissions IS 'What can be allowed, by slug; the same for every tenant.';

INSERT INTO permissions (name, slug, group_name) VALUES
    ('Voir les agents', 'agents.view', 'agents'),
    ('Créer un agent', 'agents.create', 'agents'),
    ('Modifier un agent', 'agents.update', 'agents'),
    ('Supprimer un agent', 'agents.delete', 'agents'),
    ('Voir les sessions', 'ai-sessions.view', 'ai'),
    ('Voir les sessions de tous', 'ai-sessions.view-all', 'ai'),
    ('Valider les réponses', 'ai-sessions.validate', 'ai'),
    ('Déclencher l''apprentissage', 'ai-sessions.learn', 'ai'),
    ('Voir les ouvrages', 'ouvrages.view', 'ouvrages'),
    ('Importer des ouvrages', 'ouvrages.import', 'ouvrages'),
    ('Indexer dans Qdrant', 'ouvrages.index', 'ouvrages'),
    ('Voir les documents', 'documents.view', 'documents'),
    ('Gérer les documents', 'documents.manage', 'documents'),
    ('Voir les tables', 'tables.view', 'tables'),
    ('Gérer les tables', 'tables.manage', 'tables'),
    ('Voir les tâches', 'tasks.view', 'tasks'),
    ('Lancer les tâches', 'tasks.run', 'tasks'),
    ('Voir les validations', 'validations.view', 'validations'),
    ('Décider des validations', 'validations.decide', 'validations'),
    ('Gérer les utilisateurs', 'users.manage', 'users'),
    ('Gérer les rôles', 'roles.manage', 'users'),
    ('Accès API', 'api.access', 'api'),
    ('Gérer les webhooks', 'webhooks.manage', 'api'),
    ('Voir les webhooks', 'webhooks.view', 'api'),
    ('Voir les coûts', 'costs.view', 'administration'),
    ('Consulter le journal d''audit', 'audit.view', 'administration'),
    ('Gérer les paramètres', 'settings.manage', 'administration');

CREATE TABLE user_roles (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    user_id    bigint NOT NULL,
    role_id    bigint NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE user_roles IS 'Which user holds which role.';
CREATE INDEX idx_user_roles_role ON user_roles (role_id);

CREATE TABLE role_permissions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     bigint DEFAULT current_tenant() REFERENCES tenants (id),
    role_id       bigint NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission_id bigint NOT NULL REFERENCES permissions (id) ON DELETE CASCADE,
    UNIQUE (role_id, permission_id)
);
COMMENT ON TABLE role_permissions IS 'Which role contains which permission; tenant_id is the role''s.';
CREATE INDEX idx_role_permissions_permission ON role_permissions (permission_id);

INSERT INTO role_permissions (tenant_id, role_id, permission_id)
SELECT NULL, r.id, p.id
FROM (VALUES
    ('super-admin', '.*'),
    ('admin', '.*'),
    ('validator', 'agents\.view|ai-sessions\..*|ouvrages\.view|documents\.view|tables\.view|tasks\.view|validations\..*|costs\.view'),
    ('user', 'agents\.view|ai-sessions\.view|ouvrages\.view|documents\.view|tables\.view'),
    ('api-client', 'agents\.view|ai-sessions\.view|ouvrages\.view|documents\.view|tables\.view|api\.access')
) AS mapping (role_slug, pattern)
JOIN roles r ON r.slug = mapping.role_slug
JOIN permissions p ON p.slug ~ ('^(' || mapping.pattern || ')$');

CREATE TABLE api_tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    user_id      bigint NOT NULL,
    name         varchar(255) NOT NULL,
    token        varchar(64) NOT NULL UNIQUE CHECK (token ~ '^[0-9a-f]{64}$'),
    abilities    jsonb NOT NULL DEFAULT '["*"]' CHECK (jsonb_typeof(abilities) = 'array'),
    last_used_at timestamptz,
    last_used_ip inet,
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE api_tokens IS 'Bearer tokens; token is the hexadecimal SHA-256 of what the owner saw once.';
CREATE INDEX idx_api_tokens_token ON api_tokens (token);
CREATE INDEX idx_api_tokens_user ON api_tokens (user_id);

CREATE TABLE user_sessions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL DEFAULT current_tenant() REFERENCES tenants (id),
    user_id      bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash   bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    csrf_secret  bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ip           inet,
    user_agent   text
);
COMMENT ON TABLE user_sessions IS 'Sign-ins of browsers; tenant_id is the one being looked at (a super-admin may switch).';
CREATE INDEX idx_user_sessions_user ON user_sessions (user_id);
CREATE INDEX idx_user_sessions_expires ON user_sessions (expires_at);

CREATE TABLE sign_in_attempts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email     varchar(255) NOT NULL,
    ip        inet,
    succeeded boolean NOT NULL,
    at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sign_in_attempts IS 'For rate limits, kept one day; reached only through functions.';
CREATE INDEX idx_sign_in_attempts_email ON sign_in_attempts (lower(email), at);
CREATE INDEX idx_sign_in_attempts_ip ON sign_in_attempts (ip, at);
CREATE INDEX idx_sign_in_attempts_at ON sign_in_attempts (at);

GRANT USAGE ON SCHEMA public TO countersign_app, countersign_system;
GRANT SELECT ON permissions TO countersign_app, countersign_system;
GRANT SELECT, INSERT, UPDATE ON tenants TO countersign_app;
GRANT SELECT ON tenants TO countersign_system;
GRANT SELECT, INSERT, DELETE ON sign_in_attempts TO countersign_system;
