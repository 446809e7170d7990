"""The way to Qdrant: REST or gRPC, its key, its certificate; what it says, over either, as the errors of this room."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from ..kernel.errors import Invalid
from ..kernel.settings import Settings
from .models import UnknownCollection, VectorsUnavailable

SECONDS = 10  # of one call; writing a batch may take some
ABSENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
REFUSALS = (UnexpectedResponse, grpc.aio.AioRpcError)
BARRED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


class BadCertificateSetting(Invalid):
    """Qdrant's certificate cannot be checked as set. Correct COUNTERSIGN_QDRANT_CA or COUNTERSIGN_QDRANT_VERIFY."""


class DoesNotFit(Exception):
    """Qdrant did not like what it was given; most often vectors of another size."""


def connect(settings: Settings) -> AsyncQdrantClient:
    """A client of the configured server; it connects when it is first used. Raises ``BadCertificateSetting``."""
    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    more: dict[str, Any] = {}
    if (settings.qdrant_url or "").startswith("https://"):
        more = _certificates(settings)
    with warnings.catch_warnings():  # a key over plain HTTP is the administrator's choice, on a network of their own
        warnings.simplefilter("ignore", UserWarning)
        return AsyncQdrantClient(
            url=settings.qdrant_url,
            api_key=key,
            prefer_grpc=settings.qdrant_grpc,
            grpc_port=settings.qdrant_grpc_port,
            timeout=SECONDS,
            check_compatibility=False,
            **more,
        )


def _certificates(settings: Settings) -> dict[str, Any]:
    if settings.qdrant_grpc and not settings.qdrant_verify:
        raise BadCertificateSetting("gRPC always checks certificates: name the authority with COUNTERSIGN_QDRANT_CA.")
    try:
        authorities = settings.qdrant_ca.read_bytes() if settings.qdrant_ca else None
        context = httpx.create_ssl_context()
        if authorities is not None:
            context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (OSError, ValueError, ssl.SSLError) as error:
        raise BadCertificateSetting(f"COUNTERSIGN_QDRANT_CA: {first_line(error)}") from error
    if not settings.qdrant_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"verify": context, "grpc_options": {"root_certificates": authorities} if authorities else None}


@asynccontextmanager
async def understood(collection: str) -> AsyncIterator[None]:
    """Errors of REST and of gRPC become ``UnknownCollection``, ``VectorsUnavailable`` or ``DoesNotFit``."""
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code == 404:
            raise _unknown(collection) from error
        if error.status_code == 400:
            raise DoesNotFit(first_line(error)) from error
        if error.status_code in (401, 403):
            raise _barred(error) from error
        raise VectorsUnavailable(f"Qdrant refused: {first_line(error)}") from error
    except grpc.aio.AioRpcError as error:
        said = error.details() or error.code().name
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise _unknown(collection) from error
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise DoesNotFit(said) from error
        if error.code() in BARRED:
            raise _barred(error) from error
        verb = "does not answer" if error.code() in ABSENT else "refused"
        raise VectorsUnavailable(f"Qdrant {verb}: {said}") from error
    except (ResponseHandlingException, ApiException, httpx.HTTPError) as error:
        raise VectorsUnavailable(f"Qdrant does not answer: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The first line of what *error* says; its name when it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _unknown(collection: str) -> UnknownCollection:
    return UnknownCollection(f"There is no collection “{collection}” of vectors.")


def _barred(error: Exception) -> VectorsUnavailable:
    return VectorsUnavailable("Qdrant does not accept the key. Check COUNTERSIGN_QDRANT_API_KEY.")
