"""A listener: an address we accept on, with or without TLS."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from equalizer.model.address import ListenAddress
from equalizer.model.https import Https
from equalizer.model.matcher import Client
from equalizer.model.noun import Noun
from equalizer.model.tls import ListenerTls


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Trusted = Annotated[
    tuple[Client, ...],
    BeforeValidator(_frozen, json_schema_input_type=list[Client]),
    Field(examples=[["10.0.0.0/8"]]),
]


class Listener(Noun):
    """An address to accept on."""

    address: ListenAddress
    """`IP:port`, or `:port` for every IPv4 address; port 0 asks the system for one."""
    tls: ListenerTls | None = None
    """Present when the listener speaks TLS."""
    http2: bool = Field(default=True, strict=True, examples=[False])
    """Whether clients may speak HTTP/2: agreed on under TLS, by prior knowledge without."""
    https: Https = Https()
    """How it keeps its clients on HTTPS; beside `tls` only."""
    trusted: Trusted = ()
    """Addresses or prefixes of them: whose `X-Forwarded-*` and `Forwarded` are believed."""
    proxy_protocol: Literal["off", "required"] = "off"
    """Whether each connection begins with a head of the PROXY protocol; from `trusted` only."""
    connections: int = Field(default=0, ge=0, le=10_000_000, strict=True)
    """Connections that it takes at most, over all workers; 0 for any number. 503 beyond."""
