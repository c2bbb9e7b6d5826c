"""Who may use which server now: what people said, probes found, who is ejected; the engine is told it as one.

It has a lock of its own, held for moments only: a reload may wait for name servers while a verdict is due.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TypeAlias

from equalizer.control import states, weights
from equalizer.control.answers import ProbeStatus, State
from equalizer.control.ejecting import Ejecting
from equalizer.control.remembered import Remembered
from equalizer.control.returns import Returns
from equalizer.control.states import Name, Standing, Standings
from equalizer.control.weights import Parts
from equalizer.engine.port import Engine
from equalizer.errors import EngineError
from equalizer.health.plan import Plan
from equalizer.health.rounds import before
from equalizer.health.run import Prober
from equalizer.health.verdict import WELL, Verdict
from equalizer.model.config import Config
from equalizer.policy.outliers import Out, Place, Rules
from equalizer.policy.panic import panics
from equalizer.snapshot.report import Report
from equalizer.snapshot.wire import Snapshot

_AGAIN = 60.0  # seconds
_WAIT = 1000  # milliseconds


@dataclass(frozen=True, slots=True)
class Judged:
    """Probes found a server well, or not."""

    pool: str
    server: str
    before: State
    state: State
    """What has become of it: a word of a person, or a panic, may win over the probes."""
    up: bool
    why: str
    """Empty where it is well."""


@dataclass(frozen=True, slots=True)
class Panicked:
    """So few servers of a pool are well that probes are not believed, or enough are again."""

    pool: str
    panics: bool
    well: int
    of: int
    """Without those in maintenance."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The agent of a server, which answered before, does not answer any more."""

    pool: str
    server: str
    why: str


@dataclass(frozen=True, slots=True)
class Unprobed:
    """Our own system does not let us probe."""

    why: str


@dataclass(frozen=True, slots=True)
class Ejected:
    """A server is left alone for a while because of how it answers."""

    pool: str
    server: str
    before: State
    state: State
    """What has become of it: one that is only slow keeps its sessions."""
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NotEjected:
    """A server answers as badly, and as much of its pool is out as may be."""

    pool: str
    server: str
    why: str


@dataclass(frozen=True, slots=True)
class Readmitted:
    """The time of an ejected server is over."""

    pool: str
    server: str
    before: State
    state: State


StateEvent: TypeAlias = Judged | Panicked | Silent | Unprobed | Ejected | NotEjected | Readmitted
"""What happens to servers without anybody's word."""


