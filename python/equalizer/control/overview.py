"""Pools as `equalizer status` shows them: as configured, as counted, and what is known of its servers."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from equalizer.control import handshake, states
from equalizer.control.answers import BreakerStatus, PoolStatus, ServerStatus, Status
from equalizer.control.pace import Pace
from equalizer.control.present import Present
from equalizer.control.weights import Weights
from equalizer.model.config import Config
from equalizer.model.server import ServerTable
from equalizer.snapshot.report import PoolReport, Report, ServerReport


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of servers beside what the engine counts."""

    present: Present
    weights: Weights
    pace: Pace


def status(name: str, config: Config, report: Report, known: Known) -> Status:
    """Everything there is to see of what is served."""
    return Status(
        config=name,
        pid=os.getpid(),
        revision=report.revision,
        at=time.time(),
        connections=report.connections,
        pools=tuple(
            _pool(pool, each.servers, report.pools.get(pool, PoolReport()), known)
            for pool, each in config.pools.items()
        ),
    )


def _pool(pool: str, servers: Mapping[str, ServerTable], report: PoolReport, known: Known) -> PoolStatus:
    answers = tuple(
        _server((pool, name), table, report.servers.get(name, ServerReport()), known)
        for name, table in servers.items()
    )
    panics = known.present.is_panicking(pool)
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


def _server(name: tuple[str, str], table: ServerTable, counted: ServerReport, known: Known) -> ServerStatus:
    present, weights = known.present, known.weights
    standing, seen = present.standings.get(name), weights.seen.get(name)
    lately = known.pace.of(name, counted, time.monotonic())
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
        rate=lately.rate,
        p50=lately.p50,
        p99=lately.p99,
        ejected=present.ejected(name),
        handshake=handshake.told(counted.handshake),
    )
