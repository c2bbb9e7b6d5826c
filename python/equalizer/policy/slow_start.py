"""Which part of its weight a server has that has come back: it grows evenly, so that its caches may fill."""

FIRST = 0.1
"""With this it begins."""


def part(back: float, over: float) -> float:
    """After so many seconds, of so many that it takes."""
    return min(FIRST + (1 - FIRST) * max(back, 0.0) / over, 1.0)


def held_back(weight: int, part: float) -> int:
    """The weight of which a server has that part; only one without a weight has none."""
    return max(round(weight * part), min(weight, 1))
