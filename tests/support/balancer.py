"""Equalizer in front of servers of a test."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equalizer
from support.origin import Origin
from support.wire import Message, Wire, connect


class Balancer:
    """A running engine with a plain listener, and one with TLS where there is a certificate."""

    def __init__(self, config: dict[str, Any], trust: ssl.SSLContext | None = None) -> None:
        self.config = config
        self.service = equalizer.serve(config)
        self.trust = trust

    @property
    def address(self) -> str:
        """The plain listener."""
        return self.service.address("web")

    def client(self, source: str = "127.0.0.1") -> Wire:
        """A connection to the plain listener."""
        return connect(self.address, source)

    def tls_client(self, source: str = "127.0.0.1", trust: ssl.SSLContext | None = None) -> Wire:
        """A connection to the listener with TLS."""
        return connect(self.service.address("web-tls"), source, trust or self.trust)

    def ask(self, request: bytes) -> Message:
        """One request on a connection of its own."""
        with self.client() as client:
            client.send(request)
            return client.response(request.partition(b" ")[0].decode())

    def report(self) -> Mapping[str, Any]:
        """What the engine counted."""
        return self.service.report()

    def counts(self, server: str) -> Mapping[str, Any]:
        """What the engine counted of a server."""
        counts: Mapping[str, Any] = self.report()["pools"]["shop"]["servers"][server]
        return counts

    def cookie(self, server: str, name: str = "EQ") -> str:
        """A visitor's first cookie pair, when `server` has just answered it."""
        for _ in range(100):
            response = self.ask(get())
            if response.get("server-name") == server:
                return set_cookie(response, name)[0]
        raise AssertionError(f"{server} answered nobody")

    def stop(self) -> None:
        """End at once."""
        self.service.stop()


def configuration(servers: Mapping[str, Origin | str], workers: int, **tables: Any) -> dict[str, Any]:
    """A configuration of one pool behind a plain listener; tables of the same name add to it."""
    addresses = {name: one if isinstance(one, str) else one.address for name, one in servers.items()}
    pool: dict[str, Any] = {"servers": addresses, **tables.pop("pool", {})}
    return {
        "listeners": {"web": {"address": "127.0.0.1:0"}, **tables.pop("listeners", {})},
        "pools": {"shop": pool},
        "engine": {"workers": workers},
        **tables,
    }


def tls_listener(folder: Path) -> dict[str, Any]:
    """A listener with TLS whose files are in `folder`."""
    tls = {"certificate": str(folder / "shop.pem"), "key": str(folder / "shop.key")}
    return {"web-tls": {"address": "127.0.0.1:0", "tls": tls}}


def get(*fields: str, target: str = "/", version: str = "1.1", method: str = "GET") -> bytes:
    """A request without a body."""
    lines = [f"{method} {target} HTTP/{version}", "Host: shop.test", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post(body: bytes, *fields: str, method: str = "POST") -> bytes:
    """A request with a length."""
    return get(f"Content-Length: {len(body)}", *fields, method=method) + body


def set_cookie(response: Message, name: str = "EQ") -> list[str]:
    """The only Set-Cookie of this name, split into its pair and its attributes."""
    found = [value for value in response.all("set-cookie") if value.startswith(f"{name}=")]
    assert len(found) == 1, found
    return found[0].split("; ")
