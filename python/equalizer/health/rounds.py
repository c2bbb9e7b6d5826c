"""When each target is asked, and who is told what came of it.

watch(plan) → each target is asked in its turn → Finding → Tally → Verdict → told, once it is another
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from random import random
from typing import Protocol

from equalizer.health.attempt import Attempt, Unable
from equalizer.health.plan import Asked, Name, Plan, Watched
from equalizer.health.target import Target
from equalizer.health.verdict import UNAVAILABLE, Finding, Said, Tally, Verdict, combined, heard, of_agent

_APART = 0.001  # seconds between the first probes of many targets
_TOGETHER = 0.02  # seconds
_ENDING = 5.0


class Hears(Protocol):
    """Who is told, on the thread of the probes: it must not wait for anything."""

    def verdicts(self, found: Mapping[Name, Verdict]) -> None:
        """What is believed of some servers is another than before."""

    def lives(self, server: Name, incarnation: str) -> None:
        """A server told its life, another than before."""

    def load(self, server: Name, load: int | None, why: str) -> None:
        """What the agent of a server says of its load; None when that is not known any more, and why."""

    def unable(self, why: str) -> None:
        """Our own system does not let us probe; nothing is concluded from that."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One probe of one server, as it stands."""

    name: str
    up: bool | None
    """None before the first has ended."""
    what: str
    """What the last one found; empty where it was well."""
    passed: int
    failed: int
    seconds: float
    """How long the last one took."""


def before(watched: Watched) -> Verdict:
    """The verdict on a server of which nothing is known yet."""
    said = [
        [Said(asked.target.name, asked.start) for asked in group] for group in (watched.every, watched.some)
    ]
    return combined(*said)


@dataclass(slots=True, eq=False)
class _Round:
    """One target, and all that is known of it."""

    target: Target
    tally: Tally = field(default_factory=Tally)
    last: Finding = field(default_factory=lambda: Finding(True))
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    load: int | None = None
    """What an agent says."""
    began: float = 0.0
    servers: frozenset[Name] = frozenset()
    attempt: Attempt | None = None
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if self.timer:
            self.timer.cancel()
        if self.attempt:
            self.attempt.cancel()


@dataclass(slots=True)
class _Server:
    """One server: what is asked of it, and what was told."""

    watched: Watched
    start: bool | None
    """What it counts as before its first verdict; None for what its settings say."""
    told: Verdict
    every: tuple[_Round, ...] = ()
    some: tuple[_Round, ...] = ()
    agent: _Round | None = None
    lives: str = ""
    """The life that it told last; empty before."""

    def said(self, asked: Asked, found: _Round) -> Said:
        start = asked.start if self.start is None else self.start
        return Said(found.target.name, start, found.tally, found.last)


