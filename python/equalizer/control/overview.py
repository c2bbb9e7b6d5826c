"""One pool as `equalizer status` shows it: as configured, as counted, and what is known of its servers."""

from collections.abc import Mapping

from equalizer.control import states
from equalizer.control.answers import BreakerStatus, PoolStatus, ServerStatus
from equalizer.control.present import Present
from equalizer.control.weights import Weights
from equalizer.model.server import ServerTable
from equalizer.snapshot.report import PoolReport, ServerReport


def overview(
    pool: str, servers: Mapping[str, ServerTable], report: PoolReport, present: Present, weights: Weights
) -> PoolStatus:
    """The pool and all of its servers."""
    answers = tuple(
        _server((pool, name), table, report.servers.get(name, ServerReport()), present, weights)
        for name, table in servers.items()
    )
    panics = present.is_panicking(pool)
    rates = {name: limit.refused for name, limit in report.rates.items()}
    found = report.breaker
    breaker = BreakerStatus(found.state, found.opened, found.refused) if found else None
    return PoolStatus(
        pool,
        report.lost,
        report.limited,
        report.waiting,
        answers,
        panics,
        rates=rates,
        retries=report.retries,
        breaker=breaker,
    )


def _server(
    name: tuple[str, str], table: ServerTable, counted: ServerReport, present: Present, weights: Weights
) -> ServerStatus:
    standing, seen = present.standings.get(name), weights.seen.get(name)
    return ServerStatus(
        name=name[1],
        address=str(table.address),
        weight=table.weight,
        given=weights.given.get(name),
        weight_now=table.weight if counted.weight is None else counted.weight,
        response_time=seen.response_time if seen else None,
        state=counted.state or present.state(name),
        sessions=counted.sessions,
        in_flight=counted.in_flight,
        limit=counted.limit,
        waiting=counted.waiting,
        exchanges=counted.exchanges,
        connects=counted.connects,
        faults=counted.faults,
        draining=standing.draining() if standing else None,
        said=states.state_of(present.standings, name),
        why=present.found(name).why,
        probes=present.probes(name),
        load=present.loads.get(name),
    )
