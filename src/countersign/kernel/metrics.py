"""Figures for Prometheus, declared once and counted where things happen."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("countersign_requests_total", "HTTP requests", ["method", "route", "status"])
LATENCY = Histogram("countersign_request_seconds", "Seconds until the response began", ["route"])
STREAMS = Gauge("countersign_open_streams", "Answers and pages that are streaming now")
AI_CALLS = Counter("countersign_ai_calls_total", "Calls to models", ["provider", "model", "operation", "outcome"])
AI_TOKENS = Counter(
    "countersign_ai_tokens_total", "Tokens read and written by models", ["provider", "model", "direction"]
)
HIDDEN_HITS = Counter(
    "countersign_hidden_hits_total", "Vector hits whose row was hidden by row-level security: an alarm"
)


def exposition() -> tuple[bytes, str]:
    """Body and content type of ``/metrics``."""
    return generate_latest(), CONTENT_TYPE_LATEST
