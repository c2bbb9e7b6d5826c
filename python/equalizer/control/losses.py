"""Which growing counts are worth a line of the log: each at once, and then once a minute at most."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from equalizer.control import handshake
from equalizer.snapshot.report import Report

_AGAIN = 60.0  # seconds

_UNCHOSEN: Final = {
    "late": "no answer in time",
    "full": "too many were waiting",
    "failed": "the function failed",
    "wrong": "no such server, or one that takes no sessions",
}


@dataclass(frozen=True, slots=True)
class SessionsLost:
    """Sessions of a pool that had a home and did not reach it, since that was told last."""

    pool: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LinesDropped:
    """Lines of the access log that nobody took, since that was told last."""

    count: int


@dataclass(frozen=True, slots=True)
class AcceptingPaused:
    """Nobody could be accepted for a while, so often since that was told last."""

    count: int


@dataclass(frozen=True, slots=True)
class Unchosen:
    """Births that a balance in Python did not choose for, since that was told last."""

    pool: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Requests that a rate limit of a pool has refused, since that was told last."""

    pool: str
    limit: str
    count: int


@dataclass(frozen=True, slots=True)
class OverBudget:
    """Requests of a pool that failed and were not tried again, as too many were, since that was told last."""

    pool: str
    count: int


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect of ours that cost a connection, or a worker, since that was told last."""

    place: str
    """In the source of the engine."""
    count: int


@dataclass(frozen=True, slots=True)
class WorkersRestarted:
    """Workers that a defect has ended, with all their connections, since that was told last."""

    count: int


@dataclass(frozen=True, slots=True)
class NoHandshake:
    """There is no agreement on TLS with a server, again since that was told last."""

    pool: str
    server: str
    why: str
    """The last time; so many more failed, be it for other reasons."""
    count: int


Loss: TypeAlias = (
    SessionsLost
    | LinesDropped
    | AcceptingPaused
    | Unchosen
    | RateLimited
    | OverBudget
    | NoHandshake
    | Defect
    | WorkersRestarted
)


@dataclass(slots=True)
class Losses:
    """What has been told."""

    told: dict[Loss, tuple[int, float]] = field(default_factory=dict)
    """How many of which, in all, and when."""

    def news(self, report: Report, now: float) -> Iterator[Loss]:
        """What is to be told now."""
        for loss in _all(report):
            which = replace(loss, count=0)
            before, at = self.told.get(which, (0, now - _AGAIN))
            if loss.count <= before or now - at < _AGAIN:
                continue
            self.told[which] = (loss.count, now)
            yield replace(loss, count=loss.count - before)


def _all(report: Report) -> Iterator[Loss]:
    """Each with its count since the engine began."""
    for pool, each in report.pools.items():
        for reason, count in each.lost.items():
            yield SessionsLost(pool, reason, count)
        for word, why in _UNCHOSEN.items():
            yield Unchosen(pool, why, each.choices.get(word, 0))
        yield OverBudget(pool, each.retries.get("over_budget", 0))
        for limit, rate in each.rates.items():
            yield RateLimited(pool, limit, rate.refused)
        for server, counted in each.servers.items():
            if counted.handshake:
                failed = sum(counted.faults.get(fault, 0) for fault in handshake.FAULTS)
                yield NoHandshake(pool, server, handshake.told(counted.handshake), failed)
    yield LinesDropped(report.access_log.dropped)
    yield AcceptingPaused(report.pauses)
    for place, count in report.panics.items():
        yield Defect(place, count)
    yield WorkersRestarted(report.restarts)
