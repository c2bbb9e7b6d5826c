"""What the engine counted, as it crosses the boundary; mirrors crates/proxy/src/report.rs.

Unlike a snapshot it may hold more than is read here: an engine that counts more is no error.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from equalizer.snapshot.wire import State

REFUSED: Final = ("listener_full", "client_full", "proxy_untrusted", "proxy_malformed", "proxy_late")
"""Why a client's connection is not served."""
HANDSHAKES: Final = (
    "late",
    "client_gone",
    "client_refused",
    "not_tls",
    "nothing_shared",
    "no_certificate",
    "untrusted",
    "broken",
)
"""Why a handshake with a client fails."""
LOST: Final = (
    "home_removed",
    "home_down",
    "home_maintenance",
    "home_draining_moved",
    "incarnation_changed",
    "overflow_rehomed",
    "strict_refused",
)
"""The reasons by which a session is lost."""

BreakerState: TypeAlias = Literal["closed", "open", "trying"]
"""All requests go through, none, or a few."""


class _Counted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ProbesReport(_Counted):
    """All probes of one server."""

    up: bool
    """What they conclude."""
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    """How long the slowest of the last ones took."""


class ServerReport(_Counted):
    """One server; `ejected` and `ejections`, and all from `probed` on, are what control counts."""

    state: State | None = None
    """As the engine has it; None when it does not say."""
    sessions: int | None = None
    """Live sessions, by the census; None when there is none."""
    exchanges: int = 0
    in_flight: int = 0
    limit: int = 0
    """Requests it may have in flight; 0 for any number."""
    waiting: int = 0
    """Requests that wait for it."""
    tunnels: int = 0
    """WebSockets that are open."""
    weight: int | None = None
    """For new sessions, now; None when the engine does not say."""
    timed: int = 0
    """Answers that were timed: all where there are few, else some of them."""
    micros: int = 0
    """What they took together, to the head of the response."""
    times: Mapping[int, int] = {}
    """How many of them took up to so many microseconds, and more than the class before."""
    connects: int = 0
    faults: Mapping[str, int] = {}
    handshake: str = ""
    """Why the last one over TLS failed, in one word; empty where it did not, or there was none."""
    errors: int = 0
    """Answers of 500 and above."""
    given_up: int = 0
    """Attempts that are no exchange: without an answer, or with one for which another server was asked."""
    failures: int = 0
    """Attempts with a fault or an answer of 500 or above, each once."""
    ejected: bool = False
    ejections: int = 0
    probed: ProbesReport | None = None
    changes: Mapping[str, int] = {}
    """How often it has come into each state."""
    load: int | None = None
    """What its agent says."""


class RecordsReport(_Counted):
    """A table of records."""

    held: int = 0
    evicted: int = 0
    """Made room for a newcomer before their time."""
    refused: int = 0
    """Newcomers that found no room."""


class RateReport(_Counted):
    """A rate limit."""

    refused: int = 0
    evicted: int = 0
    """Keys that were forgotten too soon."""


class BreakerReport(_Counted):
    """A breaker."""

    state: BreakerState = "closed"
    opened: int = 0
    closed: int = 0
    """How often it closed again."""
    refused: int = 0
    of: int = 0
    """The requests that were counted when it opened last."""
    failed: int = 0
    """Those of them that failed."""


class PoolReport(_Counted):
    """One pool."""

    reasons: Mapping[str, int] = {}
    """Exchanges by the reason their server was chosen."""
    lost: Mapping[str, int] = {}
    """Sessions that had a home and did not reach it, by reason."""
    records: Mapping[str, RecordsReport] = {}
    """By what they are found by: `address`, `cookie:NAME`, `field:NAME`."""
    choices: Mapping[str, int] = {}
    """What came of the births that a balance in Python was asked for."""
    limited: Mapping[str, int] = {}
    """Exchanges that a limit decided, by reason."""
    waiting: int = 0
    """Requests that wait for any server."""
    breaker: BreakerReport | None = None
    retries: Mapping[str, int] = {}
    """Those that were made, and those that the budget did not allow."""
    rates: Mapping[str, RateReport] = {}
    """By the name of the limit."""
    servers: Mapping[str, ServerReport] = {}
    panics: bool = False
    """Whether its probes are not believed, which control decides."""


class AccessLogReport(_Counted):
    """Lines of the access log."""

    written: int = 0
    dropped: int = 0


class Report(_Counted):
    """Counters since the engine began, and gauges as of now."""

    revision: int = 0
    connections: int = 0
    answers: Mapping[int, int] = {}
    pauses: int = 0
    """How often accepting had to wait, for want of descriptors or memory."""
    refused: Mapping[str, int] = {}
    """Connections that were not served, by why."""
    handshakes: Mapping[str, Mapping[str, int]] = {}
    """Those with clients that failed, by why, of each listener with TLS."""
    access_log: AccessLogReport = AccessLogReport()
    panics: Mapping[str, int] = {}
    """Inside the engine, by the place in its source."""
    restarts: int = 0
    """Workers that began again after one."""
    pools: Mapping[str, PoolReport] = {}
    events: Mapping[str, int] = {}
    """What happened, by kind, which control counts."""
