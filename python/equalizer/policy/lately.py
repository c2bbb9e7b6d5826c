"""How a server did lately: requests a second, and what its answers took, from two reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from equalizer.snapshot.report import ServerReport

_APART = math.pow(10, 0.1)  # from the end of one class of times to that of the next


@dataclass(frozen=True, slots=True)
class Lately:
    """Of one server."""

    rate: float
    """Exchanges a second."""
    p50: float | None
    """Seconds in which half of the answers had begun; None where none was timed."""
    p99: float | None
    """The same for all but one in a hundred."""


def lately(before: ServerReport, now: ServerReport, seconds: float) -> Lately:
    """What was counted in so many seconds; one that was counted anew counts from nothing."""
    if now.exchanges < before.exchanges:
        before = ServerReport()
    times = {end: count - before.times.get(end, 0) for end, count in now.times.items()}
    rate = (now.exchanges - before.exchanges) / seconds
    return Lately(rate, quantile(times, 0.5), quantile(times, 0.99))


def quantile(times: Mapping[int, int], share: float) -> float | None:
    """Seconds within which this share of the times is: the middle of its class."""
    ends = sorted(end for end, count in times.items() if count > 0)
    if not ends:
        return None
    counts = list(accumulate(times[end] for end in ends))
    end = next(end for end, count in zip(ends, counts, strict=True) if count >= share * counts[-1])
    return end / math.sqrt(_APART) / 1e6
