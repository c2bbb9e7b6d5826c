"""The snapshot as it crosses the boundary; mirrors crates/core/src/snapshot/wire.rs.

Times are whole seconds, in `Timeouts` and in `…_ms` whole milliseconds; sizes are whole bytes, addresses
always `IP:port`.
"""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from equalizer.snapshot.parts import U8, U16, U32, U64, Wire
from equalizer.snapshot.wire_asking import Condition, Duplicates
from equalizer.snapshot.wire_balance import Balance
from equalizer.snapshot.wire_guards import Breaker, RateLimit, Retry


class Certificate(Wire):
    """A certificate chain and its private key, both PEM text."""

    certificate: str = Field(repr=False)
    key: str = Field(repr=False)
    default: bool


class ClientFields(Wire):
    """Names of request fields that tell of a client's certificate; empty for what is not told."""

    verified: str
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    not_after: str
    certificate: str


class Clients(Wire):
    """Certificates of clients; PEM text."""

    ca: str
    require: bool
    crl: str
    """Empty for none."""
    fields: ClientFields


class Tls(Wire):
    """TLS towards clients."""

    certificates: Annotated[tuple[Certificate, ...], Field(min_length=1)]
    min_version: Literal["1.2", "1.3"]
    clients: Clients | None


class Own(Wire):
    """Our own certificate chain and its private key, both PEM text."""

    certificate: str = Field(repr=False)
    key: str = Field(repr=False)


class ServerTls(Wire):
    """TLS towards the servers of a pool; PEM text."""

    verify: bool
    ca: str
    """Empty for whom the system believes."""
    name: str
    """Empty for each server's own host."""
    own: Own | None
    min_version: Literal["1.2", "1.3"]


class Listener(Wire):
    """An address we accept on."""

    name: str
    address: str
    tls: Tls | None
    http2: bool
    redirect: U16 | None
    """The port of HTTPS to which every request is redirected; None where requests are served."""
    hsts: str
    """The value of Strict-Transport-Security; empty for none."""
    location: bool
    """Whether a Location of the request's host is made HTTPS."""
    trusted: tuple[str, ...]
    """Addresses or prefixes that are believed about their clients."""
    proxy_protocol: bool
    """Whether every connection has to begin with a head of the PROXY protocol."""
    connections: U32
    """That it takes at most; 0 for any number."""


class Group(Wire):
    """All pools that name this group."""

    group: str


Scope = Literal["pool", "listener"] | Group
"""What a seal is bound to: this pool, this pool on one listener, or a group of pools."""


class Attributes(Wire):
    """How browsers keep a cookie."""

    path: str
    domain: str | None
    same_site: Literal["lax", "strict", "none"] | None
    secure: Literal["auto", "always", "never"]
    http_only: bool
    partitioned: bool
    max_age: U32 | None


class Cookie(Wire):
    """A cookie, ours or the application's."""

    kind: Literal["cookie"]
    mode: Literal["insert", "rewrite", "prefix", "learn", "route"]
    name: str
    scope: Scope
    duplicates: Duplicates
    attributes: Attributes
    strip: bool
    preserve: bool
    post_only: bool
    cache: Literal["skip", "private", "always"]
    seal_value: bool
    capacity: U32
    record_idle: U32
    parameters: tuple[str, ...]
    condition: Condition


class CarryingField(Wire):
    """A field, ours or the application's."""

    kind: Literal["field"]
    mode: Literal["insert", "learn"]
    name: str
    scope: Scope
    duplicates: Duplicates
    capacity: U32
    record_idle: U32
    condition: Condition


class Address(Wire):
    """Records of client addresses."""

    kind: Literal["address"]
    prefix4: U8
    prefix6: U8
    idle: U32
    capacity: U32
    condition: Condition


class Hash(Wire):
    """No record: a hash of something the request carries chooses."""

    kind: Literal["hash"]
    over: Literal["field", "cookie", "query", "path", "address"]
    name: str
    prefix4: U8
    prefix6: U8
    condition: Condition


Persistence = Annotated[Cookie | CarryingField | Address | Hash, Field(discriminator="kind")]


