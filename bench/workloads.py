"""What each workload asks of a proxy, and when a slice of it may not be counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

COOKIE = "EQ"

# Of what the slowest peer can do, what the two fixed rates are at most.
SHARES = (1 / 2, 1 / 6)


@dataclass(frozen=True)
class Workload:
    """One kind of work; `port` says which of a side's listeners it goes to."""

    name: str
    title: str
    port: Literal["plain", "tls", "large", "h2", "push"]
    rates: tuple[int, int]
    kind: Literal["requests", "streams", "messages", "events"] = "requests"
    cookie: bool = True
    close: bool = False
    resume: bool = False
    path: str = "/"
    connections: int = 64
    saturates: bool = True

    @property
    def tls(self) -> bool:
        """Whether its connections are encrypted."""
        return self.port == "tls"

    def paces(self, most: float | None, *, saturated_only: bool) -> list[int | None]:
        """Its slices of a round: as fast as the side can (`None`), and the fixed rates.

        `most` is what the slowest peer can do in a second. A rate that a peer cannot hold would be its
        saturation by another name, so there it is the same share of that as on a machine that is fast enough.
        """
        saturated: list[int | None] = [None] if self.saturates else []
        if saturated_only:
            return saturated
        if most is None:
            return [*saturated, *self.rates]
        held = (int(most * share) // 100 * 100 or 100 for share in SHARES)
        return [*saturated, *map(min, self.rates, held)]


WORKLOADS = {
    one.name: one
    for one in (
        Workload("W1", "kept-alive, valid cookie", "plain", (25_000, 8_000)),
        Workload("W2", "kept-alive, no cookie", "plain", (25_000, 8_000), cookie=False),
        Workload("W3", "a connection per request", "plain", (8_000, 3_000), close=True),
        Workload("W4k", "TLS, kept-alive", "tls", (20_000, 8_000)),
        Workload("W4h", "TLS, full handshake per connection", "tls", (800, 300), close=True),
        Workload(
            "W4r", "TLS, resumed handshake per connection", "tls", (1_500, 500), close=True, resume=True
        ),
        Workload("W5", "1 MiB bodies", "large", (500, 200), path="/1m", connections=16),
        Workload(
            "H2",
            "HTTP/2 over TLS, 100 streams a connection",
            "h2",
            (10_000, 4_000),
            kind="streams",
            connections=4,
        ),
        Workload("WS", "WebSocket messages, echoed", "plain", (25_000, 8_000), kind="messages", cookie=False),
        Workload(
            "SSE",
            "server-sent events",
            "push",
            (20_000, 8_000),
            kind="events",
            cookie=False,
            connections=256,
            saturates=False,  # the pace is the origin's: a late proxy finds several events in one piece
        ),
    )
}

# A proxy that wants its core for less than this share of a saturated slice was not what held the slice back.
SATURATED = 0.85
# Of a fixed rate, the share that must have been started and answered.
REACHED = 0.97


@dataclass(frozen=True)
class Observed:
    """One slice as it was seen; `demand` is the share of its time that the proxy ran or wanted to."""

    report: dict[str, Any]
    demand: float


def rejected(workload: Workload, rate: int | None, observed: Observed, *, stamps: bool) -> str | None:
    """Why this slice may not be counted; `None` when it may. `stamps`: the side sets a cookie of its own."""
    return _wrong(workload, observed.report, stamps=stamps) or _held_back(rate, observed)


def _wrong(workload: Workload, report: dict[str, Any], *, stamps: bool) -> str | None:
    requests = report["requests"]
    statuses = set(report["statuses"])
    if report["errors"] or statuses - {"200", "421"} or not requests:
        return "errors"
    if report["strays"] or "421" in statuses:  # the path named the cookie's server, and another was asked
        return "a cookie reached another server"
    if stamps and workload.kind == "requests" and not workload.cookie and report["stamps"] != requests:
        return "responses without a cookie"
    if workload.tls and workload.close:
        wrong = report["handshakes"]["full" if workload.resume else "resumed"]
        if wrong > requests * 0.01:
            return "sessions not resumed" if workload.resume else "sessions resumed"
    return None


def _held_back(rate: int | None, observed: Observed) -> str | None:
    report = observed.report
    if rate is None:
        return "origin or generator was the limit" if observed.demand < SATURATED else None
    if report["unsent"] > report["requests"] * (1 - REACHED) or report["per_second"] < rate * REACHED:
        return "rate not reached" if observed.demand >= SATURATED else "origin or generator was the limit"
    return None
