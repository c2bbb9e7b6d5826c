"""What people said of servers, and what that makes of them; it outlives every reload in which a server stays.

A draining server's sessions are counted from time to time, so that it can be told when it will be empty.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, NamedTuple, TypeAlias, get_args

from equalizer.control.answers import Draining, State, Wish
from equalizer.errors import RequestError
from equalizer.health.verdict import WELL, Verdict
from equalizer.model import duration
from equalizer.policy.emptying import Count, seconds_until_empty
from equalizer.policy.outliers import Out
from equalizer.snapshot.wire import ServerState

_LEAST, _MOST = timedelta(seconds=1), timedelta(days=30)
_BETWEEN = 5.0  # seconds from count to count
_KEPT = 360  # counts: half an hour, as long as the census looks back

Term: TypeAlias = Annotated[str, duration.TEXT_SCHEMA]
"""How a person writes for how long."""
Name: TypeAlias = tuple[str, str]
"""Pool and server."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was said of one server."""

    state: Wish
    since: float
    deadline: float | None = None
    idle_first: float | None = None
    history: deque[Count] = field(default_factory=lambda: deque(maxlen=_KEPT), compare=False, repr=False)

    def draining(self) -> Draining | None:
        """How far it is; None when it does not drain."""
        if self.state != "draining":
            return None
        return Draining(self.since, self.deadline, self.idle_first, seconds_until_empty(tuple(self.history)))


class Terms(NamedTuple):
    """How long a server drains, and for how long a session may have been idle; None where nothing is said."""

    deadline: timedelta | None
    idle_first: timedelta | None


Standings: TypeAlias = Mapping[Name, Standing]
"""By server; who is not there is up."""


def term(word: str, written: object) -> timedelta | None:
    """How long a server drains, or waits for the idle, as it is written; raises RequestError."""
    if written is None:
        return None
    time = duration.parse(written)
    if time is None or not _LEAST <= time <= _MOST:
        found = json.dumps(written, default=str)
        raise RequestError(f"found {word} {found}", 'write a time from 1s to 720h, such as "30m"')
    return time


def terms(state: str, deadline: object, idle_first: object) -> Terms:
    """On which terms a server may be in a state, as they are written; raises RequestError."""
    if state not in get_args(Wish):
        raise RequestError(f"found the state {state}", f"write {' or '.join(get_args(Wish))}")
    found = Terms(term("deadline", deadline), term("idle_first", idle_first))
    if state != "draining" and any(found):
        raise RequestError(f"found a deadline or idle time beside {state}", "write them for draining only")
    return found


def begun(state: Wish, terms: Terms, now: float) -> Standing:
    """What is said from now on, in Unix seconds."""
    deadline, idle_first = terms
    return Standing(
        state,
        since=now,
        deadline=now + deadline.total_seconds() if deadline else None,
        idle_first=idle_first.total_seconds() if idle_first else None,
    )


def given(standings: Standings, name: Name, standing: Standing) -> Standings:
    """With one server's state as given; draining on other terms goes on with what was counted."""
    others = {other: each for other, each in standings.items() if other != name}
    if standing.state == "up":
        return others
    before = standings.get(name)
    if before is not None and before.state == standing.state:
        standing = replace(standing, since=before.since, history=before.history)
    return {**others, name: standing}


def effective(standing: Standing | None, verdict: Verdict, out: Out | None = None) -> State:
    """Who may use a server, by what was said, what probes found, and whether it is ejected.

    One that drains keeps its sessions while it answers, if only that it is not well: so do applications that
    are about to stop. One that does not answer at all can keep none. One that is ejected because it is slow
    keeps them, as one that drains.
    """
    said = standing.state if standing else "up"
    well = verdict.up or said == "maintenance" or (said == "draining" and verdict.answered)
    if not well:
        return "down"
    if out is None or said != "up":
        return said
    return "draining" if out.keeps else "down"


def wire(
    standings: Standings, verdicts: Mapping[Name, Verdict], outs: Mapping[Name, Out]
) -> Sequence[ServerState]:
    """As the engine takes them."""
    down = [name for name, verdict in verdicts.items() if not verdict.up]
    return [
        _wire(name, standings.get(name), verdicts.get(name, WELL), outs.get(name))
        for name in dict.fromkeys((*standings, *down, *outs))
    ]


def _wire(name: Name, standing: Standing | None, verdict: Verdict, out: Out | None) -> ServerState:
    pool, server = name
    return ServerState(
        pool=pool,
        server=server,
        state=effective(standing, verdict, out),
        deadline=round((standing and standing.deadline) or 0),
        idle_first=round((standing and standing.idle_first) or 0),
    )


def state_of(standings: Standings, name: Name) -> Wish:
    """What was said, or up."""
    standing = standings.get(name)
    return standing.state if standing else "up"


def due(standings: Standings, now: float) -> Sequence[Name]:
    """The draining servers whose sessions should be counted again."""
    return [
        name
        for name, each in standings.items()
        if each.state == "draining" and (not each.history or now - each.history[-1].at >= _BETWEEN)
    ]
