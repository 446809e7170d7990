-- Rules about who may be granted what, and the few functions that must find a person before a tenant is known.

-- ── What somebody holds ──────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION is_super_admin(p_user bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM user_roles ur
        JOIN roles r ON r.id = ur.role_id AND r.is_system AND r.slug = 'super-admin'
        JOIN users u ON u.id = ur.user_id AND u.deleted_at IS NULL
        JOIN tenants t ON t.id = u.tenant_id AND t.is_active AND t.deleted_at IS NULL
        WHERE ur.user_id = p_user)
$$;
COMMENT ON FUNCTION is_super_admin(bigint) IS 'Whether a live user of an active tenant has the role super-admin.';

CREATE OR REPLACE FUNCTION held_permissions(p_user bigint) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    -- A super-admin holds every permission, those of later versions too.
    SELECT coalesce(array_agg(p.slug::text ORDER BY p.slug), '{}')
    FROM permissions p
    WHERE (SELECT is_super_admin(p_user)) OR EXISTS (
        SELECT FROM user_roles ur
        JOIN role_permissions rp ON rp.role_id = ur.role_id AND rp.permission_id = p.id
        JOIN users u ON u.id = ur.user_id AND u.deleted_at IS NULL
        WHERE ur.user_id = p_user)
$$;
COMMENT ON FUNCTION held_permissions(bigint) IS 'Slugs of everything a live user may do; empty for anybody else.';

CREATE OR REPLACE FUNCTION actor_is_super() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT is_super_admin(current_actor())
$$;
COMMENT ON FUNCTION actor_is_super() IS 'Whether the user of this transaction is a super-admin.';

