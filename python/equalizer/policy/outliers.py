"""Which servers are left alone for a while because of how they answer: they fail, or are slower than others.

The time out doubles with every ejection, and one step of that is forgiven for as long in service as the last
one took. Pure: counters and the time in, what is known of each server out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, TypeAlias

_NOISE = 0.01  # seconds: who is slower by less is not slow, whatever the others do
_TIMED = 2  # of so many answers about one is timed


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of the servers of a pool; times in seconds."""

    failures: int
    """Failures in a row that are too many, which the engine counts; 0 for any number."""
    share: float | None
    """The part of a window's exchanges that may not fail; None for all."""
    slower: float | None
    """So many times as slow as the median of the others is too slow; None for any time."""
    window: float
    least: int
    """Exchanges of a window from which on anything is concluded."""
    at_most: float
    """The part of the pool that may be out."""
    first: float
    """How long the first time out is."""
    longest: float


@dataclass(frozen=True, slots=True)
class Count:
    """One server's counters at one time."""

    at: float
    attempts: int
    failed: int
    timed: int
    """Answers that were timed."""
    micros: int
    """What they took together."""


Place: TypeAlias = Literal["serves", "down", "aside"]
"""Where a server is without our doing: `aside` where a person put it, and no part of the whole then."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One server, now."""

    place: Place
    count: Count


@dataclass(frozen=True, slots=True)
class Out:
    """Why a server is ejected, and until when."""

    until: float
    seconds: float
    why: str
    keeps: bool
    """Whether it keeps its sessions: one that is only slow still has them."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What is remembered of one server."""

    since: float
    """When it was back, or was last forgiven."""
    times: int = 0
    """How often it was ejected, less what was forgiven."""
    counts: Sequence[Count] = ()
    """Of the window, the oldest first."""
    out: Out | None = None


Conducts: TypeAlias = Mapping[str, Conduct]
"""By server."""


def second(rules: Rules, seen: Mapping[str, Seen], before: Conducts, now: float) -> Conducts:
    """What is known a second later: who is back, and who is ejected, the worst first while there is room."""
    after = {name: _observed(rules, before.get(name, Conduct(now)), each, now) for name, each in seen.items()}
    places = {name: each.place for name, each in seen.items()}
    for name, why, keeps in (*_failing(rules, after), *_slow(rules, after)):
        if after[name].out is None and has_room(rules, places, after):
            after[name] = ejected(rules, after[name], why, now, keeps=keeps)
    return after


def withheld(rules: Rules, conducts: Conducts) -> Mapping[str, str]:
    """Who would be ejected if there were room, and why."""
    found = (*_failing(rules, conducts), *_slow(rules, conducts))
    return {name: why for name, why, _ in found if conducts[name].out is None}


def has_room(rules: Rules, places: Mapping[str, Place], conducts: Conducts) -> bool:
    """Whether one more server may be out: those that are down by others' word count as well."""
    members = [name for name, place in places.items() if place != "aside"]
    gone = [name for name in members if places[name] == "down" or conducts[name].out]
    return len(gone) + 1 <= math.floor(rules.at_most * len(members) + 1e-9)


def ejected(rules: Rules, conduct: Conduct, why: str, now: float, *, keeps: bool) -> Conduct:
    """With one more ejection."""
    grows = conduct.times == 0 or _length(rules, conduct.times) < rules.longest
    times = conduct.times + grows
    seconds = _length(rules, times)
    return Conduct(conduct.since, times, (), Out(now + seconds, seconds, why, keeps))


def _length(rules: Rules, times: int) -> float:
    return min(math.ldexp(rules.first, times - 1), rules.longest)


def _observed(rules: Rules, conduct: Conduct, seen: Seen, now: float) -> Conduct:
    if conduct.out:
        if now < conduct.out.until:
            return conduct
        conduct = Conduct(now, conduct.times)
    if conduct.times and now - conduct.since >= _length(rules, conduct.times):
        conduct = replace(conduct, since=now, times=conduct.times - 1)
    if seen.place != "serves":
        return replace(conduct, counts=())
    counts = [*conduct.counts, seen.count]
    while len(counts) > 1 and counts[1].at <= now - rules.window:
        del counts[0]
    return replace(conduct, counts=tuple(counts))


def _failing(rules: Rules, conducts: Conducts) -> Iterator[tuple[str, str, bool]]:
    found = []
    for name, conduct in conducts.items():
        if rules.share is None or not conduct.counts:
            continue
        first, last = conduct.counts[0], conduct.counts[-1]
        attempts, failed = last.attempts - first.attempts, last.failed - first.failed
        if attempts >= rules.least and failed > 0 and failed >= rules.share * attempts:
            found.append((failed / attempts, name, f"{failed} of the last {attempts} requests failed"))
    for _, name, why in sorted(found, reverse=True):
        yield name, why, False


def _slow(rules: Rules, conducts: Conducts) -> Iterator[tuple[str, str, bool]]:
    if rules.slower is None:
        return
    times = {name: took for name, each in conducts.items() if (took := _mean(rules, each)) is not None}
    found = []
    for name, took in times.items():
        others = [other for each, other in times.items() if each != name]
        if not others:
            return
        usual = median(others)
        if took >= rules.slower * usual and took - usual >= _NOISE:
            found.append((took, name, f"it answers in {_span(took)}, the others in {_span(usual)}"))
    for _, name, why in sorted(found, reverse=True):
        yield name, why, True


def _mean(rules: Rules, conduct: Conduct) -> float | None:
    """Seconds that an answer took; None where too few were timed to say."""
    if not conduct.counts:
        return None
    first, last = conduct.counts[0], conduct.counts[-1]
    timed = last.timed - first.timed
    return (last.micros - first.micros) / timed / 1e6 if timed * _TIMED >= rules.least else None


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
