-- An attempt ends once.

CREATE OR REPLACE TRIGGER webhooks_touch BEFORE UPDATE OF name, url, secret, previous_secret, events, is_active, retry_count,
    timeout_seconds, deleted_at ON webhooks
    FOR EACH ROW EXECUTE FUNCTION trg_touch_updated_at();
CREATE OR REPLACE TRIGGER webhook_logs_transition BEFORE UPDATE OF status ON webhook_logs
    FOR EACH ROW EXECUTE FUNCTION check_transition('webhook_delivery', 'status');
