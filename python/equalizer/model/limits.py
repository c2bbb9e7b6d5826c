"""Limits: the sizes beyond which a request is refused."""

from pydantic import Field

from equalizer.model.noun import Noun
from equalizer.model.size import Size


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
