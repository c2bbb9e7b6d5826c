"""The requests that change nothing."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from equalizer.admin.turns import Turns
from equalizer.control.answers import Happenings, PoolStatus, ServerStatus, Status
from equalizer.control.names import pool_named, server_named
from equalizer.control.service import Service

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""What Prometheus calls its text format."""


def seeing(service: Service) -> APIRouter:
    """What there is, and what has happened."""
    router, looking, waiting = APIRouter(tags=["see"]), Turns(4), Turns(16)

    @router.get("/status")
    async def status() -> Status:
        """Everything: the process, and all pools with their servers."""
        return await looking.ask(service.status)

    @router.get("/pools")
    async def pools() -> tuple[PoolStatus, ...]:
        """All pools with their servers."""
        return (await looking.ask(service.status)).pools

    @router.get("/pools/{pool}")
    async def pool(pool: str) -> PoolStatus:
        """One pool with its servers."""
        return _pool(await looking.ask(service.status), pool)

    @router.get("/pools/{pool}/servers")
    async def servers(pool: str) -> tuple[ServerStatus, ...]:
        """The servers of a pool."""
        return _pool(await looking.ask(service.status), pool).servers

    @router.get("/pools/{pool}/servers/{server}")
    async def server(pool: str, server: str) -> ServerStatus:
        """One server."""
        found = _pool(await looking.ask(service.status), pool)
        return server_named({each.name: each for each in found.servers}, pool, server)

    @router.get("/events")
    async def events(
        after: Annotated[int, Query(ge=0)] = 0, wait: Annotated[float, Query(ge=0, le=5)] = 0.0
    ) -> Happenings:
        """What happened after the event of that number; waits so many seconds where nothing did."""
        return await (waiting if wait else looking).ask(service.events, after, wait)

    return router


def _pool(found: Status, name: str) -> PoolStatus:
    return pool_named({each.name: each for each in found.pools}, name)


def metrics(service: Service) -> APIRouter:
    """What is counted."""
    router, turns = APIRouter(tags=["see"]), Turns(1)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Every metric, in the text format of Prometheus."""
        found = await turns.ask(service.metrics)
        return Response(found.text, headers={"Content-Type": _TEXT})

    return router
