"""A pool as `equalizer status` shows it."""

from collections.abc import Mapping

from equalizer.control import states
from equalizer.control.answers import PoolStatus, ServerStatus
from equalizer.control.states import Standings
from equalizer.model.server import ServerTable
from equalizer.snapshot.report import PoolReport, ServerReport


def pool_status(
    pool: str, servers: Mapping[str, ServerTable], standings: Standings, report: PoolReport
) -> PoolStatus:
    """One pool: what was counted, and what was said of its servers."""
    answers = []
    for name, table in servers.items():
        counted = report.servers.get(name, ServerReport())
        standing = standings.get((pool, name))
        answers.append(
            ServerStatus(
                name=name,
                address=str(table.address),
                weight=table.weight,
                state=counted.state or states.state_of(standings, (pool, name)),
                sessions=counted.sessions,
                in_flight=counted.in_flight,
                limit=counted.limit,
                waiting=counted.waiting,
                exchanges=counted.exchanges,
                connects=counted.connects,
                faults=counted.faults,
                draining=standing.draining() if standing else None,
            )
        )
    return PoolStatus(pool, report.lost, report.limited, report.waiting, tuple(answers))