CREATE OR REPLACE FUNCTION actor_holds(p_permission text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p_permission = ANY (held_permissions(current_actor()))
$$;
COMMENT ON FUNCTION actor_holds(text) IS 'Whether the user of this transaction holds a permission; false for background work.';

CREATE OR REPLACE FUNCTION actor_name() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT name::text FROM users WHERE id = current_actor() AND deleted_at IS NULL
$$;
COMMENT ON FUNCTION actor_name() IS 'Name of the user of this transaction, who may be a super-admin from another tenant; NULL for background work.';

CREATE OR REPLACE FUNCTION users_holding(p_permission text) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT DISTINCT u.id
    FROM users u
    JOIN user_roles ur ON ur.user_id = u.id
    JOIN role_permissions rp ON rp.role_id = ur.role_id
    JOIN permissions p ON p.id = rp.permission_id AND p.slug = p_permission
    WHERE u.deleted_at IS NULL AND u.tenant_id = current_tenant()
$$;
COMMENT ON FUNCTION users_holding(text) IS 'Live users of this tenant who hold a permission.';

-- ── Nobody grants what they do not hold; the last super-admin stays ──────────────────────────────────────────────

CREATE OR REPLACE FUNCTION require_cover(p_permissions text[], p_super boolean) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    actor bigint := current_actor();
    missing text;
BEGIN
    IF actor IS NULL THEN
        RETURN;  -- background work and commands of the operator
    END IF;
    SELECT string_agg(slug, ', ' ORDER BY slug) INTO missing
    FROM unnest(p_permissions) AS slug WHERE slug NOT IN (SELECT unnest(held_permissions(actor)));
    IF missing IS NOT NULL OR (p_super AND NOT is_super_admin(actor)) THEN
        RAISE EXCEPTION 'grant-beyond-own' USING ERRCODE = 'P0403',
            DETAIL = format('You cannot give, take or touch rights that you do not hold: %s.', coalesce(missing, 'super-admin'));
    END IF;
END $$;
COMMENT ON FUNCTION require_cover(text[], boolean) IS 'Refuses unless the actor holds all of these permissions.';

CREATE OR REPLACE FUNCTION guard_user_role() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    target roles%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'user-role-fixed' USING ERRCODE = 'P0409', DETAIL = 'Take the role away and give another one instead.';
    END IF;
    SELECT * INTO target FROM roles WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.role_id ELSE OLD.role_id END;
    IF TG_OP = 'INSERT' AND (target.id IS NULL OR target.tenant_id <> NEW.tenant_id) THEN
        RAISE EXCEPTION 'role-not-found' USING ERRCODE = 'P0404', DETAIL = 'This role does not exist.';
    END IF;
    -- A role that is being deleted has been checked as a role.
    IF target.id IS NOT NULL THEN
        PERFORM require_cover(
            ARRAY(SELECT p.slug::text FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id WHERE rp.role_id = target.id),
            target.is_system AND target.slug = 'super-admin');
    END IF;
    RETURN CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
END $$;
COMMENT ON FUNCTION guard_user_role() IS 'Trigger: roles are given and taken only by those who hold all that they contain.';

CREATE OR REPLACE FUNCTION keep_a_super_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'user_roles' THEN
        IF NOT EXISTS (SELECT FROM roles r WHERE r.id = OLD.role_id AND r.is_system AND r.slug = 'super-admin') THEN
            RETURN NULL;
        END IF;
    END IF;
    -- One at a time: two administrators removing each other must not both succeed.
    PERFORM pg_advisory_xact_lock(hashtext('countersign.super-admin'));
    IF EXISTS (SELECT FROM user_roles ur JOIN roles r ON r.id = ur.role_id
               WHERE r.is_system AND r.slug = 'super-admin' AND is_super_admin(ur.user_id)) THEN
        RETURN NULL;
    END IF;
    -- A database that has had none yet may still be tidied.
    IF TG_TABLE_NAME = 'user_roles'
       OR EXISTS (SELECT FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE r.is_system AND r.slug = 'super-admin') THEN
        RAISE EXCEPTION 'last-super-admin' USING ERRCODE = 'P0409',
            DETAIL = 'This is the last super-admin. Make somebody else super-admin first.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION keep_a_super_admin() IS 'Trigger: at least one live super-admin of an active tenant remains.';

CREATE OR REPLACE FUNCTION guard_role() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.is_system AND current_tenant() IS NOT NULL
           OR NOT NEW.is_system AND EXISTS (SELECT FROM roles r WHERE r.is_system AND (r.slug = NEW.slug OR lower(r.name) = lower(NEW.name))) THEN
            RAISE EXCEPTION 'role-reserved' USING ERRCODE = 'P0409', DETAIL = format('%s is the name of a system role.', NEW.name);
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.is_system AND (TG_OP = 'DELETE' OR current_tenant() IS NOT NULL) THEN
        RAISE EXCEPTION 'system-role' USING ERRCODE = 'P0409', DETAIL = format('%s is a system role: it stays as it is.', OLD.name);
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM require_cover(
            ARRAY(SELECT p.slug::text FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id WHERE rp.role_id = OLD.id), false);
        RETURN OLD;
    END IF;
    IF (NEW.tenant_id, NEW.is_system) IS DISTINCT FROM (OLD.tenant_id, OLD.is_system)
       OR NEW.slug <> OLD.slug AND EXISTS (SELECT FROM roles r WHERE r.is_system AND r.slug = NEW.slug) THEN
        RAISE EXCEPTION 'role-reserved' USING ERRCODE = 'P0409', DETAIL = 'A custom role cannot become a system role.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION guard_role() IS 'Trigger: system roles stay as they are, and nobody makes a role that looks like one.';

CREATE OR REPLACE FUNCTION guard_role_permission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    target roles%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'role-permission-fixed' USING ERRCODE = 'P0409', DETAIL = 'Take the permission out and put another one in instead.';
    END IF;
    SELECT * INTO target FROM roles WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.role_id ELSE OLD.role_id END;
    IF TG_OP = 'INSERT' AND (target.id IS NULL OR target.tenant_id IS DISTINCT FROM NEW.tenant_id) THEN
        RAISE EXCEPTION 'role-not-found' USING ERRCODE = 'P0404', DETAIL = 'This role does not exist.';
    END IF;
    IF target.is_system AND current_tenant() IS NOT NULL THEN
        RAISE EXCEPTION 'system-role' USING ERRCODE = 'P0409', DETAIL = format('%s is a system role: it stays as it is.', target.name);
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM require_cover(ARRAY(SELECT slug::text FROM permissions WHERE id = NEW.permission_id), false);
        RETURN NEW;
    END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION guard_role_permission() IS 'Trigger: a custom role holds only what its maker holds.';

CREATE OR REPLACE FUNCTION guard_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.tenant_id <> OLD.tenant_id THEN
        RAISE EXCEPTION 'user-tenant-fixed' USING ERRCODE = 'P0409', DETAIL = 'A user stays in the organisation they were made in.';
    END IF;
    -- Whoever can set a password can become that person: it takes at least their rights.
    IF OLD.id IS DISTINCT FROM current_actor()
       AND (TG_OP = 'DELETE'
            OR (NEW.password, NEW.email, NEW.deleted_at) IS DISTINCT FROM (OLD.password, OLD.email, OLD.deleted_at)) THEN
        PERFORM require_cover(held_permissions(OLD.id), is_super_admin(OLD.id));
    END IF;
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $$;
COMMENT ON FUNCTION guard_user() IS 'Trigger: the credentials of others are touched only by those who hold all their rights.';

CREATE OR REPLACE FUNCTION guard_api_token() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.user_id IS DISTINCT FROM current_actor() THEN
        PERFORM require_cover(held_permissions(NEW.user_id), is_super_admin(NEW.user_id));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION guard_api_token() IS 'Trigger: a token for somebody else takes all their rights.';

CREATE OR REPLACE TRIGGER user_roles_guard BEFORE INSERT OR UPDATE OR DELETE ON user_roles
    FOR EACH ROW EXECUTE FUNCTION guard_user_role();
CREATE OR REPLACE TRIGGER user_roles_keep_super_admin AFTER DELETE ON user_roles
    FOR EACH ROW EXECUTE FUNCTION keep_a_super_admin();
CREATE OR REPLACE TRIGGER users_keep_super_admin AFTER UPDATE OF deleted_at ON users
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION keep_a_super_admin();
CREATE OR REPLACE TRIGGER tenants_keep_super_admin AFTER UPDATE OF is_active, deleted_at ON tenants
    FOR EACH ROW WHEN (NOT NEW.is_active OR NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION keep_a_super_admin();
CREATE OR REPLACE TRIGGER roles_guard BEFORE INSERT OR UPDATE OR DELETE ON roles
    FOR EACH ROW EXECUTE FUNCTION guard_role();
CREATE OR REPLACE TRIGGER role_permissions_guard BEFORE INSERT OR UPDATE OR DELETE ON role_permissions
    FOR EACH ROW EXECUTE FUNCTION guard_role_permission();
CREATE OR REPLACE TRIGGER users_guard BEFORE UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION guard_user();
CREATE OR REPLACE TRIGGER api_tokens_guard BEFORE INSERT OR UPDATE OF user_id, token, abilities ON api_tokens
    FOR EACH ROW EXECUTE FUNCTION guard_api_token();
CREATE OR REPLACE TRIGGER tenants_touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER roles_touch BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();

CREATE OR REPLACE FUNCTION grant_role(p_user bigint, p_role bigint) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO user_roles (tenant_id, user_id, role_id)
    SELECT tenant_id, id, p_role FROM users WHERE id = p_user
    ON CONFLICT (user_id, role_id) DO NOTHING
$$;
COMMENT ON FUNCTION grant_role(bigint, bigint) IS 'Gives a role; giving it twice changes nothing.';

CREATE OR REPLACE FUNCTION revoke_role(p_user bigint, p_role bigint) RETURNS boolean
LANGUAGE sql SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM user_roles WHERE user_id = p_user AND role_id = p_role RETURNING id)
    SELECT EXISTS (SELECT FROM gone)
$$;
COMMENT ON FUNCTION revoke_role(bigint, bigint) IS 'Takes a role away; false when the user did not have it.';

-- ── Signing in ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION user_for_sign_in(p_email text)
RETURNS TABLE (user_id bigint, tenant_id bigint, email text, name text, password text, email_verified_at timestamptz, locale text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.id, u.tenant_id, u.email::text, u.name::text, u.password::text, u.email_verified_at, u.locale::text
    FROM users u JOIN tenants t ON t.id = u.tenant_id AND t.is_active AND t.deleted_at IS NULL
    WHERE lower(u.email) = lower(p_email) AND u.deleted_at IS NULL
$$;
COMMENT ON FUNCTION user_for_sign_in(text) IS 'The live user with this address, in an active tenant, with the hash to verify.';

CREATE OR REPLACE FUNCTION caller_for_token(p_token_hash text, p_ip inet)
RETURNS TABLE (user_id bigint, tenant_id bigint, email text, name text, locale text, permissions text[], is_super boolean,
               token_id bigint, new_address boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hit record;
    held text[];
    fresh boolean := false;
    everything boolean;
BEGIN
    SELECT k.id, k.abilities, k.last_used_at, k.last_used_ip, u.id AS owner, u.tenant_id AS home, u.email, u.name, u.locale INTO hit
    FROM api_tokens k
    JOIN users u ON u.id = k.user_id AND u.deleted_at IS NULL
    JOIN tenants t ON t.id = u.tenant_id AND t.is_active AND t.deleted_at IS NULL
    WHERE k.token = p_token_hash AND (k.expires_at IS NULL OR k.expires_at > now());
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- At most one write a minute however busy the token is; concurrent requests do not queue for it.
    IF hit.last_used_at IS NULL OR hit.last_used_at < now() - interval '1 minute' THEN
        PERFORM FROM api_tokens k WHERE k.id = hit.id FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE api_tokens k SET last_used_at = now(), last_used_ip = p_ip WHERE k.id = hit.id;
            fresh := hit.last_used_ip IS DISTINCT FROM p_ip;
        END IF;
    END IF;
    everything := hit.abilities ? '*';
    held := held_permissions(hit.owner);
    RETURN QUERY SELECT hit.owner, hit.home, hit.email::text, hit.name::text, hit.locale::text,
        CASE WHEN 'api.access' = ANY (held) THEN
            ARRAY(SELECT slug FROM unnest(held) AS slug WHERE everything OR hit.abilities ? slug) END,
        everything AND is_super_admin(hit.owner), hit.id, fresh;
END $$;
COMMENT ON FUNCTION caller_for_token(text, inet) IS
    'Who bears this token (hexadecimal SHA-256) and what they may do with it: NULL when they may not use the API at all. '
    'No row when it is unknown or expired.';

CREATE OR REPLACE FUNCTION caller_for_session(p_token_hash bytea)
RETURNS TABLE (session_id bigint, user_id bigint, tenant_id bigint, email text, name text, locale text, permissions text[],
               is_super boolean, csrf_secret bytea, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hit record;
BEGIN
    SELECT s.id, s.tenant_id AS place, s.csrf_secret, s.expires_at, s.last_seen_at, u.id AS person, u.email, u.name, u.locale,
           is_super_admin(u.id) AS super INTO hit
    FROM user_sessions s
    JOIN users u ON u.id = s.user_id AND u.deleted_at IS NULL
    JOIN tenants home ON home.id = u.tenant_id AND home.is_active AND home.deleted_at IS NULL
    JOIN tenants place ON place.id = s.tenant_id AND place.is_active AND place.deleted_at IS NULL
    WHERE s.token_hash = p_token_hash AND s.expires_at > now()
      AND (s.tenant_id = u.tenant_id OR is_super_admin(u.id));
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF hit.last_seen_at < now() - interval '1 minute' THEN
        PERFORM FROM user_sessions s WHERE s.id = hit.id FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND THEN
            UPDATE user_sessions s SET last_seen_at = now() WHERE s.id = hit.id;
        END IF;
    END IF;
    RETURN QUERY SELECT hit.id, hit.person, hit.place, hit.email::text, hit.name::text, hit.locale::text,
        held_permissions(hit.person), hit.super, hit.csrf_secret, hit.expires_at;
END $$;
COMMENT ON FUNCTION caller_for_session(bytea) IS 'Who is signed in with this cookie (SHA-256), and where; nothing when it has ended.';

CREATE OR REPLACE FUNCTION open_user_session(p_user bigint, p_token_hash bytea, p_csrf_secret bytea, p_ttl interval, p_ip inet, p_user_agent text)
RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM user_sessions WHERE user_id = p_user AND expires_at < now();
    INSERT INTO user_sessions (tenant_id, user_id, token_hash, csrf_secret, expires_at, ip, user_agent)
    SELECT tenant_id, id, p_token_hash, p_csrf_secret, now() + p_ttl, p_ip, left(p_user_agent, 500)
    FROM users WHERE id = p_user AND deleted_at IS NULL
    RETURNING id
$$;
COMMENT ON FUNCTION open_user_session(bigint, bytea, bytea, interval, inet, text) IS 'Signs a live user in; NULL when there is none.';

CREATE OR REPLACE FUNCTION switch_session_tenant(p_token_hash bytea, p_tenant bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH moved AS (
        UPDATE user_sessions s SET tenant_id = p_tenant
        FROM users u, tenants t
        WHERE s.token_hash = p_token_hash AND s.expires_at > now() AND u.id = s.user_id
          AND t.id = p_tenant AND t.is_active AND t.deleted_at IS NULL
          AND (u.tenant_id = p_tenant OR is_super_admin(u.id))
        RETURNING s.id)
    SELECT EXISTS (SELECT FROM moved)
$$;
COMMENT ON FUNCTION switch_session_tenant(bytea, bigint) IS 'A super-admin looks at another tenant; false when not allowed.';

CREATE OR REPLACE FUNCTION close_user_session(p_token_hash bytea) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM user_sessions WHERE token_hash = p_token_hash RETURNING id)
    SELECT EXISTS (SELECT FROM gone)
$$;
COMMENT ON FUNCTION close_user_session(bytea) IS 'Signs out; false when nobody was signed in.';

CREATE OR REPLACE FUNCTION record_sign_in_attempt(p_email text, p_ip inet, p_succeeded boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM sign_in_attempts WHERE at < now() - interval '1 day';
    INSERT INTO sign_in_attempts (email, ip, succeeded) VALUES (left(p_email, 255), p_ip, p_succeeded)
$$;
COMMENT ON FUNCTION record_sign_in_attempt(text, inet, boolean) IS 'Remembers an attempt for a day.';

CREATE OR REPLACE FUNCTION sign_in_attempts_recent(p_email text, p_ip inet, p_within interval DEFAULT '15 minutes')
RETURNS TABLE (by_email integer, by_ip integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT
        (SELECT count(*)::integer FROM sign_in_attempts a
         WHERE lower(a.email) = lower(p_email) AND NOT a.succeeded AND a.at > now() - p_within
           AND a.at > coalesce((SELECT max(s.at) FROM sign_in_attempts s
                                WHERE lower(s.email) = lower(p_email) AND s.succeeded AND s.ip IS NOT DISTINCT FROM p_ip), '-infinity')),
        (SELECT count(*)::integer FROM sign_in_attempts a
         WHERE a.ip = p_ip AND NOT a.succeeded AND a.at > now() - p_within)
$$;
COMMENT ON FUNCTION sign_in_attempts_recent(text, inet, interval) IS
    'Failed attempts on this account (since this address last succeeded) and from this address.';

DO $$
DECLARE
    callable regprocedure;
BEGIN
    FOREACH callable IN ARRAY ARRAY[
        'is_super_admin(bigint)', 'held_permissions(bigint)', 'actor_is_super()', 'actor_holds(text)', 'actor_name()', 'require_cover(text[], boolean)',
        'guard_user_role()', 'keep_a_super_admin()', 'guard_role()', 'guard_role_permission()', 'guard_user()', 'guard_api_token()',
        'user_for_sign_in(text)', 'caller_for_token(text, inet)', 'caller_for_session(bytea)',
        'open_user_session(bigint, bytea, bytea, interval, inet, text)', 'switch_session_tenant(bytea, bigint)',
        'close_user_session(bytea)', 'record_sign_in_attempt(text, inet, boolean)',
        'sign_in_attempts_recent(text, inet, interval)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO countersign_system', callable);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO countersign_app', callable);
    END LOOP;
    -- By user id these would answer about people of other tenants.
    REVOKE ALL ON FUNCTION is_super_admin(bigint), held_permissions(bigint), require_cover(text[], boolean) FROM countersign_app;
END $$;

-- ── What the general policies cannot say ─────────────────────────────────────────────────────────────────────────

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_only ON tenants;
CREATE POLICY tenant_only ON tenants TO countersign_app
    USING (id = current_tenant() OR (SELECT actor_is_super()))
    WITH CHECK (id = current_tenant() OR (SELECT actor_is_super()));
DROP POLICY IF EXISTS system_all ON tenants;
CREATE POLICY system_all ON tenants TO countersign_system USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS system_roles_readable ON roles;
CREATE POLICY system_roles_readable ON roles FOR SELECT TO countersign_app USING (tenant_id IS NULL AND current_tenant() IS NOT NULL);
DROP POLICY IF EXISTS system_roles_readable ON role_permissions;
CREATE POLICY system_roles_readable ON role_permissions FOR SELECT TO countersign_app
    USING (tenant_id IS NULL AND current_tenant() IS NOT NULL);

ALTER TABLE sign_in_attempts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS system_all ON sign_in_attempts;
CREATE POLICY system_all ON sign_in_attempts TO countersign_system USING (true) WITH CHECK (true);
