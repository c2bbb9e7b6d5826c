"""How metrics are read from a report: what was counted, by the values of their labels."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Final, TypeAlias, get_args

from equalizer.snapshot.report import (
    HANDSHAKES,
    LOST,
    REFUSED,
    BreakerReport,
    BreakerState,
    PoolReport,
    Report,
    ServerReport,
)


@dataclass(frozen=True)
class Spread:
    """How many values there were up to each bound, and their sum."""

    buckets: tuple[tuple[float, int], ...]
    sum: float


Reading: TypeAlias = tuple[tuple[str, ...], float | Spread]
"""The values of a metric's labels, and what was counted."""
BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, inf)
"""Of times, in seconds; each but the last is the end of a class that the engine counts in."""
_MICROS: Final = tuple(bound * 1e6 for bound in BOUNDS)
STATES: Final = ("up", "draining", "maintenance", "down")


def whole(value: Callable[[Report], float]) -> Callable[[Report], Iterable[Reading]]:
    """One number of all."""
    return lambda report: [((), value(report))]


def words(counts: Callable[[PoolReport], Mapping[str, int]]) -> Callable[[Report], Iterable[Reading]]:
    """Counts by pool and word."""
    return lambda report: [
        ((pool, word), count) for pool, each in report.pools.items() for word, count in counts(each).items()
    ]


def servers(value: Callable[[ServerReport], float | None]) -> Callable[[Report], Iterable[Reading]]:
    """A number by pool and server; none where it is not known."""
    return lambda report: [
        ((pool, name), found)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        if (found := value(server)) is not None
    ]


def answers(report: Report) -> Iterable[Reading]:
    """By status."""
    return [((str(status),), count) for status, count in report.answers.items()]


def lost(pool: PoolReport) -> Mapping[str, int]:
    """By reason, from zero on: the first one that is lost must show as an increase."""
    return {**dict.fromkeys(LOST, 0), **pool.lost}


def refused(report: Report) -> Iterable[Reading]:
    """By why, from zero on, too."""
    return [((word,), count) for word, count in {**dict.fromkeys(REFUSED, 0), **report.refused}.items()]


def handshakes(report: Report) -> Iterable[Reading]:
    """By listener and why, from zero on, too; none where there is no TLS."""
    return [
        ((listener, word), count)
        for listener, failed in report.handshakes.items()
        for word, count in {**dict.fromkeys(HANDSHAKES, 0), **failed}.items()
    ]


def faults(report: Report) -> Iterable[Reading]:
    """By pool, server and fault."""
    return [
        ((pool, name, fault), count)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for fault, count in server.faults.items()
    ]


def states(report: Report) -> Iterable[Reading]:
    """By pool, server and state: which one it is in."""
    return [
        ((pool, name, state), float(server.state == state))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for state in STATES
    ]


def probes(report: Report) -> Iterable[Reading]:
    """By pool, server and result; none where there are no probes."""
    return [
        ((pool, name, result), count)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        if server.probed
        for result, count in (("passed", server.probed.passed), ("failed", server.probed.failed))
    ]


def times(report: Report) -> Iterable[Reading]:
    """By pool and server."""
    return [
        ((pool, name), _spread(server))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
    ]


def _spread(server: ServerReport) -> Spread:
    counts = [0] * len(BOUNDS)
    for end, count in server.times.items():
        counts[bisect_left(_MICROS, end)] += count
    return Spread(tuple(zip(BOUNDS, accumulate(counts), strict=True)), server.micros / 1e6)


def changes(report: Report) -> Iterable[Reading]:
    """By pool, server and state, from zero on: the first one must show as an increase."""
    return [
        ((pool, name, state), server.changes.get(state, 0))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for state in STATES
    ]


def breakers(report: Report) -> Iterable[Reading]:
    """By pool and state: which one it is in; none where there is no breaker."""
    return [
        ((pool, state), float(each.breaker.state == state))
        for pool, each in report.pools.items()
        if each.breaker
        for state in get_args(BreakerState)
    ]


def broken(value: Callable[[BreakerReport], float]) -> Callable[[Report], Iterable[Reading]]:
    """A number by pool; none where there is no breaker."""
    return lambda report: [
        ((pool,), value(each.breaker)) for pool, each in report.pools.items() if each.breaker
    ]
