"""What weight a server gets by how it does: one formula of response time, requests in flight and agents.

Every second each server's load is compared with the average of its pool, and its weight moves towards what
would make them equal: the reverse of its share of the average. It moves only a part of the way, which keeps
it from swinging, and stays within half and one and a half times what people said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

LEAST, MOST = 0.5, 1.5
"""Of the weight that people said."""
Responsiveness: TypeAlias = Literal["slow", "medium", "fast"]
_PART: Final[Mapping[Responsiveness, float]] = {"slow": 0.04, "medium": 0.12, "fast": 0.3}
"""Of the way, each second."""
_IDLE_AGENT = 10.0  # added to what agents say: 2 is not twice the load of 1
_MOST_AGENT = 100.0


@dataclass(frozen=True, slots=True)
class Formula:
    """How much each of the three counts; only their proportion matters."""

    response_time: float
    in_flight: float
    agent: float
    responsiveness: Responsiveness = "medium"


@dataclass(frozen=True, slots=True)
class Seen:
    """One server, as it did in the last second."""

    weight: int
    """As people said."""
    response_time: float | None
    """Seconds, on average; None when it answered nothing."""
    in_flight: int
    agent: float | None
    """0 idle to 100 overloaded, less when it is unavailable; None when nobody says."""


Factors: TypeAlias = Mapping[str, float]
"""By server: which part of the weight that people said it has now."""


def step(formula: Formula, seen: Mapping[str, Seen], before: Factors) -> Factors:
    """The factors a second later; of a server that was not there before it is 1."""
    taking = {name: each for name, each in seen.items() if each.weight > 0}
    loads = [
        (share, _relative(value, taking))
        for share, value in (
            (formula.response_time, _response_time),
            (formula.in_flight, _in_flight),
            (formula.agent, _agent),
        )
        if share > 0
    ]
    part = _PART[formula.responsiveness]
    factors = {}
    for name in seen:
        factor = before.get(name, 1.0)
        load = _mean([(share, relative[name]) for share, relative in loads if name in relative])
        if load is not None:
            wanted = min(max(1 / load, LEAST), MOST) if load > 0 else MOST
            factor += part * (wanted - factor)
        factors[name] = factor
    return factors


def weights(said: Mapping[str, int], factors: Factors) -> Mapping[str, int]:
    """The weights that servers have now, by what people said; 0 stays 0, and nobody else comes to it."""
    return {name: _within(weight, factors.get(name, 1.0)) for name, weight in said.items()}


def _within(weight: int, factor: float) -> int:
    """A whole number that is within the bounds itself: 1 has no other."""
    return min(max(round(weight * factor), math.ceil(weight * LEAST)), math.floor(weight * MOST))


def _relative(value: Callable[[Seen], float | None], seen: Mapping[str, Seen]) -> Mapping[str, float]:
    """Each server's load as a share of the average, by weight; who has no value is not in it."""
    values = {name: found for name, each in seen.items() if (found := value(each)) is not None}
    average = _mean([(seen[name].weight, found) for name, found in values.items()])
    if not average:
        return dict.fromkeys(values, 1.0)
    return {name: found / average for name, found in values.items()}


def _mean(values: Sequence[tuple[float, float]]) -> float | None:
    """Of pairs of a share and a value."""
    shares = sum(share for share, _ in values)
    return sum(share * value for share, value in values) / shares if shares else None


def _response_time(seen: Seen) -> float | None:
    return seen.response_time


def _in_flight(seen: Seen) -> float:
    """For its weight; one more than there are, or nothing and one would be worlds apart."""
    return (seen.in_flight + 1) / seen.weight


def _agent(seen: Seen) -> float | None:
    if seen.agent is None:
        return None
    load = seen.agent if 0 <= seen.agent <= _MOST_AGENT else _MOST_AGENT
    return load + _IDLE_AGENT
