"""Which growing counts are worth a line of the log: each at once, and then once a minute at most."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from equalizer.snapshot.report import Report

_AGAIN = 60.0  # seconds

Name: TypeAlias = tuple[str, str] | None
"""A pool and a reason, or what became of a choice; None for lines of the access log."""
_UNCHOSEN: Final = {
    "late": "no answer in time",
    "full": "too many were waiting",
    "failed": "the function failed",
    "wrong": "no such server, or one that takes no sessions",
}


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
class Unchosen:
    """Births that a balance in Python did not choose for, since that was told last."""

    pool: str
    why: str
    count: int


@dataclass(slots=True)
class Losses:
    """What has been told."""

    told: dict[Name, tuple[int, float]] = field(default_factory=dict)
    """How many in all, and when."""

    def news(self, report: Report, now: float) -> Iterator[SessionsLost | LinesDropped | Unchosen]:
        """What is to be told now."""
        for name, count in _counts(report).items():
            before, at = self.told.get(name, (0, now - _AGAIN))
            if count <= before or now - at < _AGAIN:
                continue
            self.told[name] = (count, now)
            if name is None:
                yield LinesDropped(count - before)
            elif name[1] in _UNCHOSEN:
                yield Unchosen(name[0], _UNCHOSEN[name[1]], count - before)
            else:
                yield SessionsLost(*name, count - before)


def _counts(report: Report) -> Mapping[Name, int]:
    pools = report.pools.items()
    lost: dict[Name, int] = {(pool, word): count for pool, each in pools for word, count in each.lost.items()}
    unchosen: dict[Name, int] = {
        (pool, word): count
        for pool, each in pools
        for word, count in each.choices.items()
        if word in _UNCHOSEN
    }
    return lost | unchosen | {None: report.access_log.dropped}
