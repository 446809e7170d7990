"""A local server that follows Qdrant's published protocol, over REST and gRPC, with the official client's engine inside.

Bodies are read with the models that Qdrant publishes: what they do not name is refused. A wrong key is 401 or
UNAUTHENTICATED. What the engine in memory ignores (HNSW, quantisation, payload indexes) is remembered and told again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from pydantic import BaseModel, ValidationError
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.serving import serving

Answer = Callable[[Request], Awaitable[Any]]


class FakeQdrant:
    """``async with fake.rest() as url`` or ``async with fake.grpc() as port``; both see the same collections."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.engine = AsyncQdrantClient(":memory:")
        self.configs: dict[str, models.CreateCollection] = {}
        self.indexes: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.url = ""
        self.searched: models.SearchParams | None = None

    @asynccontextmanager
    async def rest(self, port: int = 0, **tls: Any) -> AsyncIterator[str]:
        """Serves REST; the address."""
        async with serving(self._rest_app(), port, **tls) as url:
            yield url

    @asynccontextmanager
    async def grpc(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[int]:
        """Serves gRPC; the port."""
        server = grpc.aio.server(interceptors=[_Door(self)])
        wire.add_CollectionsServicer_to_server(_Collections(self), server)
        wire.add_PointsServicer_to_server(_Points(self), server)
        address = f"localhost:{port}"
        bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        await server.start()
        try:
            yield bound
        finally:
            await server.stop(0)

    # -- what both protocols mean

    async def create(self, name: str, config: models.CreateCollection) -> bool:
        assert config.vectors is not None
        await self.engine.create_collection(name, vectors_config=config.vectors)
        self.configs[name] = config
        self.indexes[name] = {}
        return True

    async def index(self, name: str, field: str, schema: Any) -> None:
        kind = models.PayloadSchemaType(schema if isinstance(schema, str) else schema.type)
        params = None if isinstance(schema, str) else schema
        await self.engine.get_collection(name)
        self.indexes[name][field] = models.PayloadIndexInfo(data_type=kind, params=params, points=0)

    async def info(self, name: str) -> models.CollectionInfo:
        plain = await self.engine.get_collection(name)
        aliases = {a.alias_name: a.collection_name for a in (await self.engine.get_aliases()).aliases}
        real = aliases.get(name, name)
        given, config = self.configs[real], plain.config
        hnsw, optimizer = given.hnsw_config, given.optimizers_config
        if hnsw is not None:
            config.hnsw_config = config.hnsw_config.model_copy(update=hnsw.model_dump(exclude_none=True))
        if optimizer is not None:
            config.optimizer_config = config.optimizer_config.model_copy(update=optimizer.model_dump(exclude_none=True))
        config.quantization_config = given.quantization_config
        return plain.model_copy(update={"config": config, "payload_schema": self.indexes[real]})

    async def query(self, name: str, vector: Any, chosen: Any, limit: int, params: Any) -> models.QueryResponse:
        self.searched = params
        return await self.engine.query_points(name, query=vector, query_filter=chosen, limit=limit, with_payload=False)

    async def delete(self, name: str) -> bool:
        self.configs.pop(name, None)
        self.indexes.pop(name, None)
        return await self.engine.delete_collection(name)

    # -- REST

    def _rest_app(self) -> Starlette:
        def route(method: str, path: str, answer: Answer) -> Route:
            async def endpoint(request: Request) -> Response:
                self.calls += 1
                if self.key and request.headers.get("api-key") != self.key:
                    return JSONResponse({"status": {"error": "Invalid API key"}}, 401)
                try:
                    result = await answer(request)
                except (ValueError, ValidationError) as error:
                    status = 404 if "not found" in str(error) else 409 if "exists" in str(error) else 400
                    return JSONResponse({"status": {"error": str(error)}}, status)
                return JSONResponse({"status": "ok", "time": 0.0, "result": _plain(result)})

            return Route(path, endpoint, methods=[method])

        engine = self.engine

        async def exists(r: Request) -> Any:
            return {"exists": await engine.collection_exists(r.path_params["name"])}

        async def create(r: Request) -> Any:
            return await self.create(r.path_params["name"], await _body(r, models.CreateCollection))

        async def info(r: Request) -> Any:
            return await self.info(r.path_params["name"])

        async def drop(r: Request) -> Any:
            return await self.delete(r.path_params["name"])

        async def index(r: Request) -> Any:
            body = await _body(r, models.CreateFieldIndex)
            await self.index(r.path_params["name"], body.field_name, body.field_schema)
            return {"operation_id": 0, "status": "completed"}

        async def upsert(r: Request) -> Any:
            body = await _body(r, models.PointsList)
            return await engine.upsert(r.path_params["name"], body.points)

        async def delete(r: Request) -> Any:
            body = await _body(r, models.FilterSelector)
            return await engine.delete(r.path_params["name"], body)

        async def query(r: Request) -> Any:
            body = await _body(r, models.QueryRequest)
            return await self.query(r.path_params["name"], body.query, body.filter, body.limit or 10, body.params)

        async def retrieve(r: Request) -> Any:
            body = await _body(r, models.PointRequest)
            return await engine.retrieve(r.path_params["name"], body.ids, with_payload=True, with_vectors=True)

        async def count(r: Request) -> Any:
            body = await _body(r, models.CountRequest)
            return await engine.count(r.path_params["name"], count_filter=body.filter)

        async def aliases(r: Request) -> Any:
            return await engine.get_aliases()

        async def change_aliases(r: Request) -> Any:
            body = await _body(r, models.ChangeAliasesOperation)
            return await engine.update_collection_aliases(body.actions)

        one = "/collections/{name}"
        return Starlette(
            routes=[
                route("POST", "/collections/aliases", change_aliases),
                route("GET", "/aliases", aliases),
                route("GET", f"{one}/exists", exists),
                route("GET", one, info),
                route("PUT", one, create),
                route("DELETE", one, drop),
                route("PUT", f"{one}/index", index),
                route("PUT", f"{one}/points", upsert),
                route("POST", f"{one}/points/delete", delete),
                route("POST", f"{one}/points/query", query),
                route("POST", f"{one}/points/count", count),
                route("POST", f"{one}/points", retrieve),
            ]
        )


async def _body(request: Request, model: Any) -> Any:
    return model.model_validate_json(await request.body())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


# -- gRPC


class _Door(grpc.aio.ServerInterceptor):
    """Counts calls and looks at the key."""

    def __init__(self, fake: FakeQdrant) -> None:
        self.fake = fake

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.fake.calls += 1
        given = dict(details.invocation_metadata).get("api-key")
        if not self.fake.key or given == self.fake.key:
            return await continuation(details)

        async def refuse(_: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid API key")

        handler = await continuation(details)
        return grpc.unary_unary_rpc_method_handler(refuse, handler.request_deserializer, handler.response_serializer)


def _saying(method: Any) -> Any:
    async def answer(self: Any, request: Any, context: Any) -> Any:
        try:
            return await method(self, request)
        except ValueError as error:
            said, code = str(error), grpc.StatusCode.INVALID_ARGUMENT
            if "not found" in said:
                code = grpc.StatusCode.NOT_FOUND
            elif "exists" in said:
                code = grpc.StatusCode.ALREADY_EXISTS
            await context.abort(code, said)

    return answer


class _Collections(wire.CollectionsServicer):
    def __init__(self, fake: FakeQdrant) -> None:
        self.fake = fake

    @_saying
    async def CollectionExists(self, request: Any) -> Any:
        found = await self.fake.engine.collection_exists(request.collection_name)
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=found))

    @_saying
    async def Get(self, request: Any) -> Any:
        info = await self.fake.info(request.collection_name)
        return wire.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @_saying
    async def Create(self, request: Any) -> Any:
        config = models.CreateCollection(
            vectors=GrpcToRest.convert_vectors_config(request.vectors_config),
            hnsw_config=GrpcToRest.convert_hnsw_config_diff(request.hnsw_config),
            optimizers_config=GrpcToRest.convert_optimizers_config_diff(request.optimizers_config),
            quantization_config=GrpcToRest.convert_quantization_config(request.quantization_config)
            if request.HasField("quantization_config")
            else None,
        )
        return wire.CollectionOperationResponse(result=await self.fake.create(request.collection_name, config))

    @_saying
    async def Delete(self, request: Any) -> Any:
        return wire.CollectionOperationResponse(result=await self.fake.delete(request.collection_name))

    @_saying
    async def UpdateAliases(self, request: Any) -> Any:
        actions = [GrpcToRest.convert_alias_operations(each) for each in request.actions]
        return wire.CollectionOperationResponse(result=await self.fake.engine.update_collection_aliases(actions))

    @_saying
    async def ListAliases(self, request: Any) -> Any:
        found = (await self.fake.engine.get_aliases()).aliases
        return wire.ListAliasesResponse(aliases=[RestToGrpc.convert_alias_description(each) for each in found])


