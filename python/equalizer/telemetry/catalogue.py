"""The catalogue of metrics: each stands here once, with what it means and where in the report it is read.

Labels are bounded: names from the configuration, and words from closed lists.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, TypeAlias, get_args

from equalizer.snapshot.report import (
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
STATES: Final = ("up", "draining", "maintenance", "down")


@dataclass(frozen=True)
class Metric:
    """What is told under one name."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    unit: str
    """What is counted, in a word or two."""
    help: str
    labels: tuple[str, ...]
    read: Callable[[Report], Iterable[Reading]]


def _whole(value: Callable[[Report], float]) -> Callable[[Report], Iterable[Reading]]:
    return lambda report: [((), value(report))]


def _words(counts: Callable[[PoolReport], Mapping[str, int]]) -> Callable[[Report], Iterable[Reading]]:
    """Counts by pool and word."""
    return lambda report: [
        ((pool, word), count) for pool, each in report.pools.items() for word, count in counts(each).items()
    ]


def _servers(value: Callable[[ServerReport], float | None]) -> Callable[[Report], Iterable[Reading]]:
    """A number by pool and server; none where it is not known."""
    return lambda report: [
        ((pool, name), found)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        if (found := value(server)) is not None
    ]


def _answers(report: Report) -> Iterable[Reading]:
    return [((str(status),), count) for status, count in report.answers.items()]


def _lost(pool: PoolReport) -> Mapping[str, int]:
    """From zero on: the first one that is lost must show as an increase."""
    return {**dict.fromkeys(LOST, 0), **pool.lost}


def _refused(report: Report) -> Iterable[Reading]:
    """From zero on, too."""
    return [((word,), count) for word, count in {**dict.fromkeys(REFUSED, 0), **report.refused}.items()]


def _faults(report: Report) -> Iterable[Reading]:
    return [
        ((pool, name, fault), count)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for fault, count in server.faults.items()
    ]


def _states(report: Report) -> Iterable[Reading]:
    return [
        ((pool, name, state), float(server.state == state))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for state in STATES
    ]


def _probes(report: Report) -> Iterable[Reading]:
    return [
        ((pool, name, result), count)
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        if server.probed
        for result, count in (("passed", server.probed.passed), ("failed", server.probed.failed))
    ]


def _times(report: Report) -> Iterable[Reading]:
    return [
        ((pool, name), _spread(server))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
    ]


def _spread(server: ServerReport) -> Spread:
    counts = tuple(
        (bound, sum(count for end, count in server.times.items() if end <= bound * 1e6)) for bound in BOUNDS
    )
    return Spread(counts, server.micros / 1e6)


def _changes(report: Report) -> Iterable[Reading]:
    """From zero on: the first one must show as an increase."""
    return [
        ((pool, name, state), server.changes.get(state, 0))
        for pool, each in report.pools.items()
        for name, server in each.servers.items()
        for state in STATES
    ]


def _breakers(report: Report) -> Iterable[Reading]:
    return [
        ((pool, state), float(each.breaker.state == state))
        for pool, each in report.pools.items()
        if each.breaker
        for state in get_args(BreakerState)
    ]


def _broken(value: Callable[[BreakerReport], float]) -> Callable[[Report], Iterable[Reading]]:
    """A number by pool; none where there is no breaker."""
    return lambda report: [
        ((pool,), value(each.breaker)) for pool, each in report.pools.items() if each.breaker
    ]


