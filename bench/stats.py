"""Turns slices into figures: medians, per-round ratios, and how far a ratio is to be trusted."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """The median of per-round ratios, with the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float
    rounds: int


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Our figure over theirs, for every round in which both were measured."""
    return [
        ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number] > 0
    ]


def bootstrap(ratios: Sequence[float], *, draws: int = 4000, seed: int = 1) -> Ratio | None:
    """The median of `ratios` and its percentile interval; `None` when there are none.

    The seed is fixed so that the same slices always print the same interval.
    """
    if not ratios:
        return None
    chance = random.Random(seed)
    medians = sorted(median(chance.choices(ratios, k=len(ratios))) for _ in range(draws))
    low, high = medians[int(draws * 0.025)], medians[min(draws - 1, int(draws * 0.975))]
    return Ratio(median(ratios), low, high, len(ratios))


def best(figures: Mapping[str, Mapping[int, float]], peers: Sequence[str]) -> str | None:
    """The peer with the lowest median; `None` when none was measured."""
    measured = [name for name in peers if figures.get(name)]
    return min(measured, key=lambda name: median(figures[name].values()), default=None)


def order(names: Sequence[str], number: int) -> list[str]:
    """The order of round `number`: rotated, then that reversed, so that each side has each place."""
    turn = (number // 2) % len(names)
    rotated = [*names[turn:], *names[:turn]]
    return rotated[::-1] if number % 2 else rotated
