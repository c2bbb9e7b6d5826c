"""What a running Equalizer answers to every face: plain values that cross a socket as JSON.

Standard library only, and no slots, which are slow to make: the command line reads them, and must start
quickly. Times are Unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

State: TypeAlias = Literal["up", "draining", "maintenance", "down"]
Wish: TypeAlias = Literal["up", "draining", "maintenance"]
"""The states that a person may give; `down` is found out."""


@dataclass(frozen=True)
class Draining:
    """How far a draining server is."""

    since: float
    deadline: float | None
    """When the sessions that are left are re-homed; None for never."""
    idle_first: float | None
    """Seconds after which an idle session moves at its next request; None for never."""
    empty_in: float | None
    """Seconds until no session is left, estimated; None when it cannot be told."""


@dataclass(frozen=True)
class ProbeStatus:
    """One probe of a server."""

    name: str
    up: bool | None
    """What is believed; None before the first one has ended."""
    found: str
    """What the last one found; empty where it was well."""
    passed: int
    failed: int
    seconds: float
    """How long the last one took."""


@dataclass(frozen=True)
class ServerStatus:
    """One server."""

    name: str
    address: str
    weight: int
    """As configured."""
    given: int | None
    """By a person since; None when nobody gave it another."""
    weight_now: int
    """For new sessions."""
    response_time: float | None
    """Seconds, on average of the last second; None when it is not looked at, or nothing was answered."""
    state: State
    sessions: int | None
    """Live ones; None when nothing counts them."""
    in_flight: int
    limit: int
    """Requests it may have in flight; 0 for any number."""
    waiting: int
    """Requests that wait for it."""
    exchanges: int
    connects: int
    faults: Mapping[str, int]
    """Failed attempts, by fault."""
    draining: Draining | None
    said: Wish = "up"
    """What a person said of it last."""
    why: str = ""
    """Which probe failed, and what it found; empty where all is well, or there is none."""
    probes: tuple[ProbeStatus, ...] = ()
    load: int | None = None
    """What its agent says: 0 idle to 100 overloaded, -1 unavailable; None when that is not known."""
    rate: float = 0.0
    """Exchanges a second, lately: in the last five to ten seconds."""
    p50: float | None = None
    """Seconds in which half of its answers began, lately; None where none did."""
    p99: float | None = None
    """The same for all but one in a hundred."""
    ejected: str = ""
    """For how long it is left alone because of how it answers, and why; empty where it is not."""
    handshake: str = ""
    """Why the last one over TLS failed, such as an expired certificate; empty where it did not."""


@dataclass(frozen=True)
class BreakerStatus:
    """The breaker of a pool."""

    state: str
    """`closed`, `open` or `trying`."""
    opened: int
    refused: int


@dataclass(frozen=True)
class PoolStatus:
    """One pool."""

    name: str
    lost: Mapping[str, int]
    """Sessions that had a home and did not reach it, by reason."""
    limited: Mapping[str, int]
    """Requests that a limit sent elsewhere or refused, by reason."""
    waiting: int
    """Requests that wait for any server."""
    servers: tuple[ServerStatus, ...]
    panics: bool = False
    """Whether probes are not believed, as too few servers are well by them."""
    rates: Mapping[str, int] = field(default_factory=dict)
    """Requests that rate limits have refused, by the limit."""
    retries: Mapping[str, int] = field(default_factory=dict)
    """Retries that were made, and those that the budget did not allow."""
    breaker: BreakerStatus | None = None


@dataclass(frozen=True)
class Status:
    """Everything there is to see."""

    config: str
    pid: int
    revision: int
    at: float
    connections: int
    pools: tuple[PoolStatus, ...]


@dataclass(frozen=True)
class Metrics:
    """What is counted, in the text format of Prometheus."""

    text: str


@dataclass(frozen=True)
class StateChange:
    """A server has another state, or drains on other terms."""

    pool: str
    server: str
    before: State
    state: Wish
    deadline: float | None
    idle_first: float | None
    but: str = ""
    """Why it is down all the same: what its probes found."""


@dataclass(frozen=True)
class Happened:
    """One event."""

    number: int
    """From 1, in the order in which they happened."""
    at: float
    level: str
    """As in the log: info, warning or error."""
    kind: str
    pool: str | None
    server: str | None
    text: str
    more: tuple[str, ...]
    """Further lines."""


@dataclass(frozen=True)
class Happenings:
    """Events that are still known."""

    last: int
    """The number of the last event there was."""
    events: tuple[Happened, ...]


NOTHING: Final = Happenings(0, ())


@dataclass(frozen=True)
class WeightChange:
    """A person gave a server another weight, or took that back."""

    pool: str
    server: str
    before: int
    weight: int


@dataclass(frozen=True)
class Reloaded:
    """A configuration has taken the place of the one before."""

    config: str
    revision: int
    changes: tuple[str, ...]
    """One line each."""
    notices: tuple[str, ...]
    """What the user should know although it is no error."""


@dataclass(frozen=True)
class Upgraded:
    """Another process has taken over."""

    config: str
    before: int
    """The process that leaves."""
    after: int
    """The process that serves."""
    version: str
    """Its version."""


def status_from(document: object) -> Status:
    """A status that was JSON; raises TypeError, KeyError or AttributeError when it is none."""
    fields = cast(dict[str, Any], document)
    return Status(**(fields | {"pools": tuple(_pool(each) for each in fields["pools"])}))


def _pool(fields: dict[str, Any]) -> PoolStatus:
    breaker = fields["breaker"]
    servers = tuple(_server(each) for each in fields["servers"])
    return PoolStatus(**(fields | {"servers": servers, "breaker": breaker and BreakerStatus(**breaker)}))


def _server(fields: dict[str, Any]) -> ServerStatus:
    draining = fields["draining"]
    probes = tuple(ProbeStatus(**each) for each in fields["probes"])
    return ServerStatus(**(fields | {"draining": draining and Draining(**draining), "probes": probes}))


def reloaded_from(document: object) -> Reloaded:
    """What a reload did, that was JSON; raises as `status_from`."""
    fields = cast(dict[str, Any], document)
    lists = {"changes": tuple(fields["changes"]), "notices": tuple(fields["notices"])}
    return Reloaded(**(fields | lists))


def happenings_from(document: object) -> Happenings:
    """Events that were JSON; raises as `status_from`."""
    fields = cast(dict[str, Any], document)
    events = tuple(Happened(**(each | {"more": tuple(each["more"])})) for each in fields["events"])
    return Happenings(**(fields | {"events": events}))


def metrics_from(document: object) -> Metrics:
    """Metrics that were JSON; raises as `status_from`."""
    return Metrics(**cast(dict[str, Any], document))


def upgraded_from(document: object) -> Upgraded:
    """What an upgrade did, that was JSON; raises as `status_from`."""
    return Upgraded(**cast(dict[str, Any], document))


def change_from(document: object) -> StateChange:
    """A change of state that was JSON; raises as `status_from`."""
    return StateChange(**cast(dict[str, Any], document))


def weight_from(document: object) -> WeightChange:
    """A change of weight that was JSON; raises as `status_from`."""
    return WeightChange(**cast(dict[str, Any], document))