CATALOGUE: Final = (
    Metric(
        "equalizer_exchanges_total",
        "counter",
        "exchanges",
        "Exchanges that a server has answered.",
        ("pool", "server"),
        _servers(lambda server: server.exchanges),
    ),
    Metric(
        "equalizer_exchange_reasons_total",
        "counter",
        "exchanges",
        "Exchanges by why they went where they went.",
        ("pool", "reason"),
        _words(lambda pool: pool.reasons),
    ),
    Metric(
        "equalizer_sessions_lost_total",
        "counter",
        "exchanges",
        "Exchanges whose session had a home and did not reach the server that held its state.",
        ("pool", "reason"),
        _words(_lost),
    ),
    Metric(
        "equalizer_sessions",
        "gauge",
        "sessions",
        "Live sessions, estimated: those seen within the pool's census_window.",
        ("pool", "server"),
        _servers(lambda server: server.sessions),
    ),
    Metric(
        "equalizer_births_shared_total",
        "counter",
        "exchanges",
        "Exchanges of a new client that share the session of another one at the same moment.",
        ("pool",),
        lambda report: [((pool,), each.reasons.get("new_shared", 0)) for pool, each in report.pools.items()],
    ),
    Metric(
        "equalizer_exchanges_in_flight",
        "gauge",
        "exchanges",
        "Exchanges that a server has now.",
        ("pool", "server"),
        _servers(lambda server: server.in_flight),
    ),
    Metric(
        "equalizer_server_response_seconds",
        "histogram",
        "seconds",
        "From a request to the head of its response: each of a quiet pool, about one in 16 of a busy one.",
        ("pool", "server"),
        _times,
    ),
    Metric(
        "equalizer_server_connects_total",
        "counter",
        "connections",
        "Connections opened to a server, those that failed too.",
        ("pool", "server"),
        _servers(lambda server: server.connects),
    ),
    Metric(
        "equalizer_server_faults_total",
        "counter",
        "attempts",
        "Attempts at a server that failed, by what went wrong.",
        ("pool", "server", "fault"),
        _faults,
    ),
    Metric(
        "equalizer_server_errors_total",
        "counter",
        "exchanges",
        "Answers of a server with a status of 500 and above.",
        ("pool", "server"),
        _servers(lambda server: server.errors),
    ),
    Metric(
        "equalizer_server_ejected",
        "gauge",
        "0 or 1",
        "1 for a server that is left alone for a while because of how it answers.",
        ("pool", "server"),
        _servers(lambda server: float(server.ejected)),
    ),
    Metric(
        "equalizer_server_ejections_total",
        "counter",
        "ejections",
        "Times that a server was ejected.",
        ("pool", "server"),
        _servers(lambda server: server.ejections),
    ),
    Metric(
        "equalizer_server_weight",
        "gauge",
        "shares",
        "The weight of a server for new sessions, as it is now.",
        ("pool", "server"),
        _servers(lambda server: server.weight),
    ),
    Metric(
        "equalizer_choices_total",
        "counter",
        "births",
        "What came of the births that a balance in Python was asked for.",
        ("pool", "outcome"),
        _words(lambda pool: pool.choices),
    ),
    Metric(
        "equalizer_server_state",
        "gauge",
        "0 or 1",
        "1 for the state that a server is in, 0 for the others.",
        ("pool", "server", "state"),
        _states,
    ),
    Metric(
        "equalizer_server_state_changes_total",
        "counter",
        "changes",
        "Times that a server has come into a state.",
        ("pool", "server", "state"),
        _changes,
    ),
    Metric(
        "equalizer_server_probe_up",
        "gauge",
        "0 or 1",
        "1 for a server that is well by its probes, 0 for one that is not.",
        ("pool", "server"),
        _servers(lambda server: float(server.probed.up) if server.probed else None),
    ),
    Metric(
        "equalizer_server_probes_total",
        "counter",
        "probes",
        "Probes of a server that have ended, by their result; one probe may count for several pools.",
        ("pool", "server", "result"),
        _probes,
    ),
    Metric(
        "equalizer_server_probe_seconds",
        "gauge",
        "seconds",
        "How long the last probe of a server took; of several, the slowest.",
        ("pool", "server"),
        _servers(lambda server: server.probed.seconds if server.probed else None),
    ),
    Metric(
        "equalizer_server_agent_load",
        "gauge",
        "load",
        "What the agent of a server says: 0 idle to 100 overloaded, -1 unavailable; absent while silent.",
        ("pool", "server"),
        _servers(lambda server: server.load),
    ),
    Metric(
        "equalizer_pool_panic",
        "gauge",
        "0 or 1",
        "1 for a pool with so few servers well by their probes that probes are not believed.",
        ("pool",),
        lambda report: [((pool,), float(each.panics)) for pool, each in report.pools.items()],
    ),
    Metric(
        "equalizer_events_total",
        "counter",
        "events",
        "What has happened, as `equalizer events` tells it, by kind.",
        ("kind",),
        lambda report: [((kind,), count) for kind, count in report.events.items()],
    ),
    Metric(
        "equalizer_records",
        "gauge",
        "records",
        "Records of addresses or learned values that are kept now.",
        ("pool", "record"),
        _words(lambda pool: {name: table.held for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_records_evicted_total",
        "counter",
        "records",
        "Records that made room for a newcomer before their time: raise capacity.",
        ("pool", "record"),
        _words(lambda pool: {name: table.evicted for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_records_refused_total",
        "counter",
        "records",
        "Newcomers that got no record, as every other one was in use: raise capacity.",
        ("pool", "record"),
        _words(lambda pool: {name: table.refused for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_retries_total",
        "counter",
        "requests",
        "Requests that failed at a server and went to another, or did not as the budget was used up.",
        ("pool", "outcome"),
        _words(lambda pool: pool.retries),
    ),
    Metric(
        "equalizer_rate_limited_total",
        "counter",
        "requests",
        "Requests that a rate limit has refused.",
        ("pool", "limit"),
        _words(lambda pool: {name: limit.refused for name, limit in pool.rates.items()}),
    ),
    Metric(
        "equalizer_rate_keys_evicted_total",
        "counter",
        "keys",
        "Keys of a rate limit that were forgotten too soon, for want of room: raise capacity.",
        ("pool", "limit"),
        _words(lambda pool: {name: limit.evicted for name, limit in pool.rates.items()}),
    ),
    Metric(
        "equalizer_breaker_state",
        "gauge",
        "0 or 1",
        "1 for the state that the breaker of a pool is in, 0 for the others.",
        ("pool", "state"),
        _breakers,
    ),
    Metric(
        "equalizer_breaker_opened_total",
        "counter",
        "openings",
        "Times that the breaker of a pool has opened; a trial that failed is no opening.",
        ("pool",),
        _broken(lambda breaker: breaker.opened),
    ),
    Metric(
        "equalizer_breaker_refused_total",
        "counter",
        "requests",
        "Requests that the breaker of a pool has refused.",
        ("pool",),
        _broken(lambda breaker: breaker.refused),
    ),
    Metric(
        "equalizer_answers_total",
        "counter",
        "answers",
        "Requests answered by Equalizer itself, by status.",
        ("status",),
        _answers,
    ),
    Metric(
        "equalizer_client_connections",
        "gauge",
        "connections",
        "Client connections that are open.",
        (),
        _whole(lambda report: report.connections),
    ),
    Metric(
        "equalizer_connections_refused_total",
        "counter",
        "connections",
        "Client connections that were not served, by why.",
        ("reason",),
        _refused,
    ),
    Metric(
        "equalizer_accept_pauses_total",
        "counter",
        "pauses",
        "How often accepting had to wait, for want of file descriptors or memory.",
        (),
        _whole(lambda report: report.pauses),
    ),
    Metric(
        "equalizer_access_log_lines_total",
        "counter",
        "lines",
        "Lines of the access log that were written.",
        (),
        _whole(lambda report: report.access_log.written),
    ),
    Metric(
        "equalizer_access_log_dropped_lines_total",
        "counter",
        "lines",
        "Lines of the access log that were not, since the file or pipe was too slow or refused them.",
        (),
        _whole(lambda report: report.access_log.dropped),
    ),
    Metric(
        "equalizer_panics_total",
        "counter",
        "panics",
        "Defects of Equalizer that cost a connection, or a worker with all of its; the log names the place.",
        (),
        _whole(lambda report: sum(report.panics.values())),
    ),
    Metric(
        "equalizer_worker_restarts_total",
        "counter",
        "workers",
        "Workers that began again after such a defect.",
        (),
        _whole(lambda report: report.restarts),
    ),
    Metric(
        "equalizer_config_revision",
        "gauge",
        "revision",
        "Number of the configuration that is served; it grows with every reload.",
        (),
        _whole(lambda report: report.revision),
    ),
)
"""Every metric there is."""
