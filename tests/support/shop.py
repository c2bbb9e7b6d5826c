"""A web shop as its owner would write it: a real ASGI application whose baskets are in its own memory."""

import secrets
import socket
from threading import Event, Thread
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from support.wire import LIMIT


class Shop:
    """One server of the shop, while it is a context."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.baskets: dict[str, list[str]] = {}
        routes = [Route("/basket/{item}", self._put, methods=["POST"]), Route("/basket", self._show)]
        config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
        self._server = _Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._server.run, args=([self._socket],))

    @property
    def address(self) -> str:
        """`IP:port`."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    async def _put(self, request: Request) -> JSONResponse:
        visitor = request.cookies.get("visitor")
        if visitor not in self.baskets:
            visitor = secrets.token_hex(8)
            self.baskets[visitor] = []
        self.baskets[visitor].append(request.path_params["item"])
        response = JSONResponse({"server": self.name})
        response.set_cookie("visitor", visitor)
        return response

    async def _show(self, request: Request) -> JSONResponse:
        basket = self.baskets.get(request.cookies.get("visitor", ""), [])
        return JSONResponse({"server": self.name, "basket": basket})

    def __enter__(self) -> "Shop":
        self._thread.start()
        assert self._server.has_started.wait(LIMIT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(LIMIT)
        self._socket.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()
