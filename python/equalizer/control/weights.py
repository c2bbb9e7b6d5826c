"""Weights of servers now: configured, given by people, computed by balances, less while one comes back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from equalizer.model.balance import Adaptive, Balance, Custom, FastestResponse, Python, ServerAgent
from equalizer.model.config import Config
from equalizer.policy import dynamic, slow_start
from equalizer.policy.dynamic import Factors, Formula, Seen
from equalizer.snapshot.report import PoolReport, Report, ServerReport
from equalizer.snapshot.wire import ServerWeight

Name: TypeAlias = tuple[str, str]
"""Pool and server."""
Agents: TypeAlias = Mapping[Name, float | None]
"""What servers' agents said last."""
Parts: TypeAlias = Mapping[Name, float]
"""Of a server's weight."""
NOBODY: Final[Parts] = {}


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything that is known of weights; a new value after each change."""

    given: Mapping[Name, int]
    """By people; it outlives every reload in which the server stays."""
    factors: Mapping[str, Factors]
    """By pool, as its balance computes them."""
    seen: Mapping[Name, Seen]
    """Of the last second, in pools whose balance looks at it."""
    timed: Mapping[Name, tuple[int, int]]
    """Answers and microseconds, as counted then."""
    parts: Mapping[Name, float]
    """Of those that come back slowly: how much of its weight each has."""


UNSAID: Sequence[ServerWeight] = []


def begun(given: Mapping[Name, int]) -> Weights:
    """What is known at the start: those that people gave before."""
    return Weights(given, {}, {}, {}, {})


def formula_of(balance: Balance) -> Formula | None:
    """How a balance computes weights; None when it does not."""
    match balance:
        case FastestResponse():
            return Formula(1, 0, 0, balance.responsiveness)
        case Adaptive():
            return Formula(1, 1, 1, balance.responsiveness)
        case ServerAgent():
            return Formula(0, 0, 1, balance.responsiveness)
        case Custom():
            return Formula(balance.response_time, balance.in_flight, balance.agent, balance.responsiveness)
        case Python():
            return formula_of(balance.fallback)
        case _:
            return None


def kept(weights: Weights, config: Config) -> Weights:
    """What still holds under a configuration."""
    known = {(pool, server) for pool, each in config.pools.items() for server in each.servers}
    computed = {pool for pool, each in config.pools.items() if formula_of(each.balance)}
    return Weights(
        given={name: weight for name, weight in weights.given.items() if name in known},
        factors={pool: factors for pool, factors in weights.factors.items() if pool in computed},
        seen={name: seen for name, seen in weights.seen.items() if name in known and name[0] in computed},
        timed={name: timed for name, timed in weights.timed.items() if name in known},
        parts={name: part for name, part in weights.parts.items() if name in known},
    )


def with_given(weights: Weights, name: Name, weight: int | None) -> Weights:
    """With a person's word for one server; None takes it back."""
    others = {other: each for other, each in weights.given.items() if other != name}
    given = others if weight is None else {**others, name: weight}
    return replace(weights, given=given)


def parts(config: Config, away: Collection[Name], back: Mapping[Name, float], now: float) -> Parts:
    """How much of their weight servers have that come back slowly: those that are `away` are ready to."""
    found: dict[Name, float] = {}
    for pool, table in config.pools.items():
        if table.slow_start is None:
            continue
        over = table.slow_start.total_seconds()
        names = [(pool, server) for server in table.servers]
        found |= {name: slow_start.part(now - back[name], over) for name in names if name in back}
        found |= {name: slow_start.FIRST for name in names if name in away}
    return {name: part for name, part in found.items() if part < 1}


def after_a_second(
    weights: Weights, config: Config, report: Report, agents: Agents, parts: Parts = NOBODY
) -> Weights:
    """As the balances compute them from what was counted meanwhile, and those that come back."""
    factors: dict[str, Factors] = {}
    seen: dict[Name, Seen] = {}
    timed: dict[Name, tuple[int, int]] = {}
    for pool, table in config.pools.items():
        formula = formula_of(table.balance)
        if formula is None:
            continue
        counted = report.pools.get(pool, PoolReport()).servers
        here: dict[str, Seen] = {}
        takes = {name for name in table.servers if counted.get(name, ServerReport()).state in (None, "up")}
        waits = {name for name, each in table.servers.items() if each.spare}
        if not any(weights.given.get((pool, name), table.servers[name].weight) for name in takes - waits):
            waits = set()  # it is the spares' turn
        for server, each in table.servers.items():
            name, found = (pool, server), counted.get(server, ServerReport())
            timed[name] = (found.timed, found.micros)
            if server not in takes - waits or name in parts:
                continue  # one that gets nothing, or little, only looks idle
            here[server] = seen[name] = Seen(
                weight=weights.given.get(name, each.weight),
                response_time=_mean(weights.timed.get(name), timed[name]),
                in_flight=found.in_flight,
                agent=agents.get(name),
            )
        before = weights.factors.get(pool, {})
        resting = {server: before.get(server, 1.0) for server in table.servers if server not in here}
        factors[pool] = {**resting, **dynamic.step(formula, here, before)}
    return Weights(weights.given, factors, seen, timed, parts)


def _mean(before: tuple[int, int] | None, now: tuple[int, int]) -> float | None:
    """Seconds that an answer took; None where there was none, or nothing to compare with."""
    answers = now[0] - before[0] if before else 0
    return (now[1] - before[1]) / answers / 1e6 if before and answers > 0 else None


def wire(weights: Weights, config: Config) -> Sequence[ServerWeight]:
    """As the engine takes them: those that are not as configured."""
    said = []
    for pool, table in config.pools.items():
        given = {
            server: weights.given.get((pool, server), each.weight) for server, each in table.servers.items()
        }
        computed = dynamic.weights(given, weights.factors.get(pool, {}))
        now = {
            server: slow_start.held_back(weight, weights.parts.get((pool, server), 1.0))
            for server, weight in computed.items()
        }
        said += [
            ServerWeight(pool=pool, server=server, given=given[server], now=now[server])
            for server, each in table.servers.items()
            if (given[server], now[server]) != (each.weight, each.weight)
        ]
    return said
