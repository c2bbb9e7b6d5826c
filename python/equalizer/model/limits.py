"""Limits: the sizes beyond which a request is refused."""

from pydantic import Field

from equalizer.model.noun import Noun
from equalizer.model.size import OptionalSize, Size


class ClientLimits(Noun):
    """What the clients of one prefix may have together."""

    connections: int = Field(default=0, ge=0, le=10_000_000, strict=True)
    """Connections, over all listeners and workers; 0 for any number. 429 beyond."""
    prefix4: int = Field(default=32, ge=1, le=32, strict=True)
    """Leading bits of an IPv4 address that count."""
    prefix6: int = Field(default=64, ge=1, le=128, strict=True)
    """Leading bits of an IPv6 address that count."""


class Limits(Noun):
    """What a client may ask of us."""

    head: Size = 64 << 10
    """Request line and fields together; 431 beyond."""
    target: Size = 16 << 10
    """The request target; 414 beyond."""
    fields: int = Field(default=100, ge=1, le=256, strict=True)
    """Number of fields; 431 beyond."""
    streams: int = Field(default=128, ge=1, le=10_000, strict=True)
    """Requests under way on one HTTP/2 connection; further ones wait at the client."""
    body: OptionalSize = None
    """The content of a request; 413 beyond."""
    requests: int = Field(default=0, ge=0, le=1_000_000_000, strict=True)
    """Requests that one connection serves, before it closes in good order; 0 for any number."""
    clients: ClientLimits = ClientLimits()
    """What each client may have."""
