"""Which growing counts are worth a line of the log: each at once, and then once a minute at most."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from equalizer.snapshot.report import Report

_AGAIN = 60.0  # seconds

Name: TypeAlias = tuple[str, str] | Literal["lines", "pauses"]
"""A pool and a reason; lines of the access log; pauses of accepting."""


@dataclass(frozen=True, slots=True)
class SessionsLost:
    """Sessions of a pool that had a home and did not reach it, since that was told last."""

    pool: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class LinesDropped:
    """Lines of the access log that nobody took, since that was told last."""

    count: int


@dataclass(frozen=True, slots=True)
class AcceptingPaused:
    """Nobody could be accepted for a while, so often since that was told last."""

    count: int


News: TypeAlias = SessionsLost | LinesDropped | AcceptingPaused


@dataclass(slots=True)
class Losses:
    """What has been told."""

    told: dict[Name, tuple[int, float]] = field(default_factory=dict)
    """How many in all, and when."""

    def news(self, report: Report, now: float) -> Iterator[News]:
        """What is to be told now."""
        for name, count in _counts(report).items():
            before, at = self.told.get(name, (0, now - _AGAIN))
            if count <= before or now - at < _AGAIN:
                continue
            self.told[name] = (count, now)
            if name == "lines":
                yield LinesDropped(count - before)
            elif name == "pauses":
                yield AcceptingPaused(count - before)
            else:
                yield SessionsLost(*name, count - before)


def _counts(report: Report) -> Mapping[Name, int]:
    pools = report.pools.items()
    lost: dict[Name, int] = {(pool, word): count for pool, each in pools for word, count in each.lost.items()}
    return lost | {"lines": report.access_log.dropped, "pauses": report.pauses}