class _Points(wire.PointsServicer):
    def __init__(self, fake: FakeQdrant) -> None:
        self.fake = fake

    @_saying
    async def CreateFieldIndex(self, request: Any) -> Any:
        if request.HasField("field_index_params"):
            schema: Any = GrpcToRest.convert_payload_schema_params(request.field_index_params)
        else:
            schema = wire.FieldType.Name(request.field_type).removeprefix("FieldType").lower()
        await self.fake.index(request.collection_name, request.field_name, schema)
        return _done()

    @_saying
    async def Upsert(self, request: Any) -> Any:
        points = [GrpcToRest.convert_point_struct(each) for each in request.points]
        await self.fake.engine.upsert(request.collection_name, points)
        return _done()

    @_saying
    async def Delete(self, request: Any) -> Any:
        await self.fake.engine.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
        return _done()

    @_saying
    async def Query(self, request: Any) -> Any:
        found = await self.fake.query(
            request.collection_name,
            GrpcToRest.convert_query(request.query),
            GrpcToRest.convert_filter(request.filter),
            request.limit,
            GrpcToRest.convert_search_params(request.params),
        )
        return wire.QueryResponse(result=[RestToGrpc.convert_scored_point(each) for each in found.points])

    @_saying
    async def Get(self, request: Any) -> Any:
        ids = [GrpcToRest.convert_point_id(each) for each in request.ids]
        found = await self.fake.engine.retrieve(request.collection_name, ids, with_payload=True, with_vectors=True)
        return wire.GetResponse(result=[RestToGrpc.convert_record(each) for each in found])

    @_saying
    async def Count(self, request: Any) -> Any:
        chosen = GrpcToRest.convert_filter(request.filter) if request.HasField("filter") else None
        found = await self.fake.engine.count(request.collection_name, count_filter=chosen)
        return wire.CountResponse(result=RestToGrpc.convert_count_result(found))


def _done() -> Any:
    return wire.PointsOperationResponse(result=wire.UpdateResult(status=wire.UpdateStatus.Completed))
