"""A server: one process that answers requests, known by its name and never by its address."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from equalizer.model.address import Address, ServerAddress
from equalizer.model.noun import Noun
from equalizer.model.words import Incarnation


class ServerTable(Noun):
    """A server with its settings."""

    address: ServerAddress
    """`host:port`; a name is resolved once, when the configuration is read."""
    weight: int = Field(default=100, ge=0, le=256, strict=True)
    """Its share of new sessions beside the others' weights; 0 takes none."""
    limit: int = Field(default=0, ge=0, le=1_000_000, strict=True, examples=[50])
    """Requests it may have in flight, over all workers; 0 for any number."""
    spare: bool = Field(default=False, strict=True, examples=[True])
    """Whether it takes requests only where no other server can."""
    persist: bool = Field(default=True, strict=True, examples=[False])
    """Whether it may be a session's home; else it takes requests, and nobody is told to come back to it."""
    generation: int = Field(default=0, ge=0, le=65535, strict=True)
    """Change it, and all sessions of this server have ended."""
    incarnation: Incarnation = Field(default="", examples=["2026-11-22T10:00"])
    """Names this life of the server, which knows nothing of sessions before it; empty where nobody says."""


def _bare_address(value: object) -> object:
    return {"address": value} if isinstance(value, str | Address) else value


Server = Annotated[
    ServerTable,
    BeforeValidator(_bare_address, json_schema_input_type=str | ServerTable),
    Field(examples=["127.0.0.1:9001"]),
]
"""`web1 = "127.0.0.1:9001"` is short for `web1 = { address = "127.0.0.1:9001" }`."""