class Rounds:
    """Every target in its turn; on one event loop, which alone may call its methods."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hears: Hears, known: Mapping[Name, Verdict]) -> None:
        self._loop, self._hears, self._known = loop, hears, known
        self._rounds: dict[str, _Round] = {}
        self._servers: Mapping[Name, _Server] = {}
        self._news: dict[Name, Verdict] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = 0.0

    def seen(self, server: Name) -> tuple[Seen, ...]:
        """The probes of a server; any thread may call this one."""
        found = self._servers.get(server)
        return tuple(_seen(each) for each in (*found.every, *found.some)) if found else ()

    def stop(self) -> None:
        """Ask nobody any more."""
        for each in self._rounds.values():
            each.stop()

    def watch(self, plan: Plan) -> None:
        """Ask these from now on; targets that stay go on as if nothing had happened."""
        kept, self._rounds = self._rounds, {}
        known, asked_by = self._servers, defaultdict[str, set[Name]](set)
        servers = {}
        for name, watched in plan.items():
            for asked in watched.asked:
                key = asked.target.key
                asked_by[key].add(name)
                self._rounds.setdefault(key, kept.get(key) or _Round(asked.target))
            servers[name] = self._server(watched, known.get(name), self._known.get(name))
        self._servers = servers
        for key, each in self._rounds.items():
            each.servers = frozenset(asked_by[key])
        for key in kept.keys() - self._rounds.keys():
            kept[key].stop()
        for name, server in servers.items():
            if name not in known or known[name].watched != server.watched:
                if name not in self._known:
                    self._judge(name, again=True)
                if server.agent:
                    self._hears.load(name, server.agent.load, "")
        # Whoever leaves and comes back is another server.
        self._known = {}
        for turn, key in enumerate(self._rounds.keys() - kept.keys()):
            self._after(turn * _APART, self._rounds[key])

    def _server(self, watched: Watched, known: _Server | None, said: Verdict | None) -> _Server:
        """A server as it goes on: one that was known counts as it did, until its new probes have ended."""
        server = _Server(watched, None, before(watched))
        if known:
            server.start = known.start if known.watched == watched else known.told.up
            server.told, server.lives = known.told, known.lives
        elif said:
            server.start, server.told = said.up, said
        server.every, server.some = (
            tuple(self._rounds[asked.target.key] for asked in group)
            for group in (watched.every, watched.some)
        )
        server.agent = self._rounds[watched.agent.target.key] if watched.agent else None
        return server

    def _after(self, seconds: float, each: _Round) -> None:
        each.timer = self._loop.call_later(seconds, self._begin, each)

    def _begin(self, each: _Round) -> None:
        each.began = self._loop.time()
        try:
            each.attempt = Attempt(self._loop, each.target, partial(self._found, each))
        except Unable as error:
            self._hears.unable(str(error))
            self._again(each)

    def _again(self, each: _Round) -> None:
        pace = each.target.pace
        jitter = pace.jitter * (2 * random() - 1)  # noqa: S311 - nobody gains by guessing it
        due = each.began + pace.interval * (1 + jitter)
        self._after(max(due - self._loop.time(), 0), each)

    def _found(self, each: _Round, finding: Finding) -> None:
        pace = each.target.pace
        each.attempt = None
        each.seconds = self._loop.time() - each.began
        each.last = finding
        if finding.well:
            each.passed += 1
        else:
            each.failed += 1
        before, each.tally = each.tally, heard(each.tally, finding.well, pace.rise, pace.fall)
        self._again(each)
        self._weigh(each)
        for name in each.servers:
            if finding.incarnation and finding.incarnation != self._servers[name].lives:
                self._servers[name].lives = finding.incarnation
                self._hears.lives(name, finding.incarnation)
            if each.tally.up is not before.up:
                self._judge(name)

    def _weigh(self, each: _Round) -> None:
        """Tell the load that an agent says, where it is another."""
        load = each.last.load if each.last.well else each.load if each.tally.up else None
        if load == each.load:
            return
        unavailable = UNAVAILABLE in (load, each.load)
        each.load = load
        for name in each.servers:
            self._hears.load(name, load, f"{each.target.name}: {each.last.what}" if load is None else "")
            if unavailable:
                self._judge(name)

    def _judge(self, name: Name, *, again: bool = False) -> None:
        """Tell the verdict on a server where it is another, or must be told again."""
        server = self._servers[name]
        every = list(map(server.said, server.watched.every, server.every))
        if server.agent and server.watched.agent:
            said = server.said(server.watched.agent, server.agent)
            against = of_agent(said, server.agent.load, required=server.watched.required)
            every += [against] if against else []
        verdict = combined(every, list(map(server.said, server.watched.some, server.some)))
        if verdict != server.told or again:
            server.told = verdict
            self._news[name] = verdict
            if self._telling is None:
                # Many come at once when a network fails: they are told together, the first one at once.
                self._telling = self._loop.call_at(self._told_at + _TOGETHER, self._tell)

    def _tell(self) -> None:
        news, self._news, self._telling = self._news, {}, None
        self._hears.verdicts({name: each for name, each in news.items() if name in self._servers})
        self._told_at = self._loop.time()


def _seen(each: _Round) -> Seen:
    what = "" if each.last.well else each.last.what
    return Seen(each.target.name, each.tally.up, what, each.passed, each.failed, each.seconds)
