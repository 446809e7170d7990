"""Static files: kept for a year under their own address, never under another."""

from __future__ import annotations

from countersign.web.assets import digest, static_url
from tests.web.conftest import Visit


async def test_the_current_address_is_kept(visit: Visit) -> None:
    async with visit(None) as client:
        for path in ("css/tokens.css", "js/app.js", "vendor/htmx.min.js", "favicon.svg"):
            answer = await client.get(static_url(path))
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_any_other_address_is_not(visit: Visit) -> None:
    old = "0" * 12
    assert old != digest()
    async with visit(None) as client:
        for path in (f"/static/{old}/css/tokens.css", "/static/css/tokens.css"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-cache"
        missing = await client.get(static_url("css/none.css"))
        assert missing.status_code == 404 and "immutable" not in missing.headers.get("cache-control", "")
        for path in ("/static/../layout.py", f"/static/{digest()}/%2e%2e/layout.py", "/static//etc/passwd"):
            assert (await client.get(path)).status_code == 404
