"""When a draining server will have no session left, judged by how its sessions have become fewer.

Sessions end in one of two ways: at a steady rate, as when each lasts about as long (a line), or a steady
share of those that are left, as when people leave by chance (a curve that flattens). Both are fitted to what
was counted, and the one that lies closer to it is continued.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_POINTS = 4
_NOISE = 0.05  # the census itself is off by up to 3 %: a smaller loss shows nothing
_LAST = 0.5  # the curve never ends; below half a session there is none
_FARTHEST = 7 * 24 * 3600.0  # seconds; what lies beyond is a guess


@dataclass(frozen=True, slots=True)
class Count:
    """Live sessions of one server at one time."""

    at: float
    """Seconds on any clock that does not jump."""
    sessions: int


def seconds_until_empty(history: Sequence[Count]) -> float | None:
    """From the newest count until there is no session; None when the history does not tell."""
    if not history:
        return None
    last = history[-1]
    if last.sessions == 0:
        return 0.0
    counts = [each for each in history if each.sessions > 0]
    if len(counts) < _POINTS or last.sessions > counts[0].sessions * (1 - _NOISE):
        return None
    times = [each.at - last.at for each in counts]
    sessions = [float(each.sessions) for each in counts]
    candidates = [each for each in (_line(times, sessions), _curve(times, sessions)) if each is not None]
    if not candidates:
        return None
    left = min(candidates, key=lambda candidate: candidate.error).seconds
    return max(left, 0.0) if left <= _FARTHEST else None


@dataclass(frozen=True, slots=True)
class _Fit:
    seconds: float
    error: float
    """Sum of squared distances, in sessions."""


def _line(times: Sequence[float], sessions: Sequence[float]) -> _Fit | None:
    start, slope = _regression(times, sessions)
    if slope >= 0:
        return None
    return _Fit(-start / slope, _distance(sessions, [start + slope * time for time in times]))


def _curve(times: Sequence[float], sessions: Sequence[float]) -> _Fit | None:
    start, slope = _regression(times, [math.log(each) for each in sessions])
    if slope >= 0:
        return None
    fitted = [math.exp(start + slope * time) for time in times]
    return _Fit((math.log(_LAST) - start) / slope, _distance(sessions, fitted))


def _regression(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Value at x = 0 and slope, by least squares; no slope when all stand at one x."""
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread == 0:
        return mean_y, 0.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    return mean_y - slope * mean_x, slope


def _distance(seen: Sequence[float], fitted: Sequence[float]) -> float:
    return sum((one - other) ** 2 for one, other in zip(seen, fitted, strict=True))
