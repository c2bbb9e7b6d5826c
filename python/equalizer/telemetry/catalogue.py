"""The catalogue of metrics: each stands here once, with what it means and where in the report it is read.

Labels are bounded: names from the configuration, and words from closed lists.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from equalizer.snapshot.report import Report
from equalizer.telemetry import readings
from equalizer.telemetry.readings import Reading


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


CATALOGUE: Final = (
    Metric(
        "equalizer_exchanges_total",
        "counter",
        "exchanges",
        "Exchanges that a server has answered.",
        ("pool", "server"),
        readings.servers(lambda server: server.exchanges),
    ),
    Metric(
        "equalizer_exchange_reasons_total",
        "counter",
        "exchanges",
        "Exchanges by why they went where they went.",
        ("pool", "reason"),
        readings.words(lambda pool: pool.reasons),
    ),
    Metric(
        "equalizer_sessions_lost_total",
        "counter",
        "exchanges",
        "Exchanges whose session had a home and did not reach the server that held its state.",
        ("pool", "reason"),
        readings.words(readings.lost),
    ),
    Metric(
        "equalizer_sessions",
        "gauge",
        "sessions",
        "Live sessions, estimated: those seen within the pool's census_window.",
        ("pool", "server"),
        readings.servers(lambda server: server.sessions),
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
        readings.servers(lambda server: server.in_flight),
    ),
    Metric(
        "equalizer_tunnels",
        "gauge",
        "tunnels",
        "WebSockets to a server that are open.",
        ("pool", "server"),
        readings.servers(lambda server: server.tunnels),
    ),
    Metric(
        "equalizer_server_response_seconds",
        "histogram",
        "seconds",
        "From a request to the head of its response: each of a quiet pool, about one in 16 of a busy one.",
        ("pool", "server"),
        readings.times,
    ),
    Metric(
        "equalizer_server_connects_total",
        "counter",
        "connections",
        "Connections opened to a server, those that failed too.",
        ("pool", "server"),
        readings.servers(lambda server: server.connects),
    ),
    Metric(
        "equalizer_server_faults_total",
        "counter",
        "attempts",
        "Attempts at a server that failed, by what went wrong.",
        ("pool", "server", "fault"),
        readings.faults,
    ),
    Metric(
        "equalizer_server_errors_total",
        "counter",
        "exchanges",
        "Answers of a server with a status of 500 and above.",
        ("pool", "server"),
        readings.servers(lambda server: server.errors),
    ),
    Metric(
        "equalizer_server_ejected",
        "gauge",
        "0 or 1",
        "1 for a server that is left alone for a while because of how it answers.",
        ("pool", "server"),
        readings.servers(lambda server: float(server.ejected)),
    ),
    Metric(
        "equalizer_server_ejections_total",
        "counter",
        "ejections",
        "Times that a server was ejected.",
        ("pool", "server"),
        readings.servers(lambda server: server.ejections),
    ),
    Metric(
        "equalizer_server_weight",
        "gauge",
        "shares",
        "The weight of a server for new sessions, as it is now.",
        ("pool", "server"),
        readings.servers(lambda server: server.weight),
    ),
    Metric(
        "equalizer_choices_total",
        "counter",
        "births",
        "What came of the births that a balance in Python was asked for.",
        ("pool", "outcome"),
        readings.words(lambda pool: pool.choices),
    ),
    Metric(
        "equalizer_server_state",
        "gauge",
        "0 or 1",
        "1 for the state that a server is in, 0 for the others.",
        ("pool", "server", "state"),
        readings.states,
    ),
    Metric(
        "equalizer_server_state_changes_total",
        "counter",
        "changes",
        "Times that a server has come into a state.",
        ("pool", "server", "state"),
        readings.changes,
    ),
    Metric(
        "equalizer_server_probe_up",
        "gauge",
        "0 or 1",
        "1 for a server that is well by its probes, 0 for one that is not.",
        ("pool", "server"),
        readings.servers(lambda server: float(server.probed.up) if server.probed else None),
    ),
    Metric(
        "equalizer_server_probes_total",
        "counter",
        "probes",
        "Probes of a server that have ended, by their result; one probe may count for several pools.",
        ("pool", "server", "result"),
        readings.probes,
    ),
    Metric(
        "equalizer_server_probe_seconds",
        "gauge",
        "seconds",
        "How long the last probe of a server took; of several, the slowest.",
        ("pool", "server"),
        readings.servers(lambda server: server.probed.seconds if server.probed else None),
    ),
    Metric(
        "equalizer_server_agent_load",
        "gauge",
        "load",
        "What the agent of a server says: 0 idle to 100 overloaded, -1 unavailable; absent while silent.",
        ("pool", "server"),
        readings.servers(lambda server: server.load),
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
        readings.words(lambda pool: {name: table.held for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_records_evicted_total",
        "counter",
        "records",
        "Records that made room for a newcomer before their time: raise capacity.",
        ("pool", "record"),
        readings.words(lambda pool: {name: table.evicted for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_records_refused_total",
        "counter",
        "records",
        "Newcomers that got no record, as every other one was in use: raise capacity.",
        ("pool", "record"),
        readings.words(lambda pool: {name: table.refused for name, table in pool.records.items()}),
    ),
    Metric(
        "equalizer_retries_total",
        "counter",
        "requests",
        "Requests that failed at a server and went to another, or did not as the budget was used up.",
        ("pool", "outcome"),
        readings.words(lambda pool: pool.retries),
    ),
    Metric(
        "equalizer_rate_limited_total",
        "counter",
        "requests",
        "Requests that a rate limit has refused.",
        ("pool", "limit"),
        readings.words(lambda pool: {name: limit.refused for name, limit in pool.rates.items()}),
    ),
    Metric(
        "equalizer_rate_keys_evicted_total",
        "counter",
        "keys",
        "Keys of a rate limit that were forgotten too soon, for want of room: raise capacity.",
        ("pool", "limit"),
        readings.words(lambda pool: {name: limit.evicted for name, limit in pool.rates.items()}),
    ),
    Metric(
        "equalizer_breaker_state",
        "gauge",
        "0 or 1",
        "1 for the state that the breaker of a pool is in, 0 for the others.",
        ("pool", "state"),
        readings.breakers,
    ),
    Metric(
        "equalizer_breaker_opened_total",
        "counter",
        "openings",
        "Times that the breaker of a pool has opened; a trial that failed is no opening.",
        ("pool",),
        readings.broken(lambda breaker: breaker.opened),
    ),
    Metric(
        "equalizer_breaker_refused_total",
        "counter",
        "requests",
        "Requests that the breaker of a pool has refused.",
        ("pool",),
        readings.broken(lambda breaker: breaker.refused),
    ),
    Metric(
        "equalizer_answers_total",
        "counter",
        "answers",
        "Requests answered by Equalizer itself, by status.",
        ("status",),
        readings.answers,
    ),
    Metric(
        "equalizer_client_connections",
        "gauge",
        "connections",
        "Client connections that are open.",
        (),
        readings.whole(lambda report: report.connections),
    ),
    Metric(
        "equalizer_connections_refused_total",
        "counter",
        "connections",
        "Client connections that were not served, by why.",
        ("reason",),
        readings.refused,
    ),
    Metric(
        "equalizer_accept_pauses_total",
        "counter",
        "pauses",
        "How often accepting had to wait, for want of file descriptors or memory.",
        (),
        readings.whole(lambda report: report.pauses),
    ),
    Metric(
        "equalizer_access_log_lines_total",
        "counter",
        "lines",
        "Lines of the access log that were written.",
        (),
        readings.whole(lambda report: report.access_log.written),
    ),
    Metric(
        "equalizer_access_log_dropped_lines_total",
        "counter",
        "lines",
        "Lines of the access log that were not, since the file or pipe was too slow or refused them.",
        (),
        readings.whole(lambda report: report.access_log.dropped),
    ),
    Metric(
        "equalizer_panics_total",
        "counter",
        "panics",
        "Defects of Equalizer that cost a connection, or a worker with all of its; the log names the place.",
        (),
        readings.whole(lambda report: sum(report.panics.values())),
    ),
    Metric(
        "equalizer_worker_restarts_total",
        "counter",
        "workers",
        "Workers that began again after such a defect.",
        (),
        readings.whole(lambda report: report.restarts),
    ),
    Metric(
        "equalizer_config_revision",
        "gauge",
        "revision",
        "Number of the configuration that is served; it grows with every reload.",
        (),
        readings.whole(lambda report: report.revision),
    ),
)
"""Every metric there is."""
