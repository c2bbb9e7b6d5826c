"""Uvicorn, as the admin API is served by it. Slow to load, so that only the thread that serves loads it."""

import asyncio
import ssl
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from equalizer.admin.app import application
from equalizer.control.service import Service

_PATIENCE = 10.0  # seconds in which a connection has to bring its first request
_FIRST = 0.5  # seconds, where we end
_ENDING = 1  # seconds for the requests that have begun


class _Patient(H11Protocol):
    """A connection that is closed when nobody asks anything on it, be it at our end."""

    _leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_PATIENCE, self._judge)

    def shutdown(self) -> None:
        self._leaving = True
        if self.cycle is None:
            self.loop.call_later(_FIRST, self._judge)
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._leaving:
            self.transport.close()

    def _judge(self) -> None:
        if self.cycle is None:
            self.transport.abort()


def server(service: Service, tls: ssl.SSLContext | None) -> uvicorn.Server:
    """A server for a socket that listens."""
    config = uvicorn.Config(
        application(service),
        http=_Patient,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",  # whoever sends nonsense fills no log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=[("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")],
        timeout_graceful_shutdown=_ENDING,
    )
    config.load()
    if tls:
        tls.sni_callback = _newest(service)
        config.ssl = tls
    return uvicorn.Server(config)


def _newest(service: Service) -> Callable[[ssl.SSLObject, str, ssl.SSLContext], None]:
    """Shows the certificate that the last reload has read."""

    def choose(connection: ssl.SSLObject, name: str, context: ssl.SSLContext) -> None:
        admission = service.admission
        if admission and admission.tls:
            connection.context = admission.tls

    return choose
