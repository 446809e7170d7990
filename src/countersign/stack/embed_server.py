"""Process: the embedder's HTTP server. ``python -m countersign.stack.embed_server --port 8100``.

OpenAI's embeddings protocol with one addition, ``input_type`` (``query`` or ``passage``): e5 models want to know.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

from .embed_engine import Engine, EngineMissing, load, stand_back_as_a_group

MAX_BODY = 20_000_000  # bytes
MAX_TEXTS = 2048


class Refused(Exception):
    """A request that cannot be served, with its status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


class Handler(BaseHTTPRequestHandler):
    """One connection; the engine and the model's name are the server's."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet, otherwise the client waits 40 ms for the second
    disable_nagle_algorithm = True
    engine: ClassVar[Engine]
    alias: ClassVar[str]

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: texts of users do not belong into a log."""

    def do_GET(self) -> None:
        """Health and the list of the one model."""
        if self.path in ("/health", "/healthz"):
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif self.path.rstrip("/") == "/v1/models":
            self._send(HTTPStatus.OK, {"object": "list", "data": [{"id": self.alias, "object": "model"}]})
        else:
            self._refuse(Refused(HTTPStatus.NOT_FOUND, "There is only /v1/embeddings, /v1/models and /health."))

    def do_POST(self) -> None:
        """``{"input": str | [str], "input_type": "query" | "passage", "encoding_format": "float" | "base64"}``."""
        try:
            body = self._read()  # first of all: what is left unread would be taken for the next request
            if self.path.rstrip("/") not in ("/v1/embeddings", "/embeddings"):
                raise Refused(HTTPStatus.NOT_FOUND, "There is only /v1/embeddings.")
            request, texts, query = read_request(body)
            vectors, tokens = self.engine.embed(texts, query=query)
        except Refused as error:
            self._refuse(error)
            return
        packed = request.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": i, "embedding": base64.b64encode(v).decode() if packed else v.tolist()}
            for i, v in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        self._send(HTTPStatus.OK, {"object": "list", "data": data, "model": self.alias, "usage": usage})

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Send at most {MAX_BODY} bytes at a time.")
        return self.rfile.read(int(length))

    def _refuse(self, error: Refused) -> None:
        self._send(error.status, {"error": {"message": str(error), "type": "invalid_request_error"}})

    def _send(self, status: HTTPStatus, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def read_request(body: bytes) -> tuple[dict[str, Any], list[str], bool]:
    """The request, its texts, and whether they are questions. Raises ``Refused``."""
    try:
        parsed = json.loads(body)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The body is not JSON.") from None
    if not isinstance(parsed, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "The body must be a JSON object.")
    request = cast(dict[str, Any], parsed)
    given = request.get("input")
    many: list[Any] = [given] if isinstance(given, str) else cast(list[Any], given) if isinstance(given, list) else []
    texts = [text for text in many if isinstance(text, str)]
    if not texts or len(texts) != len(many):
        raise Refused(HTTPStatus.BAD_REQUEST, "'input' must be a text or a list of texts, and not empty.")
    if len(texts) > MAX_TEXTS:
        raise Refused(HTTPStatus.BAD_REQUEST, f"Send at most {MAX_TEXTS} texts at a time.")
    kind = request.get("input_type", "passage")
    if kind not in ("query", "passage", "document"):
        raise Refused(HTTPStatus.BAD_REQUEST, "'input_type' must be query or passage.")
    return request, texts, kind == "query"


def main(argv: list[str] | None = None) -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", default="multilingual-e5-small", help="name of the model for clients")
    options = parser.parse_args(argv)
    try:
        Handler.engine = Engine(load())
    except EngineMissing as error:
        sys.exit(str(error))
    Handler.alias = options.alias
    stand_back_as_a_group()
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
