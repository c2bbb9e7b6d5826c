"""Which servers are ejected now: what the engine counts and tells, judged by the rules of each pool.

Whoever holds it keeps two threads apart.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeAlias

from equalizer.control.states import Name
from equalizer.model.config import Config
from equalizer.policy import outliers
from equalizer.policy.outliers import Conducts, Count, Out, Place, Rules, Seen
from equalizer.snapshot.report import PoolReport, Report, ServerReport

PlaceOf: TypeAlias = Callable[[Name], Place]


def rules_of(config: Config) -> Mapping[str, Rules]:
    """By pool, where servers are ejected."""
    return {
        name: Rules(
            failures=asked.failures,
            share=asked.share,
            slower=asked.slower,
            window=asked.window.total_seconds(),
            least=asked.requests,
            at_most=asked.at_most,
            first=asked.time.total_seconds(),
            longest=asked.longest.total_seconds(),
        )
        for name, pool in config.pools.items()
        if (asked := pool.ejection)
    }


class Ejecting:
    """What is known of the servers of all pools that eject some."""

    def __init__(self, conducts: Mapping[str, Conducts]) -> None:
        """`conducts` is what the process before knew, by pool."""
        self._rules: Mapping[str, Rules] = {}
        self._conducts = dict(conducts)
        self._ejections: Counter[Name] = Counter()

    @property
    def counts_failures(self) -> bool:
        """Whether the engine tells of servers that fail in a row."""
        return any(rules.failures for rules in self._rules.values())

    def use(self, rules: Mapping[str, Rules], there: Collection[Name], now: float) -> None:
        """Judge by these rules from now on, the servers that are there; what is known of them is kept."""
        self._rules, before = rules, self._conducts
        self._conducts = {
            pool: {
                server: before.get(pool, {}).get(server) or outliers.Conduct(now)
                for of, server in there
                if of == pool
            }
            for pool in rules
        }
        self._ejections = Counter({name: count for name, count in self._ejections.items() if name in there})

    def out(self) -> Mapping[Name, Out]:
        """The servers that are ejected."""
        return {
            (pool, server): each.out
            for pool, conducts in self._conducts.items()
            for server, each in conducts.items()
            if each.out
        }

    def conducts(self) -> Mapping[str, Conducts]:
        """What is remembered of servers, by pool, without what was counted."""
        return {
            pool: {server: replace(each, counts=()) for server, each in conducts.items()}
            for pool, conducts in self._conducts.items()
        }

    def ejections(self, name: Name) -> int:
        """How often a server was ejected."""
        return self._ejections[name]

    def second(self, report: Report, place: PlaceOf, now: float) -> Mapping[Name, str]:
        """A second has passed, and so much was counted; who would be ejected if there were room, and why."""
        withheld: dict[Name, str] = {}
        for pool, rules in self._rules.items():
            counted, before = report.pools.get(pool, PoolReport()).servers, self._conducts[pool]
            seen = {
                server: Seen(place((pool, server)), _count(counted.get(server, ServerReport()), now))
                for server in before
            }
            after = self._conducts[pool] = outliers.second(rules, seen, before, now)
            self._ejections.update(
                (pool, server) for server, each in after.items() if each.out and not before[server].out
            )
            withheld |= {(pool, server): why for server, why in outliers.withheld(rules, after).items()}
        return withheld

    def failing(self, name: Name, place: PlaceOf, now: float) -> Mapping[Name, str]:
        """A server has failed too often in a row; the same."""
        pool, server = name
        rules, conducts = self._rules.get(pool), self._conducts.get(pool, {})
        conduct = conducts.get(server)
        if rules is None or conduct is None or place(name) != "serves":
            return {}
        why = f"{rules.failures} failures in a row"
        places = {each: place((pool, each)) for each in conducts}
        if conduct.out is None and not outliers.has_room(rules, places, conducts):
            return {name: why}
        if conduct.out is None or conduct.out.keeps:
            after = outliers.ejected(rules, conduct, why, now, keeps=False)
            self._conducts[pool] = {**conducts, server: after}
            self._ejections[name] += 1
        return {}

    def forgive(self, name: Name, now: float) -> None:
        """A person said something of a server: what was is over."""
        pool, server = name
        conducts = self._conducts.get(pool, {})
        if server in conducts:
            self._conducts[pool] = {**conducts, server: outliers.Conduct(now)}


def _count(report: ServerReport, now: float) -> Count:
    attempts = report.exchanges + report.given_up
    return Count(now, attempts, report.failures, timed=report.timed, micros=report.micros)
