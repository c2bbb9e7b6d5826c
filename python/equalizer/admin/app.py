"""The application: whoever shows the token asks control, and nobody else learns anything."""

import asyncio
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from equalizer.admin import problems
from equalizer.admin.changing import changing
from equalizer.admin.seeing import metrics, seeing
from equalizer.control.service import Service
from equalizer.telemetry import logs

_ABOUT = "Pools and servers of a running Equalizer: what they do, and who may use them."
_TOKEN = HTTPBearer(auto_error=False, description="The token that [admin] names.")
_PREFIX = "/api/v1"
_LONGEST = 64 << 10  # bytes of a body that nobody wants
_PATIENCE = 1.0  # seconds for it to come


def application(service: Service) -> ASGIApp:
    """The API of a service."""
    app = _Api(
        title="Equalizer",
        description=_ABOUT,
        version=version("equalizer"),
        openapi_url=f"{_PREFIX}/openapi.json",
        docs_url=None,  # they would be loaded from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Security(_TOKEN)],
        responses={
            "4XX": {"model": problems.Problem, "description": "What is wrong, and what to write instead."}
        },
        generate_unique_id_function=_name,
    )
    problems.told_by(app)
    app.include_router(seeing(service), prefix=_PREFIX)
    app.include_router(changing(service), prefix=_PREFIX)
    app.include_router(metrics(service))
    return _Guarded(app, service)


def _name(route: APIRoute) -> str:
    return route.name


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """With the media type of problems, which the framework takes to be that of answers."""
        found = super().openapi()
        for path in found["paths"].values():
            for operation in path.values():
                content = operation["responses"]["4XX"]["content"]
                if problems.MEDIA_TYPE not in content:
                    content[problems.MEDIA_TYPE] = content.pop("application/json")
        return found


class _Guarded:
    """Turns everybody away who does not show the token, whatever is asked for."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        admission = self._service.admission
        if admission is None or not admission.admits(_shown(scope)):
            detail = (
                "found no token, or another one; write Authorization: Bearer with the one that [admin] names"
            )
            await _hear_out(scope, receive)
            fields = {"WWW-Authenticate": 'Bearer realm="equalizer"', "Connection": "close"}
            await problems.answer(401, detail, fields=fields)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # The server in front of us leaves the body out.
            scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, receive, send)
        except Exception:
            # The client has been told 500 already.
            logs.failed("a request to the admin API failed")


async def _hear_out(scope: Scope, receive: Receive) -> None:
    """Take the body that is on its way: who still sends when the connection is closed does not hear why."""
    if any(name == b"expect" for name, _ in scope["headers"]):
        return  # he sends none before we ask for it
    taken = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while taken < _LONGEST and (message := await receive()).get("more_body"):
                taken += len(message["body"])


def _shown(scope: Scope) -> bytes:
    """The token of a request; nothing where it shows none, or several."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return bytes(token.strip()) if scheme.lower() == b"bearer" else b""
