-- recent_attempts
-- Failed sign-ins of this account and from this address within the window.
SELECT by_email, by_ip
FROM sign_in_attempts_recent(%(email)s::text, %(ip)s::inet, make_interval(secs => %(within)s::double precision));

-- record_attempt
-- Remembers a sign-in that failed or succeeded.
SELECT record_sign_in_attempt(%(email)s::text, %(ip)s::inet, %(succeeded)s::boolean);

-- user_for_sign_in
-- The live user of an address with the hash to verify, whatever the tenant.
SELECT user_id, tenant_id, email, name, password, locale FROM user_for_sign_in(%(email)s::text);

-- caller_for_token
-- Who bears an API token, and what they may do with it.
SELECT user_id, tenant_id, email, name, locale, permissions, is_super, token_id, new_address
FROM caller_for_token(%(token)s::text, %(ip)s::inet);

-- caller_for_session
-- Who is signed in with a cookie.
SELECT session_id, user_id, tenant_id, email, name, locale, permissions, is_super, csrf_secret, expires_at
FROM caller_for_session(%(token)s::bytea);

-- open_session
-- Signs a user in.
SELECT open_user_session(%(user)s::bigint, %(token)s::bytea, %(csrf)s::bytea, make_interval(hours => %(hours)s::integer),
                         %(ip)s::inet, %(agent)s::text);

-- extend_session
-- A sign-in that is in use lasts longer.
UPDATE user_sessions SET expires_at = now() + make_interval(hours => %(hours)s::integer) WHERE id = %(id)s::bigint;

-- close_session
-- Signs out; false when nobody was signed in.
SELECT close_user_session(%(token)s::bytea);

-- close_sessions_of
-- Signs a user out everywhere.
DELETE FROM user_sessions WHERE user_id = %(user)s::bigint;

-- switch_tenant
-- A super-admin's sign-in looks at another tenant; false when not allowed.
SELECT switch_session_tenant(%(token)s::bytea, %(tenant)s::bigint);

-- tenant_by_word
-- An active tenant that the caller may see, by slug or number.
SELECT id FROM tenants
WHERE (slug = %(word)s::text OR id::text = %(word)s::text) AND is_active AND deleted_at IS NULL;

-- tenant_now
-- The organisation that the caller is looking at.
SELECT id, slug, name FROM tenants WHERE id = current_tenant();

-- lock_first_admin
-- One process at a time may make the first administrator.
SELECT pg_advisory_xact_lock(hashtext('countersign.first-admin'));

-- has_super_admin
-- Whether this tenant has a live super-admin.
SELECT EXISTS (
    SELECT FROM users u
    JOIN user_roles ur ON ur.user_id = u.id
    JOIN roles r ON r.id = ur.role_id AND r.is_system AND r.slug = 'super-admin'
    WHERE u.deleted_at IS NULL);

-- add_user
-- A user of the caller's tenant; nothing when the address is taken.
INSERT INTO users (tenant_id, name, email, password, locale)
VALUES (current_tenant(), %(name)s::text, %(email)s::text, %(password)s::text, %(locale)s::text)
ON CONFLICT DO NOTHING RETURNING id;

-- users
-- Live users in order of their number, with their roles.
SELECT u.id, u.uuid, u.email, u.name, u.locale, u.created_at,
       ARRAY(SELECT r.slug::text FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = u.id ORDER BY r.slug) AS roles
FROM users u
WHERE u.deleted_at IS NULL AND u.id > %(after)s::bigint
  AND (%(q)s::text IS NULL OR strpos(lower(u.email), lower(%(q)s::text)) > 0 OR strpos(lower(u.name), lower(%(q)s::text)) > 0)
ORDER BY u.id LIMIT %(limit)s::integer;

-- user_by
-- A live user by number, public id or address; give one of them.
SELECT u.id, u.uuid, u.email, u.name, u.locale, u.created_at,
       ARRAY(SELECT r.slug::text FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = u.id ORDER BY r.slug) AS roles
FROM users u
WHERE u.deleted_at IS NULL
  AND (u.id = %(id)s::bigint OR u.uuid = %(uuid)s::uuid OR lower(u.email) = lower(%(email)s::text));

-- change_user
-- New name, locale or password hash; what is NULL stays.
UPDATE users SET name = coalesce(%(name)s::text, name), locale = coalesce(%(locale)s::text, locale),
                 password = coalesce(%(password)s::text, password)
WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- delete_user
-- Soft deletion: the person can no longer come in, what they did stays signed by them.
UPDATE users SET deleted_at = now() WHERE id = %(id)s::bigint AND deleted_at IS NULL;

-- held_by
-- Permissions that the roles of a user contain; a super-admin holds every one.
SELECT coalesce(array_agg(p.slug::text ORDER BY p.slug), '{}') FROM permissions p
WHERE EXISTS (
    SELECT FROM user_roles ur
    JOIN roles r ON r.id = ur.role_id
    LEFT JOIN role_permissions rp ON rp.role_id = r.id AND rp.permission_id = p.id
    WHERE ur.user_id = %(user)s::bigint AND (rp.id IS NOT NULL OR r.is_system AND r.slug = 'super-admin'));

-- permissions
-- Everything that can be allowed.
SELECT slug, name, group_name FROM permissions ORDER BY group_name, slug;

-- roles
-- System roles and those of this tenant, with what they contain and how many people hold them; one of them by slug.
SELECT r.id, r.slug, r.name, r.description, r.is_system,
       ARRAY(SELECT p.slug::text FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id
             WHERE rp.role_id = r.id ORDER BY p.slug) AS permissions,
       (SELECT count(*) FROM user_roles ur JOIN users u ON u.id = ur.user_id AND u.deleted_at IS NULL
        WHERE ur.role_id = r.id) AS users
FROM roles r
WHERE %(slug)s::text IS NULL OR r.slug = %(slug)s::text
ORDER BY r.is_system DESC, r.id;

-- add_role
-- A custom role; nothing when its name or slug is taken here.
INSERT INTO roles (tenant_id, name, slug, description)
VALUES (current_tenant(), %(name)s::text, %(slug)s::text, %(description)s::text)
ON CONFLICT DO NOTHING RETURNING id;

-- change_role
-- New name or description; what is NULL stays.
UPDATE roles SET name = coalesce(%(name)s::text, name), description = coalesce(%(description)s::text, description)
WHERE id = %(id)s::bigint;

-- delete_role
-- Deletes a custom role; those who had it lose it.
DELETE FROM roles WHERE id = %(id)s::bigint;

-- put_role_permissions
-- Permissions that the role does not contain yet.
INSERT INTO role_permissions (tenant_id, role_id, permission_id)
SELECT current_tenant(), %(role)s::bigint, p.id FROM permissions p WHERE p.slug = ANY (%(slugs)s::text[])
ON CONFLICT (role_id, permission_id) DO NOTHING;

-- cut_role_permissions
-- Takes out of a role everything that is not listed.
DELETE FROM role_permissions rp USING permissions p
WHERE rp.role_id = %(role)s::bigint AND p.id = rp.permission_id AND p.slug <> ALL (%(slugs)s::text[]);

-- grant_role
-- Gives a role.
SELECT grant_role(%(user)s::bigint, %(role)s::bigint);

-- revoke_role
-- Takes a role away; false when the user did not have it.
SELECT revoke_role(%(user)s::bigint, %(role)s::bigint);

-- add_token
-- An API token; only its hash is stored.
INSERT INTO api_tokens (tenant_id, user_id, name, token, abilities, expires_at)
VALUES (current_tenant(), %(user)s::bigint, %(name)s::text, %(token)s::text, %(abilities)s::jsonb, %(expires)s::timestamptz)
RETURNING id;

-- tokens
-- Tokens of one user, or of everybody here; newest first.
SELECT k.id, k.name, k.abilities, k.last_used_at, host(k.last_used_ip) AS last_used_ip, k.expires_at, k.created_at, k.user_id, u.email
FROM api_tokens k JOIN users u ON u.id = k.user_id AND u.deleted_at IS NULL
WHERE (%(user)s::bigint IS NULL OR k.user_id = %(user)s::bigint) AND (%(before)s::bigint IS NULL OR k.id < %(before)s::bigint)
ORDER BY k.id DESC LIMIT %(limit)s::integer;

-- token_by_id
-- One token.
SELECT k.id, k.name, k.abilities, k.last_used_at, host(k.last_used_ip) AS last_used_ip, k.expires_at, k.created_at, k.user_id, u.email
FROM api_tokens k JOIN users u ON u.id = k.user_id WHERE k.id = %(id)s::bigint;

-- delete_token
-- Revokes a token at once.
DELETE FROM api_tokens WHERE id = %(id)s::bigint;
