"""When a breaker has opened or closed: told once each, however often the report is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from equalizer.snapshot.report import Report


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """Too many requests of a pool failed, so that it is not asked any more for a while."""

    pool: str
    failed: int
    of: int


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """The requests that were let through went well, so that all are."""

    pool: str


BreakerEvent: TypeAlias = BreakerOpened | BreakerClosed


@dataclass(slots=True)
class Breakers:
    """What has been told."""

    told: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How often that of a pool has opened, and closed."""

    def news(self, report: Report) -> Iterator[BreakerEvent]:
        """What is to be told now."""
        before, self.told = self.told, {}
        for pool, each in report.pools.items():
            if each.breaker is None:
                continue
            now = self.told[pool] = each.breaker.opened, each.breaker.closed
            opened, closed = before.get(pool, (0, 0))
            if now[0] < opened:
                opened = closed = 0  # other settings make another breaker
            if now[0] > opened:
                yield BreakerOpened(pool, each.breaker.failed, each.breaker.of)
            if now[1] > closed:
                yield BreakerClosed(pool)
