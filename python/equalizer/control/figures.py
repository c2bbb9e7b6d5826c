"""The report of the engine, and beside it what is counted here: probes, states, ejections, events."""

from collections.abc import Mapping

from equalizer.control.present import Present
from equalizer.snapshot.report import PoolReport, ProbesReport, Report


def figures(report: Report, present: Present, events: Mapping[str, int]) -> Report:
    """Everything that there is to be told."""
    changes: dict[tuple[str, str], dict[str, int]] = {}
    for (pool, server, state), count in present.changes().items():
        changes.setdefault((pool, server), {})[state] = count
    pools = {
        pool: _pool(pool, each, present, {server: changes.get((pool, server), {}) for server in each.servers})
        for pool, each in report.pools.items()
    }
    return report.model_copy(update={"pools": pools, "events": events})


def _pool(
    name: str, pool: PoolReport, present: Present, changes: Mapping[str, Mapping[str, int]]
) -> PoolReport:
    servers = {
        server: each.model_copy(update=_counted(present, (name, server), changes[server]))
        for server, each in pool.servers.items()
    }
    return pool.model_copy(update={"servers": servers, "panics": present.is_panicking(name)})


def _counted(present: Present, name: tuple[str, str], changes: Mapping[str, int]) -> Mapping[str, object]:
    found: dict[str, object] = {"changes": changes, "load": present.loads.get(name)}
    found |= {"ejected": present.is_ejected(name), "ejections": present.ejections(name)}
    if probes := present.probes(name):
        found["probed"] = ProbesReport(
            up=present.found(name).up,
            passed=sum(probe.passed for probe in probes),
            failed=sum(probe.failed for probe in probes),
            seconds=max(probe.seconds for probe in probes),
        )
    return found