class Present:
    """The states of all servers that are served; any thread may call its methods."""

    def __init__(self, engine: Engine, tell: Callable[[StateEvent], None], known: Remembered) -> None:
        """`tell` is also called by the thread of the probes, and must not wait.

        `known` is from the process before.
        """
        self._engine, self._tell = engine, tell
        self._lock = threading.Lock()
        self._standings = known.standings
        self._verdicts = dict(known.verdicts)
        self._loads: Mapping[Name, int] = {}
        self._shares: Mapping[str, float | None] = {}
        self._panics: frozenset[str] = frozenset()
        self._away: Mapping[Name, State] = {}
        self._changes: Counter[tuple[str, str, State]] = Counter()
        self._ejecting = Ejecting(known.conducts)
        self._out: Mapping[Name, Out] = {}
        self._spared: dict[Name, float] = {}
        self._returns = Returns(known.returns)
        self._watching: Thread | None = None
        self._unable = -_AGAIN
        self._prober = Prober(self, known.verdicts)

    @property
    def standings(self) -> Standings:
        """What people said."""
        return self._standings

    def remembered(self) -> Remembered:
        """What the process that follows should know."""
        with self._lock:
            conducts, returns = self._ejecting.conducts(), self._returns.known
            return Remembered(self._standings, conducts, returns, dict(self._verdicts))

    def apply(
        self,
        snapshot: Snapshot,
        plan: Plan,
        shares: Mapping[str, float | None],
        rules: Mapping[str, Rules],
    ) -> None:
        """Serve a snapshot, and ask its servers; what is known of servers that stay is kept.

        `shares` has each pool's threshold of panic, `rules` by what servers are ejected.
        """
        there = {(pool.name, server.name) for pool in snapshot.pools for server in pool.servers}
        with self._lock:
            self._engine.apply(snapshot)
            self._standings = {name: each for name, each in self._standings.items() if name in there}
            self._verdicts = {
                name: self._verdicts.get(name) or before(watched) for name, watched in plan.items()
            }
            agents = {name for name, watched in plan.items() if watched.agent}
            self._loads = {name: load for name, load in self._loads.items() if name in agents}
            self._shares = shares
            self._returns.use(there)
            self._ejecting.use(rules, there, time.monotonic())
            if self._ejecting.counts_failures and self._watching is None:
                self._watching = Thread(target=self._watch, name="failing", daemon=True)
                self._watching.start()
            news = self._told()
            self._prober.watch(plan)
        self._tell_all(news)

    def say(self, name: Name, standing: Standing) -> tuple[State, State]:
        """A person says something of a server that is served; its state before and now."""
        with self._lock:
            was = self.state(name)
            self._standings = states.given(self._standings, name, standing)
            self._ejecting.forgive(name, time.monotonic())
            news = self._told()
        self._tell_all(news)
        return was, self.state(name)

    def verdicts(self, found: Mapping[Name, Verdict]) -> None:
        """The probes of some servers say something else."""
        with self._lock:
            # One that has left meanwhile is nobody's business.
            old = {name: self._verdicts[name] for name in found if name in self._verdicts}
            was = {name: self.state(name) for name in old}
            self._verdicts.update({name: found[name] for name in old})
            news = self._told()
        for name, each in old.items():
            verdict = found[name]
            if each.up is not verdict.up:
                self._tell(Judged(*name, was[name], self.state(name), verdict.up, verdict.why))
        self._tell_all(news)

    def look(self, report: Report) -> None:
        """A second has passed: how servers answered meanwhile may have consequences."""
        with self._lock:
            withheld = self._ejecting.second(report, self._place, time.monotonic())
            news = [*self._judged(), *self._withheld(withheld)]
        self._tell_all(news)

    def failing(self, servers: Sequence[Name]) -> None:
        """Servers have failed too often in a row."""
        with self._lock:
            withheld: dict[Name, str] = {}
            for name in servers:
                withheld |= self._ejecting.failing(name, self._place, time.monotonic())
            news = [*self._judged(), *self._withheld(withheld)]
        self._tell_all(news)

    def lives(self, server: Name, incarnation: str) -> None:
        """A server told its life to a probe."""
        with self._lock:
            if server in self._verdicts:
                self._engine.tell_incarnation(*server, incarnation)

    def load(self, server: Name, load: int | None, why: str) -> None:
        """The agent of a server says how much it has to do, or nothing any more."""
        with self._lock:
            others = {name: each for name, each in self._loads.items() if name != server}
            self._loads = others if load is None else {**others, server: load}
        if load is None and why:
            self._tell(Silent(*server, why))

    @property
    def loads(self) -> Mapping[Name, int]:
        """What agents say of their servers' load, from 0 to 100, or -1; only where that is known."""
        return self._loads

    def unable(self, why: str) -> None:
        """Our own system does not let us probe: told once a minute."""
        now = time.monotonic()
        if now - self._unable >= _AGAIN:
            self._unable = now
            self._tell(Unprobed(why))

    def why(self, name: Name) -> str:
        """What keeps requests from a server beside people's word; empty for nothing."""
        return "; ".join(each for each in (self.found(name).why, self.ejected(name)) if each)

    def ejected(self, name: Name) -> str:
        """For how long a server is left alone because of how it answers, and why; empty where it is not."""
        out = self._out.get(name)
        return f"ejected for {out.seconds:g}s: {out.why}" if out else ""

    def parts(self, config: Config) -> Parts:
        """How much of their weight servers have that come back slowly."""
        with self._lock:
            return weights.parts(config, self._returns.away, self._returns.back, time.monotonic())

    def is_ejected(self, name: Name) -> bool:
        """Whether a server is left alone because of how it answers."""
        return name in self._out

    def ejections(self, name: Name) -> int:
        """How often it was."""
        return self._ejecting.ejections(name)

    def found(self, name: Name) -> Verdict:
        """What the probes say of a server; one that is not probed is well."""
        return self._verdicts.get(name, WELL)

    def probes(self, name: Name) -> tuple[ProbeStatus, ...]:
        """The probes of a server, as they stand."""
        return tuple(
            ProbeStatus(each.name, each.up, each.what, each.passed, each.failed, each.seconds)
            for each in self._prober.seen(name)
        )

    def state(self, name: Name) -> State:
        """Who may use a server."""
        return self._away.get(name, "up")

    def changes(self) -> Mapping[tuple[str, str, State], int]:
        """How often a server of a pool has come into a state."""
        with self._lock:
            return dict(self._changes)

    def is_panicking(self, pool: str) -> bool:
        """Whether the probes of a pool are not believed."""
        return pool in self._panics

    def close(self) -> None:
        """Ask nobody any more; may be called again."""
        self._prober.close()

    def _watch(self) -> None:
        while (failing := self._engine.failing(_WAIT)) is not None:
            with suppress(EngineError):  # it was stopped meanwhile
                self.failing(failing)

    def _place(self, name: Name) -> Place:
        if name in self._standings:
            return "aside"
        return "serves" if name[0] in self._panics or self.found(name).up else "down"

    def _judged(self) -> list[StateEvent]:
        """Tell the engine who is ejected now, with the lock held, where that has changed."""
        was, before = self._out, self._away
        if self._ejecting.out() == was:
            return []
        news: list[StateEvent] = [*self._told()]
        for name in dict.fromkeys((*was, *self._out)):
            out, state = self._out.get(name), (before.get(name, "up"), self.state(name))
            if out and out != was.get(name):
                news.append(Ejected(*name, *state, out.why, out.seconds))
            elif out is None:
                news.append(Readmitted(*name, *state))
        return news

    def _withheld(self, withheld: Mapping[Name, str]) -> list[StateEvent]:
        """Of each server once a minute."""
        now = time.monotonic()
        self._spared = {name: at for name, at in self._spared.items() if now - at < _AGAIN}
        news = {name: why for name, why in withheld.items() if name not in self._spared}
        self._spared |= dict.fromkeys(news, now)
        return [NotEjected(*name, why) for name, why in news.items()]

    def _told(self) -> list[Panicked]:
        """Tell the engine, with the lock held; whose panic began or ended."""
        news = []
        for pool, share in self._shares.items():
            members = [name for name in self._verdicts if name[0] == pool and not self._rests(name)]
            well = sum(self._verdicts[name].up for name in members)
            if panics(well, len(members), share) != (pool in self._panics):
                self._panics ^= {pool}
                news.append(Panicked(pool, pool in self._panics, well, len(members)))
        self._panics &= self._shares.keys()
        believed = {name: each for name, each in self._verdicts.items() if name[0] not in self._panics}
        self._out = self._ejecting.out()
        said = states.wire(self._standings, believed, self._out)
        self._engine.set_states(said)
        before, self._away = self._away, {(each.pool, each.server): each.state for each in said}
        for name in before.keys() | self._away.keys():
            if before.get(name, "up") != self.state(name):
                self._changes[(*name, self.state(name))] += 1
        gone = {name for name, state in self._away.items() if state in ("down", "maintenance")}
        self._returns.see(gone | self._out.keys(), time.monotonic())
        return news

    def _rests(self, name: Name) -> bool:
        standing = self._standings.get(name)
        return standing is not None and standing.state == "maintenance"

    def _tell_all(self, news: Sequence[StateEvent]) -> None:
        for each in news:
            self._tell(each)