class Rebalance(Wire):
    """How fast idle sessions move to servers that joined."""

    per_minute: U32
    idle_over: U32


class Foreign(Wire):
    """A cookie of another balancer."""

    format: Literal["literal", "bigip", "coyote"]
    name: str
    servers: dict[str, str]


class Sessions(Wire):
    """What holds for a pool's sessions, whatever carries them."""

    idle: U32
    lifetime: U32
    generation: U16
    strict: bool
    fail_back: Literal["stay", "return", "return_same_incarnation"]
    pin_field: str
    incarnation_field: str
    incarnation_on_return: bool
    announce: bool
    census_window: U32
    burst_ms: U32
    rebalance: Rebalance | None
    overflow: Literal["elsewhere", "refuse"]
    overflow_rehome: Annotated[int, Field(ge=0, le=7, strict=True)]
    accept: tuple[Foreign, ...]


class Server(Wire):
    """One process that answers requests."""

    name: str
    address: str
    host: str
    """As it was written."""
    weight: Annotated[int, Field(ge=0, le=256, strict=True)]
    limit: U32
    spare: bool
    persist: bool
    generation: U16
    incarnation: str


class Queue(Wire):
    """Who may wait for a server that is at its limit; the time in milliseconds."""

    wait: U32
    length: U32


class Watch(Wire):
    """What is told of servers' answers beside the counts."""

    failures: U32
    """In a row, after which a server is told of at once; 0 for never."""
    timed: bool


class Pool(Wire):
    """Interchangeable servers."""

    name: str
    protocol: Literal["h1", "h2", "h2c", "auto"]
    proxy_protocol: Literal["off", "v1", "v2"]
    """How its servers are told of the client."""
    via: str
    """What we call ourselves in Via; empty for no such field."""
    balance: Balance
    persistence: tuple[Persistence, ...]
    sessions: Sessions
    queue: Queue
    watch: Watch | None
    rates: tuple[RateLimit, ...]
    """How many requests it takes in a time."""
    retry: Retry
    breaker: Breaker | None
    tls: ServerTls | None
    servers: Annotated[tuple[Server, ...], Field(min_length=1)]


class Route(Wire):
    """Where requests go."""

    pool: str


class Key(Wire):
    """One key of the ring: 32 bytes in base64."""

    id: U16
    secret: str = Field(repr=False)


class ClientLimit(Wire):
    """What the clients of one prefix may have together."""

    connections: U32
    """0 for any number."""
    prefix4: U8
    prefix6: U8


class Limits(Wire):
    """What a client may ask of us; 0 for as much as it likes, where that can be."""

    head: U32
    target: U32
    fields: Annotated[int, Field(ge=1, le=256, strict=True)]
    streams: U32
    body: U64
    requests: U32
    clients: ClientLimit


class Timeouts(Wire):
    """How long each step may take, in milliseconds."""

    head: U32
    body: U32
    connect: U32
    response: U32
    idle_client: U32
    idle_server: U32
    tunnel: U32


class AccessLog(Wire):
    """The access log: one line an exchange."""

    file: str | None
    """Absolute; None for the standard output."""
    format: Literal["json", "combined"]
    query: bool


class Debugging(Wire):
    """Who may ask why an exchange went where it went."""

    token: str = Field(repr=False)


class Snapshot(Wire):
    """Everything the engine needs to serve; applied whole or refused whole."""

    revision: U64
    listeners: tuple[Listener, ...]
    pools: tuple[Pool, ...]
    routes: tuple[Route, ...]
    keys: tuple[Key, ...]
    limits: Limits
    timeouts: Timeouts
    access_log: AccessLog | None
    debug: Debugging | None


class ServerWeight(Wire):
    """A weight that was given after the snapshot was made; sent apart from it."""

    pool: str
    server: str
    given: Annotated[int, Field(ge=0, le=256, strict=True)]
    """By a person: it counts where sessions get another home."""
    now: Annotated[int, Field(ge=0, le=384, strict=True)]
    """For new sessions."""


class Born(TypedDict):
    """A request with which a session begins, as the engine tells it."""

    pool: str
    client: str
    secure: bool
    method: str
    host: str
    path: str
    query: str
    fields: list[tuple[str, str]]


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
