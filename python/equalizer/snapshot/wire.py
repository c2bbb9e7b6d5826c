"""The snapshot as it crosses the boundary; mirrors crates/core/src/snapshot/wire.rs.

Times are whole milliseconds, sizes whole bytes, addresses always `IP:port`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

U16 = Annotated[int, Field(ge=0, lt=1 << 16, strict=True)]
U32 = Annotated[int, Field(ge=0, lt=1 << 32, strict=True)]
U64 = Annotated[int, Field(ge=0, lt=1 << 64, strict=True)]


class Wire(BaseModel):
    """What crosses cannot change, and has no field that the other side does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Tls(Wire):
    """A certificate chain and its private key, both PEM text."""

    certificate: str = Field(repr=False)
    key: str = Field(repr=False)


class Listener(Wire):
    """An address we accept on."""

    name: str
    address: str
    tls: Tls | None


class RoundRobin(Wire):
    """Smooth weighted round robin."""

    kind: Literal["round_robin"]


Balance = RoundRobin


class Cookie(Wire):
    """Our own sealed cookie."""

    kind: Literal["cookie"]
    name: str
    path: str


Persistence = Cookie


class Server(Wire):
    """One process that answers requests."""

    name: str
    address: str
    weight: Annotated[int, Field(ge=0, le=256, strict=True)]


class Pool(Wire):
    """Interchangeable servers."""

    name: str
    balance: Balance
    persistence: tuple[Persistence, ...]
    servers: Annotated[tuple[Server, ...], Field(min_length=1)]


class Route(Wire):
    """Where requests go."""

    pool: str


class Key(Wire):
    """One key of the ring: 32 bytes in base64."""

    id: U16
    secret: str = Field(repr=False)


class Limits(Wire):
    """Sizes beyond which a request is refused."""

    head: U32
    target: U32
    fields: Annotated[int, Field(ge=1, le=256, strict=True)]


class Timeouts(Wire):
    """How long each step may take, in milliseconds."""

    head: U32
    body: U32
    connect: U32
    response: U32
    idle_client: U32
    idle_server: U32


class Snapshot(Wire):
    """Everything the engine needs to serve; applied whole or refused whole."""

    revision: U64
    listeners: tuple[Listener, ...]
    pools: tuple[Pool, ...]
    routes: tuple[Route, ...]
    keys: tuple[Key, ...]
    limits: Limits
    timeouts: Timeouts


State = Literal["up", "draining", "maintenance", "down"]


class ServerState(Wire):
    """What a person or a probe says of a server now; sent apart from the snapshot."""

    pool: str
    server: str
    state: State
    deadline: U64
    """Unix seconds from which a draining server's sessions are re-homed; 0 for never."""
    idle_first: U32
    """A session of a draining server that was idle for so many seconds moves first; 0 for never."""
