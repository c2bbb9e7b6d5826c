"""What status tells of a pool: what was counted, beside what people said of its servers."""

from collections.abc import Mapping

from equalizer.control import states
from equalizer.control.answers import PoolStatus, ServerStatus
from equalizer.control.states import Standings
from equalizer.control.weights import Weights
from equalizer.model.server import ServerTable
from equalizer.snapshot.report import PoolReport, ServerReport


def pool(
    name: str,
    servers: Mapping[str, ServerTable],
    report: PoolReport,
    standings: Standings,
    weights: Weights,
) -> PoolStatus:
    """One pool, with all its servers."""
    told = tuple(
        _server((name, server), table, report.servers.get(server, ServerReport()), standings, weights)
        for server, table in servers.items()
    )
    return PoolStatus(name, report.lost, report.limited, report.waiting, told)


def _server(
    name: tuple[str, str], table: ServerTable, counted: ServerReport, standings: Standings, weights: Weights
) -> ServerStatus:
    standing, seen = standings.get(name), weights.seen.get(name)
    return ServerStatus(
        name=name[1],
        address=str(table.address),
        weight=table.weight,
        given=weights.given.get(name),
        weight_now=table.weight if counted.weight is None else counted.weight,
        response_time=seen.response_time if seen else None,
        agent=seen.agent if seen else None,
        state=counted.state or states.state_of(standings, name),
        sessions=counted.sessions,
        in_flight=counted.in_flight,
        limit=counted.limit,
        waiting=counted.waiting,
        exchanges=counted.exchanges,
        connects=counted.connects,
        faults=counted.faults,
        draining=standing.draining() if standing else None,
    )
